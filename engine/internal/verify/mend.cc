#include "engine/internal/verify/mend.h"

#include <algorithm>

namespace kg::verify {
namespace {

constexpr size_t kFixesPerBatch = 1000;

}  // namespace

void Apply(const Fix& fix, storage::WriteSession* session) {
  if (fix.place.bucket == nullptr) {
    fix.is_delete ? session->Delete(fix.scope, fix.place.table, fix.key)
                  : session->Put(fix.scope, fix.place.table, fix.key, fix.value);
    return;
  }
  const auto kind = static_cast<storage::RecordKind>(fix.kind);
  const Timestamp start = storage::BucketStart(fix.place.bucket);
  const auto bucket = std::find_if(session->buckets().begin(), session->buckets().end(),
                                   [&](const auto& b) { return storage::BucketStart(b) == start; });
  if (bucket == session->buckets().end()) return;
  fix.is_delete ? session->Delete(*bucket, fix.scope, kind, fix.key)
                : session->Put(*bucket, fix.scope, kind, fix.key, fix.value);
}

void Mender::Take(const Fix& fix) {
  fixes_.push_back(fix);
  if (fixes_.size() >= kFixesPerBatch) Write();
}

absl::Status Mender::Finish() {
  Write();
  return status_;
}

void Mender::Write() {
  const std::vector<Fix> fixes = std::move(fixes_);
  fixes_.clear();
  if (fixes.empty() || !status_.ok()) return;
  auto session = store_->BeginWrite({});
  if (!session.ok()) {
    status_ = session.status();
    return;
  }
  for (const Fix& fix : fixes) Apply(fix, session->get());
  rows_ += (*session)->rows();
  status_ = (*session)->Commit().status();
}

}  // namespace kg::verify
