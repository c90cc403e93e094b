#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/ingest/support.h"

namespace kg::ingest {
namespace {

constexpr char kPod[] =
    R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop",)"
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
  CHECK(event.other_ids == std::vector<std::string>{"ccd00e9b2bc29b75f343b39f8e094390123f01ee",
                                                    "evt-10bbb98958b4dfa6"});
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

std::string Frame(const std::string& type, const std::string& newest,
                  const std::string& extra = "") {
  return absl::StrCat(
      R"({"type":")", type, R"(","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a",)",
      R"("namespace":"b","uid":"u1",)", extra,
      R"("creationTimestamp":"2025-11-02T08:00:00Z"},"status":{"conditions":[{"type":"Ready",)",
      R"("status":"True","lastTransitionTime":")", newest, R"("}]}}})", "\n");
}

TEST_CASE("a watch frame that comes late is dated before the state that followed it") {
  const auto frame = [](const char* version, const char* newest, const char* ready) {
    return absl::StrCat(
        R"({"type":"MODIFIED","object":{"kind":"Pod","metadata":{"name":"p","namespace":"n",)",
        R"("uid":"u","resourceVersion":")", version,
        R"("},"status":{"conditions":[{"type":"Ready",)", R"("status":")", ready,
        R"(","lastTransitionTime":")", newest, R"("}]}}})", "\n");
  };
  const Decoded d = Decode(
      frame("12", "2025-11-02T08:05:00Z", "True") + frame("10", "2025-11-02T08:01:00Z", "False") +
      frame("9", "2025-11-02T08:00:00Z", "True") + frame("14", "2025-11-02T08:05:00Z", "True"));
  const std::vector<ObjectRecord> frames = d.All<ObjectRecord>();
  REQUIRE(frames.size() == 4);
  const Timestamp newest = At("2025-11-02T08:05:00Z");
  CHECK(frames[0].at == newest);
  CHECK(frames[1].at == newest - Duration(1));
  CHECK(frames[2].at == newest - Duration(2));
  CHECK(frames[3].at == newest + Duration(1));
}

TEST_CASE("watch frames take the running maximum of their own times and those before") {
  const Decoded d =
      Decode(Frame("ADDED", "2025-11-02T08:01:00Z") + Frame("MODIFIED", "2025-11-02T08:05:00Z") +
             Frame("DELETED", "2025-11-02T08:02:00Z") +
             R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"9"}}})"
             "\n"
             R"({"type":"ERROR","object":{"kind":"Status","code":410}})");
  const std::vector<ObjectRecord> frames = d.All<ObjectRecord>();
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].at == At("2025-11-02T08:01:00Z"));
  CHECK(frames[1].at == At("2025-11-02T08:05:00Z"));
  // Behind the one before, so that two states of one object never share an instant.
  CHECK(frames[2].at == At("2025-11-02T08:05:00Z") + Duration(1));
  CHECK(frames[2].presence == Presence::kDeleted);
  CHECK(frames[2].at_source == TimeSource::kMetadata);
  CHECK(d.batch.dead_letters.empty());
  CHECK(d.stats.ignored.at("watch BOOKMARK frame") == 1);
  CHECK(d.stats.ignored.at("watch ERROR frame") == 1);
}

TEST_CASE("an expired event in a watch has not un-happened") {
  const std::string event =
      R"("object":{"kind":"Event","apiVersion":"v1","metadata":{"uid":"e"},"involvedObject":{"kind":"Pod",)"
      R"("name":"a"},"reason":"r","eventTime":"2025-11-02T08:00:00Z"}})";
  const Decoded d = Decode("{\"type\":\"ADDED\"," + event + "{\"type\":\"DELETED\"," + event);
  CHECK(d.One<EventRecord>().event_id == "e");
  CHECK(d.stats.ignored.at("expired event") == 1);
}

TEST_CASE("a time in the far future dates nothing but itself") {
  const Decoded d = Decode(Frame("ADDED", "2031-01-01T00:00:00Z"));
  CHECK(d.One<ObjectRecord>().at == At("2025-11-02T08:00:00Z"));
}

