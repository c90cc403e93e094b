#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/api.h"
#include "server/hosts.h"
#include "server/load_run.h"
#include "server/metrics.h"
#include "tests/server/support.h"

// Loads in pieces, retries, and who may ask at all.

namespace kg::server {
namespace {

namespace json = boost::json;

const char kPod[] =
    R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"cart-1","namespace":"shop",)"
    R"("uid":"p-1","creationTimestamp":"2026-03-02T10:00:00Z"},"spec":{},"status":{}})";

class Node {
 public:
  explicit Node(std::vector<std::string> hosts = {})
      : database(OpenDatabase(dir_)), api_(database.get(), &metrics_, Options(std::move(hosts))) {}

  HttpResponse Send(const std::string& method, const std::string& target,
                    const std::string& body = "", std::map<std::string, std::string> headers = {}) {
    HttpRequest request;
    request.method = method;
    REQUIRE(ParseTarget(target, &request).ok());
    request.body = body;
    request.headers = std::move(headers);
    return api_.Handle(request);
  }
  json::value Post(const std::string& target, const std::string& body = "") {
    const HttpResponse response = Send("POST", target, body);
    INFO(target << "\n" << response.body);
    REQUIRE(response.status == 200);
    return json::parse(response.body);
  }
  std::string Begin(const std::string& params = "", const std::string& body = "{}") {
    return absl::StrCat("/api/v1/loads/",
                        Post("/api/v1/loads" + params, body).at("load").as_string().c_str());
  }

 private:
  static ApiOptions Options(std::vector<std::string> hosts) {
    ApiOptions options;
    options.now = WallClock;
    options.hosts = std::move(hosts);
    return options;
  }
  TempDir dir_;
  Metrics metrics_;

 public:
  const std::unique_ptr<Database> database;

 private:
  Api api_;
};

TEST_CASE("a load in pieces is read once however often a piece is sent") {
  Node node;
  const std::string load = node.Begin("?at=2026-03-02T10:20:00Z");
  const std::string body = kPod;
  node.Post(load + "/bytes?offset=0&source=file:x", body.substr(0, 50));
  CHECK(node.Send("POST", load + "/bytes?offset=0", body.substr(0, 50)).status == 409);
  CHECK(node.Send("POST", load + "/finish").status == 409);
  node.Post(load + "/bytes?offset=50&end=true", body.substr(50));
  CHECK_FALSE(node.Post(load + "/finish").at("complete").as_bool());
  const json::value report = node.Post(load + "/conclude");
  CHECK(report.at("records").to_number<int>() == 1);
  CHECK(report.at("applied").to_number<int>() == 1);
  CHECK(node.Send("POST", load + "/conclude").status == 404);
}

TEST_CASE("the steps of a load have an order and its parameters are checked") {
  Node node;
  CHECK(node.Send("POST", "/api/v1/loads?att=1", "{}").status == 400);
  CHECK(node.Send("POST", "/api/v1/loads?complete=true", "{}").status == 400);
  CHECK(node.Send("POST", "/api/v1/loads", "[").status == 400);
  CHECK(node.Send("GET", "/api/v1/loads").status == 405);
  CHECK(node.Send("POST", node.Begin() + "/conclude").status == 409);
  CHECK(node.Send("POST", node.Begin() + "/nothing").status == 404);
  CHECK(node.Send("POST", "/api/v1/loads/0/bytes?offset=0").status == 404);
  const std::string given_up = node.Begin();
  CHECK(node.Send("DELETE", given_up).status == 200);
  CHECK(node.Send("POST", given_up + "/finish").status == 404);
}

TEST_CASE("only so many loads are under way") {
  Node node;
  for (int i = 0; i < 8; ++i) node.Begin();
  const HttpResponse more = node.Send("POST", "/api/v1/loads", "{}");
  CHECK(more.status == 503);
}

TEST_CASE("a content that is not what was announced leaves no position") {
  Node node;
  ingest::Fingerprint right;
  right.Add(kPod);
  for (const bool honest : {false, true}) {
    const std::string content = honest ? right.Hex() : std::string(32, '0');
    const std::string load = node.Begin("", absl::StrCat(R"({"contents":[")", content, R"("]})"));
    node.Post(load + "/bytes?offset=0&end=true&source=file:x&content=" + content, kPod);
    node.Post(load + "/finish");
    node.Post(load + "/conclude");
    CHECK(node.database->Stats()->positions.size() == (honest ? 1 : 0));
  }
}

TEST_CASE("an interrupted load marks nothing as loaded and keeps what was read") {
  Node node;
  LoadOptions options;
  options.now = WallClock();
  options.how["at"] = "2026-03-02T10:20:00Z";
  ingest::Fingerprint content;
  content.Add(kPod);
  {
    auto run = LoadRun::Create(node.database.get(), options);
    REQUIRE(run.ok());
    CHECK((*run)->Announce({content.Hex()}) == std::vector<bool>{false});
    REQUIRE((*run)->Begin({.source_name = "file:x"}, content.Hex()).ok());
    REQUIRE((*run)->Feed(kPod).ok());
    REQUIRE((*run)->End().ok());
    REQUIRE((*run)->FinishReading().ok());
  }
  CHECK(node.database->Stats()->positions.empty());
  CHECK(node.database->Stats()->resources == 1);
  auto run = LoadRun::Create(node.database.get(), options);
  REQUIRE(run.ok());
  CHECK((*run)->Announce({content.Hex()}) == std::vector<bool>{false});
}

TEST_CASE("retry over HTTP answers what it could do") {
  Node node;
  Put(node.database.get(),
      R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"a","namespace":"shop","uid":"e"},)"
      R"("reason":"BackOff","involvedObject":{"kind":"Pod","namespace":"shop","name":"x"},)"
      R"("lastTimestamp":"2027-01-01T00:00:00Z"})"
      "\n{\"kind\":");
  const json::value report = node.Post("/api/v1/dead-letters/retry");
  CHECK(report.at("letters").to_number<int>() == 2);
  CHECK(report.at("refused").to_number<int>() == 1);
  CHECK(report.at("mended").to_number<int>() == 0);
  CHECK(report.at("unread").at(0).at("source").as_string() == "test");
  CHECK(node.Send("POST", "/api/v1/dead-letters/retry?tenent=x").status == 400);
  CHECK(node.Send("POST", "/api/v1/dead-letters/retry?tenant=nobody").status == 404);
  CHECK(node.Send("GET", "/api/v1/dead-letters/retry").status == 405);
}

