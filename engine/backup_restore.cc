#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/backup.h"
#include "engine/internal/backup_copy.h"
#include "engine/internal/backup_dirs.h"
#include "engine/internal/backup_manifest.h"
#include "storage/archive.h"
#include "storage/files.h"
#include "storage/store.h"

namespace kg {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = 256 << 10;

absl::Status CheckFormat(const BackupManifest& manifest) {
  const uint32_t known = storage::NewestFormat();
  if (manifest.format_version >= 1 && manifest.format_version <= known) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the backup has format ", manifest.format_version, ", this kgctl knows up to ",
                   known, ": use the kgctl that made it, or a newer one"));
}

// A directory beside the target, in which it is made, and its move to the target. Whatever is not
// moved is removed.
class Target {
 public:
  static absl::StatusOr<std::unique_ptr<Target>> Prepare(const std::string& data_dir) {
    const std::string target = storage::CanonicalPath(data_dir);
    if (absl::Status free = CheckFree(target); !free.ok()) return free;
    std::error_code error;
    fs::create_directories(fs::path(target).parent_path(), error);
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat("create ", fs::path(target).parent_path().string(), ": ", error.message()));
    }
    const std::string work = absl::StrCat(target, ".restoring");
    auto lock = storage::PathLock::TryLock(absl::StrCat(work, ".lock"),
                                           storage::PathLock::Kind::kExclusive);
    if (absl::IsUnavailable(lock.status())) {
      return absl::UnavailableError(absl::StrCat("another restore to ", target, " is under way"));
    }
    if (!lock.ok()) return lock.status();
    std::unique_ptr<Target> made(new Target(target, work, *std::move(lock)));
    // Of a restore that was killed.
    if (absl::Status s = storage::RemoveAll(work); !s.ok()) return s;
    if (absl::Status s = storage::MakePrivateDirectory(work); !s.ok()) return s;
    return made;
  }
  ~Target() {
    storage::RemoveAll(work_).IgnoreError();
    storage::RemoveAll(absl::StrCat(work_, ".lock")).IgnoreError();
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  const std::string& work() const { return work_; }

  absl::Status CheckRoom(uint64_t bytes) const {
    std::error_code error;
    const fs::space_info space = fs::space(work_, error);
    if (error || space.available >= bytes) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat("the backup needs ", bytes >> 20,
                                                     " MiB, and where ", target_, " is there are ",
                                                     space.available >> 20));
  }

  absl::Status Move() {
    if (absl::Status s = storage::SyncPath(work_); !s.ok()) return s;
    if (absl::Status s = storage::RenameDirectory(work_, target_); !s.ok()) {
      return absl::Status(s.code(), absl::StrCat(s.message(),
                                                 "; where a disk is mounted name a directory "
                                                 "below"));
    }
    return storage::SyncPath(fs::path(target_).parent_path().string());
  }

 private:
  Target(std::string target, std::string work, std::unique_ptr<storage::PathLock> lock)
      : target_(std::move(target)), work_(std::move(work)), lock_(std::move(lock)) {}

  static absl::Status CheckFree(const std::string& target) {
    const auto names = storage::ListDirectory(target);
    if (absl::IsNotFound(names.status())) return absl::OkStatus();
    if (!names.ok()) return absl::FailedPreconditionError(names.status().message());
    if (names->empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(target, " is not empty (", names->front(),
                     "): a restore makes a new directory; name another --data-dir, or move that "
                     "one away"));
  }

  const std::string target_;
  const std::string work_;
  const std::unique_ptr<storage::PathLock> lock_;
};

absl::Status Compare(const BackupFile& file, const storage::FileSum& sum) {
  if (sum.bytes == file.bytes && sum.checksum == file.checksum) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the backup is damaged: ", file.name,
                   sum.bytes == file.bytes ? " has another checksum" : " has another size",
                   " than its manifest says; take another backup"));
}

// A store that goes its own way from here: cursors into the old one's feed must not fit it.
absl::Status BeginEpoch(const std::string& dir, const BackupManifest& manifest) {
  storage::StoreOptions options;
  options.create_if_missing = false;
  options.retention = internal::OptionsForCopy(manifest).retention;
  options.reserve_bytes = 0;
  auto store = storage::Store::Open(dir, options);
  if (!store.ok()) return store.status();
  return (*store)->BeginEpoch();
}

// The copy becomes a database of its own, if it is what the manifest says.
absl::Status Conclude(const BackupManifest& manifest, const OnBackupProgress& progress,
                      Target* target) {
  if (progress) {
    if (absl::Status told = progress({"rows", 0, 0}); !told.ok()) return told;
  }
  if (absl::Status s = BeginEpoch(target->work(), manifest); !s.ok()) return s;
  {
    const auto database = Database::Open(target->work(), internal::OptionsForCopy(manifest));
    if (!database.ok()) return database.status();
    const auto stats = (*database)->Stats();
    if (!stats.ok()) return stats.status();
    if (const std::string other = internal::StateDifference(manifest, *stats); !other.empty())
      return absl::DataLossError(absl::StrCat("the backup is not what its manifest says: ", other));
  }
  return target->Move();
}

absl::StatusOr<std::string> ReadWhole(storage::ArchiveReader* archive, uint64_t bytes) {
  std::string text;
  text.resize(bytes);
  for (size_t at = 0; at < bytes;) {
    const auto got = archive->ReadFile(text.data() + at, bytes - at);
    if (!got.ok()) return got.status();
    if (*got == 0) return absl::DataLossError("the archive is cut off");
    at += *got;
  }
  return text;
}

