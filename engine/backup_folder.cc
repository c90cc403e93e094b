#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/backup.h"
#include "engine/internal/backup_copy.h"
#include "engine/internal/backup_dirs.h"
#include "engine/internal/backup_manifest.h"
#include "storage/files.h"

namespace kg {
namespace {

using internal::kCheckFile;
using internal::kManifestFile;
using storage::PathLock;

constexpr char kLockFile[] = "LOCK";
constexpr char kLatest[] = "latest";
constexpr uint64_t kMaxCheckBytes = 1 << 20;
constexpr size_t kNamesShown = 5;

// Who may add to a folder or take from it.
absl::StatusOr<std::unique_ptr<PathLock>> LockFolder(const std::string& folder) {
  auto lock = PathLock::TryLock(absl::StrCat(folder, "/", kLockFile), PathLock::Kind::kExclusive);
  if (!absl::IsUnavailable(lock.status())) return lock;
  return absl::UnavailableError(
      absl::StrCat("another backup or prune is under way in ", folder, "; wait for it"));
}

bool IsWithin(const std::string& path, const std::string& folder) {
  const std::string inner = storage::CanonicalPath(path), outer = storage::CanonicalPath(folder);
  return inner == outer || absl::StartsWith(inner, absl::StrCat(outer, "/"));
}

BackupEntry ReadEntry(const std::string& folder, const std::string& name, bool folder_is_locked) {
  using State = BackupEntry::State;
  const std::string dir = absl::StrCat(folder, "/", name);
  BackupEntry entry;
  entry.name = name;
  const internal::Footprint size = internal::FootprintOf(dir);
  entry.bytes = size.bytes;
  entry.own_bytes = size.own_bytes;
  auto manifest = internal::ReadManifest(dir);
  if (manifest.ok()) {
    entry.state = State::kComplete;
    entry.manifest = *std::move(manifest);
  } else if (absl::IsNotFound(manifest.status())) {
    entry.state = folder_is_locked ? State::kUnderWay : State::kIncomplete;
  } else {
    entry.state = State::kDamaged;
    entry.problem = std::string(manifest.status().message());
  }
  const auto check = storage::ReadWholeFile(absl::StrCat(dir, "/", kCheckFile), kMaxCheckBytes);
  if (!check.ok()) return entry;
  // One that can't be read is none.
  if (auto decoded = internal::DecodeCheck(*check); decoded.ok()) entry.check = *decoded;
  return entry;
}

absl::StatusOr<std::vector<BackupEntry>> ReadFolder(const std::string& folder,
                                                    bool folder_is_locked) {
  std::vector<BackupEntry> entries;
  const auto names = storage::ListDirectory(folder);
  if (absl::IsNotFound(names.status())) return entries;
  if (!names.ok()) return absl::FailedPreconditionError(names.status().message());
  for (const std::string& name : *names) {
    if (!internal::TimeOfBackupName(name)) continue;
    entries.push_back(ReadEntry(folder, name, folder_is_locked));
  }
  // One process at a time adds to a folder, so no other can be under way.
  for (size_t i = 0; i + 1 < entries.size(); ++i) {
    if (entries[i].state == BackupEntry::State::kUnderWay)
      entries[i].state = BackupEntry::State::kIncomplete;
  }
  return entries;
}

// Later than every name that is there, whatever became of the clock.
std::string NewName(Timestamp now, const std::vector<BackupEntry>& entries) {
  std::string name = internal::BackupName(now);
  if (entries.empty() || entries.back().name < name) return name;
  return internal::BackupName(*internal::TimeOfBackupName(entries.back().name) + Duration(1));
}

// Its manifest first: what is left after a kill is a backup that is not complete.
absl::Status RemoveBackup(const std::string& dir) {
  const std::string manifest = absl::StrCat(dir, "/", kManifestFile);
  std::error_code error;
  std::unique_ptr<PathLock> lock;
  if (std::filesystem::exists(manifest, error)) {
    auto locked = PathLock::TryLock(manifest, PathLock::Kind::kExclusive);
    if (!locked.ok()) return locked.status();
    lock = *std::move(locked);
    if (absl::Status s = storage::RemoveAll(manifest); !s.ok()) return s;
    if (absl::Status s = storage::SyncPath(dir); !s.ok()) return s;
  }
  return storage::RemoveAll(dir);
}

// Which stay, by index.
std::vector<bool> Kept(const std::vector<BackupEntry>& entries, const PruneRule& rule) {
  const Timestamp now = internal::NowOf(rule.now);
  std::vector<bool> kept(entries.size(), false);
  int good = 0;
  for (size_t i = entries.size(); i-- > 0;) {
    const BackupEntry& entry = entries[i];
    if (entry.state == BackupEntry::State::kIncomplete) continue;
    if (!entry.good()) {
      // Of no use, but all there may be until there is a newer good one.
      kept[i] = good == 0;
      continue;
    }
    const bool young =
        rule.keep_for && now - *internal::TimeOfBackupName(entry.name) < *rule.keep_for;
    kept[i] = good == 0 || (rule.keep && good < *rule.keep) || young;
    ++good;
  }
  return kept;
}

}  // namespace

uint64_t BackupManifest::bytes() const {
  uint64_t total = 0;
  for (const BackupFile& file : files) total += file.bytes;
  return total;
}

BackupFolder::BackupFolder(std::string path) : path_(std::move(path)) {}

absl::StatusOr<BackupEntry> BackupFolder::Create(Database* database,
                                                 const BackupOptions& options) const {
  if (IsWithin(path_, database->path())) {
    return absl::InvalidArgumentError(
        absl::StrCat("backups in ", path_, " would lie within the data directory ",
                     database->path(), " and be lost with it: choose a folder outside"));
  }
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat("create ", path_, ": ", error.message()));
  }
  auto lock = LockFolder(path_);
  if (!lock.ok()) return lock.status();
  auto entries = ReadFolder(path_, false);
  if (!entries.ok()) return entries.status();

  const std::string name = NewName(internal::NowOf(options.now), *entries);
  internal::MakeBackupOptions make;
  make.database = database;
  make.backup_dir = PathOf(name);
  make.options = &options;
  for (const BackupEntry& entry : *entries) {
    if (entry.good()) make.former = {PathOf(entry.name), *entry.manifest};
  }
  if (absl::Status s = storage::MakePrivateDirectory(make.backup_dir); !s.ok()) return s;
  auto made = internal::MakeBackup(make);
  if (made.ok()) {
    if (absl::Status synced = storage::SyncPath(path_); !synced.ok()) made = synced;
  }
  if (!made.ok()) {
    RemoveBackup(make.backup_dir).IgnoreError();
    return made.status();
  }
  return ReadEntry(path_, name, false);
}

