#pragma once

#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "engine/database.h"

namespace kg::server {

// Applies batches one after the other, in the order in which they are given, on a thread of its
// own: whoever gives them makes the next one meanwhile.
//
// Operation: Give, any number of times; Wait; TakeResults. The first failure stands: what waits
// then is dropped, nothing that is given later is applied, and every call answers it.
// Concurrency: one thread gives, waits and takes.
// Limits: at most kWaiting batches wait behind the one being applied; Give blocks until there is
// room. So many that a busy machine, which lets a thread wait for its turn, doesn't make each wait
// for the other at every batch.
class Applier {
 public:
  static constexpr size_t kWaiting = 4;

  // `database` must outlive the applier.
  explicit Applier(Database* database) : database_(database) {}
  // Returns when all that was given is applied.
  ~Applier();
  Applier(const Applier&) = delete;
  Applier& operator=(const Applier&) = delete;

  [[nodiscard]] absl::Status Give(Batch batch);
  // Until all that was given is applied.
  [[nodiscard]] absl::Status Wait();
  // Of the batches applied since the last call, in order.
  std::vector<ApplyResult> TakeResults();

 private:
  void Run();
  absl::StatusOr<ApplyResult> Apply(Batch batch);

  Database* const database_;
  std::thread thread_;  // since the first batch
  absl::Mutex mutex_;
  std::deque<Batch> waiting_ ABSL_GUARDED_BY(mutex_);
  bool applying_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<ApplyResult> results_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kg::server