absl::StatusOr<BackupManifest> ReadManifestEntry(storage::ArchiveReader* archive) {
  const auto first = archive->Next();
  if (!first.ok()) return first.status();
  if (!*first || (*first)->name != internal::kManifestFile ||
      (*first)->bytes > internal::kMaxManifestBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "this is no archive of a backup: ", internal::kManifestFile, " must come first"));
  }
  const auto bytes = ReadWhole(archive, (*first)->bytes);
  if (!bytes.ok()) return bytes.status();
  return internal::DecodeManifest(*bytes);
}

// Takes files out of an archive: those that the manifest names, each once, with just their bytes.
class Unpacking {
 public:
  Unpacking(storage::ArchiveReader* archive, const BackupManifest& manifest,
            const OnBackupProgress& progress, std::string dir)
      : archive_(archive),
        manifest_(manifest),
        progress_(progress),
        dir_(std::move(dir)),
        buffer_(new char[kPiece]) {
    for (const BackupFile& file : manifest.files)
      expected_[absl::StrCat(internal::kDataFolder, "/", file.name)] = &file;
  }

  absl::Status Run() {
    while (true) {
      const auto entry = archive_->Next();
      if (!entry.ok()) return entry.status();
      if (!*entry) break;
      const auto found = expected_.find((*entry)->name);
      if (found == expected_.end() || (*entry)->bytes != found->second->bytes) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the archive has '", (*entry)->name,
            found == expected_.end() ? "', which its manifest does not name (or not once more)"
                                     : "' with another size than its manifest says",
            ": refused"));
      }
      if (absl::Status taken = Take(*found->second); !taken.ok()) return taken;
      expected_.erase(found);
    }
    if (expected_.empty()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("the archive is cut off: ", expected_.size(),
                                            " files are missing, ", expected_.begin()->first,
                                            " for one"));
  }

 private:
  absl::Status Take(const BackupFile& file) {
    auto writer = storage::FileWriter::Create(absl::StrCat(dir_, "/", file.name));
    if (!writer.ok()) return writer.status();
    while (true) {
      const auto got = archive_->ReadFile(buffer_.get(), kPiece);
      if (!got.ok()) return got.status();
      if (*got == 0) break;
      absl::Status status = (*writer)->Write(absl::string_view(buffer_.get(), *got));
      done_ += *got;
      if (status.ok() && progress_) status = progress_({"copy", done_, manifest_.bytes()});
      if (!status.ok()) return status;
    }
    const auto sum = (*writer)->Finish();
    return sum.ok() ? Compare(file, *sum) : sum.status();
  }

  storage::ArchiveReader* const archive_;
  const BackupManifest& manifest_;
  const OnBackupProgress& progress_;
  const std::string dir_;
  const std::unique_ptr<char[]> buffer_;
  std::map<std::string, const BackupFile*> expected_;
  uint64_t done_ = 0;
};

}  // namespace

absl::StatusOr<BackupManifest> RestoreBackup(const std::string& backup_dir,
                                             const RestoreOptions& options) {
  auto lock = internal::LockForReading(backup_dir);
  if (absl::IsNotFound(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(backup_dir, " is no complete backup: it has no ", internal::kManifestFile));
  }
  if (!lock.ok()) return lock.status();
  auto manifest = internal::ReadManifest(backup_dir);
  if (!manifest.ok()) return manifest.status();
  if (absl::Status known = CheckFormat(*manifest); !known.ok()) return known;
  auto target = Target::Prepare(options.data_dir);
  if (!target.ok()) return target.status();
  const uint64_t total = manifest->bytes();
  if (absl::Status room = (*target)->CheckRoom(total); !room.ok()) return room;
  uint64_t done = 0;
  for (const BackupFile& file : manifest->files) {
    const std::string from = absl::StrCat(backup_dir, "/", internal::kDataFolder, "/", file.name);
    const auto sum = storage::CopyFile(
        from, absl::StrCat((*target)->work(), "/", file.name), [&](uint64_t more) {
          done += more;
          return options.progress ? options.progress({"copy", done, total}) : absl::OkStatus();
        });
    if (absl::IsNotFound(sum.status()))
      return absl::DataLossError(absl::StrCat("the backup is damaged: ", from, " is missing"));
    if (!sum.ok()) return sum.status();
    if (absl::Status same = Compare(file, *sum); !same.ok()) return same;
  }
  if (absl::Status s = Conclude(*manifest, options.progress, target->get()); !s.ok()) return s;
  return manifest;
}

absl::StatusOr<BackupManifest> RestoreArchive(
    std::function<absl::StatusOr<size_t>(char* buffer, size_t size)> read,
    const RestoreOptions& options) {
  auto target = Target::Prepare(options.data_dir);
  if (!target.ok()) return target.status();
  auto archive = storage::ArchiveReader::Create(std::move(read));
  if (!archive.ok()) return archive.status();
  auto manifest = ReadManifestEntry(archive->get());
  if (!manifest.ok()) return manifest.status();
  if (absl::Status known = CheckFormat(*manifest); !known.ok()) return known;
  if (absl::Status room = (*target)->CheckRoom(manifest->bytes()); !room.ok()) return room;
  Unpacking unpacking(archive->get(), *manifest, options.progress, (*target)->work());
  if (absl::Status unpacked = unpacking.Run(); !unpacked.ok()) return unpacked;
  if (absl::Status s = Conclude(*manifest, options.progress, target->get()); !s.ok()) return s;
  return manifest;
}

}  // namespace kg
