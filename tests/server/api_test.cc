#include <zlib.h>

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/http_client.h"
#include "server/api.h"
#include "server/json_text.h"
#include "server/metrics.h"
#include "server/node.h"
#include "tests/server/support.h"

namespace kg::server {
namespace {

namespace json = boost::json;

// An Api over a database of its own.
class World {
 public:
  World() : database_(OpenDatabase(dir_)), api_(database_.get(), &metrics_, Options()) {}

  HttpResponse Call(const std::string& method, const std::string& target,
                    const std::string& body = "", std::map<std::string, std::string> headers = {}) {
    HttpRequest request;
    request.method = method;
    request.headers = std::move(headers);
    request.body = body;
    REQUIRE(ParseTarget(target, &request).ok());
    return api_.Handle(request);
  }
  json::value Get(const std::string& target) {
    const HttpResponse response = Call("GET", target);
    INFO(target << ": " << response.body);
    REQUIRE(response.status == 200);
    return json::parse(response.body);
  }
  Database* database() { return database_.get(); }
  Api& api() { return api_; }

 private:
  static ApiOptions Options() {
    ApiOptions options;
    options.now = WallClock;
    return options;
  }

  TempDir dir_;
  std::unique_ptr<Database> database_;
  Metrics metrics_;
  Api api_;
};

std::string Gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(text.size() + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Text(const json::value& value) {
  return ToJsonText(value, JsonLayout::kCompact);
}

TEST_CASE("a node that just started is alive and ready, and says what it stores") {
  World world;
  CHECK(world.Call("GET", "/healthz").body == "ok\n");
  CHECK(world.Call("GET", "/readyz").status == 200);
  CHECK(absl::StrContains(world.Call("GET", "/readyz?verbose").body, "[+]store ok"));
  const std::string metrics = world.Call("GET", "/metrics").body;
  CHECK(absl::StrContains(metrics, "kg_graph_nodes_total{node_type=\"Resource\"} 0"));
  CHECK(absl::StrContains(metrics, "kg_store_writable 1"));
  world.api().BeginStop();
  CHECK(world.Call("GET", "/readyz").status == 503);
  CHECK(world.Call("GET", "/healthz").status == 200);
}

TEST_CASE("what is put in can be asked for, plain and compressed") {
  for (const bool compressed : {false, true}) {
    World world;
    const HttpResponse put = compressed ? world.Call("POST", "/api/v1/ingest", Gzip(kMissingSecret),
                                                     {{"content-encoding", "gzip"}})
                                        : world.Call("POST", "/api/v1/ingest", kMissingSecret);
    INFO(put.body);
    REQUIRE(put.status == 200);
    const json::value report = json::parse(put.body);
    CHECK(report.at("accepted").to_number<int>() == 6);
    CHECK(report.at("rejected").to_number<int>() == 0);

    const json::value rca = world.Get("/api/v1/rca?namespace=pay&since=1h");
    CHECK(rca.at("verdict").as_string() == "explained");
    CHECK(rca.at("root_causes").at(0).at("resource").at("kind").as_string() == "Secret");
    CHECK(rca.at("root_causes").at(0).at("resource").at("name").as_string() == "db-login");
    CHECK_FALSE(rca.at("root_causes").at(0).at("resource").at("exists").as_bool());
  }
}

TEST_CASE("every question answers, and never with a secret") {
  World world;
  Put(world.database(), kMissingSecret);
  const std::string pod = "object=pod/billing-6c4-x9z&namespace=pay";
  for (const std::string& target :
       {std::string("/api/v1/rca?" + pod), "/api/v1/blast-radius?" + pod,
        "/api/v1/neighbours?hops=2&" + pod, "/api/v1/path?to=node/n1&" + pod,
        "/api/v1/timeline?neighbours&" + pod, "/api/v1/resource?" + pod, "/api/v1/events?" + pod,
        std::string("/api/v1/incidents"), std::string("/api/v1/stats"),
        std::string("/api/v1/diff?since=2h"), std::string("/api/v1/dead-letters"),
        std::string("/api/v1/doctor"), std::string("/api/v1/graph/stats"),
        std::string("/api/v1/graph/resource/p-1"), std::string("/api/v1/graph/topology/p-1"),
        std::string("/api/v1/incidents/p-1")}) {
    const std::string text = Text(world.Get(target));
    INFO(target << ": " << text);
    CHECK(text.size() > 2);
    CHECK_FALSE(absl::StrContains(text, "hunter2"));
    CHECK_FALSE(absl::StrContains(text, "cGxhbnRlZC1odW50ZXIy"));
  }
}

TEST_CASE("what is asked wrongly is told apart from what is not there") {
  World world;
  Put(world.database(), kMissingSecret);
  const auto code = [&](const std::string& target) {
    const HttpResponse response = world.Call("GET", target);
    CHECK(response.content_type == "application/problem+json");
    const json::value problem = json::parse(response.body);
    CHECK(problem.at("status").to_number<int>() == response.status);
    return absl::StrCat(response.status, " ", std::string(problem.at("code").as_string().c_str()));
  };
  CHECK(code("/api/v1/rca?objec=x") == "400 invalid_request");
  CHECK(code("/api/v1/rca?at=soon") == "400 invalid_request");
  CHECK(code("/api/v1/rca?since=5y") == "400 invalid_request");
  CHECK(code("/api/v1/events?limit=0") == "400 invalid_request");
  CHECK(code("/api/v1/events?severity=bad") == "400 invalid_request");
  CHECK(code("/api/v1/events?cursor=bad") == "400 invalid_request");
  CHECK(code("/api/v1/neighbours") == "400 invalid_request");
  CHECK(code("/api/v1/rca?object=pod/none&namespace=pay") == "404 not_found");
  CHECK(code("/api/v1/rca?tenant=none") == "404 not_found");
  CHECK(code("/api/v1/rca/none") == "404 not_found");
  CHECK(code("/api/v1/none") == "404 no_such_path");
  CHECK(code("/none") == "404 no_such_path");
  CHECK(world.Call("DELETE", "/api/v1/rca").status == 405);
  CHECK(world.Call("GET", "/api/v1/ingest").status == 405);
  CHECK(world.Call("HEAD", "/api/v1/ingest").status == 200);
}

TEST_CASE("input that is none is refused, and what can be read of the rest is kept") {
  World world;
  CHECK(world.Call("POST", "/api/v1/ingest", "x", {{"content-encoding", "br"}}).status == 415);
  CHECK(world.Call("POST", "/api/v1/ingest?formta=json", "{}").status == 400);
  const HttpResponse partial =
      world.Call("POST", "/api/v1/ingest",
                 R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","uid":"n-1",)"
                 R"("creationTimestamp":"2026-03-02T10:00:00Z"}})"
                 "\n{broken\n");
  REQUIRE(partial.status == 200);
  const json::value report = json::parse(partial.body);
  CHECK(report.at("accepted").to_number<int>() == 1);
  CHECK(report.at("rejected").to_number<int>() == 1);
  CHECK(world.Call("POST", "/api/v1/ingest", "{\"kind\":").status == 400);
  CHECK(world.Get("/api/v1/dead-letters").at("total").to_number<int>() == 2);
}

TEST_CASE("a node asked without a time answers for now") {
  World world;
  Put(world.database(), kMissingSecret);
  CHECK(world.Get("/api/v1/rca").at("as_of").as_string() == "2026-03-02T10:30:00Z");
  CHECK(world.Get("/api/v1/rca?at=-5m").at("as_of").as_string() == "2026-03-02T10:25:00Z");
  CHECK(world.Get("/api/v1/rca?at=10:10").at("as_of").as_string() == "2026-03-02T10:10:00Z");
  // A directory answers for its data clock.
  const auto offline = Ask(*world.database(), "rca", {}, AskOptions());
  REQUIRE(offline.ok());
  CHECK(offline->at("as_of").as_string() == "2026-03-02T10:20:00Z");
}

TEST_CASE("the predecessor's rca route") {
  World world;
  Put(world.database(), kMissingSecret);
  const json::value answer = world.Get("/api/v1/rca/e-1");
  CHECK(answer.at("reason").as_string() == "FailedMount");
  CHECK(answer.at("subject").at("rid").as_string() == "pod:p-1");
  CHECK(answer.at("potential_causes").is_array());
  CHECK(answer.at("timeline").as_array().size() >= 1);
  const HttpResponse posted =
      world.Call("POST", "/api/v1/rca", R"({"event_id":"e-1","min_confidence":1.01})");
  REQUIRE(posted.status == 200);
  CHECK(json::parse(posted.body).at("potential_causes").as_array().empty());
  CHECK(world.Call("POST", "/api/v1/rca", "[]").status == 400);
  CHECK(world.Call("POST", "/api/v1/rca", R"({"event_id":"none"})").status == 404);
}

TEST_CASE("the predecessor's updates are applied, all three kinds") {
  World world;
  const HttpResponse response = world.Call("POST", "/api/v1/updates", R"({
    "timestamp":"2026-03-02T10:05:00Z",
    "resources":[{"action":"CREATE","kind":"Pod","uid":"u-7","namespace":"shop","name":"cart-7",
                  "labels":{"app":"cart"},"status":{"phase":"Running"}},
                 {"action":"CREATE","kind":"Node","uid":"u-8","name":"n8"}],
    "edges":[{"action":"CREATE","from":"u-7","to":"u-8","type":"RUNS_ON"},
             {"action":"CREATE","from":"u-7","to":"nobody","type":"RUNS_ON"}],
    "events":[{"action":"CREATE","event_id":"ev-1","event_time":"2026-03-02T10:04:00Z",
               "severity":"ERROR","reason":"BackOff","message":"Back-off restarting failed container",
               "subject_uid":"u-7"}]})");
  INFO(response.body);
  REQUIRE(response.status == 200);
  const json::value report = json::parse(response.body);
  CHECK(report.at("status").as_string() == "partial");
  CHECK(report.at("accepted").to_number<int>() == 4);
  CHECK(report.at("errors").at(0).at("at").as_string() == "edges[1]");
  const json::value pod = world.Get("/api/v1/graph/resource/u-7");
  CHECK(pod.at("labels").at("app").as_string() == "cart");
  CHECK(pod.at("relationships").at("runs_on").at(0).at("name").as_string() == "n8");
  CHECK(world.Get("/api/v1/rca/ev-1").at("subject").at("name").as_string() == "cart-7");
  const HttpResponse batch = world.Call("POST", "/api/v1/updates/batch", R"([{"resources":[
      {"action":"DELETE","kind":"Pod","uid":"u-7","namespace":"shop","name":"cart-7"}]}])");
  CHECK(json::parse(batch.body).at("status").as_string() == "ok");
  CHECK_FALSE(world.Get("/api/v1/graph/resource/u-7").at("exists").as_bool());
}

