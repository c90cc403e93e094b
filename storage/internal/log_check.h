#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace kg::storage::internal {

// What reading one of RocksDB's logs (WAL or MANIFEST) record by record showed.
struct LogCheck {
  uint64_t records = 0;                // parts of records, as they stand in blocks
  std::optional<uint64_t> damaged_at;  // byte of the first that does not match its checksum
  uint64_t records_behind_damage = 0;  // good ones: what a reader that stops there loses
  uint64_t bytes = 0;
  bool torn = false;  // the last record is not whole: a crash while it was written
};

// The format is that of RocksDB's doc "Write Ahead Log File Format": blocks of 32 KiB, each part of
// a record behind its CRC-32C, length and type. An error is one of reading the file.
absl::StatusOr<LogCheck> CheckLog(const std::string& file);

// CRC-32C (Castagnoli), as RocksDB stores it once masked.
uint32_t Crc32c(const char* data, size_t n);

}  // namespace kg::storage::internal
