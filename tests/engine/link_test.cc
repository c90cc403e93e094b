#include <catch2/catch.hpp>

#include <set>

#include "engine/internal/link.h"
#include "tests/engine/rules/rules_testing.h"
#include "tests/semantics/fixture.h"

namespace kg::semantics {
namespace {

const ObjectRef kNode = Ref("Node", "", "n-1");

ObjectRef Pod(const std::string& name = "web-0") {
  return Ref("Pod", "shop", name);
}

Mutation PodOn(const std::string& name, const std::string& node) {
  return Object("Pod", "shop", name, "uid-" + name).SeenAt(At(9)).Created(At(8)).On(node);
}

Mutation Oom(Timestamp at) {
  return Event("oom", kNode, "SystemOOM", "System OOM encountered", at, at);
}
Mutation BackOff(const std::string& pod, Timestamp at) {
  return Event("bo-" + pod, Pod(pod), "BackOff", "Back-off restarting failed container", at, at);
}

std::vector<CauseLink> CausesOf(World& w, const ObjectRef& ref, const std::string& cls) {
  const auto bursts = w.Bursts(ref, cls);
  REQUIRE(bursts.size() == 1);
  REQUIRE(bursts[0].burst != nullptr);
  return bursts[0].burst->causes;
}

TEST_CASE("a confidence is three visible parts, with the predecessor's weights") {
  // Where lag and prior say the same as its constants: no lag, one hop, .95 gives .83, its maximum.
  const auto formula = [](double temporal, double hops, double domain) {
    return 0.3 * temporal + 0.3 / (hops + 1) + 0.4 * domain;
  };
  CHECK(formula(1, 1, .95) == Approx(0.830));
  CHECK(formula(1 - 60. / 900, 2, .85) == Approx(0.720));
  CHECK(formula(1 - 60. / 900, 1, .95) == Approx(0.810));
  CHECK(formula(0, 3, .40) == Approx(0.235));
  World w;
  w.Apply({PodOn("web-0", "n-1"),
           Event("reboot", kNode, "Rebooted", "Node n-1 has been rebooted", At(10), At(10)),
           BackOff("web-0", At(10, 0, 30))});
  const auto causes = CausesOf(w, Pod(), "CRASHLOOP");
  REQUIRE(causes.size() == 1);
  const CauseLink& l = causes[0];
  CHECK(l.temporal == Approx(1));
  CHECK(l.domain == Approx(0.85));
  CHECK(l.distance == Approx(0.5));  // RUNS_ON is one hop of cost 1
  CHECK(l.confidence == Approx(formula(l.temporal, 1, l.domain)));
  CHECK(l.prior_row > 0);
  CHECK(l.path_kind == PathKind::kNode);
  REQUIRE(l.path.size() == 2);
  CHECK(l.path[0] == w.Id(kNode));
  CHECK(l.path[1] == w.Id(Pod()));
}

TEST_CASE(
    "a lag is likely up to the typical one, less and less up to the largest, impossible beyond") {
  PairPrior p;
  p.prior = 0.9;
  p.lag_min = Duration(0);
  p.lag_typical = std::chrono::minutes(2);
  p.lag_max = std::chrono::minutes(12);
  const auto at = [&](int s) {
    return LagLikelihood(p, std::chrono::seconds(s), std::chrono::seconds(s));
  };
  CHECK(at(0) == Approx(1));
  CHECK(at(120) == Approx(1));
  CHECK(at(420) == Approx(0.6));
  CHECK(at(720) == Approx(0.2));
  CHECK(at(721) == Approx(0));
  CHECK(at(-1) == Approx(0));
  CHECK(LagLikelihood(p, std::chrono::seconds(-10), std::chrono::seconds(5)) ==
        Approx(1));  // the best of the interval
  CHECK(LagLikelihood(p, std::chrono::seconds(700), std::chrono::seconds(9000)) > 0.2);
}

TEST_CASE("failure travels along an edge one way only, while the edge is there") {
  World w;
  w.Apply({PodOn("web-0", "n-1"), PodOn("web-1", "n-2"), Oom(At(10)), BackOff("web-0", At(10, 1)),
           BackOff("web-1", At(10, 1))});
  CHECK(CausesOf(w, Pod("web-0"), "CRASHLOOP").size() == 1);
  CHECK(CausesOf(w, Pod("web-1"), "CRASHLOOP").empty());  // on another node
  CHECK(CausesOf(w, kNode, "NODE_SYSTEM_OOM").empty());   // a pod's back-off explains no node
  w.Apply({Tombstone(Ref("Pod", "shop", "web-0", "uid-web-0"),
                     At(8, 30))});  // it was gone long before, we learn
  CHECK(CausesOf(w, Pod("web-0"), "CRASHLOOP").empty());
}

TEST_CASE("what began later is no cause") {
  World late;
  late.Apply({PodOn("web-0", "n-1"), Oom(At(10, 10)), BackOff("web-0", At(10))});
  CHECK(CausesOf(late, Pod(), "CRASHLOOP").empty());
}

TEST_CASE("at most five causes, each of another object and class") {
  World w;
  std::vector<Mutation> story = {PodOn("web-0", "n-1")};
  for (int i = 0; i < 20; ++i) {
    story.push_back(Event("oom-" + std::to_string(i), kNode, "SystemOOM", "System OOM encountered",
                          At(10) + std::chrono::seconds(i), At(10) + std::chrono::seconds(i)));
  }
  story.push_back(
      Event("nr", kNode, "NodeNotReady", "Node n-1 status is now: NodeNotReady", At(10), At(10)));
  story.push_back(BackOff("web-0", At(10, 1)));
  w.Apply(story);
  const auto causes = CausesOf(w, Pod(), "CRASHLOOP");
  REQUIRE(causes.size() <= kMaxCauses);
  std::set<std::pair<uint32_t, uint16_t>> kinds;
  for (const CauseLink& c : causes)
    CHECK(kinds.emplace(c.cause_resource.value, c.cause_class.value).second);
  for (size_t i = 1; i < causes.size(); ++i) {
    CHECK((Groups(causes[i - 1]) != Groups(causes[i])
               ? Groups(causes[i - 1])
               : causes[i - 1].confidence >= causes[i].confidence - 1e-9));
  }
}

TEST_CASE("what an owner's other children do reaches nobody through the owner") {
  const auto child = [](const std::string& name) {
    return Object("Pod", "shop", name, "uid-" + name)
        .SeenAt(At(9))
        .Created(At(8))
        .Set("metadata.ownerReferences[r].kind", "ReplicaSet")
        .Set("metadata.ownerReferences[r].name", "r");
  };
  World w;
  w.Apply({child("web-0"), child("web-1"),
           Event("pull", Pod("web-0"), "Failed", "Failed to pull image \"app:1\": not found",
                 At(10), At(10)),
           BackOff("web-1", At(10, 1))});
  CHECK(CausesOf(w, Pod("web-1"), "CRASHLOOP").empty());
}

}  // namespace
}  // namespace kg::semantics
