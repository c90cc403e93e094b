#include "engine/internal/backup_dirs.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/internal/backup_copy.h"
#include "engine/internal/backup_manifest.h"

namespace kg::internal {
namespace {

constexpr char kNameFormat[] = "%E4Y%m%dT%H%M%E6SZ";

// Adds up what was done and tells it.
class Progress {
 public:
  explicit Progress(const OnBackupProgress& told) : told_(told) {}

  absl::Status Step(const char* step, uint64_t total) {
    now_ = {step, 0, total};
    return Tell();
  }
  storage::OnBytes counter() {
    return [this](uint64_t more) {
      now_.done_bytes += more;
      return Tell();
    };
  }

 private:
  absl::Status Tell() { return told_ ? told_(now_) : absl::OkStatus(); }

  const OnBackupProgress& told_;
  BackupProgress now_{"", 0, 0};
};

}  // namespace

std::string BackupName(Timestamp t) {
  return absl::FormatTime(kNameFormat, absl::FromUnixMicros(ToMicros(t)), absl::UTCTimeZone());
}

std::optional<Timestamp> TimeOfBackupName(const std::string& name) {
  absl::Time time;
  if (!absl::ParseTime(kNameFormat, name, absl::UTCTimeZone(), &time, nullptr)) return std::nullopt;
  const Timestamp t = FromMicros(absl::ToUnixMicros(time));
  // The parser takes other spellings as well.
  return BackupName(t) == name ? std::optional<Timestamp>(t) : std::nullopt;
}

Timestamp NowOf(const std::function<Timestamp()>& now) {
  return now ? now() : std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

absl::StatusOr<std::unique_ptr<storage::PathLock>> LockForReading(const std::string& backup_dir) {
  const std::string path = absl::StrCat(backup_dir, "/", kManifestFile);
  auto lock = storage::PathLock::TryLock(path, storage::PathLock::Kind::kShared);
  if (lock.ok()) return lock;
  if (absl::IsUnavailable(lock.status())) {
    return absl::UnavailableError(absl::StrCat(backup_dir, " is being removed"));
  }
  if (absl::IsNotFound(lock.status())) return lock.status();
  return std::unique_ptr<storage::PathLock>();
}

absl::StatusOr<BackupManifest> MakeBackup(const MakeBackupOptions& make) {
  Progress progress(make.options->progress);
  const Timestamp begun = NowOf(make.options->now);
  const std::string data = absl::StrCat(make.backup_dir, "/", kDataFolder);
  std::optional<FormerBackup> former;
  if (make.former)
    former = {absl::StrCat(make.former->first, "/", kDataFolder), make.former->second};
  if (absl::Status told = progress.Step("checkpoint", 0); !told.ok()) return told;

  absl::StatusOr<DatabaseStats> stats = absl::UnknownError("");
  absl::StatusOr<std::vector<BackupFile>> files = absl::UnknownError("");
  if (OnSameFileSystem(make.backup_dir, make.database->path())) {
    stats = make.database->Checkpoint(data);
    if (!stats.ok()) return stats.status();
    absl::Status told = progress.Step("checksums", SizeOf(data));
    if (!told.ok()) return told;
    files = SumInPlace(data, former, progress.counter());
  } else {
    // Beside the database a checkpoint is made of links, in no time; writers need not wait for the
    // copying.
    auto staging = Staging::Claim(make.database->path());
    if (!staging.ok()) return staging.status();
    const std::string checkpoint = absl::StrCat((*staging)->path(), "/", kDataFolder);
    stats = make.database->Checkpoint(checkpoint);
    if (!stats.ok()) return stats.status();
    absl::Status ready = progress.Step("copy", SizeOf(checkpoint));
    if (ready.ok()) ready = storage::MakePrivateDirectory(data);
    if (!ready.ok()) return ready;
    files = CopyOver(checkpoint, data, former, progress.counter());
  }
  if (!files.ok()) return files.status();
  BackupManifest manifest = DescribeState(*stats);
  manifest.files = *std::move(files);
  manifest.begun = begun;
  manifest.finished = NowOf(make.options->now);
  if (absl::Status s = storage::SyncPath(make.backup_dir); !s.ok()) return s;
  const std::string path = absl::StrCat(make.backup_dir, "/", kManifestFile);
  if (absl::Status s = storage::ReplaceFile(path, EncodeManifest(manifest)); !s.ok()) return s;
  return manifest;
}

absl::StatusOr<std::unique_ptr<Staging>> Staging::Claim(const std::string& data_dir) {
  std::string path = absl::StrCat(data_dir, "/", storage::kStagingFolder);
  auto lock =
      storage::PathLock::TryLock(absl::StrCat(path, ".lock"), storage::PathLock::Kind::kExclusive);
  if (absl::IsUnavailable(lock.status())) {
    return absl::UnavailableError("another backup of this database is being made; wait for it");
  }
  if (!lock.ok()) return lock.status();
  if (absl::Status s = storage::RemoveAll(path); !s.ok()) return s;
  if (absl::Status s = storage::MakePrivateDirectory(path); !s.ok()) return s;
  return std::unique_ptr<Staging>(new Staging(std::move(path), *std::move(lock)));
}

Staging::~Staging() {
  storage::RemoveAll(path_).IgnoreError();
}

}  // namespace kg::internal
