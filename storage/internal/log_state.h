#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/env.h"

// Tells a log whose end was being written when the power went from one that was damaged later.
// RocksDB passes over both in silence, and with the second over commits that were acknowledged.

namespace kg::storage::internal {

enum class LogState : uint8_t {
  kWhole,
  kTorn,     // the last record is incomplete: it was never acknowledged
  kDamaged,  // records that were whole once do not match their checksums any more
};

struct LogEnd {
  LogState state = LogState::kWhole;
  uint64_t offset = 0;  // where the whole part ends
};

// `bytes` are a write-ahead log or a MANIFEST, in RocksDB's log format: blocks of 32 KiB, records
// of (masked CRC-32C, length, type, payload) that never straddle one. An end is torn when no whole
// record follows it and it is cut short or holds sectors that were never written.
LogEnd EndOfLog(absl::string_view bytes);

// DataLoss, naming the file, when CURRENT or the MANIFEST it names is damaged.
absl::Status CheckManifest(rocksdb::Env* env, const std::string& path);

// DataLoss, naming the file, when a write-ahead log in `path` is damaged, or is cut short though a
// later one has records. A torn end of the last one is OK.
absl::Status CheckWriteAheadLogs(rocksdb::Env* env, const std::string& path);

}  // namespace kg::storage::internal
