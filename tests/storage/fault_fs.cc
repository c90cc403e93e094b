#include "tests/storage/fault_fs.h"

#include <algorithm>
#include <filesystem>

namespace kg::storage {
namespace {

namespace fs = std::filesystem;
using rocksdb::IOStatus;

constexpr char kKeptDirectory[] = ".kept";

std::string DirectoryOf(const std::string& name) {
  return fs::path(name).parent_path().string();
}

std::string Clean(const std::string& name) {
  return fs::path(name).lexically_normal().string();
}

uint64_t Mixed(uint64_t seed) {  // splitmix64
  uint64_t z = seed + 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

class WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name, uint64_t size,
               FaultFs* disk)
      : FSWritableFileOwnerWrapper(std::move(file)),
        name_(std::move(name)),
        disk_(disk),
        size_(size) {}

  IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                  rocksdb::IODebugContext* context) override {
    size_t allowed = 0;
    const IOStatus asked = disk_->AskAppend(name_, data.size(), &allowed);
    if (allowed > 0) {
      const rocksdb::Slice part(data.data(), allowed);
      if (IOStatus s = FSWritableFileOwnerWrapper::Append(part, options, context); !s.ok())
        return s;
      size_ += allowed;
      // The file below must not hold it back: what is in the page cache is in the file.
      FSWritableFileOwnerWrapper::Flush(options, context).PermitUncheckedError();
      disk_->Appended(name_, size_);
    }
    return asked;
  }
  IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                  const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    if (IOStatus s = disk_->Ask(FileOp::kSync, name_); !s.ok()) return s;
    disk_->Synced(name_, size_);
    return IOStatus::OK();
  }
  IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    return Sync(options, context);
  }
  IOStatus RangeSync(uint64_t, uint64_t, const rocksdb::IOOptions&,
                     rocksdb::IODebugContext*) override {
    return IOStatus::OK();  // promises nothing
  }
  bool IsSyncThreadSafe() const override { return true; }

 private:
  const std::string name_;
  FaultFs* const disk_;
  uint64_t size_;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  RandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::string name,
                   FaultFs* disk)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), name_(std::move(name)), disk_(disk) {}
  IOStatus Read(uint64_t offset, size_t n, const rocksdb::IOOptions& options,
                rocksdb::Slice* result, char* scratch,
                rocksdb::IODebugContext* context) const override {
    if (IOStatus s = disk_->Ask(FileOp::kRead, name_); !s.ok()) return s;
    return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, context);
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count,
                     const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    if (IOStatus s = disk_->Ask(FileOp::kRead, name_); !s.ok()) return s;
    return FSRandomAccessFileOwnerWrapper::MultiRead(requests, count, options, context);
  }

 private:
  const std::string name_;
  FaultFs* const disk_;
};

class SequentialFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  SequentialFile(std::unique_ptr<rocksdb::FSSequentialFile> file, std::string name, FaultFs* disk)
      : FSSequentialFileOwnerWrapper(std::move(file)), name_(std::move(name)), disk_(disk) {}
  IOStatus Read(size_t n, const rocksdb::IOOptions& options, rocksdb::Slice* result, char* scratch,
                rocksdb::IODebugContext* context) override {
    if (IOStatus s = disk_->Ask(FileOp::kRead, name_); !s.ok()) return s;
    return FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, context);
  }

 private:
  const std::string name_;
  FaultFs* const disk_;
};

class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string name, FaultFs* disk)
      : FSDirectoryWrapper(std::move(directory)), name_(std::move(name)), disk_(disk) {}
  IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    if (IOStatus s = disk_->Ask(FileOp::kSyncDirectory, name_); !s.ok()) return s;
    disk_->DirectorySynced(name_);
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, context);
  }

 private:
  const std::string name_;
  FaultFs* const disk_;
};

}  // namespace

FaultFs::FaultFs()
    : FileSystemWrapper(rocksdb::FileSystem::Default()),
      // Its owner outlives it: a shared pointer that owns nothing.
      env_(rocksdb::NewCompositeEnv(
          std::shared_ptr<rocksdb::FileSystem>(std::shared_ptr<void>(), this))) {}

void FaultFs::Arm(Fault fault) {
  absl::MutexLock lock(&mu_);
  faults_.push_back(std::move(fault));
}

void FaultFs::Disarm() {
  absl::MutexLock lock(&mu_);
  faults_.clear();
}

uint64_t FaultFs::failed() const {
  absl::MutexLock lock(&mu_);
  return failed_;
}

void FaultFs::SetFree(uint64_t bytes) {
  absl::MutexLock lock(&mu_);
  free_ = bytes;
}

