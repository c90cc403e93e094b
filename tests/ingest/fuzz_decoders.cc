#include "tests/ingest/fuzz_decoders.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "ingest/decoder.h"
#include "ingest/internal/excerpt.h"
#include "ingest/redactor.h"

namespace kg::ingest {
namespace {

void Expect(bool holds) {
  if (!holds) std::abort();
}

class CheckingSink : public Sink {
 public:
  absl::Status OnMutation(Mutation mutation) override {
    if (const auto* object = std::get_if<ObjectRecord>(&mutation)) {
      Expect(!object->ref.kind.empty());
      Expect(!object->ref.name.empty() || !object->ref.uid.empty());
      for (const Field& field : object->fields)
        Expect(IsValidUtf8(field.path) && IsValidUtf8(field.value));
    } else if (const auto* event = std::get_if<EventRecord>(&mutation)) {
      Expect(event->first <= event->last && event->count >= 1 && !event->event_id.empty());
    } else if (const auto* alert = std::get_if<AlertRecord>(&mutation)) {
      Expect(!alert->name.empty() && !alert->fingerprint.empty());
    }
    return absl::OkStatus();
  }
  absl::Status OnDeadLetter(DeadLetter letter) override {
    Expect(letter.excerpt.size() <= Limits().excerpt_bytes && IsValidUtf8(letter.excerpt));
    Expect(!letter.reason.empty());
    return absl::OkStatus();
  }
};

int Run(const uint8_t* data, size_t size, const std::string& format, const std::string& topic) {
  DecodeOptions options;
  options.wall_now = FromMicros(1'762'084'800'000'000);
  options.format = format;
  options.topic = topic;
  options.log_namespace = "ns";
  options.limits.document_bytes = 64 << 10;
  options.limits.inflated_bytes = 4 << 20;
  options.limits.held_bytes = 4 << 10;
  CheckingSink sink;
  auto set = InputSet::Create(options, &sink);
  Expect(set.ok());
  const auto stream = (*set)->OpenStream(StreamOptions());
  const absl::string_view body(reinterpret_cast<const char*>(data), size);
  // Pieces of a size that the input itself decides, so that every cut is tried.
  const size_t chunk = size == 0 ? 1 : 1 + data[size / 2] * size_t{7};
  for (size_t at = 0; at < size; at += chunk) Expect(stream->Feed(body.substr(at, chunk)).ok());
  Expect(stream->Finish().ok());
  Expect((*set)->Finish().ok());
  return 0;
}

}  // namespace

int FuzzStream(const uint8_t* data, size_t size) {
  return Run(data, size, "", "");
}
int FuzzYaml(const uint8_t* data, size_t size) {
  return Run(data, size, "yaml", "");
}
int FuzzLogs(const uint8_t* data, size_t size) {
  return Run(data, size, "logs", "");
}

int FuzzTopics(const uint8_t* data, size_t size) {
  static constexpr std::array<const char*, 7> kTopics = {
      "state.k8s.resource", "state.k8s.topology", "events.normalized", "logs.normalized",
      "state.prom.targets", "state.prom.rules",   "graph.commands"};
  if (size == 0) return 0;
  return Run(data + 1, size - 1, "json", kTopics[data[0] % kTopics.size()]);
}

int FuzzRedactor(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  const std::string before = text;
  Redactor redactor;
  const bool changed = redactor.Text(&text);
  Expect(changed || text == before);
  Expect(MaskedExcerpt(before, 512).size() <= 512);
  return 0;
}

int FuzzDecoder(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  switch (data[0] % 5) {
    case 0:
      return FuzzYaml(data + 1, size - 1);
    case 1:
      return FuzzLogs(data + 1, size - 1);
    case 2:
      return FuzzTopics(data + 1, size - 1);
    case 3:
      return FuzzRedactor(data + 1, size - 1);
    default:
      return FuzzStream(data + 1, size - 1);
  }
}

}  // namespace kg::ingest
