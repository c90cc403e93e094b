#pragma once

#include <functional>
#include <list>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/store.h"

namespace kg {

// Snapshots that are lent to views and taken back when they are too old: a snapshot keeps deleted
// rows and the files of dropped buckets on disk for as long as it lives.
//
// Operation: what was taken back answers every read with DeadlineExceeded, and so does a scan that
// is under way. Concurrency: thread-safe; loans may outlive it.
class Leases : public std::enable_shared_from_this<Leases> {
 public:
  // `max_age` 0: they are never taken back. `now` may be any clock that goes on.
  Leases(Duration max_age, std::function<Timestamp()> now)
      : max_age_(max_age), now_(std::move(now)) {}

  std::shared_ptr<const storage::Snapshot> Lend(std::shared_ptr<const storage::Snapshot> snapshot);
  // Takes back what is older than max_age. Cheap when nothing is.
  void TakeBack();

  struct Use {
    uint64_t lent = 0;        // at this moment
    Duration oldest{0};       // age of the oldest of them
    uint64_t taken_back = 0;  // since the start
  };
  Use use() const;

 private:
  class Loan;
  struct Entry {
    Loan* loan;
    Timestamp since;
  };
  void Returned(std::list<Entry>::iterator entry);

  const Duration max_age_;
  const std::function<Timestamp()> now_;
  mutable absl::Mutex mutex_;
  std::list<Entry> lent_ ABSL_GUARDED_BY(mutex_);  // oldest first
  uint64_t taken_back_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace kg
