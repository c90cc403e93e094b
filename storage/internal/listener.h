#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "rocksdb/listener.h"

namespace kg::storage::internal {

// What RocksDB's own threads report: the error that stopped background work, and which column
// families are being compacted; and damage that readers met. Thread-safe.
class BackgroundWatch final : public rocksdb::EventListener {
 public:
  // `on_no_space` runs in RocksDB's thread, at the first sign of a full disk and at each further
  // one.
  explicit BackgroundWatch(std::function<void()> on_no_space)
      : on_no_space_(std::move(on_no_space)) {}

  // The error that holds background work up at the moment; OK once RocksDB has recovered.
  absl::Status error() const ABSL_LOCKS_EXCLUDED(mu_);

  // The same where it is severe enough for RocksDB to refuse writes.
  absl::Status writes_stopped() const ABSL_LOCKS_EXCLUDED(mu_);

  // Whether a write of the store's own failed since it was opened: what it did to the log is not
  // known. Writes that are refused because background work is stopped leave nothing there.
  bool write_failed() const ABSL_LOCKS_EXCLUDED(mu_);

  // The first damage that a reader came across; it names the file. Stays until the store is opened
  // again.
  absl::Status damage() const ABSL_LOCKS_EXCLUDED(mu_);
  void NoteDamage(const absl::Status& found) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether the disk was found full since ForgetNoSpace.
  bool NoSpaceSeen() const ABSL_LOCKS_EXCLUDED(mu_);
  void ForgetNoSpace() ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until no compaction of `family` runs. False when `deadline` came first.
  bool AwaitNoCompaction(const std::string& family, absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override;
  // RocksDB does not recover by itself: an error that comes just as its own recovery ends leaves it
  // waiting for ever, at the next close too (7.8). Maintenance asks it to resume instead.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                            bool* auto_recovery) override;
  void OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) override;
  void OnCompactionBegin(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) override;
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) override;

 private:
  const std::function<void()> on_no_space_;

  mutable absl::Mutex mu_;
  absl::Status error_ ABSL_GUARDED_BY(mu_);
  bool writes_stopped_ ABSL_GUARDED_BY(mu_) = false;
  bool write_failed_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status damage_ ABSL_GUARDED_BY(mu_);
  bool no_space_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::string, int> compactions_ ABSL_GUARDED_BY(mu_);  // running ones by family
};

}  // namespace kg::storage::internal