absl::StatusOr<std::vector<BackupEntry>> BackupFolder::List() const {
  return ReadFolder(path_, PathLock::IsLocked(absl::StrCat(path_, "/", kLockFile)));
}

absl::StatusOr<BackupEntry> BackupFolder::Find(const std::string& name) const {
  auto entries = List();
  if (!entries.ok()) return entries.status();
  std::reverse(entries->begin(), entries->end());
  std::vector<std::string> names;
  for (BackupEntry& entry : *entries) {
    if (name == kLatest ? entry.good() : entry.name == name) return std::move(entry);
    if (names.size() < kNamesShown) names.push_back(entry.name);
  }
  const std::string there =
      names.empty() ? "there is none" : absl::StrCat("there are ", absl::StrJoin(names, ", "));
  return absl::NotFoundError(
      absl::StrCat(name == kLatest ? "no good backup" : absl::StrCat("no backup '", name, "'"),
                   " in ", path_, ": ", there));
}

absl::StatusOr<PruneReport> BackupFolder::Prune(const PruneRule& rule) const {
  if (!rule.keep && !rule.keep_for) {
    return absl::InvalidArgumentError("say what to keep: a number of backups, or how many days");
  }
  if (rule.keep && *rule.keep < 1) {
    return absl::InvalidArgumentError("at least one backup is always kept; give 1 or more");
  }
  PruneReport report;
  std::error_code error;
  if (!std::filesystem::exists(path_, error)) return report;
  auto lock = LockFolder(path_);
  if (!lock.ok()) return lock.status();
  const auto entries = ReadFolder(path_, false);
  if (!entries.ok()) return entries.status();
  const std::vector<bool> kept = Kept(*entries, rule);
  for (size_t i = 0; i < entries->size(); ++i) {
    const BackupEntry& entry = (*entries)[i];
    if (kept[i]) {
      report.kept.push_back(entry.name);
      continue;
    }
    // What was shared with one that has gone meanwhile is its own now.
    const uint64_t own = internal::FootprintOf(PathOf(entry.name)).own_bytes;
    const absl::Status removed = RemoveBackup(PathOf(entry.name));
    if (absl::IsUnavailable(removed)) {
      report.in_use.push_back(entry.name);
      continue;
    }
    if (!removed.ok()) return removed;
    report.removed.push_back(entry.name);
    report.freed_bytes += own;
  }
  if (absl::Status synced = storage::SyncPath(path_); !synced.ok()) return synced;
  return report;
}

}  // namespace kg