void FaultFs::CutPowerAfter(uint64_t after) {
  absl::MutexLock lock(&mu_);
  cut_at_ = changes_ + after;
}

bool FaultFs::dark() const {
  absl::MutexLock lock(&mu_);
  return changes_ >= cut_at_;
}

uint64_t FaultFs::changes() const {
  absl::MutexLock lock(&mu_);
  return changes_;
}

// `kind` tells how a fault that is not OK fails.
IOStatus FaultFs::Check(FileOp op, const std::string& name, Fault::Kind* kind) {
  *kind = Fault::Kind::kError;
  if (op != FileOp::kRead) {
    if (changes_ >= cut_at_) return IOStatus::IOError("the power is off", name);
    ++changes_;
  }
  for (Fault& f : faults_) {
    const bool meant =
        f.op == op && fs::path(name).filename().string().find(f.name) != std::string::npos;
    if (!meant || f.count == 0) continue;
    if (f.skip > 0) {
      --f.skip;
      continue;
    }
    if (f.count != ~0ull) --f.count;
    ++failed_;
    *kind = f.kind;
    return f.kind == Fault::Kind::kNoSpace ? IOStatus::NoSpace("the disk is full", name)
                                           : IOStatus::IOError("as armed", name);
  }
  return IOStatus::OK();
}

IOStatus FaultFs::Ask(FileOp op, const std::string& name) {
  absl::MutexLock lock(&mu_);
  Fault::Kind kind;
  IOStatus s = Check(op, name, &kind);
  const bool takes_space = op == FileOp::kCreate;
  if (s.ok() && takes_space && free_ == 0) {
    ++failed_;
    return IOStatus::NoSpace("the disk is full", name);
  }
  return s;
}

IOStatus FaultFs::AskAppend(const std::string& name, size_t bytes, size_t* allowed) {
  absl::MutexLock lock(&mu_);
  Fault::Kind kind;
  IOStatus s = Check(FileOp::kAppend, name, &kind);
  if (!s.ok()) {
    *allowed = kind == Fault::Kind::kShort ? bytes / 2 : 0;
    return s;
  }
  if (free_ != ~0ull && bytes > free_) {
    *allowed = free_;
    free_ = 0;
    ++failed_;
    return IOStatus::NoSpace("the disk is full", name);
  }
  if (free_ != ~0ull) free_ -= bytes;
  *allowed = bytes;
  return s;
}

void FaultFs::Appended(const std::string& name, uint64_t size) {
  absl::MutexLock lock(&mu_);
  files_[name].size = size;
}

void FaultFs::Synced(const std::string& name, uint64_t size) {
  absl::MutexLock lock(&mu_);
  // A file may have been renamed while it was open; then there is nothing more to know of it.
  auto file = files_.find(name);
  if (file != files_.end()) file->second.synced = std::max(file->second.synced, size);
}

void FaultFs::DirectorySynced(const std::string& directory) {
  absl::MutexLock lock(&mu_);
  for (const Change& change : pending_[directory]) Forget(change);
  pending_.erase(directory);
}

// Moves what stands at `name` out of sight; "": nothing does.
std::string FaultFs::Keep(const std::string& name) {
  std::error_code error;
  if (!fs::exists(name, error)) return "";
  const std::string directory = DirectoryOf(name) + kKeptDirectory;
  fs::create_directories(directory, error);
  std::string kept = directory + "/" + std::to_string(++kept_);
  return Move(name, kept) ? kept : "";
}

// A file and what is known of it.
bool FaultFs::Move(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  auto extent = files_.extract(from);
  if (!extent.empty()) {
    extent.key() = to;
    files_.insert(std::move(extent));
  }
  return !error;
}

void FaultFs::Forget(const Change& change) {
  std::error_code error;
  if (change.kept.empty()) return;
  fs::remove(change.kept, error);
  files_.erase(change.kept);
}

void FaultFs::TakeBack(const Change& change) {
  std::error_code error;
  switch (change.kind) {
    case Change::Kind::kCreated:
      fs::remove(change.name, error);
      files_.erase(change.name);
      break;
    case Change::Kind::kRenamed:
      Move(change.name, change.from);
      break;
    case Change::Kind::kDeleted:
      break;
  }
  if (!change.kept.empty()) Move(change.kept, change.name);
}

