#include "server/applier.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/server/support.h"

// Batches that are applied while the next one is decoded come to the same as one after the other.

namespace kg::server {
namespace {

constexpr int kEvents = 100;

std::string EventText(int i, const char* day) {
  return absl::StrCat(
      R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"e)", i,
      R"(","namespace":"shop","uid":"e-)", i,
      R"("},"reason":"BackOff","involvedObject":{"kind":"Pod","namespace":"shop","name":"cart-)",
      i % 7, R"("},"lastTimestamp":")", day, "T10:00:", i / 10 % 6, i % 10, "Z\"}\n");
}

// Every tenth line is broken, and some events lie too far in the future.
std::string Input() {
  std::string text;
  for (int i = 0; i < kEvents; ++i) {
    absl::StrAppend(&text, EventText(i, i % 25 == 24 ? "2027-03-02" : "2026-03-02"));
    if (i % 10 == 9) absl::StrAppend(&text, "{\"kind\":\n");
  }
  return text;
}

struct Outcome {
  IngestReport report;
  std::string dump;
};

Outcome Load(size_t batch_mutations) {
  TempDir dir;
  const auto database = OpenDatabase(dir);
  ingest::MacKey key;
  const ingest::DecodeOptions decode = DecodeOptionsFor(*database, WallClock(), &key);
  ApplySink::Options options;
  options.batch_mutations = batch_mutations;
  ApplySink sink(database.get(), options);
  REQUIRE(ingest::DecodeBody(Input(), decode, "test", &sink).ok());
  REQUIRE(sink.Finish().ok());
  auto dump = database->CanonicalDump();
  REQUIRE(dump.ok());
  return {sink.report(), *std::move(dump)};
}

EventRecord Event(int i) {
  EventRecord record;
  record.subject = {"", true, "Pod", "shop", "cart-1", ""};
  record.event_id = absl::StrCat("e-", i);
  record.reason = "BackOff";
  record.type = "Warning";
  record.first = record.last = WallClock() - std::chrono::seconds(100 - i);
  return record;
}

Batch OneEvent(int i) {
  Batch batch;
  batch.mutations.emplace_back(Event(i));
  return batch;
}

TEST_CASE("batches of any size come to the same facts and the same report") {
  const Outcome whole = Load(100'000);
  CHECK(whole.report.applied == kEvents - 4);
  CHECK(whole.report.dead_letters == 14);
  CHECK(whole.report.problems.size() == 10);
  for (const size_t size : {size_t{1}, size_t{3}, size_t{40}}) {
    INFO("batches of " << size);
    const Outcome parts = Load(size);
    CHECK(parts.dump == whole.dump);
    CHECK(parts.report.applied == whole.report.applied);
    CHECK(parts.report.refused == whole.report.refused);
    CHECK(parts.report.dead_letters == whole.report.dead_letters);
    CHECK(parts.report.problems.size() == whole.report.problems.size());
  }
}

TEST_CASE("problems are told in the order of the input") {
  const Outcome first = Load(5), second = Load(5);
  CHECK(first.report.problems == second.report.problems);
  // The first broken line ends the second batch, the first event of the future stands in the fifth.
  size_t future = 0;
  while (future < first.report.problems.size() &&
         !absl::StrContains(first.report.problems[future], "lies in the future")) {
    ++future;
  }
  CHECK(future == 2);
}

TEST_CASE("batches are applied in the order in which they are given") {
  TempDir dir;
  const auto database = OpenDatabase(dir);
  Applier applier(database.get());
  for (int i = 0; i < 20; ++i) {
    Batch batch = OneEvent(i);
    batch.positions.push_back({"s", 0, i, -1, ""});
    REQUIRE(applier.Give(std::move(batch)).ok());
  }
  REQUIRE(applier.Wait().ok());
  const std::vector<ApplyResult> results = applier.TakeResults();
  REQUIRE(results.size() == 20);
  for (size_t i = 1; i < results.size(); ++i) CHECK(results[i - 1].sequence < results[i].sequence);
  CHECK(database->Position("s", 0)->offset == 19);
  CHECK(applier.TakeResults().empty());
}

TEST_CASE("what was given is applied when the applier goes") {
  TempDir dir;
  const auto database = OpenDatabase(dir);
  {
    Applier applier(database.get());
    for (int i = 0; i < 10; ++i) REQUIRE(applier.Give(OneEvent(i)).ok());
  }
  CHECK(database->Stats()->episodes == 10);
}

TEST_CASE("the first failure stands and nothing behind it is applied") {
  TempDir dir;
  OpenDatabase(dir).reset();
  DatabaseOptions options;
  options.read_only = true;
  const auto database = Database::Open(dir / "data", options);
  REQUIRE(database.ok());
  Applier applier(database->get());
  absl::Status given;
  for (int i = 0; i < 10 && given.ok(); ++i) given = applier.Give(OneEvent(i));
  CHECK(applier.Wait().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(applier.Give(OneEvent(11)).code() == absl::StatusCode::kFailedPrecondition);
  CHECK(applier.TakeResults().empty());

  ApplySink::Options small;
  small.batch_mutations = 1;
  ApplySink sink(database->get(), small);
  absl::Status told;
  for (int i = 0; i < 10 && told.ok(); ++i) told = sink.OnMutation(Mutation(Event(i)));
  CHECK(sink.Flush().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(sink.Finish().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a batch is full when its objects are large") {
  TempDir dir;
  const auto database = OpenDatabase(dir);
  ApplySink::Options options;
  options.batch_bytes = 1000;
  {
    ApplySink sink(database.get(), options);
    ObjectRecord object;
    object.ref = {"", true, "ConfigMap", "shop", "settings", ""};
    object.at = WallClock();
    object.fields.push_back({"data.text", std::string(2000, 'x'), FieldKind::kString});
    REQUIRE(sink.OnMutation(Mutation(object)).ok());
    REQUIRE(sink.OnMutation(Mutation(Event(1))).ok());
  }
  // The object was on its way; the event behind it was only collected.
  CHECK(database->Stats()->resources == 1);
  CHECK(database->Stats()->episodes == 0);
}

}  // namespace
}  // namespace kg::server
