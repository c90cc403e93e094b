#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/options.h"
#include "rocksdb/write_batch.h"
#include "storage/internal/bucket_map.h"
#include "storage/internal/rocks_db.h"
#include "storage/internal/session.h"
#include "storage/store.h"

namespace kg::storage::internal {

// What tests need to reach: the disk, and the instants at which a process may die.
struct Hooks {
  rocksdb::Env* env = nullptr;  // the default one when null; must outlive the store
  // Called at named steps of maintenance; an error ends the operation there, as a crash would.
  std::function<absl::Status(absl::string_view step)> at;
};

// Operation: a commit is one RocksDB batch that also carries the progress row (data clock,
// sequence) and the manifest rows of the buckets it opens. All other manifest changes are synced
// batches of their own, made while no session is open. Concurrency: four locks, taken in this
// order:
//   writer_mu_       one session at a time
//   maintenance_mu_  one of create, seal, drop, sweep, cut, checkpoint at a time
//   gate_            shared by the session, exclusive for any change to the bucket map or the
//   manifest:
//                    a column family is unreachable for writers before it is dropped
//   map_mu_          the published map and what is known of each bucket; never held during I/O
// Snapshots take map_mu_ only.
// Limitations: a failed commit or manifest write ends writing until the store is opened again.
class StoreImpl final : public Store {
 public:
  static absl::StatusOr<std::unique_ptr<StoreImpl>> Open(const std::string& path,
                                                         const StoreOptions& options,
                                                         const Hooks& hooks);
  ~StoreImpl() override;

  absl::StatusOr<std::unique_ptr<WriteSession>> BeginWrite(
      absl::Span<const Timestamp> times) override;
  std::shared_ptr<const Snapshot> GetSnapshot() const override;
  void AdvanceDataClock(Timestamp t) override;
  Timestamp DataClock() const override;
  Timestamp OldestLive() const override;
  absl::StatusOr<MaintenanceReport> Maintain() override;
  absl::Status CutOpenBucket() override;
  absl::Status Checkpoint(const std::string& dir) override;
  std::vector<BucketInfo> Buckets() const override;
  StoreIdentity Identity() const override;
  absl::Status BeginEpoch() override;
  absl::Status AdoptFormat() override;
  Duration BucketWidth() const override { return width_; }
  uint64_t DiskBytes() const override;
  uint64_t LogBytes() const override;
  absl::Status Health() const override;
  absl::Status Flush() override;
  std::string Property(const std::string& rocksdb_property) const override;

  // For the session.
  rocksdb::ColumnFamilyHandle* TableFamily(Table table) const { return db_->table(table); }
  absl::StatusOr<CommitInfo> CommitSession(rocksdb::WriteBatch* batch, const BucketMap& map,
                                           const std::vector<BucketUse>& uses);
  void EndSession() ABSL_NO_THREAD_SAFETY_ANALYSIS;

 private:
  struct Entry {
    BucketInfo row;                 // as in the manifest; bytes unused
    BucketPtr bucket;               // of the published map; of expiring ones the last
    Timestamp newest = kBeginning;  // largest key time written, as far as known; never too small
    Timestamp reopened_at = kBeginning;  // data clock of the first late row after sealing
    uint64_t writes = 0;                 // commits that touched it since the store was opened
    bool family_dropped = false;
  };
  using Entries = std::map<Timestamp, Entry>;

  StoreImpl(std::string path, const StoreOptions& options, Hooks hooks, Duration width,
            rocksdb::ColumnFamilyOptions family_options, std::shared_ptr<RocksDb> db);

