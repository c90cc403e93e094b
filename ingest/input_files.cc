#include "ingest/input_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kg::ingest {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = 256u << 10;

// Files of a folder that are worth opening; a file named by itself is always opened.
bool IsDataFile(std::string name) {
  for (const char* packed : {".gz", ".zst"}) {
    if (absl::EndsWith(name, packed)) name.resize(name.size() - std::strlen(packed));
  }
  for (const char* end : {".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".log", ".txt"}) {
    if (absl::EndsWith(name, end)) return true;
  }
  return false;
}

absl::Status CantRead(const std::string& path, int error) {
  const std::string message = absl::StrCat(path, ": ", std::strerror(error));
  return error == ENOENT ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
}

// In a `kubectl cluster-info dump` folder the logs stand at NAMESPACE/POD/logs.txt.
absl::Status ListFolder(const std::string& root, InputFiles* out) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; it != end && !error;
       it.increment(error)) {
    if (it->is_regular_file(error)) found.push_back(it->path());
  }
  if (error) return absl::PermissionDeniedError(absl::StrCat(root, ": ", error.message()));
  std::sort(found.begin(), found.end());
  for (const fs::path& file : found) {
    if (!IsDataFile(file.filename().string())) {
      ++out->of_another_kind;
      continue;
    }
    StreamOptions stream{.source_name = absl::StrCat("file:", file.string())};
    if (file.filename() == "logs.txt") {
      stream.format = "logs";
      stream.log_pod = file.parent_path().filename().string();
      stream.log_namespace = file.parent_path().parent_path().filename().string();
    }
    out->files.push_back({file.string(), std::move(stream)});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InputFiles> ListInputs(const std::vector<std::string>& paths) {
  InputFiles out;
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-") {
      out.files.push_back({path, {.source_name = "stdin"}});
    } else if (fs::is_directory(path, error)) {
      if (absl::Status listed = ListFolder(path, &out); !listed.ok()) return listed;
    } else if (access(path.c_str(), R_OK) != 0) {
      return CantRead(path, errno);
    } else {
      out.files.push_back({path, {.source_name = absl::StrCat("file:", path)}});
    }
  }
  return out;
}

absl::Status ReadInput(const std::string& path,
                       const std::function<absl::Status(absl::string_view)>& take) {
  const int file = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return CantRead(path, errno);
  std::string buffer(kReadBytes, '\0');
  absl::Status status;
  while (status.ok()) {
    // A pipe gives what it has: a stream that never ends is taken as it comes.
    const ssize_t n = read(file, buffer.data(), buffer.size());
    if (n == 0) break;
    if (n > 0) {
      status = take(absl::string_view(buffer.data(), static_cast<size_t>(n)));
    } else if (errno != EINTR) {
      status = absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
    }
  }
  if (file != STDIN_FILENO) close(file);
  return status;
}

}  // namespace kg::ingest