TEST_CASE("the doctor names what is referred to and not there") {
  World world;
  Put(world.database(), kMissingSecret);
  const json::value answer = world.Get("/api/v1/doctor");
  bool found = false;
  for (const json::value& check : answer.at("checks").as_array()) {
    if (check.at("check").as_string() != "dangling_references") continue;
    found = absl::StrContains(Text(check), "Secret pay/db-login is not there");
    CHECK(check.at("status").as_string() == "warning");
  }
  CHECK(found);
}

TEST_CASE("a node on a real port") {
  TempDir dir;
  const std::unique_ptr<Database> database = OpenDatabase(dir);
  NodeOptions options;
  options.listener.port = 0;
  options.api.now = WallClock;
  auto node = Node::Start(database.get(), options);
  REQUIRE(node.ok());
  ingest::HttpCall call;
  call.url = absl::StrCat("http://127.0.0.1:", (*node)->port(), "/api/v1/ingest");
  call.method = "POST";
  call.body = kMissingSecret;
  const auto put = ingest::Fetch(call);
  REQUIRE(put.ok());
  CHECK(put->status == 200);
  call.method = "GET";
  call.body.clear();
  call.url = absl::StrCat("http://127.0.0.1:", (*node)->port(), "/api/v1/rca?namespace=pay");
  const auto asked = ingest::Fetch(call);
  REQUIRE(asked.ok());
  CHECK(absl::StrContains(asked->body, "\"verdict\":\"explained\""));
  // The bytes are those of the library.
  AskOptions ask;
  ask.clock = AskOptions::Clock::kWall;
  ask.now = WallClock;
  CHECK(asked->body == Text(*Ask(*database, "rca", {{"namespace", "pay"}}, ask)));
  CHECK((*node)->Stop().ok());
  CHECK((*node)->Stop().ok());
}

}  // namespace
}  // namespace kg::server