TEST_CASE("a kept record of any kind is shown") {
  Node node;
  const ObjectRef pod{"", true, "Pod", "shop", "x", ""};
  const Timestamp late = WallClock() + std::chrono::hours(24);
  ObjectRecord object;
  object.ref = pod;
  object.at = late;
  object.fields = {{"spec.nodeName", "n1", FieldKind::kString}};
  EdgeRecord edge;
  edge.from = edge.to = pod;
  edge.to.name = "y";
  edge.at = late;
  EventRecord event;
  event.subject = pod;
  event.first = event.last = late;
  AlertRecord alert;
  alert.at = alert.starts_at = late;
  LogRecord log;
  log.subject = pod;
  log.at = late;
  CompletenessRecord complete;
  complete.at = late;
  complete.kinds = {pod};
  Batch batch;
  batch.mutations = {object, edge, event, alert, log, complete};
  REQUIRE(node.database->Apply(std::move(batch)).ok());
  const HttpResponse response = node.Send("GET", "/api/v1/dead-letters");
  const json::value answer = json::parse(response.body);
  std::set<std::string> types;
  for (const json::value& letter : answer.at("dead_letters").as_array()) {
    types.insert(letter.at("record").at("type").as_string().c_str());
    CHECK(absl::StrContains(letter.at("reason").as_string().c_str(), "lies in the future"));
  }
  CHECK(types == std::set<std::string>{"alert", "complete", "edge", "event", "log", "object"});
}

TEST_CASE("a name that is not this node's is turned away") {
  Node node({"kg.example.com"});
  const auto status = [&](const std::string& path, const std::string& host,
                          const std::string& origin = "") {
    std::map<std::string, std::string> headers = {{"host", host}};
    if (!origin.empty()) headers["origin"] = origin;
    const HttpResponse response = node.Send("GET", path, "", headers);
    for (const auto& [name, value] : response.headers)
      CHECK_FALSE(absl::StartsWithIgnoreCase(name, "Access-Control"));
    return response.status;
  };
  for (const char* host : {"127.0.0.1:8080", "[::1]:8080", "localhost", "LOCALHOST:1", "localhost.",
                           "x.localhost:80", "10.2.3.4", "kg.example.com:8080", ""}) {
    INFO(host);
    CHECK(status("/api/v1/stats", host) == 200);
  }
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example",
                           "127.0.0.1.evil.example", "notlocalhost", "[evil]"}) {
    INFO(host);
    CHECK(status("/api/v1/stats", host) == 421);
    CHECK(status("/metrics", host) == 421);
    CHECK(status("/healthz", host) == 200);
  }
  CHECK(status("/api/v1/stats", "127.0.0.1:8080", "https://evil.example") == 421);
  CHECK(status("/api/v1/stats", "127.0.0.1:8080", "null") == 421);
  CHECK(status("/api/v1/stats", "127.0.0.1:8080", "http://127.0.0.1:8080") == 200);
  CHECK(IsOwnHost("anything", {"*"}));
}

}  // namespace
}  // namespace kg::server
