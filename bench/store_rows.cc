#include "bench/store_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bench/measure.h"
#include "storage/keys.h"

namespace kg::bench {
namespace {

constexpr storage::RecordKind kKinds[] = {
    storage::RecordKind::kEpisode,       storage::RecordKind::kSubjectIndex,
    storage::RecordKind::kEventIdIndex,  storage::RecordKind::kCauses,
    storage::RecordKind::kEffects,       storage::RecordKind::kMembers,
    storage::RecordKind::kClosedEdge,    storage::RecordKind::kRevision,
    storage::RecordKind::kHangingDelete, storage::RecordKind::kDeadLetter,
    storage::RecordKind::kFeed};
constexpr storage::Table kTables[] = {storage::Table::kResource, storage::Table::kEdge,
                                      storage::Table::kOpen, storage::Table::kIncident};

std::unique_ptr<storage::Store> OpenStore(const std::string& dir, bool read_only) {
  storage::StoreOptions options;
  options.read_only = read_only;
  auto store = storage::Store::Open(dir, options);
  Check(store.status(), "opening the store");
  return *std::move(store);
}

// Big-endian bytes at `from`, as a number that sorts like them.
uint64_t Number(const std::string& key, size_t from) {
  uint64_t n = 0;
  for (size_t i = 0; i < 8; ++i)
    n = n << 8 | (from + i < key.size() ? static_cast<uint8_t>(key[from + i]) : 0);
  return n;
}

// Episodes, links and subject rows carry their onset; what does not falls anywhere.
uint64_t OrderOf(const StoredRow& row) {
  if (row.in_table) return storage::keys::StableHash(row.key);
  switch (row.kind) {
    case storage::RecordKind::kEpisode:
    case storage::RecordKind::kCauses:
      return Number(row.key, 0);
    case storage::RecordKind::kSubjectIndex:
      return Number(row.key, 4);
    case storage::RecordKind::kEffects:
      return Number(row.key, 16);
    default:
      break;
  }
  // X: by the onset that stands in no key, but the bucket narrows it.
  return Number(std::string(), 0);
}

void Scan(storage::Cursor* cursor, StoredRow like, std::vector<StoredRow>* rows) {
  for (; cursor->Valid(); cursor->Next()) {
    like.key.assign(cursor->key().data(), cursor->key().size());
    like.value.assign(cursor->value().data(), cursor->value().size());
    like.order = OrderOf(like);
    rows->push_back(like);
  }
  Check(cursor->status(), "reading rows");
}

}  // namespace

std::vector<StoredRow> ReadRows(const std::string& dir, ScopeId scope) {
  const auto store = OpenStore(dir, true);
  const auto snapshot = store->GetSnapshot();
  std::vector<StoredRow> rows;
  for (storage::Table table : kTables) {
    StoredRow like;
    like.in_table = true;
    like.table = table;
    Scan(snapshot->Scan(scope, table, "").get(), like, &rows);
  }
  for (const storage::BucketPtr& bucket : snapshot->buckets()) {
    const size_t first = rows.size();
    for (storage::RecordKind kind : kKinds) {
      StoredRow like;
      like.kind = kind;
      like.bucket_time = storage::BucketStart(bucket);
      Scan(snapshot->Scan(bucket, scope, kind, "").get(), like, &rows);
    }
    // Rows without a time of their own are spread over those of the bucket that have one.
    std::vector<uint64_t> known;
    for (size_t i = first; i < rows.size(); ++i) {
      if (rows[i].kind == storage::RecordKind::kEpisode) known.push_back(rows[i].order);
    }
    if (known.empty()) continue;
    for (size_t i = first; i < rows.size(); ++i) {
      if (rows[i].order == 0)
        rows[i].order = known[storage::keys::StableHash(rows[i].key) % known.size()];
    }
  }
  return rows;
}

uint64_t CountRows(const std::string& dir, ScopeId scope,
                   const std::vector<storage::Table>& tables) {
  const auto store = OpenStore(dir, true);
  const auto snapshot = store->GetSnapshot();
  uint64_t rows = 0;
  auto count = [&](std::unique_ptr<storage::Cursor> cursor) {
    for (; cursor->Valid(); cursor->Next()) ++rows;
    Check(cursor->status(), "reading rows");
  };
  if (!tables.empty()) {
    for (storage::Table table : tables) count(snapshot->Scan(scope, table, ""));
    return rows;
  }
  for (storage::Table table : kTables) count(snapshot->Scan(scope, table, ""));
  for (const storage::BucketPtr& bucket : snapshot->buckets()) {
    for (storage::RecordKind kind : kKinds) count(snapshot->Scan(bucket, scope, kind, ""));
  }
  return rows;
}

FillResult FillBatch(const std::string& dir, const std::vector<StoredRow>& rows, size_t batches,
                     double rewrite) {
  std::vector<const StoredRow*> order;
  for (const StoredRow& row : rows) order.push_back(&row);
  std::sort(order.begin(), order.end(),
            [](const StoredRow* a, const StoredRow* b) { return a->order < b->order; });
  const auto store = OpenStore(dir, false);
  Timestamp newest = kBeginning;
  for (const StoredRow& row : rows) newest = std::max(newest, row.bucket_time);
  store->AdvanceDataClock(newest);
  FillResult result;
  const Stopwatch watch;
  for (size_t b = 0; b < batches; ++b) {
    const size_t from = order.size() * b / batches, to = order.size() * (b + 1) / batches;
    if (from == to) continue;
    std::vector<Timestamp> times;
    for (size_t i = from; i < to; ++i) {
      if (!order[i]->in_table && (times.empty() || times.back() != order[i]->bucket_time)) {
        times.push_back(order[i]->bucket_time);
      }
    }
    auto session = store->BeginWrite(times);
    Check(session.status(), "beginning a batch");
    const size_t puts =
        static_cast<size_t>(static_cast<double>(to - from) * std::max(1.0, rewrite));
    for (size_t i = 0; i < puts; ++i) {
      const StoredRow& row = *order[from + i % (to - from)];
      if (row.in_table) {
        (*session)->Put(ScopeId(1), row.table, row.key, row.value);
      } else {
        (*session)->Put((*session)->BucketFor(row.bucket_time), ScopeId(1), row.kind, row.key,
                        row.value);
      }
      ++result.rows;
      result.bytes += row.bytes();
    }
    Check((*session)->Commit().status(), "committing a batch");
  }
  result.seconds = watch.seconds();
  return result;
}

std::string KindName(const StoredRow& row) {
  if (!row.in_table) return std::string(1, static_cast<char>(row.kind));
  switch (row.table) {
    case storage::Table::kResource:
      return "table resource";
    case storage::Table::kEdge:
      return "table edge";
    case storage::Table::kOpen:
      return "table open";
    case storage::Table::kIncident:
      return "table incident";
    default:
      return "other";
  }
}

}  // namespace kg::bench
