#include <catch2/catch.hpp>

#include "query/blast_radius.h"
#include "tests/query/fake_view.h"

namespace kg::query {
namespace {

using testing::FakeWorld;
using testing::T;

std::vector<std::string> Told(const BlastRadiusAnswer& answer) {
  std::vector<std::string> told;
  for (const AffectedAnswer& a : answer.affected) told.push_back(a.state + " " + a.resource.name);
  return told;
}

BlastRadiusAnswer Ask(const View& view, std::vector<BlastOrigin> origins) {
  BlastRadiusQuestion q;
  q.origins = std::move(origins);
  q.window = {view.as_of() - std::chrono::hours(1), view.as_of() + Duration(1)};
  BudgetMeter meter(Budget{});
  return FindBlastRadius(view, q, &meter);
}

// web (pod) calls the service of api (two pods of one set on one node).
struct Shop {
  FakeWorld world;
  ResourceId node = world.Add("Node", "", "n1");
  ResourceId set = world.Add("ReplicaSet", "shop", "api");
  ResourceId api1 = world.Add("Pod", "shop", "api-1");
  ResourceId api2 = world.Add("Pod", "shop", "api-2");
  ResourceId service = world.Add("Service", "shop", "api");
  ResourceId web = world.Add("Pod", "shop", "web-1");
  ResourceId config = world.Add("ConfigMap", "shop", "settings");