  // open.cc. `families` are the open column families of buckets, by start.
  using Families = std::map<Timestamp, std::shared_ptr<ColumnFamily>>;
  // `damage`: what opening found; the store only reads then.
  absl::Status Load(const Families& families,
                    const absl::Status& damage) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  absl::Status LoadIdentity(const Snapshot& meta) ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mu_);
  absl::Status InitializeIdentity(const Snapshot& meta) ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mu_);
  absl::Status LoadProgress(const Snapshot& meta) ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mu_);
  absl::Status LoadBuckets(const Snapshot& meta, const Families& families)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mu_);
  absl::Status DropUnfinished(const Families& families) ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mu_);

  // buckets.cc: changes of the map.
  absl::Status EnsureBuckets(absl::Span<const Timestamp> times)
      ABSL_LOCKS_EXCLUDED(maintenance_mu_);
  std::vector<Timestamp> TimesWithoutBucket(absl::Span<const Timestamp> times) const;
  absl::StatusOr<std::vector<Timestamp>> CreateFor(std::vector<Timestamp> times)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_) ABSL_LOCKS_EXCLUDED(gate_);
  absl::StatusOr<std::vector<std::shared_ptr<ColumnFamily>>> CreateFamilies(
      const std::vector<Interval>& spans) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status ApplyPlan(const BucketPlan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(gate_);
  absl::Status Cut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_) ABSL_LOCKS_EXCLUDED(gate_);
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mu_);
  void PutBucketRow(rocksdb::WriteBatch* batch, const BucketInfo& row);
  absl::Status WriteManifest(rocksdb::WriteBatch* batch);

  // maintenance.cc.
  absl::Status CutWhenLarge(MaintenanceReport* report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_);
  absl::Status CreateAhead(MaintenanceReport* report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_);
  absl::Status SealPast(MaintenanceReport* report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_);
  absl::Status Expire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_);
  std::vector<Timestamp> ExpiredByAge() const;
  std::vector<Timestamp> ExpiredBySize();
  std::vector<Timestamp> ExpiredByFullDisk() const;
  // All of whose rows lie before the data clock, by start.
  BucketMap PastBuckets() const;
  absl::Status MarkExpiring(const std::vector<Timestamp>& starts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_);
  absl::Status DropExpiring(MaintenanceReport* report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_);
  bool Quiesce(rocksdb::ColumnFamilyHandle* family, absl::Time deadline);
  absl::Status SweepOrphans(MaintenanceReport* report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mu_);

  absl::Status WriteIdentity(const StoreIdentity& next) ABSL_LOCKS_EXCLUDED(maintenance_mu_);
  absl::Status CheckWritable() const;
  absl::Status At(absl::string_view step) const;
  absl::Status NotWritten(const rocksdb::Status& s, absl::string_view what);
  absl::Status Fail(const absl::Status& cause);
  std::shared_ptr<const BucketMap> Map() const ABSL_LOCKS_EXCLUDED(map_mu_);
  uint64_t FamilyBytes(rocksdb::ColumnFamilyHandle* family) const;
  uint64_t TableBytes() const;

  const std::string path_;
  const StoreOptions options_;
  const Hooks hooks_;
  const Duration width_;
  const rocksdb::ColumnFamilyOptions family_options_;
  const std::shared_ptr<RocksDb> db_;

  std::atomic<int64_t> data_clock_us_;
  std::atomic<int64_t> dropped_until_us_;

  absl::Mutex writer_mu_;
  absl::Mutex maintenance_mu_ ABSL_ACQUIRED_AFTER(writer_mu_);
  absl::Mutex gate_ ABSL_ACQUIRED_AFTER(maintenance_mu_);
  mutable absl::Mutex map_mu_ ABSL_ACQUIRED_AFTER(gate_);

  // Changed while gate_ is held, too (shared: by the one session's commit only).
  Entries entries_ ABSL_GUARDED_BY(map_mu_);
  std::shared_ptr<const BucketMap> map_ ABSL_GUARDED_BY(map_mu_);
  StoreIdentity identity_ ABSL_GUARDED_BY(map_mu_);
  uint64_t sequence_ ABSL_GUARDED_BY(map_mu_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(map_mu_);

  // Families by name that were created for a bucket whose row could not be written: empty, and
  // taken by the next try. What is left of them goes with the next open.
  std::map<std::string, std::shared_ptr<ColumnFamily>> spare_ ABSL_GUARDED_BY(gate_);

  int sweeps_due_ ABSL_GUARDED_BY(maintenance_mu_) = 0;
};

}  // namespace kg::storage::internal
