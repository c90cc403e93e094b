#include "storage/internal/rocks_status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace kg::storage::internal {
namespace {

absl::StatusCode CodeOf(const rocksdb::Status& s) {
  if (s.IsNoSpace() || s.IsMemoryLimit()) return absl::StatusCode::kResourceExhausted;
  switch (s.code()) {
    case rocksdb::Status::kNotFound:
      return absl::StatusCode::kNotFound;
    case rocksdb::Status::kCorruption:
      return absl::StatusCode::kDataLoss;
    case rocksdb::Status::kInvalidArgument:
      return absl::StatusCode::kInvalidArgument;
    case rocksdb::Status::kNotSupported:
      return absl::StatusCode::kUnimplemented;
    case rocksdb::Status::kBusy:
    case rocksdb::Status::kTimedOut:
    case rocksdb::Status::kTryAgain:
    case rocksdb::Status::kIncomplete:
      return absl::StatusCode::kUnavailable;
    case rocksdb::Status::kShutdownInProgress:
    case rocksdb::Status::kAborted:
      return absl::StatusCode::kAborted;
    default:
      return s.IsPathNotFound() ? absl::StatusCode::kNotFound : absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  // Of a table that is not there RocksDB tries an older name last, and tells that one.
  const std::string text = absl::StrReplaceAll(status.ToString(), {{".ldb", ".sst"}});
  return absl::Status(CodeOf(status), absl::StrCat(what, ": ", text));
}

}  // namespace kg::storage::internal
