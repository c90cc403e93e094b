// What happens to buckets as the data clock moves on.

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/time/clock.h"
#include "storage/internal/directory.h"
#include "storage/internal/rocks_status.h"
#include "storage/internal/store_impl.h"

namespace kg::storage::internal {
namespace {

// The open bucket is cut beyond this share of the size limit, so that a drop frees no more than
// that.
constexpr uint64_t kCutShare = 8;
// A sealed bucket that late rows have opened again is sealed anew after this share of a width of
// data time: a trickle of late rows must not flush a file each time maintenance runs.
constexpr int kResealShare = 8;
// How long the drops of one run wait for compactions altogether; the sweeps deal with longer ones.
constexpr absl::Duration kCompactionWait = absl::Seconds(5);

std::set<std::string> TableFiles(const std::string& dir) {
  std::set<std::string> names;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(dir, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".sst") names.insert(entry->path().filename().string());
  }
  return names;
}

}  // namespace

absl::StatusOr<MaintenanceReport> StoreImpl::Maintain() {
  absl::MutexLock maintenance(&maintenance_mu_);
  const bool held_up = db_->watch().NoSpaceSeen() || !db_->watch().error().ok();
  if (held_up && !options_.read_only) (*db_)->Resume().PermitUncheckedError();
  if (absl::Status s = CheckWritable(); !s.ok()) return s;
  MaintenanceReport report;
  // Expiry first: what is about to go is not worth a flush, and on a full disk it is what makes
  // room.
  absl::Status s = Expire();
  if (s.ok()) s = DropExpiring(&report);
  if (s.ok()) s = SweepOrphans(&report);
  if (s.ok()) s = CutWhenLarge(&report);
  if (s.ok()) s = CreateAhead(&report);
  if (s.ok()) s = SealPast(&report);
  if (!s.ok()) return s;
  EnsureReserve(path_, options_.reserve_bytes);
  return report;
}

absl::Status StoreImpl::CutWhenLarge(MaintenanceReport* report) {
  if (options_.max_bytes == 0) return absl::OkStatus();
  const std::shared_ptr<const BucketMap> before = Map();
  const std::optional<size_t> index = IndexOfBucket(*before, DataClock());
  // Two stay free for the times that need one.
  if (!index.has_value() || before->size() + 2 >= kMaxLiveBuckets) return absl::OkStatus();
  if (FamilyBytes((*before)[*index]->family->handle()) <= options_.max_bytes / kCutShare) {
    return absl::OkStatus();
  }
  if (absl::Status s = Cut(); !s.ok()) return s;
  const std::shared_ptr<const BucketMap> after = Map();
  if (after->size() > before->size()) report->created.push_back((*after)[*index + 1]->span.from);
  return absl::OkStatus();
}

absl::Status StoreImpl::CreateAhead(MaintenanceReport* report) {
  const std::optional<size_t> index = IndexOfBucket(*Map(), DataClock());
  if (!index.has_value()) return absl::OkStatus();
  const Timestamp next = (*Map())[*index]->span.to;
  std::vector<Timestamp> missing = TimesWithoutBucket({next});
  if (missing.empty()) return absl::OkStatus();
  auto created = CreateFor(std::move(missing));
  if (!created.ok()) return created.status();
  report->created.insert(report->created.end(), created->begin(), created->end());
  return absl::OkStatus();
}

