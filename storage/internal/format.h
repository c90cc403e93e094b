#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/store.h"

// Names and rows by which the store describes itself on disk. Every function is pure.

namespace kg::storage::internal {

// 2: packed episodes, short rows of X, S without values (engine/README.md, "Formats").
inline constexpr uint32_t kFormatVersion = 2;
inline constexpr int kTables = 7;

// The file whose release lets a full disk take the last writes. RocksDB ignores its name.
inline constexpr char kReserveFile[] = "RESERVE";

// By the value of Table.
absl::string_view TableName(Table table);
std::optional<Table> TableOfName(absl::string_view name);

// `t@<start micros>`; the start is the identity of a bucket, its end may change.
std::string BucketName(Timestamp start);
std::optional<Timestamp> StartOfName(absl::string_view name);

// What stands in front of a key: 4 bytes of scope, big endian, and in a bucket the kind byte.
struct RowPrefix {
  char bytes[5];
  size_t size;

  explicit RowPrefix(ScopeId scope);
  RowPrefix(ScopeId scope, RecordKind kind);
  static RowPrefix None();  // shows whole keys
  absl::string_view view() const { return {bytes, size}; }
};

// The smallest string above every string that begins with `prefix`; empty when there is none.
std::string PrefixEnd(absl::string_view prefix);

// Whole keys in `meta` of the store's own rows.
std::string FormatKey();
std::string ProgressKey();
std::string ExpiryKey();
std::string BucketRowPrefix();
std::string BucketRowKey(Timestamp start);

struct ProgressRow {
  Timestamp data_clock = kBeginning;
  uint64_t sequence = 0;
  Timestamp newest_in_clock_bucket = kBeginning;
};

std::string EncodeFormat(const StoreIdentity& identity);
absl::StatusOr<StoreIdentity> DecodeFormat(absl::string_view bytes);
std::string EncodeBucket(const BucketInfo& info);
absl::StatusOr<BucketInfo> DecodeBucket(absl::string_view bytes);
std::string EncodeProgress(const ProgressRow& row);
absl::StatusOr<ProgressRow> DecodeProgress(absl::string_view bytes);
std::string EncodeExpiry(Timestamp dropped_until);
absl::StatusOr<Timestamp> DecodeExpiry(absl::string_view bytes);

}  // namespace kg::storage::internal
