#include "engine/internal/backup_copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kg::internal {
namespace {

namespace fs = std::filesystem;

// Files of this kind are never changed once written, so that they may be shared.
bool IsImmutable(const std::string& name) {
  return absl::EndsWith(name, ".sst");
}

bool SameFile(const std::string& a, const std::string& b) {
  struct stat first = {}, second = {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

uint64_t BytesOf(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

class Former {
 public:
  explicit Former(const std::optional<FormerBackup>& backup) {
    if (!backup) return;
    dir_ = backup->data_dir;
    for (const BackupFile& file : backup->manifest.files) files_[file.name] = &file;
  }
  // nullptr: it has none of this name, or not with the bytes that it should have.
  const BackupFile* Find(const std::string& name) const {
    const auto found = files_.find(name);
    if (found == files_.end() || !IsImmutable(name)) return nullptr;
    return BytesOf(PathOf(name)) == found->second->bytes ? found->second : nullptr;
  }
  std::string PathOf(const std::string& name) const { return absl::StrCat(dir_, "/", name); }

 private:
  std::string dir_;
  std::map<std::string, const BackupFile*> files_;
};

}  // namespace

absl::StatusOr<std::vector<BackupFile>> SumInPlace(const std::string& data_dir,
                                                   const std::optional<FormerBackup>& former,
                                                   const storage::OnBytes& on_bytes) {
  const auto names = storage::ListDirectory(data_dir);
  if (!names.ok()) return names.status();
  const Former before(former);
  std::vector<BackupFile> files;
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(data_dir, "/", name);
    const BackupFile* known = before.Find(name);
    if (known != nullptr && SameFile(path, before.PathOf(name))) {
      files.push_back(*known);
      if (absl::Status told = on_bytes(known->bytes); !told.ok()) return told;
      continue;
    }
    const auto sum = storage::SumFile(path, on_bytes);
    if (!sum.ok()) return sum.status();
    files.push_back({name, sum->bytes, sum->checksum});
  }
  return files;
}

absl::StatusOr<std::vector<BackupFile>> CopyOver(const std::string& checkpoint_dir,
                                                 const std::string& data_dir,
                                                 const std::optional<FormerBackup>& former,
                                                 const storage::OnBytes& on_bytes) {
  const auto names = storage::ListDirectory(checkpoint_dir);
  if (!names.ok()) return names.status();
  const Former before(former);
  std::vector<BackupFile> files;
  for (const std::string& name : *names) {
    const std::string from = absl::StrCat(checkpoint_dir, "/", name);
    const std::string to = absl::StrCat(data_dir, "/", name);
    const BackupFile* known = before.Find(name);
    if (known != nullptr && known->bytes == BytesOf(from)) {
      const auto sum = storage::SumFile(from, nullptr);
      if (!sum.ok()) return sum.status();
      // A link may be refused (too many of one file): then it is copied like any other.
      if (sum->checksum == known->checksum &&
          ::link(before.PathOf(name).c_str(), to.c_str()) == 0) {
        files.push_back(*known);
        if (absl::Status told = on_bytes(known->bytes); !told.ok()) return told;
        continue;
      }
    }
    const auto sum = storage::CopyFile(from, to, on_bytes);
    if (!sum.ok()) return sum.status();
    files.push_back({name, sum->bytes, sum->checksum});
  }
  if (absl::Status synced = storage::SyncPath(data_dir); !synced.ok()) return synced;
  return files;
}

uint64_t SizeOf(const std::string& dir) {
  return FootprintOf(dir).bytes;
}

Footprint FootprintOf(const std::string& dir) {
  Footprint total;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(dir, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    struct stat info = {};
    if (::lstat(entry->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    total.bytes += static_cast<uint64_t>(info.st_size);
    if (info.st_nlink == 1) total.own_bytes += static_cast<uint64_t>(info.st_size);
  }
  return total;
}

bool OnSameFileSystem(const std::string& a, const std::string& b) {
  struct stat first = {}, second = {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev;
}

}  // namespace kg::internal
