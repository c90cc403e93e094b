#pragma once

#include <memory>
#include <string>

#include "engine/database.h"
#include "tests/crash/stream.h"
#include "tests/storage/fault_fs.h"

// A database on a disk that fails as it is told, fed from the stream of tests/crash.

namespace kg::faults {

class World {
 public:
  explicit World(uint64_t seed = 1) : stream(seed) { options = Options(); }

  // Buckets of an hour; synced, as the disk is one that forgets.
  DatabaseOptions Options();
  absl::Status Open();
  void MustOpen();
  void Close() { db.reset(); }
  // The next batch of the stream.
  absl::Status Apply();
  void MustApply(int64_t batches);
  // Where the stream stands.
  int64_t Next() const { return crash::Stream::NextOf(*db); }
  // Fails the test unless the database holds exactly the first Next() batches, and these are
  // `acknowledged`, or one more that was in flight.
  void MustHold(int64_t acknowledged) { MustHold(acknowledged, acknowledged); }
  // `committed`: how many were acknowledged up to the last that made a commit. Those behind it only
  // confirmed what was known, and are durable with the next commit.
  void MustHold(int64_t committed, int64_t acknowledged);
  std::string Dump() const;
  // Of a database that applied the first `batches` on a disk without faults.
  std::string Expected(int64_t batches);

  const semantics::TempDir dir;
  const std::string path = dir.Sub("db");
  storage::FaultFs disk;
  const crash::Stream stream;
  Timestamp now;
  DatabaseOptions options;
  std::unique_ptr<Database> db;

 private:
  std::unique_ptr<Database> reference_;
  int64_t reference_next_ = 0;
  Timestamp reference_now_;
};

}  // namespace kg::faults
