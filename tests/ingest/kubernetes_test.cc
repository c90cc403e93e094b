#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/ingest/support.h"

namespace kg::ingest {
namespace {

constexpr char kPod[] = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop",)"
                        R"("creationTimestamp":"2025-11-02T08:00:00Z"}})";

TEST_CASE("kubectl get -o json: objects, a Secret without its values, an Event, in one List") {
  const Decoded d = Decode(Fixture("kubectl/list.json"));
  CHECK(d.batch.dead_letters.empty());
  const std::vector<ObjectRecord> objects = d.All<ObjectRecord>();
  REQUIRE(objects.size() == 2);
  const ObjectRecord& pod = objects[0];
  CHECK(pod.ref.kind == "Pod");
  CHECK(pod.ref.group_known);
  CHECK(pod.ref.group == "");
  CHECK(pod.ref.ns == "shop");
  CHECK(pod.ref.uid == "5f0c0001-0000-4000-8000-00000000abcd");
  CHECK(pod.created == At("2025-11-02T08:00:00Z"));
  REQUIRE(pod.managed.size() == 1);
  CHECK(pod.managed[0].time == At("2025-11-02T08:05:00Z"));
  CHECK(FieldOf(pod.fields, "metadata.labels[app.kubernetes.io/name]") == "web");
  CHECK(FieldOf(pod.fields, "metadata.ownerReferences[web-7d].kind") == "ReplicaSet");
  CHECK(FieldOf(pod.fields, "spec.containers[app].env[DB_HOST].value") == "db.shop");
  CHECK(FieldOf(pod.fields, "spec.containers[app].env[DB_PASSWORD].value") == "[redacted]");
  CHECK(FieldOf(pod.fields, "spec.containers[app].env[DB_URL].value") ==
        "postgres://[redacted]@db.shop:5432/x");
  CHECK(FieldOf(pod.fields, "spec.containers[app].args[1]") == "[redacted]");
  CHECK_FALSE(HasField(pod.fields, "status.conditions[Ready].lastProbeTime"));
  CHECK(std::is_sorted(pod.fields.begin(), pod.fields.end(),
                       [](const Field& a, const Field& b) { return a.path < b.path; }));
  CHECK(objects[1].fields.back().kind == FieldKind::kMac);
  CHECK_FALSE(absl::StrContains(Dump(d.batch), "secretvalue"));

  const EventRecord event = d.One<EventRecord>();
  CHECK(event.event_id == "e0000001-0000-4000-8000-0000000000aa");
  CHECK(event.message == "Back-off restarting failed container");
  CHECK(event.container == "app");
  CHECK(event.count == 4);
  CHECK(event.first == At("2025-11-02T08:15:00Z"));
  CHECK(event.last == At("2025-11-02T08:20:00Z"));
  CHECK(event.other_ids ==
        std::vector<std::string>{"ccd00e9b2bc29b75f343b39f8e094390123f01ee", "evt-10bbb98958b4dfa6"});
}

TEST_CASE("an undated object takes the largest time of the input set, or --at, or the clock") {
  const Decoded set = Decode(Fixture("kubectl/list.json"));
  CHECK(set.All<ObjectRecord>()[0].at == At("2025-11-02T08:20:00Z"));
  CHECK(set.All<ObjectRecord>()[0].at_source == TimeSource::kInputSet);
  CHECK(set.stats.undated == 2);

  DecodeOptions options = TestOptions();
  options.at = At("2025-11-02T09:00:00Z");
  const Decoded given = Decode(kPod, options);
  CHECK(given.One<ObjectRecord>().at == *options.at);
  CHECK(given.One<ObjectRecord>().at_source == TimeSource::kGiven);

  const Decoded clock =
      Decode(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"}})");
  CHECK(clock.One<ObjectRecord>().at == TestOptions().wall_now);
  CHECK(clock.One<ObjectRecord>().at_source == TimeSource::kWallClock);
}

}  // namespace
}  // namespace kg::ingest
