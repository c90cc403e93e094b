#include <catch2/catch.hpp>

#include "tests/semantics/fixture.h"

namespace kg::semantics {
namespace {

const ObjectRef kNode = Ref("Node", "", "n-1");
const ObjectRef kPod = Ref("Pod", "shop", "web-0");
const ObjectRef kService = Ref("Service", "shop", "web");

TEST_CASE("a tree stays whole when a burst in its middle expires and after a restart") {
  World w(std::chrono::hours(24));
  w.Apply(
      {EdgeSeen("RUNS_ON", kPod, kNode, At(8)), EdgeSeen("SELECTS", kService, kPod, At(8)),
       Object("Node", "", "n-1", "n1")
           .SeenAt(At(9))
           .Created(At(8))
           .Set("status.conditions[MemoryPressure].status", "True")
           .Set("status.conditions[MemoryPressure].reason", "KubeletHasInsufficientMemory")
           .Set("status.conditions[MemoryPressure].lastTransitionTime", "2023-11-15T09:00:00Z"),
       Event("ev", kPod, "Evicted", "The node was low on resource: memory.", At(9, 1), At(9, 2)),
       Alert("00112233445566aa", "HighErrorRate", kService, At(9, 3), At(9, 3))});
  const auto alert = w.Bursts(kService)[0].episode.key();
  REQUIRE(w.TreeSize(alert) == 3);
  const std::string root = [&] {
    std::string id;
    for (const IncidentPtr& i : w.view()->AllTrees()) id = std::to_string(i->id());
    return id;
  }();
  w.wall = At(60);
  w.Apply({Event("later", Ref("Pod", "shop", "other"), "Scheduled", "assigned", At(59), At(59))});
  REQUIRE(w.db().Maintain().ok());
  REQUIRE(w.Bursts(kPod).empty());
  CHECK(w.TreeSize(alert) == 2);
  const std::string before = w.Dump();
  w.Reopen();
  CHECK(w.TreeSize(alert) == 2);
  CHECK(w.Dump() == before);
  for (const IncidentPtr& i : w.view()->AllTrees()) CHECK(std::to_string(i->id()) == root);
}

TEST_CASE("states of one instant that two sources showed survive a restart each") {
  World w;
  for (int i = 0; i < 3; ++i) {
    const std::string image = "web:" + std::to_string(i);
    Object full("Pod", "shop", "web-0", "u1");
    full.SeenAt(At(9, i)).Set("spec.containers[app].image", image);
    Mutation summary = Object("Pod", "shop", "web-0", "u1")
                           .SeenAt(At(9, i))
                           .Set("status.phase", i == 1 ? "Pending" : "Running");
    std::get<ObjectRecord>(summary).shape = ObjectShape::kSummary;
    w.Apply({full, summary});
  }
  const std::string before = w.Dump();
  w.Reopen();
  CHECK(w.Dump() == before);
}

}  // namespace
}  // namespace kg::semantics
