#include "storage/files.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kg::storage {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = 256 << 10;

absl::Status Errno(absl::string_view what, const std::string& path) {
  const int error = errno;
  // Of each the user is out of room, whatever the kernel calls it.
  if (error == EFBIG || error == EDQUOT || error == ENOSPC) {
    return absl::ResourceExhaustedError(
        absl::StrCat(what, " ", path, ": no space left: ", ::strerror(error)));
  }
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

class Summing {
 public:
  Summing() : state_(XXH3_createState()) { XXH3_128bits_reset(state_); }
  ~Summing() { XXH3_freeState(state_); }
  Summing(const Summing&) = delete;
  Summing& operator=(const Summing&) = delete;

  void Add(absl::string_view bytes) {
    XXH3_128bits_update(state_, bytes.data(), bytes.size());
    bytes_ += bytes.size();
  }
  FileSum Result() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_);
    return {bytes_, absl::StrFormat("%016x%016x", hash.high64, hash.low64)};
  }

 private:
  XXH3_state_t* const state_;
  uint64_t bytes_ = 0;
};

class WriterImpl : public FileWriter {
 public:
  WriterImpl(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  absl::Status Write(absl::string_view bytes) override {
    sum_.Add(bytes);
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Errno("write", path_);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<FileSum> Finish() override {
    if (::fsync(fd_.get()) != 0) return Errno("fsync", path_);
    return sum_.Result();
  }

 private:
  const Descriptor fd_;
  const std::string path_;
  Summing sum_;
};

class ReaderImpl : public FileReader {
 public:
  ReaderImpl(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    ssize_t got = -1;
    do {
      got = ::read(fd_.get(), buffer, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Errno("read", path_);
    return static_cast<size_t>(got);
  }

 private:
  const Descriptor fd_;
  const std::string path_;
};

// Hands all bytes of a file on.
absl::Status ReadThrough(const std::string& path,
                         const std::function<absl::Status(absl::string_view)>& take) {
  auto reader = FileReader::Open(path);
  if (!reader.ok()) return reader.status();
  const std::unique_ptr<char[]> buffer(new char[kPiece]);
  while (true) {
    const auto got = (*reader)->Read(buffer.get(), kPiece);
    if (!got.ok()) return got.status();
    if (*got == 0) return absl::OkStatus();
    if (absl::Status taken = take(absl::string_view(buffer.get(), *got)); !taken.ok()) return taken;
  }
}

class LockImpl : public PathLock {
 public:
  explicit LockImpl(int fd) : fd_(fd) {}

 private:
  const Descriptor fd_;  // closing it gives the lock up
};

}  // namespace

absl::StatusOr<FileSum> SumFile(const std::string& path, const OnBytes& on_bytes) {
  Summing sum;
  absl::Status read = ReadThrough(path, [&](absl::string_view piece) {
    sum.Add(piece);
    return on_bytes ? on_bytes(piece.size()) : absl::OkStatus();
  });
  if (!read.ok()) return read;
  return sum.Result();
}

absl::StatusOr<FileSum> CopyFile(const std::string& from, const std::string& to,
                                 const OnBytes& on_bytes) {
  auto writer = FileWriter::Create(to);
  if (!writer.ok()) return writer.status();
  absl::Status read = ReadThrough(from, [&](absl::string_view piece) {
    if (absl::Status written = (*writer)->Write(piece); !written.ok()) return written;
    return on_bytes ? on_bytes(piece.size()) : absl::OkStatus();
  });
  if (!read.ok()) return read;
  return (*writer)->Finish();
}

absl::StatusOr<std::unique_ptr<FileWriter>> FileWriter::Create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Errno("create", path);
  return std::make_unique<WriterImpl>(fd, path);
}

absl::StatusOr<std::unique_ptr<FileReader>> FileReader::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Errno("open", path);
  return std::make_unique<ReaderImpl>(fd, path);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t limit) {
  std::string text;
  absl::Status read = ReadThrough(path, [&](absl::string_view piece) -> absl::Status {
    if (text.size() + piece.size() > limit) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " is larger than the ", limit, " bytes it may have"));
    }
    text.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return text;
}

absl::Status ReplaceFile(const std::string& path, absl::string_view bytes) {
  const std::string fresh = absl::StrCat(path, ".new");
  ::unlink(fresh.c_str());
  auto writer = FileWriter::Create(fresh);
  if (!writer.ok()) return writer.status();
  absl::Status status = (*writer)->Write(bytes);
  if (status.ok()) status = (*writer)->Finish().status();
  if (status.ok() && ::rename(fresh.c_str(), path.c_str()) != 0) status = Errno("rename", fresh);
  if (!status.ok()) {
    ::unlink(fresh.c_str());
    return status;
  }
  return SyncPath(fs::path(path).parent_path().string());
}

absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (auto entry = fs::directory_iterator(path, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("list ", path));
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status MakePrivateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
  return Errno("create", path);
}

absl::Status SyncPath(const std::string& path) {
  const std::string name = path.empty() ? "." : path;
  const Descriptor fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return Errno("open", name);
  return ::fsync(fd.get()) == 0 ? absl::OkStatus() : Errno("fsync", name);
}

absl::Status RenameDirectory(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) {
    return absl::FailedPreconditionError(absl::StrCat(to, " is there and not empty"));
  }
  return Errno(absl::StrCat("rename ", from, " to"), to);
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("remove ", path));
}

std::string CanonicalPath(const std::string& path) {
  std::error_code error;
  fs::path canonical = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) return path;
  // "a/b/" names the same as "a/b".
  if (!canonical.has_filename()) canonical = canonical.parent_path();
  return canonical.string();
}

absl::StatusOr<std::unique_ptr<PathLock>> PathLock::TryLock(const std::string& path, Kind kind) {
  const bool shared = kind == Kind::kShared;
  const int fd = shared ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC)
                        : ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Errno("open", path);
  auto lock = std::make_unique<LockImpl>(fd);
  struct flock wanted = {};
  wanted.l_type = shared ? F_RDLCK : F_WRLCK;
  wanted.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &wanted) == 0) return lock;
  if (errno == EAGAIN || errno == EACCES) {
    return absl::UnavailableError(absl::StrCat(path, " is in use"));
  }
  return Errno("lock", path);
}

bool PathLock::IsLocked(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return false;
  struct flock held = {};
  held.l_type = F_RDLCK;
  held.l_whence = SEEK_SET;
  return ::fcntl(fd.get(), F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK;
}

}  // namespace kg::storage
