#include <rocksdb/db.h>
#include <rocksdb/utilities/options_util.h>
#include <zstd.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/setup.h"
#include "bench/store_rows.h"
#include "bench/wire.h"

// Bytes on disk after a compaction of everything.

namespace kg::bench {
namespace {

constexpr size_t kFrame = 64 << 10;  // raw text is compressed in pieces of so much

size_t ZstdBytes(const std::string& text) {
  std::string out(ZSTD_compressBound(kFrame), '\0');
  size_t bytes = 0;
  for (size_t i = 0; i < text.size(); i += kFrame) {
    bytes += ZSTD_compress(out.data(), out.size(), text.data() + i,
                           std::min(kFrame, text.size() - i), 3);
  }
  return bytes;
}

void CheckRocks(const rocksdb::Status& status, const char* what) {
  if (!status.ok()) Check(absl::InternalError(status.ToString()), what);
}

// The data directory's own RocksDB, opened with the options that kg left beside it.
class RocksFiles {
 public:
  explicit RocksFiles(const std::string& dir) {
    rocksdb::DBOptions options;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    rocksdb::ConfigOptions config;
    config.ignore_unknown_options = true;
    CheckRocks(rocksdb::LoadLatestOptions(config, dir, &options, &families), "reading options");
    CheckRocks(rocksdb::DB::Open(options, dir, families, &handles_, &db_), "opening files");
  }
  ~RocksFiles() {
    for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
    delete db_;
  }

  void CompactAll() {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    for (auto* handle : handles_) {
      CheckRocks(db_->Flush({}, handle), "flushing");
      CheckRocks(db_->CompactRange(options, handle, nullptr, nullptr), "compacting");
    }
  }

  uint64_t LiveBytes() {
    uint64_t sum = 0;
    for (auto* handle : handles_) {
      uint64_t bytes = 0;
      db_->GetIntProperty(handle, "rocksdb.total-sst-files-size", &bytes);
      sum += bytes;
    }
    return sum;
  }

  // By record kind and by table: a kind's rows of one scope lie side by side, so what their blocks
  // take in the files can be told to within one block.
  std::map<std::string, uint64_t> BytesByKind() {
    std::map<std::string, uint64_t> by_kind;
    for (auto* handle : handles_) {
      const std::string name = handle->GetName();
      if (name.rfind("t@", 0) != 0) {
        by_kind["table " + name] += Between(handle, std::string(1, '\0'), std::string(16, '\xff'));
        continue;
      }
      for (char kind : {'E', 'S', 'X', 'C', 'D', 'P', 'H', 'R', 'T', 'L', 'F'}) {
        const std::string scope("\0\0\0\1", 4);
        by_kind[std::string(1, kind)] +=
            Between(handle, scope + kind, scope + static_cast<char>(kind + 1));
      }
    }
    return by_kind;
  }

 private:
  uint64_t Between(rocksdb::ColumnFamilyHandle* handle, const std::string& from,
                   const std::string& to) {
    rocksdb::SizeApproximationOptions options;
    options.include_memtables = false;
    options.include_files = true;
    options.files_size_error_margin = 0;
    const rocksdb::Range range(from, to);
    uint64_t bytes = 0;
    CheckRocks(db_->GetApproximateSizes(options, handle, &range, 1, &bytes), "measuring a range");
    return bytes;
  }

  rocksdb::DB* db_ = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

}  // namespace

void RunDisk(const Settings& settings, Report* report) {
  const ScratchDir scratch(settings.scratch);
  const std::string dir = scratch.Sub("data");
  const uint64_t events = settings.quick ? 50'000 : 200'000;
  std::string json;
  double episodes = 0;
  {
    Cluster cluster(kResources, 6);
    const auto db = OpenWith(dir, cluster);
    EventMix mix;
    ApplyEvents(db.get(), 0, events, 1, [&](uint64_t i) {
      EventRecord e = cluster.Event(i, mix);
      json += EventLine(e);
      return e;
    });
    episodes = static_cast<double>(db->Stats()->episodes);
  }
  std::map<std::string, std::pair<uint64_t, uint64_t>> raw;  // rows, bytes
  for (const StoredRow& row : ReadRows(dir, ScopeId(1))) {
    auto& [rows, bytes] = raw[KindName(row)];
    ++rows;
    bytes += row.bytes();
  }
  RocksFiles files(dir);
  const double before = static_cast<double>(files.LiveBytes());
  files.CompactAll();
  double sum = 0;
  for (const auto& [kind, bytes] : files.BytesByKind()) {
    if (bytes == 0) continue;
    sum += static_cast<double>(bytes);
    const auto& [rows, raw_bytes] = raw[kind];
    report->Add(
        {"disk", kind + (kind.size() == 1 ? " rows" : "") + ", per episode",
         static_cast<double>(bytes) / episodes, "B", Better::kLower, "", 0,
         rows == 0 ? ""
                   : absl::StrFormat("%.2f rows per episode of %.0f bytes",
                                     static_cast<double>(rows) / episodes,
                                     static_cast<double>(raw_bytes) / static_cast<double>(rows))});
  }
  const double after = static_cast<double>(files.LiveBytes());
  report->Add({"disk", "filters and indexes, per episode", (after - sum) / episodes, "B",
               Better::kLower, "", 0, ""});
  report->Note(absl::StrFormat("live files: %.1f MB before, %.1f MB after compaction", before / 1e6,
                               after / 1e6));
  report->Add({"disk", "all live files, per episode", after / episodes, "B", Better::kLower,
               "zstd -3 of the JSON",
               static_cast<double>(ZstdBytes(json)) / static_cast<double>(events),
               "ids that do not compress", 150});
}

}  // namespace kg::bench
