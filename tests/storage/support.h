#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/internal/store_impl.h"
#include "storage/store.h"

namespace kg::storage {

// A directory of its own, gone at the end.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kg-storage-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string Sub(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline constexpr ScopeId kScope{7};
inline const Timestamp kT0 = FromMicros(1'700'006'400'000'000);  // a whole day: 2023-11-15T00:00Z

inline StoreOptions SmallOptions() {
  StoreOptions o;
  o.retention = 24h;
  o.bucket_width = 1h;
  o.block_cache_bytes = 4 << 20;
  o.write_buffer_bytes = 4 << 20;
  o.reserve_bytes = 64 << 10;
  o.sync = false;  // speed: a crash image is copied from the same kernel
  return o;
}

inline std::unique_ptr<Store> MustOpen(const std::string& path, const StoreOptions& options,
                                       internal::Hooks hooks = {}) {
  auto store = internal::StoreImpl::Open(path, options, hooks);
  INFO(store.status().ToString());
  REQUIRE(store.ok());
  return *std::move(store);
}

inline absl::Status OpenStatus(const std::string& path, const StoreOptions& options) {
  return Store::Open(path, options).status();
}

inline std::unique_ptr<WriteSession> MustBegin(Store* store, const std::vector<Timestamp>& times) {
  auto session = store->BeginWrite(times);
  INFO(session.status().ToString());
  REQUIRE(session.ok());
  return *std::move(session);
}

inline CommitInfo MustCommit(WriteSession* session) {
  auto info = session->Commit();
  INFO(info.status().ToString());
  REQUIRE(info.ok());
  return *info;
}

inline MaintenanceReport MustMaintain(Store* store) {
  auto report = store->Maintain();
  INFO(report.status().ToString());
  REQUIRE(report.ok());
  return *report;
}

// One row in the bucket of `t`; the data clock moves to t first.
inline CommitInfo PutAt(Store* store, Timestamp t, const std::string& key,
                        const std::string& value) {
  store->AdvanceDataClock(t);
  auto session = MustBegin(store, {t});
  const BucketPtr bucket = session->BucketFor(t);
  REQUIRE(bucket != nullptr);
  session->Put(bucket, kScope, RecordKind::kEpisode, key, value);
  return MustCommit(session.get());
}

inline std::string GetAt(const Snapshot& snapshot, Timestamp t, const std::string& key) {
  for (const BucketPtr& bucket : snapshot.buckets()) {
    if (!Interval{BucketStart(bucket), BucketEnd(bucket)}.Contains(t)) continue;
    auto value = snapshot.Get(bucket, kScope, RecordKind::kEpisode, key);
    REQUIRE(value.ok());
    return value->value_or("(absent)");
  }
  return "(no bucket)";
}

using Rows = std::vector<std::pair<std::string, std::string>>;

inline Rows Collect(std::unique_ptr<Cursor> cursor) {
  Rows rows;
  for (; cursor->Valid(); cursor->Next()) {
    rows.emplace_back(std::string(cursor->key()), std::string(cursor->value()));
  }
  REQUIRE(cursor->status().ok());
  return rows;
}

inline std::vector<Timestamp> Starts(const std::vector<BucketPtr>& buckets) {
  std::vector<Timestamp> starts;
  for (const BucketPtr& bucket : buckets) starts.push_back(BucketStart(bucket));
  return starts;
}

inline BucketInfo InfoAt(const Store& store, Timestamp t) {
  for (const BucketInfo& info : store.Buckets()) {
    if (Interval{info.start, info.end}.Contains(t)) return info;
  }
  FAIL("no bucket at that time");
  return {};
}

// What a power cut would leave: the files as they are, while the store is still open.
inline void CopyDir(const std::string& from, const std::string& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

}  // namespace kg::storage
