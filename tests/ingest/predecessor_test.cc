#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/rules.h"
#include "tests/ingest/support.h"

namespace kg::ingest {
namespace {

constexpr char kUid[] = "5f0c0001-0000-4000-8000-00000000abcd";

// As kcat -J prints a record: the value is text.
std::string Kcat(const std::string& topic, const std::string& key, const std::string& value) {
  const std::string payload =
      value == "null"
          ? value
          : absl::StrCat(
                "\"", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}),
                "\"");
  return absl::StrCat(R"({"topic":")", topic,
                      R"(","partition":0,"offset":7,"tstype":"create","ts":1762071360000,)",
                      R"("broker":1,"key":")", absl::StrReplaceAll(key, {{"\"", "\\\""}}),
                      R"(","payload":)", payload, "}\n");
}

const std::string kPodState = absl::StrCat(
    R"({"op":"UPSERT","at":"2025-11-02T08:15:00.5Z","client_id":"acme-1","cluster":"acme-eu","kind":"Pod","uid":")",
    kUid,
    R"(","namespace":"shop","name":"cart-7d9c-x2x","labels":{"app":"cart"},"ownerRefs":[{"kind":"ReplicaSet",)",
    R"("name":"cart-7d9c"}],"node":"n3","podIP":"10.4.0.17","status":{"phase":"Running","restartCount":4,)",
    R"("containerReady":false}})");

TEST_CASE("state.k8s.resource: with kcat's envelope, with an object as value, and bare") {
  const std::string key = absl::StrCat("acme-1::pod:", kUid);
  for (const std::string& body : {Kcat("state.k8s.resource", key, kPodState),
                                  absl::StrCat(R"({"topic":"state.k8s.resource","key":")", key,
                                               R"(","value":)", kPodState, "}"),
                                  kPodState}) {
    const Decoded d = Decode(body);
    INFO(body);
    CHECK(d.batch.dead_letters.empty());
    const ObjectRecord r = d.One<ObjectRecord>();
    CHECK(r.scope == ScopeName{"acme-1", "acme-eu"});
    CHECK(r.shape == ObjectShape::kSummary);
    CHECK(r.at == At("2025-11-02T08:15:00.5Z"));
    CHECK(r.ref.uid == kUid);
    CHECK_FALSE(r.ref.group_known);
    CHECK(FieldOf(r.fields, "metadata.labels.app") == "cart");
    CHECK(FieldOf(r.fields, "metadata.ownerReferences[cart-7d9c].kind") == "ReplicaSet");
    CHECK(FieldOf(r.fields, "spec.nodeName") == "n3");
    CHECK(FieldOf(r.fields, "status.podIP") == "10.4.0.17");
    CHECK(FieldOf(r.fields, "status.phase") == "Running");
    CHECK(FieldOf(r.fields, "status.restartCount") == "4");
    CHECK(FieldOf(r.fields, "status.containerReady") == "false");
  }
}

TEST_CASE("state.k8s.resource: the other kinds map to the paths of the full object") {
  const auto fields = [](const std::string& rest) {
    return Decode(
               R"({"op":"UPSERT","at":"2025-11-02T08:15:00Z","name":"x","uid":"u","namespace":"shop",)" +
               rest + "}")
        .One<ObjectRecord>()
        .fields;
  };
  const auto service = fields(
      R"("kind":"Service","serviceSelector":{"app":"cart"},"serviceIPs":["10.1.2.3","10.1.2.3"],
    "spec":{"type":"ClusterIP","ports":[{"name":"http","port":80}]})");
  CHECK(FieldOf(service, "spec.selector.app") == "cart");
  CHECK(FieldOf(service, "spec.clusterIP") == "10.1.2.3");
  CHECK(FieldOf(service, "spec.ports[http].port") == "80");
  CHECK(FieldOf(fields(R"("kind":"Deployment","replicas":3)"), "spec.replicas") == "3");
  CHECK(FieldOf(fields(R"("kind":"DaemonSet","status":{"desired":3,"ready":2})"),
                "status.desiredNumberScheduled") == "3");
  CHECK(FieldOf(fields(R"("kind":"Node","status":{"ready":false})"),
                "status.conditions[Ready].status") == "False");
}

