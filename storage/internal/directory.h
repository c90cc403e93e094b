#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The directory around RocksDB: who owns it, what may lie in it, the reserve for a full disk.

namespace kg::storage::internal {

// Says within this process that a directory is open for writing; between processes RocksDB's LOCK
// does. Both are needed: POSIX locks do not exclude their own process, and merely closing a second
// descriptor of the LOCK file would give the lock up.
class OwnerMark {
 public:
  // Unavailable when this process has the directory open already.
  static absl::StatusOr<std::unique_ptr<OwnerMark>> Claim(const std::string& path);
  ~OwnerMark();
  OwnerMark(const OwnerMark&) = delete;
  OwnerMark& operator=(const OwnerMark&) = delete;

 private:
  explicit OwnerMark(std::string canonical) : canonical_(std::move(canonical)) {}
  const std::string canonical_;
};

// Whether another process holds RocksDB's lock. System calls only. Not to be asked by the owner's
// own process: closing the descriptor gives the lock up.
bool LockHeldByOther(const char* lock_file);
// Unavailable, saying what to do, when a node runs on the directory.
absl::Status CheckUnowned(const std::string& path);
absl::Status OwnedError(const std::string& path);

enum class DirectoryContent { kAbsent, kEmpty, kDatabase };

// FailedPrecondition when it holds files that are not a database's.
absl::StatusOr<DirectoryContent> InspectDirectory(const std::string& path);
absl::Status MakeDirectories(const std::string& path);

// Makes the reserve file where it is missing. Best effort: a disk without ample room for it gets
// none.
void EnsureReserve(const std::string& path, uint64_t bytes);
void ReleaseReserve(const std::string& path);

// fsync of every file in `dir`, of `dir` and of its parent.
absl::Status SyncDirectory(const std::string& dir);

}  // namespace kg::storage::internal
