#include <catch2/catch.hpp>

#include "engine/records.h"
#include "tests/semantics/fixture.h"

// Records that could not be applied, or not even decoded: kept once, found again, taken out.

namespace kg::semantics {
namespace {

template <typename Record>
Record RoundTrip(const Record& record) {
  const absl::StatusOr<Mutation> back = records::DecodeMutation(records::EncodeMutation(record));
  REQUIRE(back.ok());
  REQUIRE(std::holds_alternative<Record>(*back));
  return std::get<Record>(*back);
}

ObjectRef SomeRef(const std::string& name) {
  return {"apps", true, "Deployment", "shop", name, "uid-" + name};
}

const ScopeName kScope{"acme", "prod"};

TEST_CASE("an object record survives its encoding exactly") {
  ObjectRecord r;
  r.scope = kScope;
  r.ref = SomeRef("a");
  r.presence = Presence::kDeleted;
  r.shape = ObjectShape::kSummary;
  r.at = At(10);
  r.at_source = TimeSource::kEnvelope;
  r.created = FromMicros(0);
  r.generation = -7;
  r.fields = {{"spec.a", "", FieldKind::kEmpty}, {"spec.b[x/y]", "mac:1:ff", FieldKind::kMac}};
  r.managed = {{"kubectl", "Update", At(9)}};
  const ObjectRecord back = RoundTrip(r);
  CHECK(back.scope == r.scope);
  CHECK(back.ref == r.ref);
  CHECK(back.presence == r.presence);
  CHECK(back.shape == r.shape);
  CHECK(back.at == r.at);
  CHECK(back.at_source == r.at_source);
  CHECK(back.created == r.created);
  CHECK(back.deleting == std::nullopt);
  CHECK(back.generation == r.generation);
  CHECK(back.fields == r.fields);
  REQUIRE(back.managed.size() == 1);
  CHECK(back.managed[0].manager == "kubectl");
  CHECK(back.managed[0].operation == "Update");
  CHECK(back.managed[0].time == At(9));
}

TEST_CASE("an edge record survives its encoding exactly") {
  EdgeRecord r;
  r.scope = kScope;
  r.type = "RUNS_ON";
  r.from = SomeRef("a");
  r.to = {"", false, "Node", "", "n1", ""};
  r.presence = Presence::kDeleted;
  r.at = At(10);
  r.at_source = TimeSource::kGiven;
  r.asserter = "topology";
  const EdgeRecord back = RoundTrip(r);
  CHECK(back.scope == r.scope);
  CHECK(back.type == r.type);
  CHECK(back.from == r.from);
  CHECK(back.to == r.to);
  CHECK(back.presence == r.presence);
  CHECK(back.at == r.at);
  CHECK(back.at_source == r.at_source);
  CHECK(back.asserter == r.asserter);
}

TEST_CASE("an event record survives its encoding exactly") {
  EventRecord r;
  r.scope = kScope;
  r.event_id = "e1";
  r.other_ids = {"x", "", "y"};
  r.etype = "";
  r.subject = SomeRef("a");
  r.container = "app";
  r.related = ObjectRef();
  r.reason = "BackOff";
  r.message = std::string("a\0b", 3);
  r.severity = "WARNING";
  r.type = "Warning";
  r.emitter = "kubelet";
  r.first = At(9);
  r.last = At(10);
  r.count = 41;
  r.at_source = TimeSource::kMetadata;
  EventRecord back = RoundTrip(r);
  CHECK(back.scope == r.scope);
  CHECK(back.event_id == r.event_id);
  CHECK(back.other_ids == r.other_ids);
  CHECK(back.etype == r.etype);
  CHECK(back.subject == r.subject);
  CHECK(back.container == r.container);
  CHECK(back.related == r.related);
  CHECK(back.reason == r.reason);
  CHECK(back.message == r.message);
  CHECK(back.severity == r.severity);
  CHECK(back.type == r.type);
  CHECK(back.emitter == r.emitter);
  CHECK(back.first == r.first);
  CHECK(back.last == r.last);
  CHECK(back.count == r.count);
  CHECK(back.at_source == r.at_source);
  r.related = std::nullopt;
  CHECK(RoundTrip(r).related == std::nullopt);
}

TEST_CASE("an alert record survives its encoding exactly") {
  AlertRecord r;
  r.scope = kScope;
  r.fingerprint = "0123456789abcdef";
  r.name = "Slow";
  r.labels = {{"pod", "a", FieldKind::kString}};
  r.annotations = {{"summary", "b", FieldKind::kString}};
  r.subject = SomeRef("a");
  r.severity = "PAGE";
  r.message = "slow";
  r.firing = false;
  r.starts_at = At(8);
  r.ends_at = At(9);
  r.at = At(10);
  r.at_source = TimeSource::kWallClock;
  const AlertRecord back = RoundTrip(r);
  CHECK(back.scope == r.scope);
  CHECK(back.fingerprint == r.fingerprint);
  CHECK(back.name == r.name);
  CHECK(back.labels == r.labels);
  CHECK(back.annotations == r.annotations);
  CHECK(back.subject == r.subject);
  CHECK(back.severity == r.severity);
  CHECK(back.message == r.message);
  CHECK_FALSE(back.firing);
  CHECK(back.starts_at == r.starts_at);
  CHECK(back.ends_at == r.ends_at);
  CHECK(back.active_at == std::nullopt);
  CHECK(back.at == r.at);
  CHECK(back.at_source == r.at_source);
}

TEST_CASE("a log record survives its encoding exactly") {
  LogRecord r;
  r.scope = kScope;
  r.event_id = "l1";
  r.subject = SomeRef("a");
  r.container = "app";
  r.at = At(10);
  r.at_source = TimeSource::kInputSet;
  r.severity = "ERROR";
  r.line = "no \xE2\x82\xAC";
  const LogRecord back = RoundTrip(r);
  CHECK(back.scope == r.scope);
  CHECK(back.event_id == r.event_id);
  CHECK(back.subject == r.subject);
  CHECK(back.container == r.container);
  CHECK(back.at == r.at);
  CHECK(back.at_source == r.at_source);
  CHECK(back.severity == r.severity);
  CHECK(back.line == r.line);
}

TEST_CASE("a completeness record survives its encoding exactly") {
  CompletenessRecord r;
  r.scope = kScope;
  r.at = At(10);
  r.at_source = TimeSource::kGiven;
  r.namespaces = {"shop", ""};
  r.kinds = {{"apps", true, "Deployment", "", "", ""}};
  r.present = {SomeRef("a"), SomeRef("b")};
  const CompletenessRecord back = RoundTrip(r);
  CHECK(back.scope == r.scope);
  CHECK(back.at == r.at);
  CHECK(back.at_source == r.at_source);
  CHECK(back.namespaces == r.namespaces);
  CHECK(back.kinds == r.kinds);
  CHECK(back.present == r.present);
}

TEST_CASE("a damaged kept record is an error and no crash") {
  const std::string row = records::EncodeMutation(LogRecord());
  CHECK_FALSE(records::DecodeMutation("").ok());
  for (size_t length = 0; length < row.size(); ++length)
    CHECK_FALSE(records::DecodeMutation(absl::string_view(row).substr(0, length)).ok());
}

Mutation LateEvent(Timestamp at) {
  return Event("e1", Ref("Pod", "shop", "cart"), "BackOff", "back-off", at, at);
}

std::vector<DeadLetter> Letters(World& world) {
  auto letters = world.view()->DeadLetters(world.scope(), 100);
  REQUIRE(letters.ok());
  return *std::move(letters);
}

int64_t Counted(World& world) {
  const auto stats = world.db().Stats();
  REQUIRE(stats.ok());
  return stats->dead_letters;
}

TEST_CASE("a record from the far future is kept whole and applies once the clock is there") {
  World world;
  world.wall = At(10);
  world.Reopen();
  world.Apply({Event("e0", Ref("Pod", "shop", "cart"), "Started", "", At(9), At(9))});
  Batch batch;
  batch.mutations.push_back(LateEvent(At(12)));
  auto refused = world.db().Apply(batch);
  REQUIRE(refused.ok());
  CHECK(refused->refused == 1);
  CHECK(refused->dead_letters == 1);
  CHECK(world.view()->data_clock() == At(9));

  std::vector<DeadLetter> letters = Letters(world);
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].position == "event BackOff of Pod shop/cart");
  REQUIRE(letters[0].mutation.has_value());
  CHECK(std::get<EventRecord>(*letters[0].mutation).message == "back-off");
  const MendedLetter mended{world.scope(), DeadLetterId(letters[0])};