TEST_CASE("state.k8s.resource: deletions by tombstone and by operation") {
  const Decoded d = Decode(
      Kcat("state.k8s.resource", absl::StrCat("acme-1::pod:", kUid), "null") +
      R"({"op":"delete","kind":"Pod","namespace":"shop","name":"a","at":"2025-11-02T08:15:00Z"})");
  const std::vector<ObjectRecord> records = d.All<ObjectRecord>();
  REQUIRE(records.size() == 2);
  CHECK(records[0].scope.tenant == "acme-1");
  CHECK(records[0].ref.kind == "pod");
  CHECK(records[0].ref.uid == kUid);
  CHECK(records[0].presence == Presence::kDeleted);
  CHECK(records[0].shape == ObjectShape::kBare);
  CHECK(records[0].at == At("2025-11-02T08:16:00Z"));
  CHECK(records[0].at_source == TimeSource::kEnvelope);
  CHECK(records[1].ref.name == "a");
  CHECK(records[1].presence == Presence::kDeleted);
}

TEST_CASE("state.k8s.topology: edges, tombstones, and the foreign snapshot") {
  const std::string id = "edge:pod:shop:cart-1->node:n3";
  const Decoded d = Decode(
      Kcat("state.k8s.topology", "acme-1::" + id,
           absl::StrCat(R"({"op":"UPSERT","at":"2025-11-02T08:15:00Z","cluster":"eu","id":")", id,
                        R"(","from":"pod:shop:cart-1","to":"node:n3","type":"runs_on"})")) +
      Kcat("state.k8s.topology", "acme-1::" + id, "null") +
      Kcat("state.k8s.topology", "acme-1::topology",
           R"({"client_id":"acme-1","nodes":[],"edges":[]})"));
  CHECK(d.batch.dead_letters.empty());
  const std::vector<EdgeRecord> edges = d.All<EdgeRecord>();
  REQUIRE(edges.size() == 2);
  CHECK(edges[0].type == "RUNS_ON");
  CHECK(edges[0].scope == ScopeName{"acme-1", "eu"});
  CHECK(edges[0].from.name == "cart-1");
  CHECK(edges[0].to.name == "n3");
  CHECK(edges[0].asserter == "topology");
  CHECK(edges[1].presence == Presence::kDeleted);
  CHECK(edges[1].type.empty());
  CHECK(edges[1].to.kind == "node");
  CHECK(d.stats.ignored.at("whole-topology snapshot") == 1);
}

