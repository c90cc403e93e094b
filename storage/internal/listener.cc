#include "storage/internal/listener.h"

#include "storage/internal/rocks_status.h"

namespace kg::storage::internal {

absl::Status BackgroundWatch::error() const {
  absl::MutexLock lock(&mu_);
  return error_;
}

absl::Status BackgroundWatch::writes_stopped() const {
  absl::MutexLock lock(&mu_);
  return writes_stopped_ ? error_ : absl::OkStatus();
}

bool BackgroundWatch::write_failed() const {
  absl::MutexLock lock(&mu_);
  return write_failed_;
}

absl::Status BackgroundWatch::damage() const {
  absl::MutexLock lock(&mu_);
  return damage_;
}

void BackgroundWatch::NoteDamage(const absl::Status& found) {
  absl::MutexLock lock(&mu_);
  if (damage_.ok()) damage_ = found;
}

bool BackgroundWatch::NoSpaceSeen() const {
  absl::MutexLock lock(&mu_);
  return no_space_;
}

void BackgroundWatch::ForgetNoSpace() {
  absl::MutexLock lock(&mu_);
  no_space_ = false;
}

bool BackgroundWatch::AwaitNoCompaction(const std::string& family, absl::Time deadline) {
  struct Wait {
    const std::map<std::string, int>* running;
    const std::string* family;
  } wait{&compactions_, &family};
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithDeadline(
      absl::Condition(
          +[](Wait* w) { return w->running->count(*w->family) == 0; }, &wait),
      deadline);
}

void BackgroundWatch::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                        rocksdb::Status* status) {
  if (status->IsNoSpace()) on_no_space_();
  absl::MutexLock lock(&mu_);
  write_failed_ = write_failed_ || reason == rocksdb::BackgroundErrorReason::kWriteCallback ||
                  reason == rocksdb::BackgroundErrorReason::kMemTable;
  no_space_ = no_space_ || status->IsNoSpace();
  writes_stopped_ = status->severity() >= rocksdb::Status::kHardError;
  error_ = FromRocks(*status, "background work stopped");
}

void BackgroundWatch::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                                           bool* auto_recovery) {
  *auto_recovery = false;
}

void BackgroundWatch::OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) {
  absl::MutexLock lock(&mu_);
  writes_stopped_ = info.new_bg_error.severity() >= rocksdb::Status::kHardError;
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
