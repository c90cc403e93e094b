#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "engine/mutation.h"

namespace kg::ingest {

// Records that wait for a time, in the order they came: encoded in memory up to a bound, beyond it
// in an anonymous temporary file. They are redacted by then. Not thread-safe.
class HeldRecords {
 public:
  explicit HeldRecords(uint64_t memory_bytes) : memory_bytes_(memory_bytes) {}
  ~HeldRecords();
  HeldRecords(const HeldRecords&) = delete;
  HeldRecords& operator=(const HeldRecords&) = delete;

  // Objects, edges and log lines; the others always name a time. Unavailable when the file fails.
  absl::Status Add(const Mutation& mutation);
  // Hands all of them to `take` and forgets them.
  absl::Status Drain(const std::function<absl::Status(Mutation)>& take);
  uint64_t count() const { return count_; }

 private:
  absl::Status Spill();

  const uint64_t memory_bytes_;
  std::string buffer_;
  std::FILE* file_ = nullptr;
  uint64_t count_ = 0;
};

// For tests: what Add stores, and back. False when `bytes` is no such record.
std::string EncodeHeld(const Mutation& mutation);
bool DecodeHeld(absl::string_view bytes, Mutation* mutation);

}  // namespace kg::ingest
