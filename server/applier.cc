#include "server/applier.h"

#include <new>
#include <utility>

namespace kg::server {

Applier::~Applier() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  thread_.join();
}

absl::Status Applier::Give(Batch batch) {
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  absl::MutexLock lock(&mutex_);
  const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_.size() < kWaiting || !status_.ok();
  };
  mutex_.Await(absl::Condition(&has_room));
  if (status_.ok()) waiting_.push_back(std::move(batch));
  return status_;
}

absl::Status Applier::Wait() {
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_.empty() && !applying_;
  };
  mutex_.Await(absl::Condition(&idle));
  return status_;
}

std::vector<ApplyResult> Applier::TakeResults() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(results_, {});
}

// Memory may run out here as it may while decoding; neither may end the process.
absl::StatusOr<ApplyResult> Applier::Apply(Batch batch) {
  try {
    return database_->Apply(std::move(batch));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory while applying");
  }
}

void Applier::Run() {
  while (true) {
    Batch batch;
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return closing_ || !waiting_.empty();
      };
      mutex_.Await(absl::Condition(&due));
      if (waiting_.empty()) return;
      batch = std::move(waiting_.front());
      waiting_.pop_front();
      applying_ = true;
    }
    absl::StatusOr<ApplyResult> result = Apply(std::move(batch));
    absl::MutexLock lock(&mutex_);
    applying_ = false;
    if (result.ok()) {
      results_.push_back(*std::move(result));
    } else {
      status_ = result.status();
      waiting_.clear();
    }
  }
}

}  // namespace kg::server