absl::Status StoreImpl::SealPast(MaintenanceReport* report) {
  const Timestamp clock = DataClock();
  std::vector<Entry> due;
  {
    absl::MutexLock lock(&map_mu_);
    for (const auto& [start, entry] : entries_) {
      if (entry.row.state != BucketState::kOpen || entry.row.end > clock) continue;
      const bool reopened = entry.reopened_at != kBeginning;
      if (!reopened || clock >= SaturatingAdd(entry.reopened_at, width_ / kResealShare)) {
        due.push_back(entry);
      }
    }
  }
  if (due.empty()) return absl::OkStatus();
  for (const Entry& entry : due) {
    const rocksdb::Status s =
        (*db_)->Flush(rocksdb::FlushOptions(), entry.bucket->family->handle());
    if (!s.ok()) return FromRocks(s, "flush of a past bucket");
  }

  absl::WriterMutexLock gate(&gate_);
  rocksdb::WriteBatch batch;
  std::vector<Timestamp> sealed;
  {
    absl::MutexLock lock(&map_mu_);
    for (const Entry& entry : due) {
      Entry now = entries_.at(entry.row.start);
      if (now.writes != entry.writes) continue;  // written to since the flush: next time
      now.row.state = BucketState::kSealed;
      PutBucketRow(&batch, now.row);
      sealed.push_back(now.row.start);
    }
  }
  if (sealed.empty()) return absl::OkStatus();
  if (absl::Status s = WriteManifest(&batch); !s.ok()) return s;
  absl::MutexLock lock(&map_mu_);
  for (const Timestamp start : sealed) entries_.at(start).row.state = BucketState::kSealed;
  report->sealed = std::move(sealed);
  return absl::OkStatus();
}

std::vector<Timestamp> StoreImpl::ExpiredByAge() const {
  const Timestamp cutoff = SaturatingSub(DataClock(), options_.retention);
  std::vector<Timestamp> starts;
  for (const BucketPtr& bucket : *Map()) {
    if (bucket->span.to <= cutoff) starts.push_back(bucket->span.from);
  }
  return starts;
}

// Neither the bucket of the clock nor one ahead of it: what is being written stays.
BucketMap StoreImpl::PastBuckets() const {
  BucketMap past;
  for (const BucketPtr& bucket : *Map()) {
    if (bucket->span.to <= DataClock()) past.push_back(bucket);
  }
  return past;
}

std::vector<Timestamp> StoreImpl::ExpiredByFullDisk() const {
  if (!db_->watch().NoSpaceSeen() || !options_.drop_oldest_when_full) return {};
  const BucketMap past = PastBuckets();
  return past.empty() ? std::vector<Timestamp>() : std::vector<Timestamp>{past[0]->span.from};
}

std::vector<Timestamp> StoreImpl::ExpiredBySize() {
  std::vector<Timestamp> starts;
  if (options_.max_bytes == 0) return starts;
  const BucketMap past = PastBuckets();
  if (past.empty() || DiskBytes() <= options_.max_bytes) return starts;
  // What the log holds is in tables after a flush, and its files go soon; failing is no reason to
  // wait.
  uint64_t total = Flush().ok() ? TableBytes() : DiskBytes();
  for (const BucketPtr& bucket : past) {
    if (total <= options_.max_bytes) break;
    total -= std::min(total, FamilyBytes(bucket->family->handle()));
    starts.push_back(bucket->span.from);
  }
  return starts;
}

absl::Status StoreImpl::Expire() {
  if (absl::Status s = MarkExpiring(ExpiredByAge()); !s.ok()) return s;
  if (absl::Status s = MarkExpiring(ExpiredByFullDisk()); !s.ok()) return s;
  db_->watch().ForgetNoSpace();
  return MarkExpiring(ExpiredBySize());
}

// `starts` is a prefix of the map, so one watermark says all that is gone.
absl::Status StoreImpl::MarkExpiring(const std::vector<Timestamp>& starts) {
  if (starts.empty()) return absl::OkStatus();
  absl::WriterMutexLock gate(&gate_);
  Timestamp dropped_until = FromMicros(dropped_until_us_.load());
  rocksdb::WriteBatch batch;
  {
    absl::MutexLock lock(&map_mu_);
    for (const Timestamp start : starts) {
      BucketInfo row = entries_.at(start).row;
      row.state = BucketState::kExpiring;
      dropped_until = std::max(dropped_until, row.end);
      PutBucketRow(&batch, row);
    }
  }
  batch.Put(db_->table(Table::kMeta), ExpiryKey(), EncodeExpiry(dropped_until))
      .PermitUncheckedError();
  if (absl::Status s = WriteManifest(&batch); !s.ok()) return s;
  absl::MutexLock lock(&map_mu_);
  for (const Timestamp start : starts) entries_.at(start).row.state = BucketState::kExpiring;
  dropped_until_us_.store(ToMicros(dropped_until));
  Publish();
  return absl::OkStatus();
}

