#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "engine/database.h"
#include "server/ask.h"
#include "server/ingest_run.h"

namespace kg::server {

// A directory of its own, gone at the end.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kg-server-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// 2026-03-02T10:30:00Z: the wall clock of these tests.
inline Timestamp WallClock() {
  return FromMicros(1'772'447'400'000'000);
}

inline std::unique_ptr<Database> OpenDatabase(const TempDir& dir) {
  DatabaseOptions options;
  options.sync = false;
  options.now = WallClock;
  auto database = Database::Open(dir / "data", options);
  REQUIRE(database.ok());
  return *std::move(database);
}

inline IngestReport Put(Database* database, const std::string& body) {
  ingest::MacKey key;
  ingest::DecodeOptions options = DecodeOptionsFor(*database, WallClock(), &key);
  ApplySink sink(database, ApplySink::Options());
  auto decoded = ingest::DecodeBody(body, options, "test", &sink);
  REQUIRE(decoded.ok());
  REQUIRE(sink.Finish().ok());
  sink.report().decoded = *decoded;
  return sink.report();
}

// A pod that can't find the Secret it mounts, its Deployment and ReplicaSet, and the events that
// say so.
extern const char kMissingSecret[];

}  // namespace kg::server
