#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"

// A disk beneath RocksDB that fails as it is told, and that forgets at a power cut what was not
// synced.

namespace kg::storage {

// What RocksDB does to files, as far as a fault may choose among it.
enum class FileOp : uint8_t { kCreate, kAppend, kSync, kRead, kRename, kDelete, kSyncDirectory };

// Which operations fail, and how.
struct Fault {
  FileOp op = FileOp::kAppend;
  std::string name;   // only on files whose name contains it: ".log", "MANIFEST", ".sst"; "": all
  uint64_t skip = 0;  // so many pass first
  uint64_t count = ~0ull;  // then so many fail
  enum class Kind : uint8_t {
    kError,    // an I/O error, and nothing was done
    kNoSpace,  // likewise, but the disk is full
    kShort,    // an append writes half of its bytes and then fails
  } kind = Kind::kError;
};

// Operation: files live in the directory of the real file system that RocksDB names. Nothing is
// ever really synced: what would be on the platter is remembered beside (how long the synced part
// of each file is, and the changes of directories that no sync of the directory has followed), and
// a power cut makes the directory look like that. Files are only appended to.
// A cut takes a seed, which decides how much of what was not synced got there by itself: of each
// file a part of its unsynced bytes, of the changes of each directory a first part of their order.
// Concurrency: thread-safe. Limitations: tells nothing of files that others write past it.
class FaultFs final : public rocksdb::FileSystemWrapper {
 public:
  FaultFs();
  const char* Name() const override { return "FaultFs"; }
  // To be handed to a store; lives as long as this does.
  rocksdb::Env* env() { return env_.get(); }

  void Arm(Fault fault) ABSL_LOCKS_EXCLUDED(mu_);
  void Disarm() ABSL_LOCKS_EXCLUDED(mu_);
  // How many operations have failed as armed.
  uint64_t failed() const ABSL_LOCKS_EXCLUDED(mu_);
  // Bytes that may still be appended before the disk is full; ~0: any.
  void SetFree(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Every operation that changes something (all but reads) from the `after`th on fails and does
  // nothing, as on a machine without power.
  void CutPowerAfter(uint64_t after) ABSL_LOCKS_EXCLUDED(mu_);
  bool dark() const ABSL_LOCKS_EXCLUDED(mu_);
  // Operations so far that changed something.
  uint64_t changes() const ABSL_LOCKS_EXCLUDED(mu_);
  // With nothing of the directory open any more: takes back what was not synced and goes on as a
  // new machine, without faults.
  void Restart(uint64_t seed) ABSL_LOCKS_EXCLUDED(mu_);

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;

  // For the files it hands out. OK: go on.
  rocksdb::IOStatus Ask(FileOp op, const std::string& name) ABSL_LOCKS_EXCLUDED(mu_);
  // How many of `bytes` may be appended before the disk is full, a fault or darkness stops it.
  rocksdb::IOStatus AskAppend(const std::string& name, size_t bytes, size_t* allowed)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Appended(const std::string& name, uint64_t size) ABSL_LOCKS_EXCLUDED(mu_);
  void Synced(const std::string& name, uint64_t size) ABSL_LOCKS_EXCLUDED(mu_);
  void DirectorySynced(const std::string& directory) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // A change of a directory, and how it is taken back: a name that was replaced or deleted is kept
  // under another one until the directory is synced.
  struct Change {
    enum class Kind : uint8_t { kCreated, kRenamed, kDeleted } kind;
    std::string name;  // after the change
    std::string from;  // of a renamed one
    std::string kept;  // what stood at `name` before; "": nothing
  };
  struct Extent {
    uint64_t size = 0;
    uint64_t synced = 0;
  };

  rocksdb::IOStatus Check(FileOp op, const std::string& name, Fault::Kind* kind)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string Keep(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Move(const std::string& from, const std::string& to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeBack(const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::unique_ptr<rocksdb::Env> env_;

  mutable absl::Mutex mu_;
  std::vector<Fault> faults_ ABSL_GUARDED_BY(mu_);
  uint64_t failed_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t free_ ABSL_GUARDED_BY(mu_) = ~0ull;
  uint64_t changes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t cut_at_ ABSL_GUARDED_BY(mu_) = ~0ull;
  uint64_t kept_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, Extent> files_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::vector<Change>> pending_ ABSL_GUARDED_BY(mu_);  // by directory
};

}  // namespace kg::storage
