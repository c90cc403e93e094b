#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"

namespace kg::storage::internal {

// `what` says what was being done and stands in front of RocksDB's own words. A full disk becomes
// ResourceExhausted, damage DataLoss, an absent file NotFound, other I/O errors Internal.
absl::Status FromRocks(const rocksdb::Status& status, absl::string_view what);

inline rocksdb::Slice ToSlice(absl::string_view s) {
  return {s.data(), s.size()};
}
inline absl::string_view ToView(const rocksdb::Slice& s) {
  return {s.data(), s.size()};
}

}  // namespace kg::storage::internal