  Shop() {
    world.Connect(set, "CONTROLS", api1);
    world.Connect(set, "CONTROLS", api2);
    world.Connect(api1, "RUNS_ON", node);
    world.Connect(api2, "RUNS_ON", node);
    world.Connect(service, "SELECTS", api1);
    world.Connect(service, "SELECTS", api2);
    world.Connect(web, "CALLS", service);
    world.Connect(api1, "MOUNTS", config);
  }
};

TEST_CASE("A pod's failure reaches its service and callers, not its sibling, node or config") {
  Shop shop;
  shop.world.Happen(shop.api1, "OOM_KILLED", T(0), kForever);
  shop.world.Happen(shop.web, "LOG_CONN_REFUSED", T(20), T(40), "", "connection refused");
  shop.world.Happen(shop.service, "NO_READY_ENDPOINTS", T(-600), T(-500));
  const auto answer = Ask(*shop.world.At(T(100)), {{shop.api1}});
  CHECK(answer.of.name == "api-1");
  CHECK(Told(answer) == std::vector<std::string>{"affected web-1", "at_risk api", "at_risk api"});
  CHECK(answer.affected[0].distance == 2);
  CHECK(answer.affected[0].episode->cls == "LOG_CONN_REFUSED");
  REQUIRE(answer.affected[0].path.size() == 2);
  CHECK(answer.affected[0].path[0].from.name == "api-1");
  CHECK(answer.affected[0].path[0].against_arrow);
  CHECK(answer.affected[0].because_of == std::vector<int>{1});
}

TEST_CASE("A node's failure reaches every pod on it and what stands on those") {
  Shop shop;
  shop.world.Happen(shop.node, "NODE_NOTREADY", T(0), kForever);
  const auto answer = Ask(*shop.world.At(T(100)), {{shop.node}});
  CHECK(answer.total == 5);
  CHECK(answer.affected[0].distance == 1);
  const auto both = Ask(*shop.world.At(T(100)), {{shop.node, 1}, {shop.config, 2}});
  for (const AffectedAnswer& a : both.affected) {
    const bool config_too = a.resource.name != "api-2";
    CHECK(a.because_of == (config_too ? std::vector<int>{1, 2} : std::vector<int>{1}));
  }
}

TEST_CASE("What has not begun by the time asked affects nobody") {
  Shop shop;
  shop.world.Happen(shop.api1, "OOM_KILLED", T(0), kForever);
  shop.world.Happen(shop.web, "LOG_CONN_REFUSED", T(20), T(40));
  for (const AffectedAnswer& a : Ask(*shop.world.At(T(10)), {{shop.api1}}).affected) {
    CHECK(a.state == "at_risk");
  }
}

TEST_CASE("A chain of causes affects what no stored edge reaches, surely enough") {
  Shop shop;
  const ResourceId dns = shop.world.Add("Pod", "kube-system", "coredns");
  const EpisodeKey down = shop.world.Happen(dns, "CRASHLOOP", T(0), kForever);
  const EpisodeKey lookup = shop.world.Happen(shop.api2, "LOG_NO_HOST", T(10), kForever);
  const EpisodeKey refused = shop.world.Happen(shop.web, "LOG_CONN_REFUSED", T(20), kForever);
  shop.world.Link(lookup, down, 0.8, {"RESOLVES_BY"}, {dns, shop.api2});
  shop.world.Link(refused, lookup, 0.5, {"SELECTS", "CALLS"}, {shop.api2, shop.service, shop.web});
  const auto answer = Ask(*shop.world.At(T(100)), {{dns}});
  REQUIRE(Told(answer) == std::vector<std::string>{"affected api-2", "affected web-1"});
  CHECK(answer.affected[0].confidence == Approx(0.8));
  CHECK(answer.affected[1].confidence == Approx(0.4));
  CHECK(answer.affected[1].distance == 3);
  CHECK(answer.affected[1].path.size() == 3);
}

TEST_CASE("An edge that only some failures may use affects only by those") {
  FakeWorld world;
  const ResourceId ns = world.Add("Namespace", "", "shop");
  const ResourceId quota = world.Add("ResourceQuota", "shop", "small");
  world.Connect(ns, "HAS_QUOTA", quota);
  world.Happen(ns, "OOM_KILLED", T(0), kForever);
  CHECK(Told(Ask(*world.At(T(10)), {{quota}})) == std::vector<std::string>{"at_risk shop"});
  world.Happen(ns, "CREATE_QUOTA", T(1), kForever);
  CHECK(Told(Ask(*world.At(T(10)), {{quota}})) == std::vector<std::string>{"affected shop"});
}

TEST_CASE("All pods but the resolvers depend once on what resolves names") {
  Shop shop;
  const ResourceId deployment = shop.world.Add("Deployment", "kube-system", "coredns");
  const ResourceId set = shop.world.Add("ReplicaSet", "kube-system", "coredns-1");
  const ResourceId dns1 = shop.world.Add("Pod", "kube-system", "coredns-1-a");
  const ResourceId dns2 = shop.world.Add("Pod", "kube-system", "coredns-1-b");
  const ResourceId service = shop.world.Add("Service", "kube-system", "kube-dns");
  shop.world.Connect(deployment, "CONTROLS", set);
  for (ResourceId pod : {dns1, dns2}) {
    shop.world.Connect(set, "CONTROLS", pod);
    shop.world.Connect(service, "SELECTS", pod);
  }
  for (ResourceId id : {deployment, dns1, dns2, service}) shop.world.Resolve(id);
  const EpisodeKey lookup = shop.world.Happen(shop.web, "LOG_NO_HOST", T(10), kForever);
  shop.world.Happen(shop.api1, "LOG_PANIC", T(20), kForever);
  const auto answer = Ask(*shop.world.At(T(100)), {{deployment}});
  // A panic is nothing that comes of names.
  // One hop: the set it owns at 0.5, the pods at 1. Two: the set's pods at 1, then by cost and name
  // what stands on the shop's pods at 1.5. The Service of the resolvers is behind their pods.
  CHECK(Told(answer) == std::vector<std::string>{"affected web-1", "at_risk coredns-1",
                                                 "at_risk api-1", "at_risk api-2",
                                                 "at_risk coredns-1-a", "at_risk coredns-1-b",
                                                 "at_risk api", "at_risk api", "at_risk kube-dns"});
  CHECK(answer.affected[0].episode->id == EpisodeHandle(lookup));
  REQUIRE(answer.affected[0].path.size() == 1);
  CHECK(answer.affected[0].path[0].type == "RESOLVES_BY");
  CHECK(answer.affected[0].path[0].valid_to == kForever);

  BlastRadiusQuestion q;
  q.origins = {{deployment}};
  q.window = {T(0), T(101)};
  q.limit = 2;
  BudgetMeter meter(Budget{});
  const auto cut = FindBlastRadius(*shop.world.At(T(100)), q, &meter);
  CHECK(cut.affected.size() == 2);
  CHECK(cut.total == answer.total);
}

TEST_CASE("A quota puts the workloads of its namespace at risk but not what they have made") {
  FakeWorld world;
  const ResourceId ns = world.Add("Namespace", "", "shop");
  const ResourceId quota = world.Add("ResourceQuota", "shop", "small");
  const ResourceId web = world.Add("Deployment", "shop", "web");
  const ResourceId set = world.Add("ReplicaSet", "shop", "web-1");
  const ResourceId pod = world.Add("Pod", "shop", "web-1-a");
  world.Add("Deployment", "other", "else");
  world.Add("ConfigMap", "shop", "settings");
  world.Connect(ns, "HAS_QUOTA", quota);
  world.Connect(web, "CONTROLS", set);
  world.Connect(set, "CONTROLS", pod);
  CHECK(Told(Ask(*world.At(T(10)), {{quota}})) ==
        std::vector<std::string>{"at_risk shop", "at_risk web"});
}

TEST_CASE("Who is known to suffer is listed and may be an origin") {
  Shop shop;
  const EpisodeKey own = shop.world.Happen(shop.api1, "OOM_KILLED", T(0), kForever);
  const ResourceId far = shop.world.Add("Pod", "other", "far-1");
  const EpisodeKey felt = shop.world.Happen(far, "LOG_TIMEOUT", T(5), kForever);
  const auto view = shop.world.At(T(100));
  BlastRadiusQuestion q;
  q.origins = {{shop.api1, 3}};
  q.window = {T(0), T(101)};
  q.known = {{FindBurst(view->graph(), shop.api1, own), 0, 0},
             {FindBurst(view->graph(), far, felt), 0, 2}};
  BudgetMeter meter(Budget{});
  const auto answer = FindBlastRadius(*view, q, &meter);
  REQUIRE(answer.affected.size() >= 2);
  CHECK(answer.affected[0].resource.name == "api-1");
  CHECK(answer.affected[1].resource.name == "far-1");
  CHECK(answer.affected[1].because_of == std::vector<int>{3});
}

}  // namespace
}  // namespace kg::query
