#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backup.h"
#include "storage/files.h"

// Files on their way into and out of a backup.

namespace kg::internal {

// The last complete backup of a folder: what is the same there need not be stored again.
struct FormerBackup {
  std::string data_dir;
  BackupManifest manifest;
};

// Sums the files of a checkpoint that was made where the backup will be. One that is the very same
// file (inode) as in the former backup has the sum that it had when it was new; reading it again
// would only bless what has happened to it since.
absl::StatusOr<std::vector<BackupFile>> SumInPlace(const std::string& data_dir,
                                                   const std::optional<FormerBackup>& former,
                                                   const storage::OnBytes& on_bytes);

// Copies the files of a checkpoint on another file system to `data_dir`, which is there. One whose
// name, size and checksum are those of the former backup is linked from there.
absl::StatusOr<std::vector<BackupFile>> CopyOver(const std::string& checkpoint_dir,
                                                 const std::string& data_dir,
                                                 const std::optional<FormerBackup>& former,
                                                 const storage::OnBytes& on_bytes);

// The sizes of all files in `dir` together; 0 when it can't be read.
uint64_t SizeOf(const std::string& dir);
// Of these, the bytes of files that have no other name; and all.
struct Footprint {
  uint64_t bytes = 0;
  uint64_t own_bytes = 0;
};
Footprint FootprintOf(const std::string& dir);

// Whether links between two directories are possible.
bool OnSameFileSystem(const std::string& a, const std::string& b);

}  // namespace kg::internal
