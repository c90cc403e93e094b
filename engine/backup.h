#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/database.h"
#include "engine/mutation.h"
#include "storage/types.h"

// Copies of a database that outlive it. A folder holds one directory per backup:
//
//   <folder>/20260302T105226.000123Z/backup.manifest   what is in it; written last and synced
//                                   /backup.check      the outcome of the last verification
//                                   /data/…            the store's own files
//
// A directory without a manifest is a backup that did not get finished: it is shown as such, pruned
// and never restored. Files that two backups have in common are stored once (hard links).

namespace kg {

struct BackupFile {
  std::string name;  // within data/
  uint64_t bytes = 0;
  std::string checksum;  // XXH3-128, 32 hex digits
};

// What a backup holds, exactly.
struct BackupManifest {
  uint32_t format_version = 0;
  std::string store_id;
  uint64_t epoch = 0;
  uint64_t sequence = 0;  // of the last commit in it
  Timestamp data_clock = kBeginning;
  Timestamp oldest = kBeginning;  // start of retention
  Timestamp begun, finished;
  std::map<std::string, int64_t> counts;  // resources, episodes, …
  std::vector<SourcePosition> positions;  // where its sources go on
  std::vector<BackupFile> files;

  uint64_t bytes() const;
};

struct BackupCheck {
  Timestamp at;
  std::string problem;  // empty: it was sound then
};

struct BackupEntry {
  enum class State {
    kComplete,
    kUnderWay,    // being made by a process that runs
    kIncomplete,  // its making was ended
    kDamaged,     // its manifest can't be read; `problem` says why
  };
  std::string name;  // sorts by time
  State state = State::kIncomplete;
  std::string problem;
  std::optional<BackupManifest> manifest;  // of a complete one
  std::optional<BackupCheck> check;        // none: never verified
  uint64_t bytes = 0;                      // on disk, whatever its state
  uint64_t own_bytes = 0;                  // of these, what its removal would free

  // Complete, and not known to be bad.
  bool good() const { return state == State::kComplete && (!check || check->problem.empty()); }
};

struct BackupProgress {
  const char* step;  // "checkpoint", "copy", "checksums", "rows", "question"
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;  // 0: not known
};
// Called by the working thread, often; an error ends the work with that error.
using OnBackupProgress = std::function<absl::Status(const BackupProgress&)>;

struct BackupOptions {
  OnBackupProgress progress;
  std::function<Timestamp()> now;  // the wall clock; empty: the system's
};

struct VerifyBackupOptions : BackupOptions {
  // Asked of the opened copy at the end; an error makes the backup a bad one.
  std::function<absl::Status(const Database&)> ask;
};

// Which backups stay. One that either asks for stays; so does the last good one, always.
struct PruneRule {
  std::optional<int> keep;           // the newest so many good ones
  std::optional<Duration> keep_for;  // good ones that are younger
  std::function<Timestamp()> now;    // as in BackupOptions
};

struct PruneReport {
  std::vector<std::string> removed;
  std::vector<std::string> kept;
  std::vector<std::string> in_use;  // would have been removed, but are being read
  uint64_t freed_bytes = 0;
};

// A folder of backups. Operation: one Create or Prune at a time per folder, of all processes (the
// next is Unavailable); the others run beside them and beside each other. A backup that is read is
// not pruned. Concurrency: thread-safe. Limitations: on the file system of the data directory a
// backup shares its large files with the database: that guards against mistakes, not against the
// loss of the disk.
class BackupFolder {
 public:
  explicit BackupFolder(std::string path);

  const std::string& path() const { return path_; }

  // Copies `database` while it is written to. ResourceExhausted: the disk is full; the part that
  // was made is gone again. InvalidArgument: the folder lies within the data directory.
  absl::StatusOr<BackupEntry> Create(Database* database, const BackupOptions& options) const;

  // By time. No folder: none. FailedPrecondition when it can't be read.
  absl::StatusOr<std::vector<BackupEntry>> List() const;
  // By name; "latest" is the newest good one. NotFound names what is there.
  absl::StatusOr<BackupEntry> Find(const std::string& name) const;

  // Reads every byte, opens the copy, compares it with its manifest and asks it. The entry's check
  // says what was found, and is kept in the backup where that can be written. An error: it could
  // not be tried.
  absl::StatusOr<BackupEntry> Verify(const std::string& name,
                                     const VerifyBackupOptions& options) const;

  // Removes what the rule does not keep, and what did not get finished. InvalidArgument for a rule
  // that says nothing.
  absl::StatusOr<PruneReport> Prune(const PruneRule& rule) const;

  // The directory of a backup.
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

 private:
  const std::string path_;
};

// One backup as a .tar.zst, in pieces: the manifest first. Protects it from Prune as long as it
// lives. Not thread-safe.
class BackupArchive {
 public:
  virtual ~BackupArchive() = default;
  // `dir`: a backup's directory. FailedPrecondition when it is not complete.
  static absl::StatusOr<std::unique_ptr<BackupArchive>> Open(const std::string& dir);
  // Of a database, of now, without a folder: what is needed lies in its directory until this is
  // destroyed. Unavailable when another one does so.
  static absl::StatusOr<std::unique_ptr<BackupArchive>> Make(Database* database,
                                                             const BackupOptions& options);

  // Some 100 KiB, compressed; empty at the end. DataLoss when a file is not what the manifest says.
  virtual absl::StatusOr<std::string> Next() = 0;
  virtual const BackupManifest& manifest() const = 0;
  virtual uint64_t done_bytes() const = 0;  // of manifest().bytes()
};

struct RestoreOptions {
  std::string data_dir;  // absent or empty
  OnBackupProgress progress;
};

// Makes a data directory of a backup (its directory). All is copied and checked beside `data_dir`
// and moved there at the end, so that a restore that is ended leaves nothing at `data_dir`. The new
// store has its own epoch, and its sources go on at the positions of the backup.
// FailedPrecondition: the target is not empty, or the backup is of a newer format; DataLoss: the
// backup is damaged; ResourceExhausted: no room.
absl::StatusOr<BackupManifest> RestoreBackup(const std::string& backup_dir,
                                             const RestoreOptions& options);
// The same from a .tar.zst (see storage/archive.h for `read`), which anybody may have made.
absl::StatusOr<BackupManifest> RestoreArchive(
    std::function<absl::StatusOr<size_t>(char* buffer, size_t size)> read,
    const RestoreOptions& options);

}  // namespace kg
