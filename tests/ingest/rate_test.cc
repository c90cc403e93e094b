#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "tests/ingest/support.h"

// Decode-only rates, without a store behind: run with the tag [.bench].

namespace kg::ingest {
namespace {

class CountingSink : public Sink {
 public:
  absl::Status OnMutation(Mutation) override {
    ++mutations;
    return absl::OkStatus();
  }
  absl::Status OnDeadLetter(DeadLetter) override {
    ++dead_letters;
    return absl::OkStatus();
  }
  uint64_t mutations = 0, dead_letters = 0;
};

void Measure(const char* name, const std::string& body) {
  double best = 1e9;
  CountingSink sink;
  DecodeStats stats;
  for (int round = 0; round < 3; ++round) {
    const auto start = std::chrono::steady_clock::now();
    sink = CountingSink();
    const auto result = DecodeBody(body, TestOptions(), "bench", &sink);
    REQUIRE(result.ok());
    stats = *result;
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  CHECK(sink.dead_letters == 0);
  std::printf("%-28s %8.0f documents/s %7.1f MB/s %9llu mutations\n", name, stats.documents / best,
              body.size() / best / 1e6, static_cast<unsigned long long>(sink.mutations));
}

std::string Uid(int i) {
  char uid[40];
  std::snprintf(uid, sizeof(uid), "5f0c0001-0000-4000-8000-%012x", i);
  return uid;
}

std::string PodState(int i) {
  return absl::StrCat(
      R"({"op":"UPSERT","at":"2025-11-02T08:15:00.5Z","client_id":"acme-1","cluster":"acme-eu","kind":"Pod","uid":")",
      Uid(i), R"(","namespace":"shop","name":"cart-7d9c6f5b8c-)", i,
      R"(","labels":{"app":"cart","pod-template-hash":"7d9c6f5b8c","app.kubernetes.io/part-of":"shop"},)",
      R"("ownerRefs":[{"kind":"ReplicaSet","name":"cart-7d9c6f5b8c"}],"node":"node-)", i % 50,
      R"(","podIP":"10.4.0.)", i % 250,
      R"(","status":{"phase":"Running","restartCount":4,"containerReady":true}})");
}

std::string Escaped(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

TEST_CASE("decode-only rates", "[.bench]") {
  std::string bare, kcat, logs, list = R"({"apiVersion":"v1","items":[)";
  const std::string object = Fixture("kubectl/list.json");
  for (int i = 0; i < 60000; ++i) {
    const std::string state = PodState(i);
    bare += state + "\n";
    absl::StrAppend(&kcat, R"({"topic":"state.k8s.resource","partition":0,"offset":)", i,
                    R"(,"tstype":"create","ts":1762071360000,"broker":1,"key":"acme-1::pod:)",
                    Uid(i), R"(","payload":")", Escaped(state), "\"}\n");
    absl::StrAppend(
        &logs, R"({"client_id":"acme-1","etype":"k8s.log","event_id":")", Uid(i),
        R"(","event_time":"2025-11-02T08:15:04.250Z","severity":"INFO","message":"GET /api/v1/cart/)",
        i,
        R"( 200 12ms from 10.4.0.3 agent curl/8.1","subject":{"kind":"Pod","ns":"shop","name":"cart-1"},)",
        R"("kubernetes":{"pod_uid":")", Uid(i % 100),
        R"(","pod_name":"cart-1","pod_namespace":"shop",)",
        R"("container_name":"app","pod_labels":{"app":"cart"}}})", "\n");
  }
  for (int i = 0; i < 5000; ++i) {
    absl::StrAppend(
        &list, i == 0 ? "" : ",",
        R"({"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":"2025-11-02T08:00:00Z","labels":{"app":"cart",)",
        R"("pod-template-hash":"7d9c6f5b8c"},"name":"cart-)", i,
        R"(","namespace":"shop","ownerReferences":[{"apiVersion":"apps/v1",)",
        R"("controller":true,"kind":"ReplicaSet","name":"cart-7d","uid":")", Uid(1),
        R"("}],"uid":")", Uid(i),
        R"("},"spec":{"containers":[{"env":[{"name":"DB_HOST","value":"db.shop"},{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":)",
        R"({"key":"password","name":"db"}}}],"image":"registry.shop/cart:1.2","livenessProbe":{"failureThreshold":3,"httpGet":{"path":"/health",)",
        R"("port":8080},"periodSeconds":10},"name":"app","ports":[{"containerPort":8080,"protocol":"TCP"}],"resources":{"limits":{"cpu":"500m",)",
        R"("memory":"256Mi"}}}],"nodeName":"node-3","restartPolicy":"Always","serviceAccountName":"default","tolerations":[{"effect":"NoExecute",)",
        R"("key":"node.kubernetes.io/not-ready","operator":"Exists","tolerationSeconds":300}]},"status":{"conditions":[{"lastProbeTime":null,)",
        R"("lastTransitionTime":"2025-11-02T08:00:10Z","status":"True","type":"Ready"},{"lastProbeTime":null,"lastTransitionTime":)",
        R"("2025-11-02T08:00:00Z","status":"True","type":"PodScheduled"}],"containerStatuses":[{"image":"registry.shop/cart:1.2","imageID":"x",)",
        R"("lastState":{},"name":"app","ready":true,"restartCount":0,"started":true,"state":{"running":{"startedAt":"2025-11-02T08:00:09Z"}}}],)",
        R"("phase":"Running","podIP":"10.4.0.17","qosClass":"Burstable"}})");
  }
  Measure("state refreshes, bare", bare);
  Measure("state refreshes, kcat -J", kcat);
  Measure("log records", logs);
  Measure("pods of a List", list + R"(],"kind":"List"})");
}

}  // namespace
}  // namespace kg::ingest