TEST_CASE("events.k8s.io/v1, and core events with their many kinds of times") {
  const Decoded v1 = Decode(
      R"({"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"x","namespace":"shop",
    "uid":"e7"},"eventTime":"2025-11-02T08:00:00.123456Z","deprecatedFirstTimestamp":null,"type":"Warning",
    "reason":"FailedScheduling","action":"Scheduling","note":"0/3 nodes are available","reportingController":
    "default-scheduler","regarding":{"apiVersion":"v1","kind":"Pod","namespace":"shop","name":"web-0","uid":"p1"},
    "related":{"kind":"Node","name":"n1"},"series":{"count":5,"lastObservedTime":"2025-11-02T08:10:00.5Z"}})");
  const EventRecord event = v1.One<EventRecord>();
  CHECK(event.first == At("2025-11-02T08:00:00.123456Z"));
  CHECK(event.last == At("2025-11-02T08:10:00.5Z"));
  CHECK(event.count == 5);
  CHECK(event.emitter == "default-scheduler");
  CHECK(event.message == "0/3 nodes are available");
  CHECK(event.subject.uid == "p1");
  CHECK(event.related->name == "n1");

  const auto decode = [](const std::string& times) {
    return Decode(
        R"({"kind":"Event","metadata":{"uid":"e","creationTimestamp":"2025-11-02T08:00:30Z"},)"
        R"("involvedObject":{"kind":"Node","name":"n3","uid":"n3"},)" +
        times + "\"reason\":\"r\"}");
  };
  const EventRecord null_times =
      decode(R"("firstTimestamp":null,"lastTimestamp":null,"eventTime":"2025-11-02T08:00:29Z",)")
          .One<EventRecord>();
  CHECK(null_times.first == At("2025-11-02T08:00:29Z"));
  CHECK(null_times.subject.uid.empty());
  const EventRecord zero = decode(R"("firstTimestamp":"0001-01-01T00:00:00Z",)").One<EventRecord>();
  CHECK(zero.first == At("2025-11-02T08:00:30Z"));
  CHECK(zero.last == zero.first);
  CHECK(absl::StrContains(decode(R"("firstTimestamp":"-1",)").Rejected(), "firstTimestamp"));
  CHECK(absl::StrContains(decode(R"("lastTimestamp":{},)").Rejected(), "lastTimestamp"));
}

TEST_CASE("kubernetes-event-exporter: an Event without kind, with the name of its cluster") {
  const Decoded d =
      Decode(R"({"metadata":{"name":"x","uid":"e9","creationTimestamp":"2025-11-02T08:00:00Z"},
    "reason":"Failed","message":"m","clusterName":"eu","involvedObject":{"kind":"Pod","namespace":"shop","name":
    "web-0","uid":"p1","labels":{"app":"web"},"ownerReferences":[]},"count":2,"type":"Warning"})");
  CHECK(d.One<EventRecord>().scope.cluster == "eu");
  CHECK(d.One<EventRecord>().event_id == "e9");
}

TEST_CASE("what is missing or of another type, by whether it decides identity or time") {
  const auto pod = [](const std::string& metadata, const std::string& rest = "") {
    return Decode(R"({"apiVersion":"v1","kind":"Pod","metadata":)" + metadata + rest + "}");
  };
  CHECK(absl::StrContains(pod("[]").Rejected(), "metadata"));
  CHECK(absl::StrContains(pod("{}").Rejected(), "metadata.name"));
  CHECK(absl::StrContains(pod(R"({"name":5})").Rejected(), "metadata.name"));
  CHECK(absl::StrContains(pod(R"({"name":"a","creationTimestamp":-7})").Rejected(),
                          "metadata.creationTimestamp"));
  CHECK(absl::StrContains(
      Decode(R"({"apiVersion":"v1","kind":3,"metadata":{"name":"a"}})").Rejected(), "kind"));
  const ObjectRecord odd =
      pod(R"({"name":"a","labels":7,"ownerReferences":"x","managedFields":{},"generation":"3"})",
          R"(,"spec":null,"status":[])")
          .One<ObjectRecord>();
  CHECK(odd.generation == 3);
  CHECK(FieldOf(odd.fields, "metadata.labels") == "7");
  CHECK(FieldOf(odd.fields, "spec") == "null");
  CHECK(FieldOf(odd.fields, "status") == "[]");
}

TEST_CASE("elements of lists are named by what tells them apart") {
  const ObjectRecord r = Decode(R"({"apiVersion":"v1","kind":"X","metadata":{"name":"a"},"spec":{
    "byType":[{"type":"A"},{"type":"B"}],"byPort":[{"port":80},{"port":81}],
    "byTarget":[{"targetRef":{"name":"p1"}},{"targetRef":{"name":"p2"}}],
    "same":[{"name":"x","v":1},{"name":"x","v":2}],"some":[{"name":"x"},{"v":2}],"flat":["a",2],
    "odd key":{"a/b":1},"empty":{},"none":[]}})")
                             .One<ObjectRecord>();
  CHECK(FieldOf(r.fields, "spec.byType[B].type") == "B");
  CHECK(FieldOf(r.fields, "spec.byPort[81].port") == "81");
  CHECK(FieldOf(r.fields, "spec.byTarget[p2].targetRef.name") == "p2");
  CHECK(FieldOf(r.fields, "spec.same[1].v") == "2");
  CHECK(FieldOf(r.fields, "spec.some[0].name") == "x");
  CHECK(FieldOf(r.fields, "spec.flat[1]") == "2");
  CHECK(FieldOf(r.fields, "spec[odd key][a/b]") == "1");
  CHECK(FieldOf(r.fields, "spec.empty") == "{}");
  CHECK(FieldOf(r.fields, "spec.none") == "[]");
}

