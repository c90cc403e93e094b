#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/backup.h"
#include "storage/files.h"

// Where the parts of a backup lie, and who may touch them.

namespace kg::internal {

// "20260302T105226.000123Z": sorts by time, and is nothing that anybody else would name a folder.
std::string BackupName(Timestamp t);
// nullopt: not the name of a backup.
std::optional<Timestamp> TimeOfBackupName(const std::string& name);

Timestamp NowOf(const std::function<Timestamp()>& now);

// Keeps a backup from being pruned. Media that knows no locks needs none. Unavailable: it is being
// removed. NotFound: it has no manifest.
absl::StatusOr<std::unique_ptr<storage::PathLock>> LockForReading(const std::string& backup_dir);

// Makes a complete backup in `backup_dir`, which is there and empty: checkpoint, files, manifest,
// synced. On an error the directory holds what was made so far.
struct MakeBackupOptions {
  Database* database = nullptr;
  std::string backup_dir;
  std::optional<std::pair<std::string, BackupManifest>> former;  // directory and manifest
  const BackupOptions* options = nullptr;
};
absl::StatusOr<BackupManifest> MakeBackup(const MakeBackupOptions& make);

// The one who may have things in the staging folder of a data directory, emptied for it; it goes
// when this does. Unavailable: somebody else has it.
class Staging {
 public:
  static absl::StatusOr<std::unique_ptr<Staging>> Claim(const std::string& data_dir);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  const std::string& path() const { return path_; }

 private:
  Staging(std::string path, std::unique_ptr<storage::PathLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  const std::string path_;
  const std::unique_ptr<storage::PathLock> lock_;
};

}  // namespace kg::internal
