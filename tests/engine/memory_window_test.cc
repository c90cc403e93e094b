#include <catch2/catch.hpp>

#include <map>

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

// The ids and sizes of all trees.
std::map<uint64_t, size_t> Trees(const World& w) {
  std::map<uint64_t, size_t> out;
  for (const IncidentPtr& t : w.view()->AllTrees()) {
    CHECK(out.emplace(t->id(), t->members.size()).second);
    CHECK(w.view()->Tree(t->scope, t->root)->members.size() == t->members.size());
    CHECK(w.view()->TreeById(t->scope, t->id())->root == t->root);
  }
  return out;
}

TEST_CASE("trees that are over leave memory whole and come back whole") {
  World small(std::chrono::hours(24 * 7), std::chrono::hours(0));
  World large(std::chrono::hours(24 * 7), std::chrono::hours(24 * 7));
  std::map<uint64_t, size_t> before;
  for (World* w : {&small, &large}) {
    w->wall = At(40);
    w->Apply(Morning());
    w->Apply({Event("later", Ref("Pod", "shop", "other"), "Scheduled", "ok", At(20), At(20))});
    before = Trees(*w);
    CHECK(before.size() == 1);
  }
  CHECK(Trees(small) == Trees(large));
  CHECK(small.db().Stats()->bursts_in_memory == 0);
  CHECK(large.db().Stats()->bursts_in_memory == 2);
  CHECK(small.db().Stats()->event_ids_in_memory < large.db().Stats()->event_ids_in_memory);
  CHECK(small.db().Stats()->episodes == large.db().Stats()->episodes);
  CHECK(small.db().Stats()->links == large.db().Stats()->links);

  SECTION("for an effect that comes late") {
    for (World* w : {&small, &large}) {
      w->Apply({EdgeSeen("RUNS_ON", Ref("Pod", "shop", "web-1"), kNode, At(8)),
                Event("bo-1", Ref("Pod", "shop", "web-1"), "BackOff",
                      "Back-off restarting failed container", At(8, 12), At(8, 14))});
      CHECK(Trees(*w).begin()->second == 3);
    }
  }
  SECTION("for an end that moves to another bucket") {
    for (World* w : {&small, &large}) {
      w->Apply({Event("bo", kPod, "BackOff", "Back-off restarting failed container", At(8, 11),
                      At(20, 1), 99)});
    }
  }
  SECTION("for expiry") {
    for (World* w : {&small, &large}) {
      w->wall = At(24 * 9);
      w->Apply({Event("next", kNode, "SystemOOM", "System OOM", At(24 * 8), At(24 * 8))});
      REQUIRE(w->db().Maintain().ok());
      CHECK(Trees(*w).size() == 1);
      CHECK(w->db().Stats()->links == 0);
      CHECK(w->view()->TreeById(w->scope(), before.begin()->first) == nullptr);
    }
  }
  CHECK(small.db().Stats()->episodes == large.db().Stats()->episodes);
  CHECK(small.Dump() == large.Dump());
  small.Reopen();
  CHECK(small.Dump() == large.Dump());
  CHECK(Trees(small) == Trees(large));
}

TEST_CASE(
    "a cause that comes late for a tree outside memory is its root and its old id stays good") {
  World small(std::chrono::hours(24 * 7), std::chrono::hours(0));
  World large(std::chrono::hours(24 * 7), std::chrono::hours(24 * 7));
  for (World* w : {&small, &large}) {
    w->wall = At(40);
    std::vector<Mutation> told = Morning();
    const Mutation reboot = told[1];
    told.erase(told.begin() + 1);
    w->Apply(told);
    w->Apply({Event("later", Ref("Pod", "shop", "other"), "Scheduled", "ok", At(20), At(20))});
    REQUIRE(Trees(*w).size() == 1);
    const uint64_t old_id = Trees(*w).begin()->first;
    w->Apply({reboot});
    REQUIRE(Trees(*w).size() == 1);
    CHECK(Trees(*w).begin()->second == 2);
    CHECK(Trees(*w).begin()->first != old_id);
    w->Apply({Event("later-2", Ref("Pod", "shop", "other"), "Scheduled", "ok", At(21), At(21))});
    const IncidentPtr found = w->view()->TreeById(w->scope(), old_id);
    REQUIRE(found != nullptr);
    CHECK(found->id() == Trees(*w).begin()->first);
    CHECK(found->aliases == std::vector<uint64_t>{old_id});
  }
  CHECK(small.Dump() == large.Dump());
}

}  // namespace
}  // namespace kg::semantics
