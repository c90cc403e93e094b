// Creation and cutting of buckets: every change of the map except expiry.
//
// A column family is created before its manifest row is written, so that a crash in between leaves
// an empty family without a row, which the next open drops. The reverse order would leave a row
// that promises a bucket.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/internal/rocks_status.h"
#include "storage/internal/store_impl.h"

namespace kg::storage::internal {

std::vector<Timestamp> StoreImpl::TimesWithoutBucket(absl::Span<const Timestamp> times) const {
  const Timestamp clock = DataClock();
  const Timestamp oldest = OldestLive();
  const Timestamp newest = SaturatingAdd(clock, 2 * width_);
  std::vector<Timestamp> missing;
  if (clock == kBeginning) return missing;
  const std::shared_ptr<const BucketMap> map = Map();
  for (const Timestamp t : times) {
    if (t >= oldest && t <= newest && !IndexOfBucket(*map, t).has_value()) missing.push_back(t);
  }
  return missing;
}

absl::Status StoreImpl::EnsureBuckets(absl::Span<const Timestamp> times) {
  std::vector<Timestamp> missing = TimesWithoutBucket(times);
  if (missing.empty()) return absl::OkStatus();
  absl::MutexLock maintenance(&maintenance_mu_);
  return CreateFor(std::move(missing)).status();
}

absl::StatusOr<std::vector<Timestamp>> StoreImpl::CreateFor(std::vector<Timestamp> times) {
  absl::WriterMutexLock gate(&gate_);
  std::vector<Interval> live;
  for (const BucketPtr& bucket : *Map()) live.push_back(bucket->span);
  const BucketPlan plan = PlanBuckets(live, times, width_, FromMicros(dropped_until_us_.load()));
  std::vector<Timestamp> created;
  if (plan.empty()) return created;
  if (absl::Status s = ApplyPlan(plan); !s.ok()) return s;
  for (const Interval& span : plan.create) created.push_back(span.from);
  return created;
}

absl::StatusOr<std::vector<std::shared_ptr<ColumnFamily>>> StoreImpl::CreateFamilies(
    const std::vector<Interval>& spans) {
  std::vector<std::string> names;
  for (const Interval& span : spans) {
    if (!spare_.contains(BucketName(span.from))) names.push_back(BucketName(span.from));
  }
  rocksdb::Status s;
  if (!names.empty()) {
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    s = (*db_)->CreateColumnFamilies(family_options_, names, &handles);
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      spare_[handle->GetName()] = std::make_shared<ColumnFamily>(db_, handle);
    }
  }
  if (!s.ok()) return FromRocks(s, "create bucket");
  std::vector<std::shared_ptr<ColumnFamily>> families;
  for (const Interval& span : spans) families.push_back(spare_.at(BucketName(span.from)));
  return families;
}

absl::Status StoreImpl::ApplyPlan(const BucketPlan& plan) {
  auto families = CreateFamilies(plan.create);
  if (!families.ok()) return families.status();
  if (absl::Status s = At("create: families exist"); !s.ok()) return s;

  Entries changed;
  for (size_t i = 0; i < plan.create.size(); ++i) {
    Entry& entry = changed[plan.create[i].from];
    entry.row.start = plan.create[i].from;
    entry.row.end = plan.create[i].to;
    entry.bucket = std::make_shared<Bucket>(plan.create[i], (*families)[i]);
  }
  {
    absl::MutexLock lock(&map_mu_);
    for (const Interval& span : plan.stretch) {
      Entry& entry = changed[span.from];
      entry = entries_.at(span.from);
      entry.row.end = span.to;
      entry.bucket = std::make_shared<Bucket>(span, entry.bucket->family);
    }
  }
  rocksdb::WriteBatch batch;
  for (const auto& [start, entry] : changed) PutBucketRow(&batch, entry.row);
  if (absl::Status s = WriteManifest(&batch); !s.ok()) return s;

  for (const Interval& span : plan.create) spare_.erase(BucketName(span.from));
  absl::MutexLock lock(&map_mu_);
  for (auto& [start, entry] : changed) entries_[start] = std::move(entry);
  Publish();
  return absl::OkStatus();
}

absl::Status StoreImpl::CutOpenBucket() {
  if (absl::Status s = CheckWritable(); !s.ok()) return s;
  absl::MutexLock maintenance(&maintenance_mu_);
  return Cut();
}

// The remainder and the shortened end reach the disk in one batch: no time is ever in two buckets,
// or in none that it was in before.
absl::Status StoreImpl::Cut() {
  absl::WriterMutexLock gate(&gate_);
  const std::shared_ptr<const BucketMap> map = Map();
  const Timestamp clock = DataClock();
  const std::optional<size_t> index = IndexOfBucket(*map, clock);
  if (!index.has_value()) return absl::OkStatus();
  const Interval span = (*map)[*index]->span;
  Timestamp end;
  {
    absl::MutexLock lock(&map_mu_);
    end = std::max(clock, entries_.at(span.from).newest) + Duration(1);
  }
  if (end >= span.to) return absl::OkStatus();
  if (map->size() >= kMaxLiveBuckets) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't cut: ", kMaxLiveBuckets, " buckets live already"));
  }
  BucketPlan plan;
  plan.stretch.push_back({span.from, end});
  plan.create.push_back({end, span.to});
  return ApplyPlan(plan);
}

void StoreImpl::Publish() {
  auto map = std::make_shared<BucketMap>();
  for (const auto& [start, entry] : entries_) {
    if (entry.row.state < BucketState::kExpiring) map->push_back(entry.bucket);
  }
  map_ = std::move(map);
}

void StoreImpl::PutBucketRow(rocksdb::WriteBatch* batch, const BucketInfo& row) {
  batch->Put(db_->table(Table::kMeta), BucketRowKey(row.start), EncodeBucket(row))
      .PermitUncheckedError();
}

absl::Status StoreImpl::WriteManifest(rocksdb::WriteBatch* batch) {
  rocksdb::WriteOptions write;
  write.sync = true;
  write.ignore_missing_column_families = true;
  const rocksdb::Status s = (*db_)->Write(write, batch);
  return s.ok() ? absl::OkStatus() : NotWritten(s, "manifest write failed");
}

}  // namespace kg::storage::internal
