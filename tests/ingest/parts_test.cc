#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/match.h"
#include "ingest/internal/compat_ids.h"
#include "ingest/internal/digest.h"
#include "ingest/internal/excerpt.h"
#include "ingest/internal/held.h"
#include "ingest/internal/times.h"
#include "ingest/redactor.h"
#include "tests/ingest/support.h"

namespace kg::ingest {
namespace {

using Kind = TimeReading::Kind;

TEST_CASE("hashes of the published test vectors") {
  CHECK(Sha1Hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(Sha1Hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256Hex(std::string(1000, 'a')) ==
        "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
  const auto mac = HmacSha256("key", "The quick brown fox jumps over the lazy dog");
  CHECK(HexOf(mac.data(), mac.size()) ==
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
}

TEST_CASE("ids that the collectors compute") {
  CHECK(VectorEventId("2025-11-02T08:15:00Z", "e0000001-0000-4000-8000-0000000000aa", "BackOff") ==
        "ccd00e9b2bc29b75f343b39f8e094390123f01ee");
  CHECK(FallbackEventId("2025-11-02T08:15:00Z", "k8s.event", "shop", "cart-7d9c-x2x", "BackOff") ==
        "c381e351b97279235d527f9b806572a1a7e0d93a");
  CHECK(FallbackLogId("acme-1::5f0c0001-0000-4000-8000-00000000abcd", "2025-11-02T08:15:04.250Z",
                      "LOG_PANIC", "panic: runtime error: index out of range [3] with length 3") ==
        "6f5edd5d3a50523c1ba3725293aaef23349205c6");
  CHECK(NormalizerEventId("e0000001-0000-4000-8000-0000000000aa", "2025-11-02T08:15:00Z") ==
        "evt-10bbb98958b4dfa6");
}

TEST_CASE("record keys: which part is the tenant") {
  const auto split = [](const char* key, TopicKind topic) {
    const RecordKey k = SplitKey(key, topic);
    return k.tenant + " / " + k.raw;
  };
  CHECK(split("acme-1::pod:5f0c", TopicKind::kResource) == "acme-1 / pod:5f0c");
  CHECK(split("acme-1|pod:5f0c", TopicKind::kResource) == "acme-1 / pod:5f0c");
  CHECK(split("acme-eu|node|mon||10.0.0.3:9100", TopicKind::kPromTargets) ==
        " / acme-eu|node|mon||10.0.0.3:9100");
  CHECK(split("acme::acme-eu|node|mon||[::1]:9100", TopicKind::kPromTargets) ==
        "acme / acme-eu|node|mon||[::1]:9100");
  CHECK(split("acme-eu|node|mon||[::1]:9100", TopicKind::kPromTargets) ==
        " / acme-eu|node|mon||[::1]:9100");
  CHECK(split("acme|acme-eu|node|mon||n3:9100", TopicKind::kPromTargets) ==
        "acme / acme-eu|node|mon||n3:9100");
  CHECK(split("slo|HighErrors", TopicKind::kPromRules) == " / slo|HighErrors");
  CHECK(split("acme|slo|HighErrors", TopicKind::kPromRules) == "acme / slo|HighErrors");
  CHECK(split("node::n3", TopicKind::kUnknown) == " / node::n3");
  CHECK(split("edge:node::n3->node::n4", TopicKind::kTopology) == " / edge:node::n3->node::n4");
  CHECK(split("acme::{}:{alertname=\"a\"}", TopicKind::kEvents) == "acme / {}:{alertname=\"a\"}");
  CHECK(split("", TopicKind::kEvents) == " / ");
}

TEST_CASE("topics, also those that carry a tenant in their name") {
  CHECK(ParseTopic("state.k8s.resource").kind == TopicKind::kResource);
  CHECK(ParseTopic("acme-1.logs.normalized").kind == TopicKind::kLogs);
  CHECK(ParseTopic("acme-1.logs.normalized").tenant == "acme-1");
  CHECK(ParseTopic("orders").kind == TopicKind::kUnknown);
}

TEST_CASE("every spelling of a resource") {
  const auto rid = [](const char* text) {
    const std::optional<ObjectRef> r = ParseRid(text);
    return r ? r->kind + "|" + r->ns + "|" + r->name + "|" + r->uid : "none";
  };
  CHECK(rid("pod:shop:cart-1") == "pod|shop|cart-1|");
  CHECK(rid("pod:5f0c0001-0000-4000-8000-00000000abcd") ==
        "pod|||5f0c0001-0000-4000-8000-00000000abcd");
  CHECK(rid("node:n3") == "node||n3|");
  CHECK(rid("node::n3") == "node||n3|");
  CHECK(rid("node:default:n3") == "node|default|n3|");
  CHECK(rid("clusterrole:system:node") == "clusterrole||system:node|");
  CHECK(rid("pod") == "none");
  CHECK(rid(":a:b") == "none");
  const std::optional<EdgeEnds> ends = ParseEdgeId("edge:pod:shop:cart-1->node:n3");
  REQUIRE(ends);
  CHECK(ends->from.name == "cart-1");
  CHECK(ends->to.name == "n3");
  CHECK_FALSE(ParseEdgeId("edge:pod:shop:cart-1"));
}

TEST_CASE("relationship types are made fit for use") {
  CHECK(RelationshipType("mounts vol") == "MOUNTS_VOL");
  CHECK(RelationshipType("") == "R_REL");
  CHECK(RelationshipType("9x") == "R_9X");
}

TEST_CASE("times in all their spellings") {
  const auto text = [](absl::string_view s) {
    const TimeReading r = ParseTime(s);
    return r.kind == Kind::kGood ? FormatTime(r.time) : r.kind == Kind::kBad ? "bad" : "absent";
  };
  CHECK(text("2025-11-02T08:15:00Z") == "2025-11-02T08:15:00Z");
  CHECK(text("2025-11-02T08:15:00.123456789Z") == "2025-11-02T08:15:00.123456Z");
  CHECK(text("2025-11-02T10:15:00.5+02:00") == "2025-11-02T08:15:00.5Z");
  CHECK(text("2025-11-02 08:15:00Z") == "2025-11-02T08:15:00Z");
  CHECK(text("0001-01-01T00:00:00Z") == "absent");
  CHECK(text("1970-01-01T00:00:00Z") == "absent");
  CHECK(text("") == "absent");
  CHECK(text("1762071300") == "2025-11-02T08:15:00Z");
  CHECK(text("1762071300123") == "2025-11-02T08:15:00.123Z");
  CHECK(text("1762071300123456") == "2025-11-02T08:15:00.123456Z");
  CHECK(text("1762071300123456789") == "2025-11-02T08:15:00.123456Z");
  CHECK(text("1762071300.25") == "2025-11-02T08:15:00.25Z");
  for (const char* bad :
       {"-5", "1969-12-31T00:00:00Z", "2025-13-02T08:15:00Z", "2025-02-30T08:15:00Z", "yesterday",
        "9999-01-01T00:00:00Z", "2025-11-02T08:15:00", "2025-11-02"}) {
    INFO(bad);
    CHECK(text(bad) == "bad");
  }
  CHECK(ParseEpoch(int64_t{-1}).kind == Kind::kBad);
  CHECK(ParseEpoch(-1.5).kind == Kind::kBad);
}

std::string Redacted(std::string text) {
  Redactor redactor;
  redactor.Text(&text);
  return text;
}

TEST_CASE("redaction of text, rule by rule") {
  CHECK(Redacted("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nx") ==
        "[redacted]\nx");
  CHECK(Redacted("GET https://bob:s3cret@db.shop/x failed") ==
        "GET https://[redacted]@db.shop/x failed");
  CHECK(Redacted("amqp://u:p/a@ss@mq:5672") == "amqp://[redacted]@mq:5672");
  CHECK(Redacted("password=hunter2 user=bob") == "password=[redacted] user=bob");
  CHECK(Redacted(R"({"password": "correct horse", "a": 1})") ==
        R"({"password": "[redacted]", "a": 1})");
  CHECK(Redacted(R"({\"db_password\":\"correct\"})") == R"({\"db_password\":\"[redacted]\"})");
  CHECK(Redacted("?access_token=abc&x=1") == "?access_token=[redacted]&x=1");
  CHECK(Redacted("Authorization: Bearer abcdef123456") == "Authorization: [redacted]");
  CHECK(Redacted("sent Bearer abcdef123456 along") == "sent Bearer [redacted] along");
  CHECK(Redacted("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF_-1 end") == "jwt [redacted] end");
  CHECK(Redacted("key AKIAIOSFODNN7EXAMPLE used") == "key [redacted] used");
  CHECK(Redacted("ghp_abcdefghijklmnopqrstuvwxyz0123456789") == "[redacted]");
  CHECK(Redacted("card 4111 1111 1111 1111 declined") == "card [redacted] declined");
}

TEST_CASE("redaction leaves alone what failures are recognised by") {
  for (const char* text :
       {R"(MountVolume.SetUp failed for volume "db" : secret "db-creds" not found)",
        "couldn't find key password in Secret shop/db",
        "container token-refresher exited with code 137",
        "dial tcp 10.0.0.3:5432: connect: connection refused", "bearer of bad news",
        "unexpected token: }", "password: field is required here",
        "order 1762071300123 took 4111 ms", "https://registry.shop.svc:5000/v2/cart:1.2@sha256:abc",
        "key: value", "Get \"https://10.0.0.1:443/api\": x509: certificate has expired"}) {
    CHECK(Redacted(text) == text);
  }
}

TEST_CASE("values under a secret's name keep no more than the host of a URL") {
  Redactor redactor;
  const auto named = [&redactor](const char* name, std::string value) {
    redactor.NamedValue(name, &value);
    return value;
  };
  CHECK(named("DB_PASSWORD", "hunter2") == "[redacted]");
  CHECK(named("API_KEY_URL", "https://u:p@pay.example.com:8443/k/secret") ==
        "https://[redacted]@pay.example.com:8443");
  CHECK(named("TOKEN_URL", "https://auth.shop.svc/t0ken") == "https://auth.shop.svc/[redacted]");
  CHECK(named("DB_HOST", "db.shop") == "db.shop");
  CHECK(redactor.counts().at("name") == 3);
}

TEST_CASE("excerpts keep structure and mask values") {
  const std::string json = MaskedExcerpt(
      R"({"kind":"Secret","data":{"k":"aHVudGVyMg=="},"n":12,"long":4111111111111111,"b":true, tail)",
      512);
  CHECK(json == R"({"kind":"***","data":{"k":"***"},"n":12,"long":***,"b":true, ***)");
  const std::string yaml = MaskedExcerpt(
      "kind: Secret\nstringData:\n  a: |\n    password: hunter2\n  b: x\nhunter3\n", 512);
  CHECK(yaml == "kind: ***\nstringData:\n  a: ***\n***\n  b: ***\n***");
  CHECK(MaskedExcerpt("{\"a\":\"" + std::string(5000, 'x'), 512).size() <= 512);
  CHECK(IsValidUtf8(MaskedExcerpt("{\"\xff\xfe\":\"\xc3\x28\"}", 512)));
  CHECK(RepairUtf8("a\xff"
                   "b\xe2\x82") ==
        "a\xef\xbf\xbd"
        "b\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("held records come back as they were, in order, from memory and from disk") {
  ObjectRecord object;
  object.scope = {"acme", "eu"};
  object.ref = {"apps", true, "Deployment", "shop", "cart", "uid-1"};
  object.shape = ObjectShape::kSummary;
  object.created = At("2025-11-02T08:00:00Z");
  object.generation = 7;
  object.fields = {{"a.b", "1", FieldKind::kNumber}, {"c", "mac:", FieldKind::kMac}};
  object.managed = {{"kubelet", "Update", At("2025-11-02T08:05:00Z")}};
  EdgeRecord edge;
  edge.type = "RUNS_ON";
  edge.from.name = "a";
  edge.asserter = "topology";
  LogRecord log;
  log.line = "panic: x";
  log.container = "app";
  for (const uint64_t memory : {uint64_t{0}, uint64_t{1} << 20}) {
    HeldRecords held(memory);
    REQUIRE(held.Add(object).ok());
    REQUIRE(held.Add(edge).ok());
    REQUIRE(held.Add(log).ok());
    std::string seen;
    REQUIRE(held.Drain([&seen](Mutation m) {
                  seen += Dump(m);
                  return absl::OkStatus();
                })
                .ok());
    CHECK(seen == Dump(object) + Dump(edge) + Dump(log));
    CHECK(held.count() == 0);
  }
  Mutation none;
  const std::string bytes = EncodeHeld(object);
  for (size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(DecodeHeld(bytes.substr(0, n), &none));
}

}  // namespace
}  // namespace kg::ingest
