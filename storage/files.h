#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Files that must be there after a power cut, and be known to be whole: copies, checksums, locks.
// A full disk, a quota and a limit on file sizes are ResourceExhausted, an absent file is NotFound;
// messages name the path.

namespace kg::storage {

struct FileSum {
  uint64_t bytes = 0;
  std::string checksum;  // XXH3-128 as 32 hex digits

  bool operator==(const FileSum&) const = default;
};

// Told of bytes as they are dealt with; an error ends the work with that error.
using OnBytes = std::function<absl::Status(uint64_t more)>;

absl::StatusOr<FileSum> SumFile(const std::string& path, const OnBytes& on_bytes);
// `to` must not exist; synced when it returns, its directory is not. What was begun is left there
// on an error.
absl::StatusOr<FileSum> CopyFile(const std::string& from, const std::string& to,
                                 const OnBytes& on_bytes);

// Writes a new file piece by piece and sums it on the way. Not thread-safe.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  // AlreadyExists when there is something at `path`.
  static absl::StatusOr<std::unique_ptr<FileWriter>> Create(const std::string& path);
  virtual absl::Status Write(absl::string_view bytes) = 0;
  // Synced when it returns. Nothing may follow.
  virtual absl::StatusOr<FileSum> Finish() = 0;
};

// Reads a file piece by piece. Not thread-safe.
class FileReader {
 public:
  virtual ~FileReader() = default;
  static absl::StatusOr<std::unique_ptr<FileReader>> Open(const std::string& path);
  // Up to `size` bytes to `buffer`; 0 is the end.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
};

// The whole file. ResourceExhausted when it is larger than `limit`.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t limit);
// In place of what is at `path`: either the old or the new contents are there at any moment.
absl::Status ReplaceFile(const std::string& path, absl::string_view bytes);

// Names of what is in a directory, sorted; NotFound when there is none.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);
// One directory for its owner only; its parent is there. AlreadyExists.
absl::Status MakePrivateDirectory(const std::string& path);
// fsync of a file, or of a directory itself: what was created, renamed and removed in it is on
// disk.
absl::Status SyncPath(const std::string& path);
// Moves a directory; FailedPrecondition when there is something else than an empty one at `to`.
absl::Status RenameDirectory(const std::string& from, const std::string& to);
// Whatever is at `path`, with all below; nothing there is fine.
absl::Status RemoveAll(const std::string& path);
// Without symbolic links and dots, whether it exists or not.
std::string CanonicalPath(const std::string& path);

// A lock on a file that ends with its holder (an open-file-description lock), held until destroyed.
// Holds between threads, too.
class PathLock {
 public:
  enum class Kind { kShared, kExclusive };
  virtual ~PathLock() = default;
  // Unavailable when somebody else holds it. For kShared the file is there and need only be
  // readable; for kExclusive it is created where it is not.
  static absl::StatusOr<std::unique_ptr<PathLock>> TryLock(const std::string& path, Kind kind);
  // Whether somebody holds it exclusively. Asking disturbs nobody.
  static bool IsLocked(const std::string& path);
};

// Within a data directory, what a backup needs while it is made. A store that is opened removes
// what one that was killed has left there.
inline constexpr char kStagingFolder[] = "BACKUP.staging";

}  // namespace kg::storage