TEST_CASE("what changes without meaning is dropped") {
  const std::string same =
      R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n","resourceVersion":"%","annotations":{
    "kubectl.kubernetes.io/last-applied-configuration":"%","control-plane.alpha.kubernetes.io/leader":"%"}},
    "status":{"images":[{"names":["%"]}],"conditions":[{"type":"Ready","lastHeartbeatTime":"2025-11-02T08:00:0%Z"}]}})";
  std::string first = same, second = same;
  for (char& c : first) c = c == '%' ? '1' : c;
  for (char& c : second) c = c == '%' ? '2' : c;
  CHECK(Decode(first).One<ObjectRecord>().fields == Decode(second).One<ObjectRecord>().fields);
}

TEST_CASE("ConfigMap values are hashed by key; the hosts that they name stay") {
  const auto decode = [](const std::string& url, const MacKey* key) {
    DecodeOptions options = TestOptions();
    options.mac_key = key;
    return Decode(
               R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"shop"},"data":{)"
               R"("app.yaml":"url: )" +
                   url + R"(\nlevel: debug","DB_HOST":"db.shop"}})",
               options)
        .One<ObjectRecord>()
        .fields;
  };
  const MacKey* key = TestOptions().mac_key;
  const std::vector<Field> a = decode("http://u:hunter2@cart.shop.svc:8080/x", key);
  CHECK(absl::StartsWith(FieldOf(a, "data[app.yaml]"), "mac:k1:"));
  CHECK(FieldOf(a, "data[app.yaml]").size() == 39);
  CHECK(FieldOf(a, "hosts[app.yaml][0]") == "cart.shop.svc:8080");
  CHECK(FieldOf(a, "hosts.DB_HOST[0]") == "db.shop");
  CHECK(FieldOf(decode("http://b", key), "data[app.yaml]") != FieldOf(a, "data[app.yaml]"));
  CHECK(FieldOf(decode("http://b", key), "data.DB_HOST") == FieldOf(a, "data.DB_HOST"));
  CHECK(FieldOf(decode("http://b", nullptr), "data.DB_HOST") == "mac:");
}

TEST_CASE("a Secret's data and stringData are the same values") {
  const auto data = [](const std::string& member) {
    return FieldOf(
        Decode(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},)" + member + "}")
            .One<ObjectRecord>()
            .fields,
        "data.k");
  };
  CHECK(data(R"("data":{"k":"aHVudGVyMg=="})") == data(R"("stringData":{"k":"hunter2"})"));
  CHECK(absl::StartsWith(data(R"("data":{"k":"!"})"), "mac:k1:"));
}

TEST_CASE("completeness: kinds present or named, once everything was read") {
  DecodeOptions options = TestOptions();
  options.complete = true;
  options.complete_namespace = "shop";
  options.complete_kinds = {"Deployment.apps"};
  const Decoded d =
      Decode(std::string(kPod) + R"({"kind":"ServiceList","apiVersion":"v1","items":[]})", options);
  const CompletenessRecord record = d.One<CompletenessRecord>();
  CHECK(record.namespaces == std::vector<std::string>{"shop"});
  CHECK(record.at == At("2025-11-02T08:00:00Z"));
  REQUIRE(record.kinds.size() == 3);
  REQUIRE(record.present.size() == 1);
  CHECK(record.present[0].name == "web-0");
  CHECK(std::holds_alternative<CompletenessRecord>(d.batch.mutations.back()));

  const Decoded broken = Decode(std::string(kPod) + "{]", options);
  CHECK(broken.All<CompletenessRecord>().empty());
  CHECK(broken.stats.notes.size() == 1);

  options.complete_all_namespaces = true;
  BatchSink sink;
  CHECK(InputSet::Create(options, &sink).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("undated objects beyond the memory bound wait on disk") {
  DecodeOptions options = TestOptions();
  options.limits.held_bytes = 100;
  const Decoded d =
      Decode(std::string(kPod) + kPod + Frame("ADDED", "2025-11-02T08:05:00Z"), options);
  const std::vector<ObjectRecord> objects = d.All<ObjectRecord>();
  REQUIRE(objects.size() == 3);
  CHECK(objects[0].at_source == TimeSource::kMetadata);
  CHECK(objects[2].at == At("2025-11-02T08:05:00Z"));
}

}  // namespace
}  // namespace kg::ingest
