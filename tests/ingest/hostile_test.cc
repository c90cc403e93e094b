#include <catch2/catch.hpp>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/ingest/support.h"

namespace kg::ingest {
namespace {

const std::string kGood = R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ok"}})";

// `bad` is one dead letter, and the good document behind it is read.
std::string RejectedBefore(const std::string& bad, const DecodeOptions& options = TestOptions()) {
  std::string reason;
  for (const size_t chunk : {size_t{4096}, bad.size() + 100}) {
    const Decoded d = DecodeChunked(bad + "\n" + kGood, chunk, options);
    CHECK(d.One<ObjectRecord>().ref.name == "ok");
    reason = d.Rejected();
    for (const DeadLetter& letter : d.batch.dead_letters) {
      CHECK(letter.excerpt.size() <= options.limits.excerpt_bytes);
    }
  }
  return reason;
}

TEST_CASE("nested too deeply") {
  CHECK(absl::StrContains(RejectedBefore(std::string(1000, '[') + std::string(1000, ']')),
                          "deeper than 64"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK(absl::StrContains(RejectedBefore(objects + "1" + std::string(100000, '}')),
                          "deeper than 64"));
}

TEST_CASE("a document beyond the limit is skipped without being kept") {
  DecodeOptions options = TestOptions();
  options.limits.document_bytes = 10000;
  const std::string huge =
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"k":")" +
      std::string(50000, 'x') + "\"}}";
  CHECK(absl::StrContains(RejectedBefore(huge, options), "larger than 10000"));
  const Decoded list =
      DecodeChunked("{\"kind\":\"List\",\"items\":[" + huge + "," + kGood + "]}", 1000, options);
  CHECK(list.One<ObjectRecord>().ref.name == "ok");
  CHECK(absl::StrContains(list.Rejected(), "larger"));
  CHECK(list.batch.dead_letters[0].size_bytes == huge.size());
  const Decoded yaml = DecodeChunked("a: " + std::string(50000, 'x') +
                                         "\n---\napiVersion: v1\nkind: Namespace\n"
                                         "metadata: {name: ok}\n",
                                     1000, options);
  CHECK(yaml.One<ObjectRecord>().ref.name == "ok");
  CHECK(yaml.batch.dead_letters.size() == 1);
}

TEST_CASE("a million labels") {
  std::string labels;
  for (int i = 0; i < 1000000; ++i)
    absl::StrAppend(&labels, i == 0 ? "" : ",", "\"l", i, "\":\"\"");
  CHECK(absl::StrContains(
      RejectedBefore(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","labels":{)" +
                     labels + "}}}"),
      "labels"));
  CHECK(absl::StrContains(
      RejectedBefore(R"({"alerts":[{"labels":{)" + labels + R"(}}],"receiver":"x"})"), "labels"));
}

TEST_CASE("too many fields; values that are too long") {
  DecodeOptions options = TestOptions();
  options.limits.fields_per_object = 10;
  std::string spec;
  for (int i = 0; i < 20; ++i) absl::StrAppend(&spec, i == 0 ? "" : ",", "\"f", i, "\":1");
  CHECK(absl::StrContains(
      RejectedBefore(
          R"({"apiVersion":"v1","kind":"X","metadata":{"name":"x"},"spec":{)" + spec + "}}",
          options),
      "21 fields, at most 10"));
  const auto value = [](char last) {
    const std::string text = std::string(100000, 'x') + last;
    return FieldOf(Decode(R"({"apiVersion":"v1","kind":"X","metadata":{"name":"x"},"spec":{"a":")" +
                          text + "\"}}")
                       .One<ObjectRecord>()
                       .fields,
                   "spec.a");
  };
  CHECK(value('a').size() < 66000);
  CHECK(value('a') != value('b'));
}

TEST_CASE("a log line or message of any length is cut") {
  DecodeOptions options = TestOptions();
  options.log_namespace = "shop";
  const std::string line = "[pod/a/b] 2025-11-02T08:00:00Z ERROR " + std::string(1 << 20, 'y');
  const Decoded d = DecodeChunked(line + "\n", 1000, options);
  CHECK(d.One<LogRecord>().line.size() == options.limits.line_bytes);
}

TEST_CASE("compression bombs") {
  const std::string zeros(64 << 20, ' ');
  for (const std::string& packed : {Gzip(zeros), Zstd(zeros)}) {
    const Decoded d = Decode(packed);
    CHECK(absl::StrContains(d.Rejected(), "times its size"));
    CHECK(d.stats.bytes_inflated <= 20 << 20);
  }
  DecodeOptions options = TestOptions();
  options.limits.inflated_bytes = 1 << 20;
  CHECK(absl::StrContains(Decode(Gzip(zeros), options).Rejected(), "1048576 bytes"));
}

TEST_CASE("a YAML bomb") {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    const char before = static_cast<char>(c - 1);
    bomb += absl::StrCat(std::string(1, c), ": &", std::string(1, c), " [*", std::string(1, before),
                         ",*", std::string(1, before), "]\n");
  }
  CHECK(absl::StrContains(Decode(bomb).Rejected(), "aliases"));
  DecodeOptions options = TestOptions();
  options.limits.yaml_nodes = 1000;
  std::string wide = "a:\n";
  for (int i = 0; i < 2000; ++i) wide += "- x\n";
  CHECK(absl::StrContains(Decode(wide, options).Rejected(), "more than 1000 nodes"));
}

TEST_CASE("invalid UTF-8 is repaired wherever it goes") {
  const Decoded d = Decode(
      "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\xff\",\"labels\":{"
      "\"k\xfe\":\"v\xc3\"}}}");
  const ObjectRecord r = d.One<ObjectRecord>();
  CHECK(r.ref.name == "a\xef\xbf\xbd");
  CHECK(FieldOf(r.fields, "metadata.labels[k\xef\xbf\xbd]") == "v\xef\xbf\xbd");
}

TEST_CASE("ten thousand mutilations of real input neither crash nor leak a secret") {
  std::vector<std::string> seeds = {Fixture("kubectl/list.json"), kGood + "\n" + kGood};
  seeds.push_back(Zstd(seeds[0]));
  seeds.push_back(
      "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  k: secretvalue\n");
  std::mt19937 random(20251102);
  for (int round = 0; round < 10000; ++round) {
    std::string body = seeds[random() % seeds.size()];
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes && !body.empty(); ++i) {
      const size_t at = random() % body.size();
      switch (random() % 4) {
        case 0:
          body[at] = static_cast<char>(random());
          break;
        case 1:
          body.erase(at, 1 + random() % 20);
          break;
        case 2:
          body.insert(at, 1 + random() % 3, "{}[]\",:\n \\"[random() % 10]);
          break;
        default:
          body.resize(at);
          break;
      }
    }
    const Decoded d = DecodeChunked(body, 1 + random() % 5000, TestOptions());
    REQUIRE(d.status.ok());
  }
}

}  // namespace
}  // namespace kg::ingest
