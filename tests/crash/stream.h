#pragma once

#include <cstdint>
#include <string>

#include "engine/database.h"
#include "tests/semantics/telling.h"

namespace kg::crash {

// An endless stream of batches as a source would deliver them: objects with states that come and
// go, names used again, edges seen and gone, series of events that grow, alerts, log lines,
// listings, causes that come late, deletions by name, records that are refused, and batches that
// only confirm what is known. The clock runs fast: a batch is about four minutes after the one
// before. Batch `i` is the same for the same seed, wherever the reader begins.
class Stream {
 public:
  explicit Stream(uint64_t seed) : seed_(seed) {}

  // With its source position, which is i.
  Batch Number(int64_t i) const;
  // The wall clock when batch i arrives.
  Timestamp WallAt(int64_t i) const;
  // The batch to go on with.
  static int64_t NextOf(const Database& db);

 private:
  const uint64_t seed_;
};

// What both the database under test and the reference are opened with: buckets of one hour, so
// that they roll, are sealed and expire all the time, and memtables so small that they are flushed
// and compacted. `now` must outlive the database.
DatabaseOptions StreamOptions(const Timestamp* now);

}  // namespace kg::crash