TEST_CASE("events.normalized: the six shapes") {
  SECTION("A: an alert from Vector") {
    const Decoded d = Decode(
        Kcat("events.normalized", "7b0e", R"({"event_id":"7b0e","event_time":"2025-11-02T08:16:02Z",
      "etype":"prom.alert","status":"firing","severity":"CRITICAL","reason":"KubePodCrashLooping","message":"Pod keeps restarting",
      "subject":{"kind":"Pod","ns":"shop","name":"cart-1"},"alerts":{"fingerprint":"c0ffee01","startsAt":"2025-11-02T08:11:30Z",
      "labels":{"alertname":"KubePodCrashLooping","namespace":"shop","pod":"cart-1","severity":"critical"}}})"));
    const AlertRecord r = d.One<AlertRecord>();
    CHECK(r.fingerprint == "c0ffee01");
    CHECK(r.name == "KubePodCrashLooping");
    CHECK(r.starts_at == At("2025-11-02T08:11:30Z"));
    CHECK(r.at == At("2025-11-02T08:16:02Z"));
    CHECK(r.subject.name == "cart-1");
    CHECK(r.message == "Pod keeps restarting");
    CHECK(r.firing);
  }
  SECTION("B: an event from Vector") {
    const Decoded d = Decode(
        Kcat("events.normalized", "x", R"({"event_id":"ccd00e9b2bc29b75f343b39f8e094390123f01ee",
      "event_time":"2025-11-02T08:15:00Z","etype":"k8s.event","severity":"WARNING","reason":"BackOff","message":"Back-off",
      "subject":{"kind":"Pod","uid":"p1","ns":"shop","name":"cart-1"},"source":{"component":"kubelet"},"type":"Warning","count":3,
      "metadata":{"uid":"e0000001-0000-4000-8000-0000000000aa"},"firstTimestamp":"2025-11-02T08:15:00Z",
      "lastTimestamp":"2025-11-02T08:18:00Z","involvedObject":{"apiVersion":"v1","kind":"Pod","name":"cart-1","fieldPath":"spec.containers{app}"}})"));
    const EventRecord r = d.One<EventRecord>();
    CHECK(r.event_id == "e0000001-0000-4000-8000-0000000000aa");
    CHECK(r.other_ids == std::vector<std::string>{"ccd00e9b2bc29b75f343b39f8e094390123f01ee"});
    CHECK(r.severity == "WARNING");
    CHECK(r.count == 3);
    CHECK(r.last == At("2025-11-02T08:18:00Z"));
    CHECK(r.container == "app");
    CHECK(r.emitter == "kubelet");
  }
  SECTION("C: an alert from the Go receiver, which does not say that it is over") {
    const Decoded d = Decode(Kcat("events.normalized", "acme-1::e1",
                                  R"({"event_id":"e1","event_time":"2025-11-02T08:16:00Z",
      "client_id":"acme-1","etype":"prom.alert","severity":"CRITICAL","reason":"NodeDown","message":"Alert NodeDown is resolved",
      "subject":{"kind":"Node","ns":"default","name":"n3"}})"));
    const AlertRecord r = d.One<AlertRecord>();
    CHECK(r.subject.kind == "Node");
    CHECK(r.scope.tenant == "acme-1");
    CHECK(r.fingerprint.size() == 16);
    CHECK_FALSE(r.firing);
  }
  SECTION("D: the exporter's raw Event under its uid") {
    const Decoded d =
        Decode(Kcat("events.normalized", "e9",
                    R"({"metadata":{"uid":"e9","creationTimestamp":"2025-11-02T08:15:00Z"},
      "reason":"Failed","message":"m","type":"Warning","eventTime":null,"involvedObject":{"kind":"Pod","namespace":"shop","name":"a","uid":"p"}})"));
    CHECK(d.One<EventRecord>().event_id == "e9");
    CHECK(d.One<EventRecord>().subject.uid == "p");
  }
  SECTION("E: the Python normalizer's flat record") {
    const Decoded d = Decode(
        Kcat("events.normalized", "acme-1::k", R"({"event_id":"evt-10bbb98958b4dfa6","raw_event_id":
      "e0000001-0000-4000-8000-0000000000aa","timestamp":"2025-11-02T08:15:00Z","namespace":"shop","pod_name":"cart-1",
      "cluster_name":"eu","event_type_abstract":"POD_BACKOFF","severity":"warning","reason":"BackOff","message":"m"})"));
    const EventRecord r = d.One<EventRecord>();
    CHECK(r.scope == ScopeName{"acme-1", "eu"});
    CHECK(r.subject.kind == "Pod");
    CHECK(r.subject.name == "cart-1");
    CHECK(r.severity == "WARNING");
    CHECK(r.event_id == "e0000001-0000-4000-8000-0000000000aa");
    CHECK(r.other_ids == std::vector<std::string>{"evt-10bbb98958b4dfa6"});
  }
  SECTION("F: the broken alert path is repaired from the labels it buried") {
    const Decoded d = Decode(
        Kcat("events.normalized", "acme-1::{}:{alertname=\"X\"}", R"({"event_id":"u","event_time":
      "2025-11-02T08:16:00Z","etype":"prom.alert","severity":"WARNING","reason":"UNKNOWN","message":"","status":"resolved",
      "subject":{"kind":"Service","ns":"","name":""},"alerts":{"labels":{"alertname":"KubeDeploymentReplicasMismatch",
      "namespace":"shop","deployment":"cart"},"startsAt":"2025-11-02T08:00:00Z","endsAt":"2025-11-02T08:10:00Z"}})"));
    const AlertRecord r = d.One<AlertRecord>();
    CHECK(r.name == "KubeDeploymentReplicasMismatch");
    CHECK(r.subject.kind == "Deployment");
    CHECK(r.scope.tenant == "acme-1");
    CHECK(r.ends_at == At("2025-11-02T08:10:00Z"));
  }
}

