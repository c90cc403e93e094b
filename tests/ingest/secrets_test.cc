#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/ingest/support.h"

// Secrets are planted in every place of every format; nothing that leaves the decoder may hold one.

namespace kg::ingest {
namespace {

// What is planted, and its base64.
constexpr const char* kPlanted[] = {"Pl4ntedS3cret", "UGw0bnRlZFMzY3JldA=="};

void CheckClean(const std::string& body, size_t at_least) {
  DecodeOptions options = TestOptions();
  options.log_namespace = "shop";
  for (const bool cut : {false, true}) {
    // Cut short, what is left is a dead letter, with an excerpt.
    const Decoded d = Decode(cut ? body.substr(0, body.size() - 3) : body, options);
    const std::string all =
        Dump(d.batch) + absl::StrCat(d.stats.notes.empty() ? "" : d.stats.notes[0]);
    INFO(body << "\n--\n" << all);
    for (const char* planted : kPlanted) CHECK_FALSE(absl::StrContains(all, planted));
    if (!cut) CHECK(d.batch.mutations.size() + d.batch.dead_letters.size() >= at_least);
  }
}

std::string Payload(const std::string& topic, const std::string& value) {
  return absl::StrCat(R"({"topic":")", topic, R"(","ts":1762071360000,"key":"acme::k","payload":")",
                      absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"}\n");
}

const std::string kMessages[] = {
    "login with password=Pl4ntedS3cret failed",
    "dial postgres://bob:Pl4ntedS3cret@db.shop:5432/cart failed",
    "Authorization: Bearer Pl4ntedS3cret error",
    "Authorization: Basic UGw0bnRlZFMzY3JldA== error",
    "error token eyJhbGciOiJIUzI1NiJ9.eyJQbDRudGVkUzNjcmV0Ijo.Pl4ntedS3cret",
    "api_key: 'Pl4ntedS3cret' error",
    "--db-password=Pl4ntedS3cret error",
    "error -----BEGIN PRIVATE KEY----- UGw0bnRlZFMzY3JldA== -----END PRIVATE KEY-----",
};

TEST_CASE("secrets in objects") {
  const std::string objects[] = {
      R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"k\":\"UGw0bnRlZFMzY3JldA==\"}}"}},"data":{"k":"UGw0bnRlZFMzY3JldA=="},"stringData":{"j":"Pl4ntedS3cret"}})",
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"Pl4ntedS3cret","b":"http://u:Pl4ntedS3cret@h.shop.svc:80/"},"binaryData":{"x":"UGw0bnRlZFMzY3JldA=="}})",
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","annotations":{"x/token":"Pl4ntedS3cret","note":"password=Pl4ntedS3cret"},
        "managedFields":[{"manager":"m","time":"2025-11-02T08:00:00Z","fieldsV1":{"f:Pl4ntedS3cret":{}}}]},"spec":{"containers":[{"name":"a",
        "args":["--token","Pl4ntedS3cret","--api-key=Pl4ntedS3cret","--url=http://u:Pl4ntedS3cret@h/"],
        "command":["sh","-c","export PASSWORD=Pl4ntedS3cret; run"],
        "env":[{"name":"DB_PASSWORD","value":"Pl4ntedS3cret"},{"name":"URL","value":"redis://:Pl4ntedS3cret@redis:6379/0"},
        {"name":"DATABASE_DSN","value":"bob:Pl4ntedS3cret@tcp(db:3306)/x"}]}],"initContainers":[{"name":"i","env":[{"name":"MY_KEY","value":"Pl4ntedS3cret"}]}]},
        "status":{"containerStatuses":[{"name":"a","state":{"terminated":{"message":"bad password=Pl4ntedS3cret"}}}]}})",
      R"({"apiVersion":"x.io/v1","kind":"Database","metadata":{"name":"d"},"spec":{"password":"Pl4ntedS3cret","auth":{"apiKey":"Pl4ntedS3cret"},"params":[{"name":"admin_password","value":"Pl4ntedS3cret"}]}})",
  };
  for (const std::string& object : objects) {
    CheckClean(object, 1);
    CheckClean(absl::StrCat(R"({"kind":"List","items":[)", object, "]}"), 1);
    CheckClean(absl::StrCat(R"({"type":"MODIFIED","object":)", object, "}"), 1);
  }
  CheckClean(
      "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  k: Pl4ntedS3cret\n  j: "
      "|\n    Pl4ntedS3cret\n",
      1);
  CheckClean(
      "apiVersion: v1\nkind: Secret\nmetadata: [\nstringData:\n  k: Pl4ntedS3cret\n  j: |\n    x: "
      "Pl4ntedS3cret\n",
      1);
  CheckClean(
      "apiVersion: v1\nkind: Config\nclusters: []\nusers:\n- user:\n    token: Pl4ntedS3cret\n", 1);
}

TEST_CASE("secrets in texts: events, alerts, logs, records") {
  for (const std::string& message : kMessages) {
    CheckClean(
        absl::StrCat(
            R"({"kind":"Event","apiVersion":"v1","metadata":{"uid":"e"},"involvedObject":{"kind":"Pod","name":"a"},"reason":"r","eventTime":"2025-11-02T08:00:00Z","message":")",
            message, "\"}"),
        1);
    CheckClean(
        absl::StrCat(R"({"receiver":"x","alerts":[{"labels":{"alertname":"a","l":")", message,
                     R"("},"annotations":{"summary":")", message,
                     R"(","api_token":"Pl4ntedS3cret"},"startsAt":"2025-11-02T08:00:00Z"}]})"),
        1);
    CheckClean(absl::StrCat("[pod/a/b] 2025-11-02T08:00:00Z ", message, "\n"), 1);
    CheckClean(
        Payload(
            "events.normalized",
            absl::StrCat(
                R"({"etype":"k8s.event","event_id":"i","event_time":"2025-11-02T08:00:00Z","subject":{"kind":"Pod","name":"a"},"message":")",
                message, "\"}")),
        1);
    CheckClean(
        Payload(
            "events.normalized",
            absl::StrCat(
                R"({"etype":"prom.alert","event_id":"i","reason":"X","event_time":"2025-11-02T08:00:00Z","subject":{"kind":"Pod","name":"a"},"message":")",
                message, "\"}")),
        1);
    CheckClean(
        Payload(
            "logs.normalized",
            absl::StrCat(
                R"({"etype":"k8s.log","event_time":"2025-11-02T08:00:00Z","subject":{"kind":"Pod","name":"a"},"message":")",
                message, "\"}")),
        1);
    CheckClean(
        Payload(
            "state.prom.targets",
            absl::StrCat(
                R"({"op":"UPSERT","labels":{"job":"j"},"scrapeUrl":"http://u:Pl4ntedS3cret@h/","health":"down","lastError":")",
                message, "\"}")),
        1);
    CheckClean(
        Payload("state.prom.rules",
                absl::StrCat(R"({"op":"UPSERT","group":"g","rule":"r","annotations":{"note":")",
                             message, "\"}}")),
        1);
    CheckClean(Payload("state.k8s.resource",
                       absl::StrCat(R"({"op":"UPSERT","kind":"Pod","name":"a","labels":{"l":")",
                                    message, R"("},"status":{"reason":")", message, "\"}}")),
               1);
    CheckClean(absl::StrCat(R"({"what":"ever","text":")", message, "\"}"), 1);
    CheckClean(message + "\n", 1);
  }
}

}  // namespace
}  // namespace kg::ingest
