#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/database.h"
#include "ingest/decoder.h"
#include "ingest/fingerprint.h"
#include "server/http.h"
#include "server/ingest_run.h"

// One load from its first byte to its report, the same for a directory and for a node.

namespace kg::server {

struct LoadOptions {
  Params how;            // see ReadDecodeParams; part of what a file's position stands for
  std::string rules_id;  // says which rule tables read it; likewise
  // The paths that the load was given, one per line: kept with its dead letters, for a retry.
  std::string files;
  bool strict = false;
  bool again = false;  // read also what was loaded whole before
  bool mend = false;   // letters of the streams that are read, and that do not come again, go
  Timestamp now;
  ingest::Limits input;  // what each stream may cost
  std::function<void(uint64_t bytes, uint64_t records)> progress;
};

// Says which rule tables stand in `dir`, by their contents; empty for the built-in ones. NotFound
// or PermissionDenied where they can't be read.
absl::StatusOr<std::string> RulesId(const std::string& dir);

// What a complete input lacks.
struct Absent {
  uint64_t known = 0;    // objects of its kinds and namespaces that are there
  uint64_t missing = 0;  // of them, not in the input
  bool asked = false;    // the input is complete: there is something to consent to
  // More than a fifth: a person should be asked first.
  bool much() const { return missing * 5 > known; }
};

// Operation: Announce, then Begin, Feed and End for each stream that is to be read, then
// FinishReading, then Conclude. What was applied stays applied when a run ends early; the positions
// that mark files as loaded are written by Conclude alone, so an interrupted load starts over.
// A file's position stands for its bytes and for all that changes what they mean: parameters, rule
// tables and, where undated records take their date from the input or where the input is complete,
// the other files of the load. A file of which something became a dead letter gets none: it would
// be passed over when it could be read.
// Concurrency: one thread at a time. After an error only destruction is of use.
class LoadRun {
 public:
  // `database` must outlive the run. InvalidArgument: options that can't be read.
  static absl::StatusOr<std::unique_ptr<LoadRun>> Create(Database* database, LoadOptions options);

  // The fingerprints of all files of the load, in order. The answer says which of them need not be
  // read. Call at most once, before Begin; without it no positions are written.
  std::vector<bool> Announce(std::vector<std::string> contents);

  // `content`: the announced fingerprint, empty where none was.
  [[nodiscard]] absl::Status Begin(ingest::StreamOptions stream, const std::string& content);
  // FailedPrecondition: `strict` and something can't be read.
  [[nodiscard]] absl::Status Feed(absl::string_view bytes);
  [[nodiscard]] absl::Status End();

  // Applies what was held back, except what makes a complete input delete.
  absl::StatusOr<Absent> FinishReading();
  enum class Consent { kDelete, kLeave };
  // Then derives, writes positions and takes out mended letters.
  absl::StatusOr<IngestReport> Conclude(Consent consent);

  uint64_t records() const { return records_; }

 private:
  struct Stream {
    std::string source;
    std::string content;
    ingest::Fingerprint read;
    uint64_t bytes = 0;
  };

  LoadRun(Database* database, LoadOptions options);
  absl::Status Stopped(absl::Status status);
  std::string PositionOf(const std::string& content) const;
  std::vector<SourcePosition> Positions() const;
  absl::Status TakeOutMended(IngestReport* report);

  Database* const database_;
  const LoadOptions options_;
  ingest::MacKey mac_key_;
  std::string how_;  // canonical text of what changes the meaning of bytes
  bool depends_on_set_ = false;
  std::optional<std::vector<std::string>> announced_;
  std::string set_;
  bool changed_meanwhile_ = false;
  uint64_t records_ = 0;
  std::unique_ptr<ApplySink> sink_;
  std::unique_ptr<ingest::InputSet> set_reader_;
  std::unique_ptr<ingest::StreamDecoder> open_;
  std::vector<Stream> streams_;
  int64_t already_loaded_ = 0;
  Timestamp flushed_at_;
};

}  // namespace kg::server
