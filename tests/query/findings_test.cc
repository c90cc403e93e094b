#include <algorithm>

#include <catch2/catch.hpp>

#include "engine/links.h"
#include "query/root_cause.h"
#include "tests/query/fake_view.h"

// Findings, and when they explain a failure: one object at a time, without a store.

namespace kg::query::testing {
namespace {

constexpr int64_t kDay = 86'400;

RevisionRecord State(std::vector<std::pair<std::string, std::string>> fields, Timestamp from,
                     Timestamp to = kForever) {
  RevisionRecord r;
  r.valid = {from, to};
  r.observed_from = from;
  r.last_confirmed = to == kForever ? from : to;
  for (auto& [path, value] : fields) r.fields.push_back({path, value});
  std::sort(r.fields.begin(), r.fields.end());
  return r;
}

// A caller whose log says that it is refused, and a Service with a pod, known since a day ago by a
// snapshot taken at T(600).
struct Shop {
  FakeWorld world;
  ResourceId caller, service, pod, workload;
  EpisodeKey refused;

  explicit Shop(uint64_t id_seed = 0) : world(id_seed) {
    caller = world.Add("Pod", "shop", "web-1", Since(-kDay));
    service = world.Add("Service", "shop", "orders", Since(-kDay));
    pod = world.Add("Pod", "shop", "orders-1", Since(-kDay));
    workload = world.Add("Deployment", "shop", "orders", Since(-kDay));
    world.Connect(caller, "CALLS", service, {kBeginning, kForever}, kEdgeHeuristic);
    refused = world.Happen(caller, "LOG_CONN_REFUSED", T(0), T(590));
  }
  static std::vector<Incarnation> Since(int64_t seconds) {
    return {{"", {T(seconds), kForever}, false}};
  }
  void Tell(ResourceId id, std::vector<std::pair<std::string, std::string>> fields) {
    world.Revise(id, State(std::move(fields), T(600)));
  }
  void TellPod(const std::string& app) {
    Tell(pod, {{"metadata.labels.app", app},
               {"spec.containers[app].ports[http].containerPort", "8080"},
               {"spec.containers[app].ports[http].name", "http"}});
  }
  void TellWorkload(const std::string& app, const std::string& replicas) {
    Tell(workload, {{"spec.replicas", replicas}, {"spec.template.metadata.labels.app", app}});
  }

