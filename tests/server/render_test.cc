#include <catch2/catch.hpp>

#include "server/json_text.h"
#include "server/render.h"

// The contract: these texts change only by additions.

namespace kg::server {
namespace {

std::string Compact(const boost::json::value& value) {
  return ToJsonText(value, JsonLayout::kCompact);
}

const Timestamp kAt = FromMicros(1'772'447'400'000'000);  // 2026-03-02T10:30:00Z

query::ResourceAnswer Pod() {
  return {"Pod", "v1", "shop", "cart-1", "u-1", "eu", true};
}

query::CauseAnswer Cause() {
  query::CauseAnswer cause;
  cause.rank = 1;
  cause.incident = "00aa";
  cause.category = "state";
  cause.resource = Pod();
  cause.episode = query::EpisodeAnswer{"h-1", "ev-1", "OOM_KILL", "OOMKilling", kAt, "killed"};
  cause.onset = {kAt - std::chrono::seconds(2), kAt};
  cause.score = 0.91;
  cause.confidence = 0.83;
  cause.parts = query::ScoreParts{0.9, 0.8, 0.7, "h-2"};
  cause.path.push_back(
      {Pod(), {"Node", "v1", "", "n1", "", "", false}, "RUNS_ON", false, kAt, kForever, false});
  cause.evidence.push_back({"h-1", "cause", kAt, "OOM_KILL", "killed"});
  cause.against.push_back({"late", ""});
  cause.explains.total = 3;
  cause.explains.shown.push_back({Pod(), *cause.episode});
  return cause;
}

const char kPod[] =
    R"({"kind":"Pod","api_version":"v1","namespace":"shop","name":"cart-1","uid":"u-1",)"
    R"("cluster":"eu","exists":true})";
const char kEpisode[] =
    R"({"id":"h-1","class":"OOM_KILL","reason":"OOMKilling","time":"2026-03-02T10:30:00Z",)"
    R"("message":"killed","event_id":"ev-1"})";

std::string CauseText() {
  return std::string(R"({"rank":1,"incident":"00aa","category":"state","resource":)") + kPod +
         R"(,"episode":)" + kEpisode +
         R"(,"finding":null,"onset":{"earliest":"2026-03-02T10:29:58Z",)"
         R"("latest":"2026-03-02T10:30:00Z"},"score":0.91,"confidence":0.83,)"
         R"("parts":{"temporal":0.9,"distance":0.8,"domain":0.7,"effect":"h-2"},"path":[{"from":)" +
         kPod +
         R"(,"to":{"kind":"Node","api_version":"v1","namespace":null,"name":"n1","uid":null,)"
         R"("cluster":null,"exists":false},"type":"RUNS_ON","against_arrow":false,)"
         R"("valid_from":"2026-03-02T10:30:00Z","valid_to":null,"heuristic":false}],)"
         R"("evidence":[{"episode":"h-1","role":"cause","time":"2026-03-02T10:30:00Z",)"
         R"("class":"OOM_KILL","text":"killed"}],"against":[{"text":"late","episode":null}],)"
         R"("explains":{"total":3,"shown":[{"resource":)" +
         kPod + R"(,"episode":)" + kEpisode + "}]}";
}

TEST_CASE("the answer of rca") {
  query::RootCauseAnswer answer;
  answer.question.object = "pod/cart-1";
  answer.question.ns = "shop";
  answer.question.at = kAt;
  answer.question.labels.push_back({"app", query::LabelRequirement::Is::kIn, {"a", "b"}});
  answer.tenant = "acme";
  answer.as_of = kAt;
  answer.verdict = "explained";
  answer.root_causes.push_back(Cause());
  query::CauseAnswer lost = Cause();
  lost.lost_because = "it came later";
  answer.candidates.push_back(lost);
  query::AffectedAnswer affected;
  affected.resource = Pod();
  affected.state = "at_risk";
  affected.distance = 2;
  affected.because_of = {1};
  answer.affected.push_back(affected);
  answer.affected_total = 1;
  answer.gaps.push_back({"no data", kAt, kForever});
  answer.truncated = query::Truncated{"nodes", "walk", 7};
  CHECK(Compact(Render(answer)) ==
        std::string(R"({"schema_version":1,"question":{"object":"pod/cart-1","namespace":"shop",)"
                    R"("all_namespaces":false,"at":"2026-03-02T10:30:00Z","since":"1h",)"
                    R"x("tenant":null,"cluster":null,"labels":"app in (a,b)"},"tenant":"acme",)x"
                    R"("as_of":"2026-03-02T10:30:00Z","verdict":"explained","root_causes":[)") +
            CauseText() + R"(}],"candidates":[)" + CauseText() +
            R"(,"lost_because":"it came later"}],"affected":[{"resource":)" + kPod +
            R"(,"state":"at_risk","distance":2,"because_of":[1],"cost":0,"confidence":0,)"
            R"("severity":null,"episode":null}],"gaps":[{"what":"no data",)"
            R"("from":"2026-03-02T10:30:00Z","to":null}],)"
            R"("truncated":{"limit":"nodes","where":"walk","seen":7},"affected_total":1})");
}

TEST_CASE("a finding has no episode and no parts") {
  query::CauseAnswer cause = Cause();
  cause.episode.reset();
  cause.parts.reset();
  cause.category = "finding";
  cause.finding = query::FindingAnswer{"missing_object", "Secret shop/db is not there"};
  query::RootCauseAnswer answer;
  answer.root_causes.push_back(cause);
  const boost::json::value rendered = Render(answer);
  const boost::json::value& first = rendered.at("root_causes").at(0);
  CHECK(first.at("episode").is_null());
  CHECK(first.at("parts").is_null());
  CHECK(Compact(first.at("finding")) ==
        R"({"kind":"missing_object","text":"Secret shop/db is not there"})");
}

TEST_CASE("the answer of incidents") {
  query::IncidentsAnswer answer;
  query::IncidentAnswer incident;
  incident.id = "00aa";
  incident.aliases = {"00bb"};
  incident.status = "open";
  incident.severity = "FATAL";
  incident.title = "t";
  incident.opened = kAt;
  incident.last_activity = kAt;
  incident.members.total = 2;
  answer.incidents.push_back(incident);
  answer.as_of = kAt;
  answer.total = 1;
  CHECK(Compact(Render(answer)) ==
        R"({"incidents":[{"id":"00aa","aliases":["00bb"],"status":"open","severity":"FATAL",)"
        R"("title":"t","opened":"2026-03-02T10:30:00Z","last_activity":"2026-03-02T10:30:00Z",)"
        R"("resolved":null,"members":{"total":2,"shown":[]},"root_causes":[]}],)"
        R"("as_of":"2026-03-02T10:30:00Z","total":1,"next":null,"truncated":null})");
}

TEST_CASE("the answer of blast-radius") {
  query::BlastRadiusAnswer answer;
  answer.of = Pod();
  answer.as_of = kAt;
  CHECK(Compact(Render(answer)) == std::string(R"({"of":)") + kPod +
                                       R"(,"affected":[],"truncated":null,)"
                                       R"("as_of":"2026-03-02T10:30:00Z","total":0})");
}

TEST_CASE("the answer of stats") {
  query::StatsAnswer answer;
  answer.tenant = "acme";
  answer.resources = 1;
  answer.incidents_open = 2;
  answer.by_class["OOM_KILL"] = 3;
  answer.buckets.push_back({kAt, kAt + std::chrono::hours(6), "open", 10});
  answer.disk_bytes = 11;
  answer.format_version = 2;
  answer.newest = kAt;
  answer.positions.push_back({"kafka:a", 1, 42, -1, ""});
  CHECK(
      Compact(Render(answer)) ==
      R"({"scope":{"tenant":"acme","cluster":null},"resources":1,"resources_deleted":0,"stubs":0,)"
      R"("edges_open":0,"episodes":0,"occurrences":0,"links":0,"incidents":{"open":2,"resolved":0},)"
      R"("dead_letters":0,"by_class":{"OOM_KILL":3},"buckets":[{"start":"2026-03-02T10:30:00Z",)"
      R"("end":"2026-03-02T16:30:00Z","state":"open","bytes":10}],"disk_bytes":11,"format":2,"oldest":null,)"
      R"("newest":"2026-03-02T10:30:00Z","positions":[{"source":"kafka:a","partition":1,)"
      R"("offset":42,"epoch":-1,"topic_id":null}],"truncated":null})");
}

}  // namespace
}  // namespace kg::server
