#include "engine/internal/verify/mend.h"

#include <algorithm>

namespace kg::verify {
namespace {

constexpr size_t kFixesPerBatch = 1000;

}  // namespace

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
  storage::WriteSession& s = **session;
  for (const Fix& f : fixes) {
    if (f.place.bucket == nullptr) {
      f.is_delete ? s.Delete(f.scope, f.place.table, f.key)
                  : s.Put(f.scope, f.place.table, f.key, f.value);
      continue;
    }
    const auto kind = static_cast<storage::RecordKind>(f.kind);
    const auto bucket = std::find_if(s.buckets().begin(), s.buckets().end(), [&](const auto& b) {
      return storage::BucketStart(b) == storage::BucketStart(f.place.bucket);
    });
    if (bucket == s.buckets().end()) continue;
    f.is_delete ? s.Delete(*bucket, f.scope, kind, f.key)
                : s.Put(*bucket, f.scope, kind, f.key, f.value);
  }
  rows_ += s.rows();
  status_ = s.Commit().status();
}

}  // namespace kg::verify