  RootCauseAnswer Ask(const std::string& object = "", Timestamp at = T(600)) const {
    Question q;
    q.ns = "shop";
    q.object = object;
    q.at = at;
    const auto view = world.At(at);
    auto answer = RootCause(*view, q, Budget{});
    REQUIRE(answer.ok());
    return *std::move(answer);
  }
  // "selector_empty Service orders", or "" where no finding is the root.
  std::string Root(const std::string& object = "") const {
    const RootCauseAnswer a = Ask(object);
    if (a.root_causes.empty() || !a.root_causes[0].finding.has_value()) return "";
    const CauseAnswer& root = a.root_causes[0];
    return root.finding->kind + " " + root.resource.kind + " " + root.resource.name;
  }
};

TEST_CASE("a selector that no pod matches is the cause of its callers' errors") {
  Shop shop;
  shop.Tell(shop.service, {{"spec.selector.app", "order"}});
  shop.TellPod("orders");
  shop.TellWorkload("orders", "1");
  CHECK(shop.Root() == "selector_empty Service orders");
  CHECK(shop.Root("service/orders") == "selector_empty Service orders");
  CHECK(shop.Root("pod/web-1") == "selector_empty Service orders");
  const CauseAnswer root = shop.Ask().root_causes[0];
  CHECK(root.category == "finding");
  CHECK_FALSE(root.episode.has_value());
  // Nobody saw it begin: it may have been so since the Service was made.
  CHECK(root.onset.earliest == T(-kDay));
  CHECK(root.onset.latest == T(600));
  REQUIRE(root.parts.has_value());
  CHECK(root.parts->temporal == 0.5);
  CHECK(root.parts->distance == 0.5);  // one CALLS
  REQUIRE(root.path.size() == 1);
  CHECK(root.path[0].type == "CALLS");
  REQUIRE_FALSE(root.evidence.empty());
  CHECK(root.evidence[0].cls == "SELECTOR_EMPTY");
  CHECK(shop.Ask().verdict == "explained");
}

TEST_CASE("a selector that lost its last pod dates the finding") {
  Shop shop;
  shop.world.Revise(shop.service, State({{"spec.selector.app", "order"}}, T(-kDay)));
  shop.TellPod("orders");
  shop.world.Connect(shop.service, "SELECTS", shop.pod, {T(-kDay), T(-20)});
  const CauseAnswer root = shop.Ask().root_causes[0];
  CHECK(root.onset.earliest == T(-20));
  CHECK(root.onset.latest == T(-20));
  CHECK(root.parts->temporal == 1);
}

TEST_CASE("a finding that began after the failure explains nothing") {
  Shop shop;
  shop.world.Revise(shop.service, State({{"spec.selector.app", "order"}}, T(-kDay)));
  shop.TellPod("orders");
  shop.world.Connect(shop.service, "SELECTS", shop.pod, {T(-kDay), T(300)});
  CHECK(shop.Root() == "");
}

TEST_CASE("a finding that is much older than the failure explains only newcomers") {
  for (const bool newcomer : {false, true}) {
    Shop shop;
    shop.world.Revise(shop.service, State({{"spec.selector.app", "order"}}, T(-kDay)));
    shop.TellPod("orders");
    shop.world.Connect(shop.service, "SELECTS", shop.pod, {T(-kDay), T(-kDay / 2)});
    if (newcomer) {
      const ResourceId fresh = shop.world.Add("Pod", "shop", "web-2", Shop::Since(-30));
      shop.world.Connect(fresh, "CALLS", shop.service);
      shop.world.Happen(fresh, "LOG_CONN_REFUSED", T(-20), T(590));
    }
    CHECK(shop.Root() == (newcomer ? "selector_empty Service orders" : ""));
  }
}

TEST_CASE("what a selector may legitimately lack is no finding") {
  Shop shop;
  shop.TellPod("orders");
  SECTION("no selector at all") {
    shop.Tell(shop.service, {{"spec.type", "ClusterIP"}});
  }
  SECTION("an external name") {
    shop.Tell(shop.service, {{"spec.selector.app", "order"}, {"spec.type", "ExternalName"}});
  }
  SECTION("endpoints that somebody else wrote") {
    shop.Tell(shop.service, {{"spec.selector.app", "order"}});
    shop.world.Connect(shop.service, "ROUTES_TO", shop.pod);
  }
  SECTION("a workload that would make such pods") {
    shop.Tell(shop.service, {{"spec.selector.app", "order"}});
    shop.TellWorkload("order", "1");
  }
  SECTION("a pod") {
    shop.Tell(shop.service, {{"spec.selector.app", "orders"}});
    shop.world.Connect(shop.service, "SELECTS", shop.pod);
  }
  CHECK(shop.Root() == "");
}

TEST_CASE("without a pod's labels nothing is known of what a selector matches") {
  Shop shop;
  shop.Tell(shop.service, {{"spec.selector.app", "order"}});
  shop.Tell(shop.pod, {{"spec.nodeName", "n1"}});
  CHECK(shop.Root() == "");
}

TEST_CASE("a workload without replicas is the cause behind its Service") {
  Shop shop;
  shop.Tell(shop.service, {{"spec.selector.app", "orders"}});
  shop.TellWorkload("orders", "0");
  CHECK(shop.Root() == "zero_replicas Deployment orders");
  CHECK(shop.Root("service/orders") == "zero_replicas Deployment orders");
  CHECK(shop.Root("deployment/orders") == "zero_replicas Deployment orders");
  const CauseAnswer root = shop.Ask().root_causes[0];
  REQUIRE(root.path.size() == 2);
  CHECK(root.path[0].type == "SELECTS");
  CHECK(root.path[1].type == "CALLS");
}

TEST_CASE("a finding without a failure leaves a scope healthy") {
  FakeWorld world;
  const ResourceId service = world.Add("Service", "shop", "orders", Shop::Since(-kDay));
  const ResourceId workload = world.Add("Deployment", "shop", "orders", Shop::Since(-kDay));
  world.Revise(service, State({{"spec.selector.app", "orders"}}, T(-kDay)));
  world.Revise(
      workload,
      State({{"spec.replicas", "0"}, {"spec.template.metadata.labels.app", "orders"}}, T(-kDay)));
  SECTION("nothing happened") {}
  SECTION("the Service has no endpoints") {
    world.Happen(service, "NO_READY_ENDPOINTS", T(-kDay), kForever);
  }
  Question q;
  q.all_namespaces = true;
  q.at = T(600);
  const auto answer = RootCause(*world.At(T(600)), q, Budget{});
  REQUIRE(answer.ok());
  CHECK(answer->verdict == "healthy");
}

TEST_CASE("a port that no pod has is a fault by name and a suspicion by number") {
  auto domain = [](std::vector<std::pair<std::string, std::string>> ports) {
    Shop shop;
    ports.push_back({"spec.selector.app", "orders"});
    shop.Tell(shop.service, std::move(ports));
    shop.TellPod("orders");
    shop.world.Connect(shop.service, "SELECTS", shop.pod);
    const RootCauseAnswer a = shop.Ask();
    if (a.root_causes.empty() || !a.root_causes[0].finding.has_value()) return 0.0;
    CHECK(a.root_causes[0].finding->kind == "port_mismatch");
    return a.root_causes[0].parts->domain;
  };
  const double by_name =
      domain({{"spec.ports[a].port", "80"}, {"spec.ports[a].targetPort", "web"}});
  const double by_number =
      domain({{"spec.ports[a].port", "80"}, {"spec.ports[a].targetPort", "9090"}});
  CHECK(by_name > 0.9);
  CHECK(by_number < by_name);
  CHECK(by_number > kGroupDomain);
  CHECK(domain({{"spec.ports[a].port", "80"}, {"spec.ports[a].targetPort", "http"}}) == 0);
  CHECK(domain({{"spec.ports[a].port", "8080"}}) == 0);
  CHECK(domain({{"spec.ports[a].port", "80"}}) == by_number);  // the target is the port itself
}

TEST_CASE("a port is no suspicion while no pod is ready") {
  for (const bool ready : {true, false}) {
    Shop shop;
    shop.Tell(shop.service, {{"spec.ports[a].targetPort", "web"}, {"spec.selector.app", "orders"}});
    shop.Tell(shop.pod, {{"metadata.labels.app", "orders"},
                         {"spec.containers[app].ports[http].containerPort", "8080"},
                         {"status.conditions[Ready].status", ready ? "True" : "False"}});
    shop.world.Connect(shop.service, "SELECTS", shop.pod);
    CHECK(shop.Root() == (ready ? "port_mismatch Service orders" : ""));
  }
}

TEST_CASE("a number is no suspicion where the pods declare no ports") {
  Shop shop;
  shop.Tell(shop.service, {{"spec.ports[a].targetPort", "9090"}, {"spec.selector.app", "orders"}});
  shop.Tell(shop.pod, {{"metadata.labels.app", "orders"}, {"spec.containers[app].image", "x"}});
  shop.world.Connect(shop.service, "SELECTS", shop.pod);
  CHECK(shop.Root() == "");
}

// A pod that never became ready and mounts a ConfigMap.
struct Stuck {
  FakeWorld world;
  ResourceId pod, config, other;

