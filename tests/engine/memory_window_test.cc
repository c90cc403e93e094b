#include <catch2/catch.hpp>

#include "tests/semantics/fixture.h"

// What ended before the memory window is read from the store: nobody can tell from an answer.

namespace kg::semantics {
namespace {

const ObjectRef kPod = Ref("Pod", "shop", "web-0");
const ObjectRef kNode = Ref("Node", "", "n-1");

// A failure with its cause, and an edge that ends, all over by 08:20.
std::vector<Mutation> Morning() {
  return {
      EdgeSeen("RUNS_ON", kPod, kNode, At(8)),
      Event("reboot", kNode, "Rebooted", "Node n-1 has been rebooted", At(8, 10), At(8, 10)),
      Event("bo", kPod, "BackOff", "Back-off restarting failed container", At(8, 11), At(8, 15)),
      EdgeGone("RUNS_ON", kPod, kNode, At(8, 20))};
}
Mutation Noon() {
  return Event("later", Ref("Pod", "shop", "other"), "Scheduled", "assigned", At(12), At(12));
}

size_t Bursts(const Node* node) {
  REQUIRE(node != nullptr);
  return node->bursts.size();
}

TEST_CASE("what ended before the memory window leaves memory and is found all the same") {
  for (const bool reopened : {false, true}) {
    World w(std::chrono::hours(24 * 7), std::chrono::hours(1));
    w.Apply(Morning());
    w.Apply({Noon()});
    if (reopened) w.Reopen();
    const auto view = w.view();
    const ResourceId pod = w.Id(kPod);
    const Node* recent = view->graph().Find(pod);
    CHECK(Bursts(recent) == 0);
    CHECK(recent->out_closed.empty());
    CHECK(view->graph().Find(pod, At(11, 30)) == recent);  // nothing older is asked for

    const Node* whole = view->graph().Find(pod, At(8));
    CHECK(Bursts(whole) == 1);
    CHECK(whole->out_closed.size() == 1);
    CHECK(view->graph().Find(w.Id(kNode), At(8))->in_closed.size() == 1);
    CHECK(view->status().ok());

    const auto bursts = w.Bursts(kPod, "CRASHLOOP");
    REQUIRE(bursts.size() == 1);
    REQUIRE(bursts[0].burst != nullptr);
    REQUIRE(bursts[0].burst->causes.size() == 1);
    CHECK(bursts[0].burst->causes[0].cause_resource == w.Id(kNode));
    CHECK(view->Links(w.scope()) == 1);
  }
}

TEST_CASE("what comes late for a time before the memory window changes it there") {
  World small(std::chrono::hours(24 * 7), std::chrono::hours(0));
  World large(std::chrono::hours(24 * 7), std::chrono::hours(24 * 7));
  for (World* w : {&small, &large}) {
    w->Apply(Morning());
    w->Apply({Noon()});
    // It went on for longer; the edge had ended sooner; and somebody else had the same cause.
    w->Apply({Event("bo", kPod, "BackOff", "Back-off restarting failed container", At(8, 11),
                    At(8, 19), 9)});
    w->Apply({EdgeGone("RUNS_ON", kPod, kNode, At(8, 18))});
    w->Apply({EdgeSeen("RUNS_ON", Ref("Pod", "shop", "web-1"), kNode, At(8)),
              EdgeGone("RUNS_ON", Ref("Pod", "shop", "web-1"), kNode, At(9))});
    w->Apply({Event("bo-1", Ref("Pod", "shop", "web-1"), "BackOff",
                    "Back-off restarting failed container", At(8, 12), At(8, 14))});
  }
  CHECK(small.Dump() == large.Dump());
  CHECK(small.Bursts(Ref("Pod", "shop", "web-1"), "CRASHLOOP")[0].burst->causes.size() == 1);
  small.Reopen();
  CHECK(small.Dump() == large.Dump());
}

TEST_CASE("what left memory expires with its bucket") {
  World small(std::chrono::hours(24), std::chrono::hours(0));
  World large(std::chrono::hours(24), std::chrono::hours(24));
  for (World* w : {&small, &large}) {
    w->Apply(Morning());
    w->Apply({Noon()});
    w->wall = At(60);
    w->Apply({Event("much-later", kPod, "BackOff", "Back-off restarting failed container", At(59),
                    At(59))});
    REQUIRE(w->db().Maintain().ok());
    CHECK(w->view()->Links(w->scope()) == 0);
    CHECK(Bursts(w->view()->graph().Find(w->Id(kPod), kBeginning)) == 1);
  }
  CHECK(small.Dump() == large.Dump());
}

}  // namespace
}  // namespace kg::semantics
