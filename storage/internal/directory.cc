#include "storage/internal/directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/files.h"
#include "storage/internal/format.h"

namespace kg::storage::internal {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kReserveShare = 8;  // of the free space at most this part is reserved

struct OwnedPaths {
  absl::Mutex mu;
  std::set<std::string> paths ABSL_GUARDED_BY(mu);
};

OwnedPaths& Owned() {
  static OwnedPaths* const owned = new OwnedPaths;  // never destroyed: stores may outlive statics
  return *owned;
}

std::string Canonical(const std::string& path) {
  std::error_code error;
  const fs::path canonical = fs::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

bool OwnedHere(const std::string& canonical) {
  OwnedPaths& owned = Owned();
  absl::MutexLock lock(&owned.mu);
  return owned.paths.count(canonical) > 0;
}

// What a creation that was interrupted leaves behind, and what may be there before one.
bool MayLieInNewStore(absl::string_view name) {
  for (const absl::string_view exact : {"LOCK", "LOG", "IDENTITY", "lost+found"}) {
    if (name == exact) return true;
  }
  for (const absl::string_view prefix : {"LOG.old.", "MANIFEST-", "OPTIONS-", kReserveFile}) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  return absl::EndsWith(name, ".dbtmp") || absl::EndsWith(name, ".log");
}

}  // namespace

absl::StatusOr<std::unique_ptr<OwnerMark>> OwnerMark::Claim(const std::string& path) {
  std::string canonical = Canonical(path);
  OwnedPaths& owned = Owned();
  absl::MutexLock lock(&owned.mu);
  if (!owned.paths.insert(canonical).second) return OwnedError(path);
  return std::unique_ptr<OwnerMark>(new OwnerMark(std::move(canonical)));
}

OwnerMark::~OwnerMark() {
  OwnedPaths& owned = Owned();
  absl::MutexLock lock(&owned.mu);
  owned.paths.erase(canonical_);
}

absl::Status OwnedError(const std::string& path) {
  return absl::UnavailableError(absl::StrCat(
      path, " is in use by a running node: ask that node with --server, or stop it first"));
}

bool LockHeldByOther(const char* lock_file) {
  const int fd = ::open(lock_file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;  // never opened for writing, or not ours to read: no owner to be seen
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(fd);
  return held;
}

absl::Status CheckUnowned(const std::string& path) {
  const bool owned = OwnedHere(Canonical(path)) || LockHeldByOther((path + "/LOCK").c_str());
  return owned ? OwnedError(path) : absl::OkStatus();
}

absl::StatusOr<DirectoryContent> InspectDirectory(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return DirectoryContent::kAbsent;
  if (status.type() != fs::file_type::directory) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory"));
  }
  if (fs::exists(fs::path(path) / "CURRENT", error)) return DirectoryContent::kDatabase;
  for (auto entry = fs::directory_iterator(path, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!MayLieInNewStore(name)) {
      return absl::FailedPreconditionError(absl::StrCat(
          path, " holds something else (", name, "): choose an empty directory for the store"));
    }
  }
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat("list ", path, ": ", error.message()));
  }
  return DirectoryContent::kEmpty;
}

absl::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  std::vector<fs::path> parents;  // of the directories that are new
  for (fs::path at = fs::absolute(path, error); !error && !fs::exists(at, error);) {
    at = at.parent_path();
    parents.push_back(at);
  }
  error.clear();
  fs::create_directories(path, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat("create ", path, ": ", error.message()));
  }
  // A directory whose name is not on disk takes all that was synced in it away with it.
  for (const fs::path& parent : parents) {
    if (absl::Status s = SyncPath(parent.string()); !s.ok()) return s;
  }
  return absl::OkStatus();
}

void EnsureReserve(const std::string& path, uint64_t bytes) {
  const std::string file = absl::StrCat(path, "/", kReserveFile);
  std::error_code error;
  if (bytes == 0 || fs::exists(file, error)) return;
  // Taken back at once after a full disk, it would fill the disk again.
  const fs::space_info space = fs::space(path, error);
  if (error || space.available / kReserveShare < bytes) return;
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (::posix_fallocate(fd, 0, static_cast<off_t>(bytes)) != 0) ::unlink(file.c_str());
  ::close(fd);
}

void ReleaseReserve(const std::string& path) {
  ::unlink(absl::StrCat(path, "/", kReserveFile).c_str());
}

absl::Status SyncDirectory(const std::string& dir) {
  std::error_code error;
  for (auto entry = fs::directory_iterator(dir, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (absl::Status s = SyncPath(entry->path().string()); !s.ok()) return s;
  }
  if (error) return absl::InternalError(absl::StrCat("list ", dir, ": ", error.message()));
  if (absl::Status s = SyncPath(dir); !s.ok()) return s;
  return SyncPath(fs::absolute(fs::path(dir) / "..", error).string());
}

}  // namespace kg::storage::internal
