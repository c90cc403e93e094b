#include "storage/internal/store_impl.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "rocksdb/utilities/checkpoint.h"
#include "storage/internal/directory.h"
#include "storage/internal/rocks_status.h"
#include "storage/internal/snapshot.h"

namespace kg::storage {

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path,
                                                   const StoreOptions& options) {
  return internal::StoreImpl::Open(path, options, internal::Hooks{});
}

namespace internal {

StoreImpl::StoreImpl(std::string path, const StoreOptions& options, Hooks hooks, Duration width,
                     rocksdb::ColumnFamilyOptions family_options, std::shared_ptr<RocksDb> db)
    : path_(std::move(path)),
      options_(options),
      hooks_(std::move(hooks)),
      width_(width),
      family_options_(std::move(family_options)),
      db_(std::move(db)),
      data_clock_us_(ToMicros(kBeginning)),
      dropped_until_us_(ToMicros(kBeginning)),
      map_(std::make_shared<BucketMap>()) {}

StoreImpl::~StoreImpl() = default;

absl::StatusOr<std::unique_ptr<WriteSession>> StoreImpl::BeginWrite(
    absl::Span<const Timestamp> times) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  writer_mu_.Lock();
  absl::Status ready = CheckWritable();
  if (ready.ok()) ready = EnsureBuckets(times);
  if (!ready.ok()) {
    writer_mu_.Unlock();
    return ready;
  }
  gate_.ReaderLock();
  return std::unique_ptr<WriteSession>(std::make_unique<SessionImpl>(this, Map()));
}

void StoreImpl::EndSession() {
  gate_.ReaderUnlock();
  writer_mu_.Unlock();
}

absl::StatusOr<CommitInfo> StoreImpl::CommitSession(rocksdb::WriteBatch* batch,
                                                    const BucketMap& map,
                                                    const std::vector<BucketUse>& uses) {
  if (absl::Status s = CheckWritable(); !s.ok()) return s;
  ProgressRow progress;
  progress.data_clock = DataClock();
  std::vector<Entry> changed;  // applied to entries_ once they are on disk
  {
    absl::MutexLock lock(&map_mu_);
    if (batch->Count() == 0) return CommitInfo{sequence_, 0, 0};
    progress.sequence = sequence_ + 1;
    for (size_t i = 0; i < map.size(); ++i) {
      const bool at_clock = map[i]->span.Contains(progress.data_clock);
      if (!uses[i].written && !at_clock) continue;
      Entry entry = entries_.at(map[i]->span.from);
      const BucketInfo before = entry.row;
      if (uses[i].written) {
        if (entry.row.state == BucketState::kSealed) entry.reopened_at = progress.data_clock;
        entry.row.state = BucketState::kOpen;
        entry.newest = std::max(entry.newest, uses[i].newest);
        ++entry.writes;
      }
      if (at_clock) {
        progress.newest_in_clock_bucket = entry.newest;
        if (entry.row.first_sequence == 0) entry.row.first_sequence = progress.sequence;
      }
      if (entry.row.state != before.state || entry.row.first_sequence != before.first_sequence) {
        PutBucketRow(batch, entry.row);
      }
      changed.push_back(std::move(entry));
    }
  }
  batch->Put(db_->table(Table::kMeta), ProgressKey(), EncodeProgress(progress))
      .PermitUncheckedError();

  rocksdb::WriteOptions write;
  write.sync = options_.sync;
  // Without it a batch that touches a dropped family is applied by half and ends all writing; the
  // gate keeps such batches from being built, this is the net below.
  write.ignore_missing_column_families = true;
  const rocksdb::Status written = (*db_)->Write(write, batch);
  if (!written.ok()) return NotWritten(written, "commit failed");

  absl::MutexLock lock(&map_mu_);
  sequence_ = progress.sequence;
  for (Entry& entry : changed) {
    const Timestamp start = entry.row.start;
    entries_[start] = std::move(entry);
  }
  return CommitInfo{sequence_, batch->GetDataSize(), 0};
}

std::shared_ptr<const Snapshot> StoreImpl::GetSnapshot() const {
  std::shared_ptr<const BucketMap> map;
  const rocksdb::Snapshot* pin = nullptr;
  {
    // Under one lock: a bucket created in between could hold rows that the pin sees and the map
    // lacks.
    absl::MutexLock lock(&map_mu_);
    map = map_;
    pin = (*db_)->GetSnapshot();
  }
  return std::make_shared<SnapshotImpl>(db_, pin, std::move(map));
}

void StoreImpl::AdvanceDataClock(Timestamp t) {
  int64_t seen = data_clock_us_.load();
  while (seen < ToMicros(t) && !data_clock_us_.compare_exchange_weak(seen, ToMicros(t))) {
  }
}

Timestamp StoreImpl::DataClock() const {
  return FromMicros(data_clock_us_.load());
}

Timestamp StoreImpl::OldestLive() const {
  return std::max(SaturatingSub(DataClock(), options_.retention),
                  FromMicros(dropped_until_us_.load()));
}

