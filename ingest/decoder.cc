#include "ingest/decoder.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/stream.h"

namespace kg::ingest {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = 256u << 10;
constexpr uint64_t kProgressBytes = 64u << 10;

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

class InputSetImpl : public InputSet {
 public:
  InputSetImpl(DecodeOptions options, Sink* sink)
      : state_(std::move(options), sink), sink_(*sink) {}

  std::unique_ptr<StreamDecoder> OpenStream(StreamOptions stream) override {
    return std::make_unique<Stream>(&state_, std::move(stream), [this](uint64_t bytes) {
      if (bytes < reported_ + kProgressBytes) return;
      reported_ = bytes;
      sink_.OnProgress(bytes);
    });
  }

  absl::Status AddPath(const std::string& path) override {
    if (path == "-") return AddDescriptor(stdin, {.source_name = "stdin"});
    std::error_code error;
    if (fs::is_directory(path, error)) return AddFolder(path);
    return AddFile(path, {.source_name = absl::StrCat("file:", path)});
  }

  absl::Status Finish() override {
    sink_.OnProgress(state_.stats().bytes_read);
    return state_.Finish();
  }

  const DecodeStats& stats() const override { return const_cast<SetState&>(state_).stats(); }

 private:
  absl::Status AddFile(const std::string& path, StreamOptions stream) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) {
      const std::string message = absl::StrCat(path, ": ", std::strerror(errno));
      return errno == ENOENT ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
    }
    absl::Status status = AddDescriptor(file, std::move(stream));
    std::fclose(file);
    return status;
  }

  absl::Status AddDescriptor(std::FILE* file, StreamOptions stream) {
    const std::string name = stream.source_name;
    std::unique_ptr<StreamDecoder> decoder = OpenStream(std::move(stream));
    std::vector<char> buffer(kReadBytes);
    size_t n = 0;
    while ((n = std::fread(buffer.data(), 1, buffer.size(), file)) > 0) {
      const absl::Status status = decoder->Feed({buffer.data(), n});
      if (!status.ok()) return status;
    }
    if (std::ferror(file) != 0) {
      return absl::UnavailableError(absl::StrCat(name, ": ", std::strerror(errno)));
    }
    return decoder->Finish();
  }

  // In a `kubectl cluster-info dump` folder the logs stand at NAMESPACE/POD/logs.txt.
  absl::Status AddFolder(const std::string& root) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::recursive_directory_iterator it(root, error), end; it != end && !error;
         it.increment(error)) {
      if (it->is_regular_file(error)) files.push_back(it->path());
    }
    if (error) return absl::PermissionDeniedError(absl::StrCat(root, ": ", error.message()));
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      if (!IsDataFile(file.filename().string())) {
        ++state_.stats().ignored["file of another kind"];
        continue;
      }
      StreamOptions stream{.source_name = absl::StrCat("file:", file.string())};
      if (file.filename() == "logs.txt") {
        stream.format = "logs";
        stream.log_pod = file.parent_path().filename().string();
        stream.log_namespace = file.parent_path().parent_path().filename().string();
      }
      const absl::Status status = AddFile(file.string(), std::move(stream));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  SetState state_;
  Sink& sink_;
  uint64_t reported_ = 0;
};

absl::Status CheckOptions(const DecodeOptions& options) {
  const std::vector<std::string>& formats = FormatNames();
  if (!options.format.empty() &&
      std::find(formats.begin(), formats.end(), options.format) == formats.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("format is ", options.format, "; json, yaml or logs is expected"));
  }
  if (options.complete && options.complete_all_namespaces == !options.complete_namespace.empty()) {
    return absl::InvalidArgumentError(
        "a complete input needs either all namespaces or one namespace to be complete for");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BatchSink::OnMutation(Mutation mutation) {
  batch.mutations.push_back(std::move(mutation));
  return absl::OkStatus();
}

absl::Status BatchSink::OnDeadLetter(DeadLetter letter) {
  batch.dead_letters.push_back(std::move(letter));
  return absl::OkStatus();
}

const std::vector<std::string>& FormatNames() {
  static const std::vector<std::string> names = {"json", "yaml", "logs"};
  return names;
}

absl::StatusOr<std::unique_ptr<InputSet>> InputSet::Create(DecodeOptions options, Sink* sink) {
  const absl::Status status = CheckOptions(options);
  if (!status.ok()) return status;
  return std::unique_ptr<InputSet>(std::make_unique<InputSetImpl>(std::move(options), sink));
}

absl::StatusOr<DecodeStats> DecodeBody(absl::string_view body, const DecodeOptions& options,
                                       const std::string& source_name, Sink* sink) {
  absl::StatusOr<std::unique_ptr<InputSet>> set = InputSet::Create(options, sink);
  if (!set.ok()) return set.status();
  std::unique_ptr<StreamDecoder> stream = (*set)->OpenStream({.source_name = source_name});
  absl::Status status = stream->Feed(body);
  if (status.ok()) status = stream->Finish();
  if (status.ok()) status = (*set)->Finish();
  if (!status.ok()) return status;
  return (*set)->stats();
}

absl::StatusOr<DecodeStats> DecodePaths(const std::vector<std::string>& paths,
                                        const DecodeOptions& options, Sink* sink) {
  absl::StatusOr<std::unique_ptr<InputSet>> set = InputSet::Create(options, sink);
  if (!set.ok()) return set.status();
  absl::Status status;
  for (const std::string& path : paths) {
    if (status.ok()) status = (*set)->AddPath(path);
  }
  if (status.ok()) status = (*set)->Finish();
  if (!status.ok()) return status;
  return (*set)->stats();
}

}  // namespace kg::ingest
