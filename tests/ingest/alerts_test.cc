#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/digest.h"
#include "tests/ingest/support.h"

namespace kg::ingest {
namespace {

std::string Alert(const std::string& labels, const std::string& more = "") {
  return absl::StrCat(
      R"({"labels":{"alertname":"X",)", labels, R"("severity":"critical"},"annotations":{)",
      R"("summary":"s","description":"d"},"startsAt":"2025-11-02T08:00:00Z")", more, "}");
}

std::string Subject(const std::string& labels) {
  const ObjectRef r = Decode(Alert(labels)).One<AlertRecord>().subject;
  return r.kind + " " + r.ns + "/" + r.name;
}

TEST_CASE("an Alertmanager webhook: firing and resolved") {
  const std::string body = absl::StrCat(
      R"({"version":"4","groupKey":"{}:{}","status":"firing","receiver":"kg","groupLabels":{},"commonLabels":{},)",
      R"("externalURL":"http://am","alerts":[)",
      Alert(
          R"("namespace":"shop","pod":"web-0",)",
          R"(,"endsAt":"0001-01-01T00:00:00Z","status":"firing","fingerprint":"c0ffee0100000000")"),
      ",",
      Alert(R"("deployment":"cart",)", R"(,"endsAt":"2025-11-02T08:30:00Z","status":"resolved")"),
      "]}");
  const Decoded d = Decode(body);
  const std::vector<AlertRecord> alerts = d.All<AlertRecord>();
  REQUIRE(alerts.size() == 2);
  CHECK(alerts[0].fingerprint == "c0ffee0100000000");
  CHECK(alerts[0].firing);
  CHECK_FALSE(alerts[0].ends_at);
  CHECK(alerts[0].severity == "CRITICAL");
  CHECK(alerts[0].message == "s");
  CHECK(alerts[0].at == At("2025-11-02T08:00:00Z"));
  CHECK(alerts[0].at_source == TimeSource::kMetadata);
  CHECK_FALSE(alerts[1].firing);
  CHECK(alerts[1].ends_at == At("2025-11-02T08:30:00Z"));
  CHECK(alerts[1].at == At("2025-11-02T08:30:00Z"));
  CHECK(alerts[1].fingerprint ==
        LabelFingerprint({{"alertname", "X"}, {"deployment", "cart"}, {"severity", "critical"}}));

  DecodeOptions live = TestOptions();
  live.received_live = true;
  CHECK(Decode(body, live).All<AlertRecord>()[0].at == live.wall_now);
}

TEST_CASE("the fingerprint of labels is Prometheus' own") {
  CHECK(LabelFingerprint({}) == "cbf29ce484222325");
  // FNV-1a over "a", 0xff, "b", 0xff.
  CHECK(LabelFingerprint({{"a", "b"}}) != LabelFingerprint({{"ab", ""}}));
}

TEST_CASE("the webhook variant that names cluster and delivery time") {
  const Decoded d = Decode(absl::StrCat(
      R"({"cluster":"eu","timestamp":"2025-11-02T08:05:00Z","receiver":"x","alerts":[)", Alert(""),
      "]}"));
  CHECK(d.One<AlertRecord>().scope.cluster == "eu");
  CHECK(d.One<AlertRecord>().at == At("2025-11-02T08:05:00Z"));
  CHECK(d.One<AlertRecord>().at_source == TimeSource::kSource);
}

TEST_CASE("alerts as Prometheus posts and lists them") {
  const Decoded posted = Decode(
      "[" + Alert("", R"(,"endsAt":"2025-11-02T12:04:00Z","generatorURL":"http://p")") + "," +
      Alert("", R"(,"endsAt":"2025-11-02T11:04:00Z","generatorURL":"http://p")") + "]");
  REQUIRE(posted.All<AlertRecord>().size() == 2);
  CHECK(posted.All<AlertRecord>()[0].firing);
  CHECK_FALSE(posted.All<AlertRecord>()[1].firing);
  const Decoded listed = Decode(R"({"status":"success","data":{"alerts":[
    {"labels":{"alertname":"Y"},"annotations":{},"state":"firing","activeAt":"2025-11-02T08:00:00.5Z","value":"1"},
    {"labels":{"alertname":"Z"},"annotations":{},"state":"pending","activeAt":"2025-11-02T08:00:00Z","value":"1"}]}})");
  CHECK(listed.One<AlertRecord>().active_at == At("2025-11-02T08:00:00.5Z"));
  CHECK(listed.stats.ignored.at("pending alert") == 1);
}

TEST_CASE("the label map: what an alert is about") {
  CHECK(Subject(R"("namespace":"shop","pod":"web-0","container":"app",)") == "Pod shop/web-0");
  CHECK(Subject(R"("namespace":"shop","deployment":"cart",)") == "Deployment shop/cart");
  CHECK(Subject(R"("namespace":"shop","statefulset":"db",)") == "StatefulSet shop/db");
  CHECK(Subject(R"("namespace":"shop","job_name":"sync-1","job":"x",)") == "Job shop/sync-1");
  CHECK(Subject(R"("namespace":"shop","horizontalpodautoscaler":"cart",)") ==
        "HorizontalPodAutoscaler shop/cart");
  CHECK(Subject(
            R"("namespace":"shop","persistentvolumeclaim":"data","node":"n3","job":"kubelet",)") ==
        "PersistentVolumeClaim shop/data");
  CHECK(Subject(R"("node":"n3",)") == "Node /n3");
  CHECK(Subject(R"("namespace":"shop","service":"cart",)") == "Service shop/cart");
  CHECK(Subject(R"("namespace":"shop","job":"cart",)") == "Service shop/cart");
  CHECK(Subject("") == " /");
}

TEST_CASE("labels of an exporter's own pod, service and instance are not the subject") {
  const std::string ksm =
      R"("job":"kube-state-metrics","instance":"10.0.0.9:8080","service":"kube-state-metrics",)";
  CHECK(
      Subject(ksm + R"("namespace":"shop","deployment":"cart","pod":"kube-state-metrics-5d-x",)") ==
      "Deployment shop/cart");
  CHECK(Subject(ksm + R"("namespace":"shop","pod":"web-0",)") == "Pod shop/web-0");
  CHECK(
      Subject(
          ksm +
          R"("namespace":"mon","pod":"kube-state-metrics-5d-x","exported_namespace":"shop","exported_pod":"web-0",)") ==
      "Pod shop/web-0");
  CHECK(Subject(ksm + R"("namespace":"mon","pod":"kube-state-metrics-5d-x","node":"n3",)") ==
        "Node /n3");
  CHECK(
      Subject(
          R"("job":"node-exporter","namespace":"mon","pod":"node-exporter-abc","service":"node-exporter","instance":"n3:9100",)") ==
      "Node /n3");
}

TEST_CASE("an alert without a name, or without a start, is told so") {
  CHECK(absl::StrContains(Decode(R"({"alerts":[{"labels":{"a":"b"}}],"receiver":"x"})").Rejected(),
                          "alertname"));
  CHECK(absl::StrContains(
      Decode(R"({"alerts":[{"labels":{"alertname":"b"}}],"receiver":"x"})").Rejected(),
      "startsAt"));
  CHECK(absl::StrContains(
      Decode(R"({"alerts":[{"labels":{"alertname":"b"},"startsAt":-3}],"receiver":"x"})")
          .Rejected(),
      "startsAt"));
  CHECK(absl::StrContains(Decode(R"({"alerts":[7],"receiver":"x"})").Rejected(), "alerts"));
}

}  // namespace
}  // namespace kg::ingest