absl::Status StoreImpl::Checkpoint(const std::string& dir) {
  absl::MutexLock maintenance(&maintenance_mu_);
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status s = rocksdb::Checkpoint::Create(db_->get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  auto content = InspectDirectory(dir);
  if (!content.ok() || *content != DirectoryContent::kAbsent) {
    return absl::AlreadyExistsError(
        absl::StrCat(dir, " exists: a checkpoint makes its own directory"));
  }
  if (s.ok()) s = checkpoint->CreateCheckpoint(dir, /*log_size_for_flush=*/0);
  if (!s.ok()) return FromRocks(s, absl::StrCat("checkpoint to ", dir));
  return SyncDirectory(dir);
}

std::vector<BucketInfo> StoreImpl::Buckets() const {
  std::vector<std::pair<BucketInfo, BucketPtr>> listed;
  {
    absl::MutexLock lock(&map_mu_);
    for (const auto& [start, entry] : entries_) listed.emplace_back(entry.row, entry.bucket);
  }
  std::vector<BucketInfo> infos;
  for (auto& [info, bucket] : listed) {
    info.bytes = bucket == nullptr ? 0 : FamilyBytes(bucket->family->handle());
    infos.push_back(info);
  }
  return infos;
}

StoreIdentity StoreImpl::Identity() const {
  absl::MutexLock lock(&map_mu_);
  return identity_;
}

absl::Status StoreImpl::BeginEpoch() {
  StoreIdentity next = Identity();
  ++next.epoch;
  return WriteIdentity(next);
}

absl::Status StoreImpl::AdoptFormat() {
  StoreIdentity next = Identity();
  next.format_version = kFormatVersion;
  return WriteIdentity(next);
}

absl::Status StoreImpl::WriteIdentity(const StoreIdentity& next) {
  if (absl::Status s = CheckWritable(); !s.ok()) return s;
  absl::MutexLock maintenance(&maintenance_mu_);
  rocksdb::WriteBatch batch;
  batch.Put(db_->table(Table::kMeta), FormatKey(), EncodeFormat(next)).PermitUncheckedError();
  if (absl::Status s = WriteManifest(&batch); !s.ok()) return s;
  absl::MutexLock lock(&map_mu_);
  identity_ = next;
  return absl::OkStatus();
}

uint64_t StoreImpl::DiskBytes() const {
  return TableBytes() + LogBytes();
}

uint64_t StoreImpl::TableBytes() const {
  uint64_t bytes = 0;
  (*db_)->GetAggregatedIntProperty(rocksdb::DB::Properties::kLiveSstFilesSize, &bytes);
  return bytes;
}

uint64_t StoreImpl::FamilyBytes(rocksdb::ColumnFamilyHandle* family) const {
  uint64_t bytes = 0;
  (*db_)->GetIntProperty(family, rocksdb::DB::Properties::kLiveSstFilesSize, &bytes);
  return bytes;
}

uint64_t StoreImpl::LogBytes() const {
  rocksdb::VectorLogPtr files;
  if (!(*db_)->GetSortedWalFiles(files).ok()) return 0;
  // Older ones only wait for their deletion.
  uint64_t oldest = 0;
  (*db_)->GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &oldest);
  uint64_t bytes = 0;
  for (const auto& file : files) {
    if (file->LogNumber() >= oldest) bytes += file->SizeFileBytes();
  }
  return bytes;
}

absl::Status StoreImpl::Health() const {
  {
    absl::MutexLock lock(&map_mu_);
    if (!failure_.ok()) return failure_;
  }
  if (absl::Status damage = db_->watch().damage(); !damage.ok()) return damage;
  return db_->watch().error();
}

absl::Status StoreImpl::Flush() {
  if (absl::Status s = CheckWritable(); !s.ok()) return s;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  const std::shared_ptr<const BucketMap> map = Map();
  for (int i = 0; i < kTables; ++i) families.push_back(db_->table(static_cast<Table>(i)));
  for (const BucketPtr& bucket : *map) families.push_back(bucket->family->handle());
  for (rocksdb::ColumnFamilyHandle* family : families) {
    const rocksdb::Status s = (*db_)->Flush(rocksdb::FlushOptions(), family);
    // Dropped since the map was read: nothing to flush.
    if (!s.ok() && !s.IsColumnFamilyDropped()) return FromRocks(s, "flush");
  }
  return absl::OkStatus();
}

std::string StoreImpl::Property(const std::string& rocksdb_property) const {
  uint64_t number = 0;
  if ((*db_)->GetAggregatedIntProperty(rocksdb_property, &number)) return absl::StrCat(number);
  std::string text;
  (*db_)->GetProperty(rocksdb_property, &text);
  return text;
}

absl::Status StoreImpl::CheckWritable() const {
  {
    absl::MutexLock lock(&map_mu_);
    if (!failure_.ok()) return absl::FailedPreconditionError(failure_.message());
  }
  if (options_.read_only) {
    return absl::FailedPreconditionError(absl::StrCat(path_, " is open for reading only"));
  }
  // A commit that is tried now would fail and end writing for good; this passes with its cause.
  return db_->watch().writes_stopped();
}

absl::Status StoreImpl::At(absl::string_view step) const {
  return hooks_.at ? hooks_.at(step) : absl::OkStatus();
}

// RocksDB gives the error that stopped its background work, with a severity, as the answer to a
// write that it has not begun.
absl::Status StoreImpl::NotWritten(const rocksdb::Status& s, absl::string_view what) {
  const bool refused = s.severity() != rocksdb::Status::kNoError && !db_->watch().write_failed();
  return refused ? FromRocks(s, what) : Fail(FromRocks(s, what));
}

absl::Status StoreImpl::Fail(const absl::Status& cause) {
  absl::MutexLock lock(&map_mu_);
  if (failure_.ok()) {
    failure_ = absl::Status(
        cause.code(), absl::StrCat(cause.message(),
                                   "; the store is read-only now: free space or repair the disk, "
                                   "then restart"));
  }
  return failure_;
}

std::shared_ptr<const BucketMap> StoreImpl::Map() const {
  absl::MutexLock lock(&map_mu_);
  return map_;
}

}  // namespace internal
}  // namespace kg::storage