  explicit Stuck(uint16_t flags = 0, std::vector<Incarnation> lives = {}) {
    pod = world.Add("Pod", "shop", "ratings-1", Shop::Since(0));
    config = world.Add("ConfigMap", "shop", "ratings", std::move(lives));
    world.Connect(pod, "MOUNTS", config, {kBeginning, kForever}, flags);
    world.Happen(pod, "POD_NOT_READY", T(2), kForever);
    world.Happen(pod, "ALERT_POD_NOT_READY", T(900), kForever);
  }
  void AddOther() { other = world.Add("ConfigMap", "shop", "else", Shop::Since(-kDay)); }
  std::string Root(const std::string& object = "") const {
    Question q;
    q.ns = "shop";
    q.object = object;
    q.at = T(1000);
    const auto answer = RootCause(*world.At(T(1000)), q, Budget{});
    REQUIRE(answer.ok());
    if (answer->root_causes.empty() || !answer->root_causes[0].finding.has_value()) return "";
    return answer->root_causes[0].finding->text;
  }
};

TEST_CASE("a missing reference counts only where absence is known") {
  SECTION("nothing of its kind was seen") {
    CHECK(Stuck().Root() == "");
  }
  SECTION("others of its kind were seen") {
    Stuck stuck;
    stuck.AddOther();
    const char* const text =
        "ConfigMap shop/ratings does not exist, and Pod shop/ratings-1 needs it";
    CHECK(stuck.Root() == text);
    CHECK(stuck.Root("configmap/ratings") == text);
  }
  SECTION("it was deleted") {
    Stuck stuck(0, {{"", {T(-kDay), T(-60)}, false}});
    CHECK(stuck.Root() == "ConfigMap shop/ratings was deleted, and Pod shop/ratings-1 needs it");
  }
}

TEST_CASE("a missing reference that is optional or was not needed to start does not count") {
  SECTION("optional") {
    Stuck stuck(kEdgeOptional);
    stuck.AddOther();
    CHECK(stuck.Root() == "");
  }
  SECTION("the pod has run") {
    Stuck stuck;
    stuck.AddOther();
    stuck.world.Revise(stuck.pod,
                       State({{"spec.nodeName", "n1"},
                              {"status.containerStatuses[app].lastState.terminated.exitCode", "1"}},
                             T(5)));
    CHECK(stuck.Root() == "");
  }
}

TEST_CASE("a change that explains the same stays the root and the finding bears it out") {
  Shop shop;
  shop.Tell(shop.service, {{"spec.selector.app", "order"}});
  shop.TellPod("orders");
  const EpisodeKey changed = shop.world.Happen(shop.service, "CHANGE_SELECTOR", T(-5), T(-5));
  shop.world.Link(shop.refused, changed, 0.9, {"CALLS"}, {shop.service, shop.caller});
  const CauseAnswer root = shop.Ask().root_causes[0];
  CHECK(root.category == "change");
  CHECK_FALSE(root.finding.has_value());
  CHECK(std::any_of(root.evidence.begin(), root.evidence.end(),
                    [](const Evidence& e) { return e.cls == "SELECTOR_EMPTY"; }));
}

TEST_CASE("findings do not depend on ids") {
  const uint64_t seed = Seed();
  INFO("seed " << seed);
  auto told = [](uint64_t ids) {
    Shop shop(ids);
    // Two equally good causes: the choice goes by name.
    for (const char* name : {"payments", "billing", "stock"}) {
      const ResourceId service = shop.world.Add("Service", "shop", name, Shop::Since(-kDay));
      shop.world.Connect(shop.caller, "CALLS", service);
      shop.Tell(service, {{"spec.selector.app", "gone"}});
    }
    shop.TellPod("orders");
    return shop.Root();
  };
  CHECK(told(0) == "selector_empty Service billing");
  CHECK(told(seed) == told(0));
}

}  // namespace
}  // namespace kg::query::testing