// A flush or compaction that ends after the drop of its family leaves its files behind. False when
// one may: background work is stopped (then the drop must not wait for it, it may be what frees the
// disk) or takes too long.
bool StoreImpl::Quiesce(rocksdb::ColumnFamilyHandle* family, absl::Time deadline) {
  if (!db_->watch().error().ok()) return false;
  if (!(*db_)->Flush(rocksdb::FlushOptions(), family).ok()) return false;
  return db_->watch().AwaitNoCompaction(family->GetName(), deadline);
}

absl::Status StoreImpl::DropExpiring(MaintenanceReport* report) {
  std::vector<Entry> expiring;
  {
    absl::MutexLock lock(&map_mu_);
    for (const auto& [start, entry] : entries_) {
      if (entry.row.state == BucketState::kExpiring) expiring.push_back(entry);
    }
  }
  if (expiring.empty()) return absl::OkStatus();
  if (absl::Status s = At("drop: marked"); !s.ok()) return s;

  const absl::Time deadline = absl::Now() + kCompactionWait;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  // One sweep now; where work was still going on, one more at the next run, when it has ended.
  sweeps_due_ = std::max(sweeps_due_, 1);
  for (const Entry& entry : expiring) {
    if (entry.family_dropped) continue;
    handles.push_back(entry.bucket->family->handle());
    if (!Quiesce(handles.back(), deadline)) sweeps_due_ = 2;
  }
  if (const rocksdb::Status s = (*db_)->DropColumnFamilies(handles); !s.ok()) {
    return FromRocks(s, "drop bucket");
  }
  {
    absl::MutexLock lock(&map_mu_);
    for (const Entry& entry : expiring) entries_.at(entry.row.start).family_dropped = true;
  }
  if (absl::Status s = At("drop: families gone"); !s.ok()) return s;

  rocksdb::WriteBatch batch;
  for (const Entry& entry : expiring) {
    batch.Delete(db_->table(Table::kMeta), BucketRowKey(entry.row.start)).PermitUncheckedError();
    report->dropped.push_back(entry.row.start);
  }
  absl::WriterMutexLock gate(&gate_);
  if (absl::Status s = WriteManifest(&batch); !s.ok()) return s;
  absl::MutexLock lock(&map_mu_);
  for (const Entry& entry : expiring) entries_.erase(entry.row.start);
  return absl::OkStatus();
}

// Files of a drop that raced with background work have no owner and would stay until the next open.
// Forbidding deletions and allowing them again by force is what makes RocksDB look through the
// directory. It also ends the protection a running checkpoint relies on: hence the maintenance
// lock.
absl::Status StoreImpl::SweepOrphans(MaintenanceReport* report) {
  if (sweeps_due_ == 0) return absl::OkStatus();
  --sweeps_due_;
  std::set<std::string> orphans = TableFiles(path_);
  std::vector<rocksdb::LiveFileMetaData> live;
  (*db_)->GetLiveFilesMetaData(&live);
  for (const rocksdb::LiveFileMetaData& file : live) orphans.erase(file.relative_filename);

  rocksdb::Status s = (*db_)->DisableFileDeletions();
  if (s.ok()) s = (*db_)->EnableFileDeletions(/*force=*/true);
  if (!s.ok()) return FromRocks(s, "sweep of orphan files");

  const std::set<std::string> left = TableFiles(path_);
  for (const std::string& name : orphans) report->orphan_files_removed += 1 - left.count(name);
  return absl::OkStatus();
}

}  // namespace kg::storage::internal
