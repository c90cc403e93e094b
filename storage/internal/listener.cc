#include "storage/internal/listener.h"

#include "storage/internal/rocks_status.h"

namespace kg::storage::internal {

absl::Status BackgroundWatch::error() const {
  absl::MutexLock lock(&mu_);
  return error_;
}

bool BackgroundWatch::AwaitNoCompaction(const std::string& family, absl::Duration limit) {
  struct Wait {
    const std::map<std::string, int>* running;
    const std::string* family;
  } wait{&compactions_, &family};
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(
      absl::Condition(
          +[](Wait* w) { return w->running->count(*w->family) == 0; }, &wait),
      limit);
}

void BackgroundWatch::OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) {
  if (status->IsNoSpace()) on_no_space_();
  absl::MutexLock lock(&mu_);
  error_ = FromRocks(*status, "background work stopped");
}

void BackgroundWatch::OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) {
  absl::MutexLock lock(&mu_);
  error_ = FromRocks(info.new_bg_error, "background work stopped");
}

void BackgroundWatch::OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo& job) {
  absl::MutexLock lock(&mu_);
  ++compactions_[job.cf_name];
}

void BackgroundWatch::OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& job) {
  absl::MutexLock lock(&mu_);
  auto running = compactions_.find(job.cf_name);
  if (running != compactions_.end() && --running->second == 0) compactions_.erase(running);
}

}  // namespace kg::storage::internal