TEST_CASE("events.normalized: a record without time or subject is told so") {
  CHECK(absl::StrContains(
      Decode(R"({"etype":"k8s.event","event_id":"x","subject":{"kind":"Pod","name":"a"}})")
          .Rejected(),
      "event_time"));
  CHECK(absl::StrContains(
      Decode(
          R"({"etype":"k8s.event","event_time":"2025-11-02T08:16:00Z","subject":{"kind":"Pod"}})")
          .Rejected(),
      "subject"));
  CHECK(absl::StrContains(
      Decode(R"({"etype":"k8s.event","event_time":-4,"subject":{"kind":"Pod","name":"a"}})")
          .Rejected(),
      "event_time"));
}

TEST_CASE("Prometheus targets and rules keep their whole key as name") {
  const std::string key = "acme-eu|node|mon||10.0.0.3:9100";
  const Decoded d = Decode(
      Kcat("state.prom.targets", key,
           R"({"op":"UPSERT","at":"2025-11-02T08:15:00Z","cluster":"acme-eu","labels":{"job":"node",
        "namespace":"mon","instance":"10.0.0.3:9100"},"scrapeUrl":"http://u:hunter2@10.0.0.3:9100/metrics","health":"down",
        "lastScrape":"2025-11-02T08:14:59Z","lastError":"connection refused"})") +
      Kcat("state.prom.targets", key, "null") +
      Kcat("state.prom.rules", "slo|HighErrors",
           R"({"op":"UPSERT","at":"2025-11-02T08:15:00Z","group":"slo","rule":"HighErrors",
        "type":"Alerting","expr":"up == 0","labels":{"severity":"page"}})"));
  CHECK(d.batch.dead_letters.empty());
  const std::vector<ObjectRecord> r = d.All<ObjectRecord>();
  REQUIRE(r.size() == 3);
  CHECK(r[0].ref.name == key);
  CHECK(r[0].ref.kind == "PromTarget");
  CHECK(r[0].ref.group == "prometheus");
  CHECK(r[0].scope.tenant == "");
  CHECK(FieldOf(r[0].fields, "labels.job") == "node");
  CHECK(FieldOf(r[0].fields, "health") == "down");
  CHECK(FieldOf(r[0].fields, "scrapeUrl") == "http://[redacted]@10.0.0.3:9100/metrics");
  CHECK_FALSE(HasField(r[0].fields, "lastScrape"));
  CHECK(r[1].presence == Presence::kDeleted);
  CHECK(r[1].ref.name == key);
  CHECK(r[2].ref.name == "slo|HighErrors");
  CHECK(FieldOf(r[2].fields, "type") == "alerting");
}

TEST_CASE("records of no use are recognised and counted") {
  const Decoded d = Decode(
      Kcat("graph.commands", "x", R"({"op":"ENSURE_SCHEMA"})") +
      Kcat("graph.commands", "x", R"({"op":"DROP"})") +
      Kcat("cluster.heartbeat", "a::a", R"({"client_id":"a","timestamp":"2025-11-02T08:15:00Z"})") +
      Kcat("cluster.registry", "a", R"({"client_id":"a","cluster_name":"eu"})") +
      Kcat("dlq.normalized", "a", R"({"original_message":"x","error":"y","timestamp":1})"));
  CHECK(d.batch.mutations.empty());
  CHECK(d.batch.dead_letters.empty());
  CHECK(d.stats.ignored.at("ENSURE_SCHEMA command") == 1);
  CHECK(d.stats.ignored.at("unknown command") == 1);
  CHECK(d.stats.ignored.at("heartbeat") == 1);
  CHECK(d.stats.ignored.at("cluster registry record") == 1);
}

