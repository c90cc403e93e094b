#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ingest/decoder.h"

// What paths on a command line stand for.

namespace kg::ingest {

// A file, or "-" for standard input, and how its place says that it is read.
struct InputFile {
  std::string path;
  StreamOptions stream;
};

struct InputFiles {
  std::vector<InputFile> files;
  uint64_t of_another_kind = 0;  // files of folders whose names say that they are no data
};

// The files of `paths` in the order in which they are read: folders recursively, by name, with the
// logs of a `kubectl cluster-info dump` folder named as such. NotFound or PermissionDenied where
// something can't be read.
absl::StatusOr<InputFiles> ListInputs(const std::vector<std::string>& paths);

// Hands a file's bytes ("-": standard input's) to `take`, in pieces, until it returns an error.
// NotFound or PermissionDenied where it can't be opened, Unavailable where reading breaks off.
absl::Status ReadInput(const std::string& path,
                       const std::function<absl::Status(absl::string_view)>& take);

}  // namespace kg::ingest
