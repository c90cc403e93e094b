#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/api.h"
#include "server/metrics.h"
#include "tests/server/support.h"

// What a node refuses, cuts or drops for a limit is in /metrics, beside the limit.

namespace kg::server {
namespace {

class Node {
 public:
  explicit Node(ApiOptions options) : database_(OpenDatabase(dir_)) {
    options.now = WallClock;
    api_ = std::make_unique<Api>(database_.get(), &metrics_, std::move(options));
  }
  HttpResponse Call(const std::string& method, const std::string& target,
                    const std::string& body = "") {
    HttpRequest request;
    request.method = method;
    request.body = body;
    REQUIRE(ParseTarget(target, &request).ok());
    return api_->Handle(request);
  }
  bool Shows(const std::string& line) {
    return absl::StrContains(Call("GET", "/metrics").body, absl::StrCat(line, "\n"));
  }

 private:
  TempDir dir_;
  std::unique_ptr<Database> database_;
  Metrics metrics_;
  std::unique_ptr<Api> api_;
};

TEST_CASE("a node shows its limits and how far they are used") {
  Node node{ApiOptions()};
  REQUIRE(node.Call("POST", "/api/v1/ingest", kMissingSecret).status == 200);
  CHECK(node.Shows("kg_limit{limit=\"max_scopes\"} 1000"));
  CHECK(node.Shows("kg_limit_used{limit=\"max_scopes\"} 1"));
  CHECK(node.Shows("kg_limit_exceeded_total{limit=\"max_scopes\"} 0"));
  CHECK(node.Shows("kg_limit{limit=\"query_nodes\"} 100000"));
  CHECK(node.Shows("kg_limit{limit=\"max_view_age\"} 600"));
}

TEST_CASE("a document that is too large is refused and counted") {
  ApiOptions options;
  options.input.document_bytes = 64;
  Node node(options);
  CHECK(node.Call("POST", "/api/v1/ingest", kMissingSecret).status == 400);
  CHECK(absl::StrContains(node.Call("GET", "/metrics").body,
                          "kg_limit_exceeded_total{limit=\"max_document_bytes\"}"));
  CHECK_FALSE(node.Shows("kg_limit_exceeded_total{limit=\"max_document_bytes\"} 0"));
  CHECK(node.Shows("kg_limit{limit=\"max_document_bytes\"} 64"));
}

// A pod with two labels, and lists four deep in its spec.
constexpr char kPod[] = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b",
"uid":"c","creationTimestamp":"2026-03-02T10:00:00Z","labels":{"app":"x","tier":"y"}},
"spec":{"nodeName":"n1","deep":{"deeper":{"deepest":[1,2]}},"text":"nine chars and more"}})";
constexpr char kEvent[] =
    R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"b",
"uid":"e-1"},"type":"Warning","reason":"BackOff","message":"Back-off restarting failed container",
"involvedObject":{"kind":"Pod","namespace":"b","name":"a","uid":"c"},"count":1,
"firstTimestamp":"2026-03-02T10:00:00Z","lastTimestamp":"2026-03-02T10:00:00Z"})";

TEST_CASE("each limit of input is met and counted by the key of its setting") {
  ApiOptions options;
  std::string key;
  const char* body = kPod;
  SECTION("labels") {
    options.input.labels_per_object = 1;
    key = "max_labels";
  }
  SECTION("fields") {
    options.input.fields_per_object = 3;
    key = "max_fields";
  }
  SECTION("depth") {
    options.input.depth = 3;
    key = "max_depth";
  }
  SECTION("values") {
    options.input.string_bytes = 8;
    key = "max_value_bytes";
  }
  SECTION("messages") {
    options.input.line_bytes = 20;
    key = "max_line_bytes";
    body = kEvent;
  }
  Node node(options);
  const HttpResponse told = node.Call("POST", "/api/v1/ingest", body);
  INFO(key << ": " << told.body);
  CHECK(absl::StrContains(node.Call("GET", "/metrics").body,
                          absl::StrCat("kg_limit_exceeded_total{limit=\"", key, "\"} ")));
  CHECK_FALSE(node.Shows(absl::StrCat("kg_limit_exceeded_total{limit=\"", key, "\"} 0")));
}

TEST_CASE("each limit of a question cuts the answer which says so and is counted") {
  ApiOptions options;
  std::string limit, question = "/api/v1/rca?all_namespaces=true";
  SECTION("nodes") {
    options.budget.nodes = 1;
    limit = "nodes";
  }
  SECTION("edges") {
    options.budget.edges = 1;
    limit = "edges";
  }
  SECTION("bytes") {
    options.budget.bytes = 1;
    limit = "bytes";
    question = "/api/v1/events?all_namespaces=true&since=1h";
  }
  SECTION("results") {
    options.budget.results = 1;
    limit = "results";
    question = "/api/v1/neighbours?object=Pod/billing-6c4-x9z&namespace=pay";
  }
  SECTION("time") {
    options.budget.time = Duration(1);
    limit = "time";
  }
  Node node(options);
  REQUIRE(node.Call("POST", "/api/v1/ingest", kMissingSecret).status == 200);
  const HttpResponse cut = node.Call("GET", question);
  INFO(cut.body);
  CHECK(absl::StrContains(cut.body, absl::StrCat("\"limit\":\"", limit, "\"")));
  CHECK(node.Shows(absl::StrCat("kg_limit_exceeded_total{limit=\"query_", limit, "\"} 1")));
}

TEST_CASE("more bodies at a time than are decoded are turned away and counted") {
  ApiOptions options;
  options.max_ingests = 0;  // one is more already
  Node node(options);
  CHECK(node.Call("POST", "/api/v1/ingest", kMissingSecret).status == 503);
  CHECK(node.Shows("kg_limit_exceeded_total{limit=\"max_ingests\"} 1"));
}

TEST_CASE("more loads at a time than are allowed are turned away and counted") {
  ApiOptions options;
  options.max_loads = 1;
  Node node(options);
  CHECK(node.Call("POST", "/api/v1/loads", "{}").status == 200);
  CHECK(node.Call("POST", "/api/v1/loads", "{}").status == 503);
  CHECK(node.Shows("kg_limit_used{limit=\"max_loads\"} 1"));
  CHECK(node.Shows("kg_limit_exceeded_total{limit=\"max_loads\"} 1"));
}

}  // namespace
}  // namespace kg::server
