#include "ingest/decoder.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ingest/input_files.h"
#include "ingest/internal/stream.h"

namespace kg::ingest {
namespace {

constexpr uint64_t kProgressBytes = 64u << 10;

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
    absl::StatusOr<InputFiles> inputs = ListInputs({path});
    if (!inputs.ok()) return inputs.status();
    if (inputs->of_another_kind > 0)
      state_.stats().ignored["file of another kind"] += inputs->of_another_kind;
    for (InputFile& input : inputs->files) {
      std::unique_ptr<StreamDecoder> decoder = OpenStream(std::move(input.stream));
      absl::Status status =
          ReadInput(input.path, [&](absl::string_view chunk) { return decoder->Feed(chunk); });
      if (status.ok()) status = decoder->Finish();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    sink_.OnProgress(state_.stats().bytes_read);
    return state_.Finish();
  }

  const DecodeStats& stats() const override { return const_cast<SetState&>(state_).stats(); }

 private:
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