void FaultFs::Restart(uint64_t seed) {
  absl::MutexLock lock(&mu_);
  for (auto& [directory, changes] : pending_) {
    // A journal of names is kept in order.
    const size_t stays = Mixed(++seed) % (changes.size() + 1);
    for (size_t i = changes.size(); i > stays; --i) TakeBack(changes[i - 1]);
    for (size_t i = 0; i < stays; ++i) Forget(changes[i]);
  }
  pending_.clear();
  for (auto& [name, extent] : files_) {
    std::error_code error;
    const uint64_t unsynced = extent.size - std::min(extent.size, extent.synced);
    if (unsynced == 0 || !fs::exists(name, error)) continue;
    fs::resize_file(name, extent.synced + Mixed(++seed) % (unsynced + 1), error);
  }
  files_.clear();
  faults_.clear();
  free_ = cut_at_ = ~0ull;
}

IOStatus FaultFs::NewWritableFile(const std::string& raw, const rocksdb::FileOptions& options,
                                  std::unique_ptr<rocksdb::FSWritableFile>* file,
                                  rocksdb::IODebugContext* context) {
  const std::string name = Clean(raw);
  if (IOStatus s = Ask(FileOp::kCreate, name); !s.ok()) return s;
  absl::MutexLock lock(&mu_);
  const std::string kept = Keep(name);
  IOStatus s = target()->NewWritableFile(name, options, file, context);
  if (!s.ok()) return s;
  pending_[DirectoryOf(name)].push_back({Change::Kind::kCreated, name, "", kept});
  files_[name] = {};
  *file = std::make_unique<WritableFile>(std::move(*file), name, 0, this);
  return s;
}

IOStatus FaultFs::ReopenWritableFile(const std::string& raw, const rocksdb::FileOptions& options,
                                     std::unique_ptr<rocksdb::FSWritableFile>* file,
                                     rocksdb::IODebugContext* context) {
  const std::string name = Clean(raw);
  if (IOStatus s = Ask(FileOp::kCreate, name); !s.ok()) return s;
  IOStatus s = target()->ReopenWritableFile(name, options, file, context);
  if (!s.ok()) return s;
  std::error_code error;
  const uint64_t size = fs::file_size(name, error);
  absl::MutexLock lock(&mu_);
  files_.try_emplace(name, Extent{size, size});
  *file = std::make_unique<WritableFile>(std::move(*file), name, size, this);
  return s;
}

IOStatus FaultFs::ReuseWritableFile(const std::string& name, const std::string& old_name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) {
  if (IOStatus s = DeleteFile(old_name, options.io_options, context); !s.ok()) return s;
  return NewWritableFile(name, options, file, context);
}

IOStatus FaultFs::NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                      rocksdb::IODebugContext* context) {
  IOStatus s = target()->NewRandomAccessFile(name, options, file, context);
  if (s.ok()) *file = std::make_unique<RandomAccessFile>(std::move(*file), Clean(name), this);
  return s;
}

IOStatus FaultFs::NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                    rocksdb::IODebugContext* context) {
  IOStatus s = target()->NewSequentialFile(name, options, file, context);
  if (s.ok()) *file = std::make_unique<SequentialFile>(std::move(*file), Clean(name), this);
  return s;
}

IOStatus FaultFs::NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                               std::unique_ptr<rocksdb::FSDirectory>* directory,
                               rocksdb::IODebugContext* context) {
  IOStatus s = target()->NewDirectory(name, options, directory, context);
  if (s.ok()) {
    const std::string clean = Clean(name + "/");
    *directory =
        std::make_unique<Directory>(std::move(*directory), clean.substr(0, clean.size() - 1), this);
  }
  return s;
}

IOStatus FaultFs::RenameFile(const std::string& raw_from, const std::string& raw_to,
                             const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) {
  const std::string from = Clean(raw_from), to = Clean(raw_to);
  if (IOStatus s = Ask(FileOp::kRename, to); !s.ok()) return s;
  absl::MutexLock lock(&mu_);
  const std::string kept = Keep(to);
  IOStatus s = target()->RenameFile(from, to, options, context);
  if (!s.ok()) return s;
  auto extent = files_.extract(from);
  if (!extent.empty()) {
    extent.key() = to;
    files_.insert(std::move(extent));
  }
  pending_[DirectoryOf(to)].push_back({Change::Kind::kRenamed, to, from, kept});
  return s;
}

IOStatus FaultFs::DeleteFile(const std::string& raw, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) {
  const std::string name = Clean(raw);
  if (IOStatus s = Ask(FileOp::kDelete, name); !s.ok()) return s;
  absl::MutexLock lock(&mu_);
  const std::string kept = Keep(name);
  if (kept.empty()) return target()->DeleteFile(name, options, context);
  pending_[DirectoryOf(name)].push_back({Change::Kind::kDeleted, name, "", kept});
  return IOStatus::OK();
}

}  // namespace kg::storage
