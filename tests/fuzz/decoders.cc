#include "tests/fuzz/decoders.h"

#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <string>

#include "ingest/decoder.h"
#include "ingest/internal/excerpt.h"
#include "ingest/internal/times.h"
#include "ingest/redactor.h"
#include "tests/fuzz/expect.h"

namespace kg::fuzz {
namespace {

using ingest::IsValidUtf8;

void CheckFields(const std::vector<Field>& fields) {
  for (const Field& field : fields)
    Expect(IsValidUtf8(field.path) && IsValidUtf8(field.value), "fields are UTF-8");
}

// What every record must hold, whatever it was made from.
struct RecordChecker {
  void operator()(const ObjectRecord& r) const {
    Expect(!r.ref.kind.empty(), "an object has a kind");
    Expect(!r.ref.name.empty() || !r.ref.uid.empty(), "an object has a name or a uid");
    CheckFields(r.fields);
  }
  void operator()(const EdgeRecord& r) const {
    Expect(IsValidUtf8(r.type) && IsValidUtf8(r.from.name), "an edge is UTF-8");
  }
  void operator()(const EventRecord& r) const {
    Expect(r.first <= r.last && r.count >= 1, "an event ends after it began");
    Expect(!r.event_id.empty() && IsValidUtf8(r.message), "an event has an id and a text");
  }
  void operator()(const AlertRecord& r) const {
    Expect(!r.name.empty() && !r.fingerprint.empty(), "an alert has a name");
    CheckFields(r.labels);
    CheckFields(r.annotations);
  }
  void operator()(const LogRecord& r) const {
    Expect(r.line.size() <= ingest::Limits().line_bytes && IsValidUtf8(r.line), "a line is short");
  }
  void operator()(const CompletenessRecord& r) const {}
};

class CheckingSink : public ingest::Sink {
 public:
  absl::Status OnMutation(Mutation mutation) override {
    std::visit(RecordChecker(), mutation);
    return absl::OkStatus();
  }
  absl::Status OnDeadLetter(DeadLetter letter) override {
    Expect(letter.excerpt.size() <= ingest::Limits().excerpt_bytes, "an excerpt is short");
    Expect(IsValidUtf8(letter.excerpt) && !letter.reason.empty(), "a letter says why");
    return absl::OkStatus();
  }
};

ingest::DecodeOptions Options() {
  ingest::DecodeOptions options;
  options.wall_now = FromMicros(1'762'084'800'000'000);
  options.log_namespace = "ns";
  options.limits.document_bytes = 64 << 10;
  options.limits.inflated_bytes = 4 << 20;
  options.limits.held_bytes = 4 << 10;
  return options;
}

void Feed(absl::string_view input, const ingest::DecodeOptions& options) {
  CheckingSink sink;
  auto set = ingest::InputSet::Create(options, &sink);
  Expect(set.ok(), "options are good");
  const auto stream = (*set)->OpenStream(ingest::StreamOptions());
  // Pieces of a size that the input itself decides, so that every cut is tried.
  const size_t chunk =
      input.empty() ? 1 : 1 + static_cast<uint8_t>(input[input.size() / 2]) * size_t{7};
  for (size_t at = 0; at < input.size(); at += chunk)
    Expect(stream->Feed(input.substr(at, chunk)).ok(), "broken input is no error");
  Expect(stream->Finish().ok() && (*set)->Finish().ok(), "the end of broken input is no error");
}

void FeedFormat(absl::string_view input, const std::string& format) {
  ingest::DecodeOptions options = Options();
  options.format = format;
  Feed(input, options);
}

void FeedTopic(absl::string_view input, const std::string& topic) {
  ingest::DecodeOptions options = Options();
  options.format = "json";
  options.topic = topic;
  Feed(input, options);
}

std::string Gzip(const std::string& text) {
  z_stream stream{};
  Expect(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  std::string out(text.size() + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  Expect(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

}  // namespace

void Content(absl::string_view input) {
  FeedFormat(input, "");
}
void Alerts(absl::string_view input) {
  ingest::DecodeOptions options = Options();
  options.format = "json";
  options.received_live = true;
  Feed(input, options);
}
void Yaml(absl::string_view input) {
  FeedFormat(input, "yaml");
}
void Logs(absl::string_view input) {
  FeedFormat(input, "logs");
}
void TopicResource(absl::string_view input) {
  FeedTopic(input, "state.k8s.resource");
}
void TopicTopology(absl::string_view input) {
  FeedTopic(input, "state.k8s.topology");
}
void TopicEvents(absl::string_view input) {
  FeedTopic(input, "events.normalized");
}
void TopicLogs(absl::string_view input) {
  FeedTopic(input, "logs.normalized");
}
void TopicTargets(absl::string_view input) {
  FeedTopic(input, "state.prom.targets");
}
void TopicRules(absl::string_view input) {
  FeedTopic(input, "state.prom.rules");
}
void TopicCommands(absl::string_view input) {
  FeedTopic(input, "graph.commands");
}

void RedactorText(absl::string_view input) {
  const std::string before(input);
  std::string text = before;
  ingest::Redactor redactor;
  const bool changed = redactor.Text(&text);
  Expect(changed || text == before, "what is not redacted stays as it is");
  Expect(ingest::MaskedExcerpt(before, 512).size() <= 512, "an excerpt is short");
  // A name and a value, as of an env variable or a flag.
  const size_t equals = before.find('=');
  std::string value = equals == std::string::npos ? before : before.substr(equals + 1);
  redactor.NamedValue(before.substr(0, equals), &value);
  redactor.ArgumentAfter(before.substr(0, equals), &value);
}

void WireTimes(absl::string_view input) {
  using ingest::TimeReading;
  const TimeReading read = ingest::ParseTime(input);
  if (read.kind == TimeReading::Kind::kGood) {
    const TimeReading again = ingest::ParseTime(ingest::FormatTime(read.time));
    Expect(again.kind == TimeReading::Kind::kGood && again.time == read.time,
           "a time reads back as it was written");
  }
  absl::string_view rest;
  if (ingest::LeadingTime(input, &rest)) Expect(rest.size() < input.size(), "a time takes bytes");
  if (input.size() < 8) return;
  int64_t whole = 0;
  double real = 0;
  input.copy(reinterpret_cast<char*>(&whole), 8);
  input.copy(reinterpret_cast<char*>(&real), 8);
  ingest::ParseEpoch(whole);
  ingest::ParseEpoch(real);
}

Seeds ObjectSeeds() {
  Seeds seeds = Recordings("objects.json");
  Append(Recordings("watch.jsonl"), &seeds);
  Append(Recordings("events.json"), &seeds);
  Append(Recordings("topics.jsonl"), &seeds);
  seeds.push_back(SourceFile("schemas/fixtures/kubectl/list.json").substr(0, kSeedBytes));
  seeds.push_back(R"({"topic":"state.k8s.resource","key":"a::pod:b","payload":null})");
  return seeds;
}

Seeds AlertSeeds() {
  Seeds seeds = Recordings("alerts.jsonl");
  seeds.push_back(R"({"receiver":"x","status":"firing","groupLabels":{"alertname":"A"},)"
                  R"("alerts":[{"status":"resolved","labels":{"alertname":"A","pod":"p"},)"
                  R"("startsAt":"2025-11-02T08:15:04Z","endsAt":"0001-01-01T00:00:00Z"}]})");
  seeds.push_back(R"([{"labels":{"alertname":"A"},"state":"firing",)"
                  R"("activeAt":"2025-11-02T08:15:04.123456789Z","value":"1e+00"}])");
  return seeds;
}

Seeds YamlSeeds() {
  Seeds seeds = Recordings("objects.yaml");
  seeds.push_back(
      "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  metadata: {name: a}\n- 'x'\n");
  seeds.push_back(
      "a: &x [1, 2]\nb: *x\n---\nkind: Secret\nmetadata:\n  name: s\nstringData: {k: v}\n");
  return seeds;
}

Seeds LogSeeds() {
  Seeds seeds = Recordings("logs.txt");
  seeds.push_back(
      "[pod/a/b] 2025-11-02T08:15:04.1Z E1102 x\n"
      "==== START logs for container a of pod b/c ====\nx\n");
  return seeds;
}

Seeds CompressedSeeds() {
  Seeds seeds;
  for (const std::string& text : ObjectSeeds()) {
    if (seeds.size() >= 8) break;
    seeds.push_back(Gzip(text));
    seeds.push_back(Zstd(text));
  }
  seeds.push_back(seeds[0] + seeds[0]);
  return seeds;
}

Seeds ResourceSeeds() {
  Seeds seeds = TopicPayloads("state.k8s.resource");
  seeds.push_back(R"({"op":"UPSERT","kind":"Pod","name":"a","status":{"phase":"x"},)"
                  R"("at":"2025-11-02T08:15:04Z"})");
  return seeds;
}

Seeds TopologySeeds() {
  Seeds seeds = TopicPayloads("state.k8s.topology");
  seeds.push_back(R"({"from":"pod:a:b","to":"node:n","type":"x y","at":1762071300})");
  return seeds;
}

Seeds EventSeeds() {
  Seeds seeds = TopicPayloads("events.normalized");
  seeds.push_back(R"({"etype":"prom.alert","reason":"r","event_time":"2025-11-02T08:15:04Z",)"
                  R"("alerts":{"labels":{"alertname":"x"}}})");
  seeds.push_back(R"({"event_id":"evt-1","event_time":"2025-11-02T08:15:04Z",)"
                  R"("subject":{"kind":"Pod","name":"x"}})");
  return seeds;
}

Seeds LogRecordSeeds() {
  Seeds seeds = TopicPayloads("logs.normalized");
  seeds.push_back(R"({"message":"x","pod_name":"y","timestamp":"2025-11-02T08:15:04Z"})");
  return seeds;
}

Seeds TargetSeeds() {
  Seeds seeds = TopicPayloads("state.prom.targets");
  seeds.push_back(R"({"labels":{"job":"kube","namespace":"shop","pod":"cart-1"},"health":"down",)"
                  R"("lastError":"connection refused","scrapeUrl":"http://10.1.2.3:9090/metrics",)"
                  R"("lastScrape":"2025-11-02T08:15:04Z"})");
  return seeds;
}

Seeds RuleSeeds() {
  Seeds seeds = TopicPayloads("state.prom.rules");
  seeds.push_back(R"({"name":"HighErrors","group":"shop","state":"firing","query":"up == 0",)"
                  R"("duration":300,"labels":{"severity":"page"},)"
                  R"("alerts":[{"labels":{"alertname":"HighErrors","pod":"cart-1"},)"
                  R"("activeAt":"2025-11-02T08:15:04Z"}]})");
  return seeds;
}

Seeds CommandSeeds() {
  Seeds seeds = TopicPayloads("graph.commands");
  seeds.push_back(R"({"op":"ENSURE_SCHEMA"})");
  return seeds;
}

Seeds SecretSeeds() {
  Seeds seeds = {
      "password=x https://a:b@c/ eyJhbGciOi.eyJhbGciOi.x 4111 1111 1111 1111",
      "-----BEGIN X PRIVATE KEY-----\nabc\n-----END X PRIVATE KEY-----",
      "DATABASE_URL=postgres://u:p@db:5432/x?sslmode=off",
      "Authorization: Bearer abcdefghijklmnop",
      "--token=abc --password abc",
  };
  Append(Recordings("logs.txt"), &seeds);
  return seeds;
}

Seeds WireTimeSeeds() {
  return {"2025-11-02T08:15:04.25Z",
          "2025-11-02 08:15:04+05:30",
          "1762071304",
          "1762071304123",
          "0001-01-01T00:00:00Z",
          "2025-11-02T08:15:04Z text",
          "2199-12-31T23:59:59.999999999Z"};
}

}  // namespace kg::fuzz
