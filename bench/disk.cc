#include <zstd.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/measure.h"
#include "bench/setup.h"
#include "bench/store_rows.h"
#include "bench/wire.h"

namespace kg::bench {
namespace {

constexpr size_t kResources = 5000;
constexpr size_t kFrame = 64 << 10;  // raw JSON is compressed in pieces of so much

// Live bytes of the rows as one sorted run under the codec of the bottom level: what they come to
// once compacted.
uint64_t CompactedBytes(const std::string& dir, const std::vector<const StoredRow*>& rows) {
  storage::StoreOptions options;
  options.sync = false;
  options.write_buffer_bytes = 1ull << 30;
  options.rocksdb_options["compression"] = "kZSTD";
  auto store = storage::Store::Open(dir, options);
  Check(store.status(), "opening a store");
  (*store)->AdvanceDataClock(kStart);
  for (size_t i = 0; i < rows.size();) {
    auto session = (*store)->BeginWrite({kStart});
    Check(session.status(), "beginning a batch");
    const storage::BucketPtr bucket = (*session)->BucketFor(kStart);
    for (const size_t to = std::min(rows.size(), i + 10'000); i < to; ++i) {
      (*session)->Put(bucket, ScopeId(1), rows[i]->kind, rows[i]->key, rows[i]->value);
    }
    Check((*session)->Commit().status(), "committing a batch");
  }
  Check((*store)->Flush(), "flushing");
  uint64_t bytes = 0;
  for (const storage::BucketInfo& b : (*store)->Buckets()) bytes += b.bytes;
  return bytes;
}

size_t ZstdBytes(const std::string& text) {
  std::string out(ZSTD_compressBound(kFrame), '\0');
  size_t bytes = 0;
  for (size_t i = 0; i < text.size(); i += kFrame) {
    bytes += ZSTD_compress(out.data(), out.size(), text.data() + i,
                           std::min(kFrame, text.size() - i), 3);
  }
  return bytes;
}

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
    for (uint64_t i = 0; i < events;) {
      Batch batch;
      for (; i < events && batch.mutations.size() < 1000; ++i) {
        EventRecord e = cluster.Event(i, mix);
        json += EventLine(e);
        batch.mutations.push_back(std::move(e));
      }
      Check(db->Apply(std::move(batch)).status(), "applying events");
    }
    episodes = static_cast<double>(db->Stats()->episodes);
  }
  const std::vector<StoredRow> rows = ReadRows(dir, ScopeId(1));
  std::map<std::string, std::vector<const StoredRow*>> kinds;
  for (const StoredRow& row : rows) kinds[KindName(row)].push_back(&row);
  double sum = 0;
  for (const auto& [kind, of_kind] : kinds) {
    double raw = 0;
    for (const StoredRow* row : of_kind) raw += static_cast<double>(row->bytes());
    if (of_kind.front()->in_table) {
      report->Note(absl::StrFormat("%s: %d rows, %.0f bytes each before compression", kind,
                                   of_kind.size(), raw / static_cast<double>(of_kind.size())));
      continue;
    }
    const double bytes =
        static_cast<double>(CompactedBytes(scratch.Sub(absl::StrCat("kind-", kind)), of_kind));
    sum += bytes;
    report->Add({"disk", absl::StrCat(kind, " rows, per episode"), bytes / episodes, "B",
                 Better::kLower, "", 0,
                 absl::StrFormat("%.2f rows per episode of %.0f bytes",
                                 static_cast<double>(of_kind.size()) / episodes,
                                 raw / static_cast<double>(of_kind.size()))});
  }
  report->Add({"disk", "all bucketed rows, per episode", sum / episodes, "B", Better::kLower,
               "zstd -3 of the JSON",
               static_cast<double>(ZstdBytes(json)) / static_cast<double>(events),
               "ids that do not compress"});
}

}  // namespace kg::bench
