#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/backup.h"
#include "tests/semantics/fixture.h"

// A stream of batches with positions, so that a copy of a database can be compared with one that
// was told just what the copy's positions say.

namespace kg::backups {

using semantics::TempDir;

inline constexpr int kBatches = 160;

// Failures, objects that change, edges and their ends, `step` of data time apart; maintenance at
// fixed batches.
struct Stream {
  Duration step = std::chrono::minutes(2);

  DatabaseOptions Options() const;
  std::unique_ptr<Database> Open(const std::string& path) const;
  absl::Status Tell(Database* db, int i) const;   // one batch
  absl::Status Apply(Database* db, int i) const;  // and the maintenance that is due behind it
  void ApplyUpTo(Database* db, int end) const;
  // The dump of a database that was told the first n batches.
  std::string DumpAfter(int n) const;
};

// The first batch that a database has not been told.
int NextBatch(const Database& db);
std::string Dump(Database* db);

BackupEntry MustCreate(const BackupFolder& folder, Database* db, const BackupOptions& options = {});
BackupEntry MustVerify(const BackupFolder& folder, const std::string& name);
std::vector<BackupEntry> MustList(const BackupFolder& folder);
void MustRestore(const std::string& backup_dir, const std::string& data_dir);
std::string MustArchive(const std::string& backup_dir);
// RestoreArchive of bytes.
absl::Status RestoreBytes(const std::string& archive, const std::string& data_dir);

bool Exists(const std::string& path);
// Paths of all files below, relative, with their sizes.
std::vector<std::string> Tree(const std::string& path);
// The largest SST file of a backup, made one that is shared with nobody, so that it can be damaged
// alone.
std::string OwnSst(const std::string& backup_dir);
void Flip(const std::string& path, uint64_t at);
// XXH3-128 as manifests have it.
std::string ChecksumOf(const std::string& bytes);

// A directory on another file system than the temporary one; "" where there is none.
std::string ElsewhereDir();

// Runs the hidden test case `name` of this program as a process of its own with `variables` set,
// and returns its wait status.
int RunChild(const std::string& name,
             const std::vector<std::pair<std::string, std::string>>& variables);

}  // namespace kg::backups