  // Sent again, or retried too early, it stays one letter.
  REQUIRE(world.db().Apply(batch).ok());
  Batch retry;
  retry.mended = {mended};
  retry.mutations = {*letters[0].mutation};
  const auto early = world.db().Apply(retry);
  REQUIRE(early.ok());
  CHECK(early->refused == 1);
  CHECK(Letters(world).size() == 1);
  CHECK(Counted(world) == 1);
  world.Reopen();
  CHECK(Counted(world) == 1);

  world.wall = At(12);
  const auto late = world.db().Apply(retry);
  REQUIRE(late.ok());
  CHECK(late->refused == 0);
  CHECK(late->applied == 1);
  CHECK(Letters(world).empty());
  CHECK(Counted(world) == 0);
  CHECK(world.view()->data_clock() == At(12));
  world.Reopen();
  CHECK(Counted(world) == 0);
  CHECK(world.Bursts(Ref("Pod", "shop", "cart"), "BACK_OFF").size() +
            world.Bursts(Ref("Pod", "shop", "cart")).size() >=
        1);
}

TEST_CASE("letters kept before any data are counted after a restart and can be taken out") {
  World world;
  world.wall = At(10);
  world.Reopen();
  Batch batch;
  batch.mutations.push_back(LateEvent(At(12)));
  batch.dead_letters.push_back({{}, "file:/x", "line 1", 5, "no JSON", "", At(10), {}, ""});
  REQUIRE(world.db().Apply(batch).ok());
  REQUIRE(world.db().Apply(batch).ok());
  CHECK(Letters(world).size() == 2);
  world.Reopen();
  CHECK(Counted(world) == 2);
  Batch retry;
  for (const DeadLetter& letter : Letters(world))
    retry.mended.push_back({world.scope(), DeadLetterId(letter)});
  retry.mended.push_back({world.scope(), "0123"});
  REQUIRE(world.db().Apply(retry).ok());
  CHECK(Letters(world).empty());
  world.Reopen();
  CHECK(Counted(world) == 0);
}

TEST_CASE("an object without name and uid is kept as a letter") {
  World world;
  Batch batch;
  batch.mutations.push_back(Object("Pod", "shop", "").SeenAt(At(10)));
  const auto result = world.db().Apply(batch);
  REQUIRE(result.ok());
  CHECK(result->refused == 1);
  CHECK(Letters(world).size() == 1);
}

TEST_CASE("a position is durable after Settle though nothing else was new") {
  World world;
  world.Apply({Event("e0", Ref("Pod", "shop", "cart"), "Started", "", At(9), At(9))});
  Batch batch;
  batch.positions.push_back({"file:abc", 0, 42, -1, ""});
  REQUIRE(world.db().Apply(batch).ok());
  REQUIRE(world.db().Settle().ok());
  world.Reopen();
  const auto position = world.db().Position("file:abc", 0);
  REQUIRE(position.has_value());
  CHECK(position->offset == 42);
}

}  // namespace
}  // namespace kg::semantics