TEST_CASE("logs.normalized: three shapes, and ids for lines that come without") {
  const Decoded l1 =
      Decode(Kcat("logs.normalized", kUid, R"({"etype":"k8s.log","event_id":"id-1","event_time":
    "2025-11-02T08:15:04.250Z","severity":"error","message":"db timeout","subject":{"kind":"Pod","ns":"shop","name":"cart-1"},
    "kubernetes":{"pod_uid":"5f0c0001-0000-4000-8000-00000000abcd","pod_name":"cart-1","pod_namespace":"shop",
    "container_name":"app"},"apiVersion":"x","kind":"y"})"));
  const LogRecord one = l1.One<LogRecord>();
  CHECK(one.event_id == "id-1");
  CHECK(one.severity == "ERROR");
  CHECK(one.container == "app");
  CHECK(one.subject.uid == kUid);

  const Decoded l2 = Decode(
      Kcat("logs.normalized", absl::StrCat("acme-1::", kUid), absl::StrCat(R"({"client_id":"acme-1",
    "etype":"k8s.log","event_time":"2025-11-02T08:15:04.250Z","message":"panic: boom","pod_name":"cart-1","pod_namespace":"shop"})")));
  const LogRecord two = l2.One<LogRecord>();
  CHECK(two.severity == "FATAL");
  CHECK(two.event_id.size() == 40);
  CHECK(two.subject.uid == kUid);
  CHECK(two.scope.tenant == "acme-1");

  const Decoded l3 = Decode(
      R"({"log_id":"l9","client_id":"acme-1","cluster_name":"eu","timestamp":"2025-11-02T08:15:04Z",
    "namespace":"shop","pod_name":"cart-1","container_name":"app","node":"n3","message":"failed","log_level":"WARN","is_error":false})");
  CHECK(l3.One<LogRecord>().event_id == "l9");
  CHECK(l3.One<LogRecord>().severity == "WARNING");
  CHECK(l3.One<LogRecord>().scope == ScopeName{"acme-1", "eu"});
}

TEST_CASE("kubectl logs --prefix --timestamps") {
  DecodeOptions options = TestOptions();
  options.log_namespace = "shop";
  const Decoded d = Decode(
      "[pod/web-0/app] 2025-11-02T08:15:04.123456789Z E1102 08:15:04.1 1 x.go:1] boom\n"
      "[pod/web-0/app] 2025-11-02T08:15:05Z level=warn msg=slow\n\n",
      options);
  const std::vector<LogRecord> logs = d.All<LogRecord>();
  REQUIRE(logs.size() == 2);
  CHECK(logs[0].subject.name == "web-0");
  CHECK(logs[0].subject.ns == "shop");
  CHECK(logs[0].container == "app");
  CHECK(logs[0].severity == "ERROR");
  CHECK(logs[0].at == At("2025-11-02T08:15:04.123456Z"));
  CHECK(logs[0].line == "E1102 08:15:04.1 1 x.go:1] boom");
  CHECK(logs[1].severity == "WARNING");
  CHECK(absl::StrContains(Decode("[pod/web-0/app] 2025-11-02T08:15:05Z x\n").Rejected(),
                          "namespace"));
}

TEST_CASE("a stream of bare records of a topic that is named from outside") {
  DecodeOptions options = TestOptions();
  options.topic = "acme-9.state.k8s.resource";
  const Decoded d = Decode(
      R"({"kind":"Pod","namespace":"shop","name":"a","at":"2025-11-02T08:15:00Z"})", options);
  CHECK(d.One<ObjectRecord>().scope.tenant == "acme-9");
}

TEST_CASE("log lines pass the high-signal filter; those that don't are counted") {
  const auto rules = RuleBook::Load();
  REQUIRE(rules.ok());
  DecodeOptions options = TestOptions();
  options.rules = rules->get();
  options.log_namespace = "shop";
  const Decoded d = Decode(
      "[pod/web-0/app] 2025-11-02T08:15:04Z GET /cart 200 in 1500 ms\n"
      "[pod/web-0/app] 2025-11-02T08:15:05Z dial tcp 10.0.0.3:5432: connection refused\n",
      options);
  CHECK(d.One<LogRecord>().line == "dial tcp 10.0.0.3:5432: connection refused");
  CHECK(d.stats.log_lines_dropped == 1);
  // The id that the predecessor gave such a line, so that users find it by that.
  const Decoded panic = Decode(Kcat("logs.normalized", absl::StrCat("acme-1::", kUid),
                                    R"({"event_time":"2025-11-02T08:15:04.250Z",
    "message":"panic: runtime error: index out of range [3] with length 3","pod_name":"a"})"),
                               options);
  CHECK(panic.One<LogRecord>().event_id == "6f5edd5d3a50523c1ba3725293aaef23349205c6");
}

}  // namespace
}  // namespace kg::ingest
