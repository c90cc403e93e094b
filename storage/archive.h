#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Files as one stream: a plain .tar.zst, which every tar reads. Both directions hold no more than
// a few pieces in memory. Neither is thread-safe.

namespace kg::storage {

// Makes a .tar.zst. Operation: BeginFile and Write until the file has its bytes, for each file;
// then Finish. What came of it is taken out with TakeOutput, any time.
class ArchiveWriter {
 public:
  virtual ~ArchiveWriter() = default;
  static absl::StatusOr<std::unique_ptr<ArchiveWriter>> Create();

  // A regular file of `bytes` bytes, readable by its owner only.
  virtual absl::Status BeginFile(const std::string& name, uint64_t bytes) = 0;
  // The next bytes of the file begun. InvalidArgument beyond its size.
  virtual absl::Status Write(absl::string_view bytes) = 0;
  // Ends the archive. FailedPrecondition when the last file lacks bytes.
  virtual absl::Status Finish() = 0;
  // What was made since the last call.
  virtual std::string TakeOutput() = 0;
};

// Reads a .tar.zst, or a plain .tar, that anybody may have made. Only regular files are handed
// out; links, devices and whatever else could reach outside are refused, directories passed over.
// Names are handed out as they stand (a leading "./" aside): it is for the caller to use none that
// it does not expect. Nothing is written anywhere.
class ArchiveReader {
 public:
  // Up to `size` bytes to `buffer`; 0 is the end of the stream.
  using Read = std::function<absl::StatusOr<size_t>(char* buffer, size_t size)>;
  struct File {
    std::string name;
    uint64_t bytes = 0;  // as the header says; Read gives no more
  };

  virtual ~ArchiveReader() = default;
  static absl::StatusOr<std::unique_ptr<ArchiveReader>> Create(Read read);

  // The next file; nullopt at the end of the archive. DataLoss when the stream is cut off or no
  // archive, InvalidArgument for an entry that is refused.
  virtual absl::StatusOr<std::optional<File>> Next() = 0;
  // Bytes of that file; 0 is its end. DataLoss when it is cut off.
  virtual absl::StatusOr<size_t> ReadFile(char* buffer, size_t size) = 0;
};

}  // namespace kg::storage
