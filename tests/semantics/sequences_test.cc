#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "storage/store.h"
#include "tests/semantics/fixture.h"

// The walks through the rules of engine/README.md, each in the order given and in others. What must
// hold in every order stands in the check.

namespace kg::semantics {
namespace {

constexpr Duration kHourBuckets =
    std::chrono::hours(28);  // retention / 28 is the width of a bucket

const std::string kBackOff = "Back-off restarting failed container app";

ObjectRef Pod(const std::string& name, const std::string& uid = "") {
  return Ref("Pod", "shop", name, uid);
}

int64_t Minutes(Duration d) {
  return std::chrono::duration_cast<std::chrono::minutes>(d).count();
}

TEST_CASE("sequence 1: a k8s event series over four buckets, then the same event from a dump") {
  std::vector<Mutation> story;
  for (int i = 1; i <= 40; ++i) {
    story.push_back(Event("ev-1", Pod("web-0"), "BackOff", kBackOff, At(10), At(10, 6 * i), i));
  }
  story.push_back(Event("ev-1", Pod("web-0"), "BackOff", kBackOff, At(10), At(14), 40));
  Orders orders;
  orders.retention = kHourBuckets;
  InEveryOrder(story, orders, [](World& w) {
    const auto bursts = w.Bursts(Pod("web-0"));
    REQUIRE(bursts.size() == 1);
    CHECK(bursts[0].episode.onset == At(10));
    CHECK(bursts[0].episode.end == At(14));
    CHECK(bursts[0].episode.Occurrences() >= 40);
    CHECK(bursts[0].episode.Occurrences() <=
          44);  // each delivery sets a bit, so the estimate may exceed
    REQUIRE(bursts[0].burst != nullptr);
    const auto found = w.view()->FindEvent(w.scope(), "ev-1");
    REQUIRE(found.ok());
    REQUIRE(found->size() == 1);
    CHECK((*found)[0].onset == At(10));
  });

  SECTION("the dump alone knows two instants and the count") {
    World w(kHourBuckets);
    w.Apply({Event("ev-1", Pod("web-0"), "BackOff", kBackOff, At(10), At(14), 40)});
    const auto bursts = w.Bursts(Pod("web-0"));
    REQUIRE(bursts.size() == 2);  // nothing says what was between
    CHECK(bursts[0].episode.onset == At(10));
    CHECK(bursts[1].episode.end == At(14));
    CHECK(bursts[1].episode.Occurrences() == 40);
  }
}

TEST_CASE("sequence 2: a name before its uid, and used again") {
  std::vector<Mutation> story = {
      Event("ev-1", Pod("web-0"), "BackOff", kBackOff, At(9), At(9)),
      Event("ev-2", Pod("web-0"), "BackOff", kBackOff, At(11), At(11)),
      Object("Pod", "shop", "web-0", "uid-2").SeenAt(At(11, 30)).Created(At(10, 30)).On("node-1"),
      Object("Pod", "shop", "web-0", "uid-1").SeenAt(At(10, 20)).Created(At(8)).On("node-2").Gone(),
  };
  InEveryOrder(story, {}, [](World& w) {
    const auto lives = w.Lives(Pod("web-0"));
    REQUIRE(lives.size() == 2);
    CHECK(lives[0].uid == "uid-1");
    CHECK(lives[0].alive == Interval{At(8), At(10, 20)});
    CHECK(lives[1].uid == "uid-2");
    CHECK(lives[1].alive == Interval{At(10, 30), kForever});
    CHECK_FALSE(lives[0].sighted);
    const auto v = w.view();
    const Node* node = v->graph().Find(w.Id(Pod("web-0")));
    CHECK(node->AliveAt(At(9))->uid == "uid-1");
    CHECK(node->AliveAt(At(11))->uid == "uid-2");
    CHECK(node->AliveAt(At(10, 25)) == nullptr);
    CHECK(w.Bursts(Pod("web-0")).size() == 2);
    CHECK(w.EdgeIntervals("RUNS_ON", Pod("web-0"), Ref("Node", "", "node-1")) ==
          std::vector<Interval>{{At(10, 30), kForever}});
    CHECK(w.EdgeIntervals("RUNS_ON", Pod("web-0"), Ref("Node", "", "node-2")) ==
          std::vector<Interval>{{At(8), At(10, 20)}});
  });

  SECTION("without a deletion the next uid's start ends a life") {
    InEveryOrder({Object("Pod", "shop", "web-0", "uid-2").SeenAt(At(11, 30)).Created(At(10, 30)),
                  Object("Pod", "shop", "web-0", "uid-1").SeenAt(At(9, 30)).Created(At(8))},
                 {}, [](World& w) {
                   const auto lives = w.Lives(Pod("web-0"));
                   REQUIRE(lives.size() == 2);
                   CHECK(lives[0].alive == Interval{At(8), At(10, 30)});
                 });
  }
}

TEST_CASE("sequence 3: an alert that outlives retention, flaps and is resolved") {
  const auto hours = [](int h) { return At(h); };
  const ObjectRef subject = Pod("web-0");
  std::vector<Mutation> story;
  const auto fire = [&](int from, int to) {
    for (int h = from; h < to; h += 4)
      story.push_back(
          Alert("00000000000000a1", "KubePodCrashLooping", subject, hours(from), hours(h)));
  };
  fire(0, 24 * 6);
  story.push_back(Alert("00000000000000a1", "KubePodCrashLooping", subject, hours(0), hours(24 * 6),
                        hours(24 * 6)));
  // Back within the gap: the same burst.
  story.push_back(
      Alert("00000000000000a1", "KubePodCrashLooping", subject, At(24 * 6, 5), At(24 * 6, 5)));
  story.push_back(Alert("00000000000000a1", "KubePodCrashLooping", subject, At(24 * 6, 5),
                        hours(24 * 7), hours(24 * 7)));
  // Back on another day: another burst.
  fire(24 * 8, 24 * 10);
  story.push_back(Alert("00000000000000a1", "KubePodCrashLooping", subject, hours(24 * 8),
                        hours(24 * 10), hours(24 * 10)));
  InEveryOrder(story, {}, [&](World& w) {
    const auto bursts = w.Bursts(subject);
    REQUIRE(bursts.size() == 2);
    CHECK(bursts[0].episode.onset == hours(0));
    CHECK(bursts[0].episode.end == hours(24 * 7));
    CHECK(bursts[1].episode.onset == hours(24 * 8));
    CHECK(bursts[1].episode.end == hours(24 * 10));
    CHECK(bursts[0].episode.event_id == bursts[1].episode.event_id);
    REQUIRE(w.db().Maintain().ok());
    CHECK(w.Bursts(subject).size() == 2);  // ended three days ago: still within retention
  });

  SECTION("while it fires it is current, however old") {
    story.pop_back();
    InEveryOrder(story, {}, [&](World& w) {
      const auto bursts = w.Bursts(subject);
      REQUIRE(bursts.size() == 2);
      CHECK(bursts[1].episode.end == kForever);
      CHECK(bursts[1].burst->open());
    });
  }
}

// A pod whose container goes through what containers go through; `cycle` counts from 0.
Object Container(int cycle, const char* phase, Timestamp at) {
  Object o = Object("Pod", "shop", "web-0", "uid-1").SeenAt(at).Created(At(9)).On("node-1");
  o.Set("status.containerStatuses[app].restartCount", absl::StrCat(cycle), FieldKind::kNumber);
  const std::string phase_name = phase;
  if (phase_name == "waiting") {
    o.Set("status.containerStatuses[app].state.waiting.reason", "CrashLoopBackOff");
  } else if (phase_name == "running") {
    o.Set("status.containerStatuses[app].state.running.startedAt",
          absl::StrCat("2023-11-15T10:", 10 + 6 * cycle, ":00Z"));
  }
  if (cycle > 0) {
    o.Set("status.containerStatuses[app].lastState.terminated.reason", "OOMKilled");
    o.Set("status.containerStatuses[app].lastState.terminated.exitCode", "137", FieldKind::kNumber);
    o.Set("status.containerStatuses[app].lastState.terminated.finishedAt",
          absl::StrCat("2023-11-15T10:", 10 + 6 * cycle - 4, ":00Z"));
  }
  return o;
}

TEST_CASE("sequence 4: a container toggles under refreshes, dies, and an old state comes late") {
  std::vector<Mutation> story;
  for (int cycle = 0; cycle < 4; ++cycle) {
    for (int s = 0; s < 2 * 60; s += 30)
      story.push_back(Container(cycle, "running", At(10, 10 + 6 * cycle, s)));
    for (int s = 2 * 60; s < 6 * 60; s += 30)
      story.push_back(Container(cycle + 1, "waiting", At(10, 10 + 6 * cycle, s)));
  }
  story.push_back(Tombstone(Pod("web-0", "uid-1"), At(10, 34)));
  // Between two sightings of the state that followed.
  story.push_back(Container(3, "running", At(10, 30, 45)));
  InEveryOrder(story, {}, [](World& w) {
    const auto lives = w.Lives(Pod("web-0"));
    REQUIRE(lives.size() == 1);
    CHECK(lives[0].alive == Interval{At(9), At(10, 34)});
    const auto waits = w.Bursts(Pod("web-0"), "CRASHLOOP");
    REQUIRE(waits.size() == 1);  // gaps of two minutes join
    CHECK(waits[0].episode.onset == At(10, 12));
    CHECK(waits[0].episode.end == At(10, 34));
    CHECK(w.Bursts(Pod("web-0"), "OOM_KILLED").size() ==
          4);  // one per death, whatever was repeated
    CHECK(w.EdgeIntervals("RUNS_ON", Pod("web-0"), Ref("Node", "", "node-1")) ==
          std::vector<Interval>{{At(9), At(10, 34)}});
  });
}

TEST_CASE(
    "sequence 5: an edge from a dump and from the topology topic, with tombstones before and "
    "after") {
  const ObjectRef node = Ref("Node", "", "node-1");
  std::vector<Mutation> story = {
      EdgeGone("", Pod("web-0"), node, At(10)),  // before any claim
      EdgeSeen("RUNS_ON", Pod("web-0"), node, At(10, 10)),
      Object("Pod", "shop", "web-0", "uid-1").SeenAt(At(10, 30)).Created(At(10, 5)).On("node-1"),
      EdgeGone("", Pod("web-0"), node, At(11)),  // ends the topic's claim only
      Tombstone(Pod("web-0", "uid-1"), At(12)),
      EdgeSeen("RUNS_ON", Pod("lone"), node, At(10, 10)),
      EdgeGone("", Pod("lone"), node, At(11)),
      EdgeSeen("RUNS_ON", Pod("late"), node, At(9)),  // older than its tombstone
      EdgeGone("", Pod("late"), node, At(10)),
      EdgeSeen("RUNS_ON", Pod("kept"), node, At(10, 10)),
      EdgeGone("RUNS_ON", Pod("kept"), node, At(10)),
  };
  InEveryOrder(story, {}, [&](World& w) {
    CHECK(w.EdgeIntervals("RUNS_ON", Pod("web-0"), node) ==
          std::vector<Interval>{{At(10, 5), At(12)}});
    CHECK(w.EdgeIntervals("RUNS_ON", Pod("lone"), node) ==
          std::vector<Interval>{{At(10, 10), At(11)}});
    CHECK(w.EdgeIntervals("RUNS_ON", Pod("late"), node) == std::vector<Interval>{{At(9), At(10)}});
    CHECK(w.EdgeIntervals("RUNS_ON", Pod("kept"), node) ==
          std::vector<Interval>{{At(10, 10), kForever}});
    auto v = w.view(At(11));  // an hour ago
    size_t pods = 0;
    v->graph().ForEachEdge(w.Id(node), storage::keys::Direction::kIn, v->as_of(),
                           [&](ResourceId, EdgeTypeId, uint16_t, Interval) { return ++pods > 0; });
    CHECK(pods == 2);  // web-0 and kept
  });

  SECTION("a node with 500 pods whose edges close at once") {
    World w;
    std::vector<Mutation> up, down;
    for (int i = 0; i < 500; ++i) {
      const std::string name = absl::StrCat("p-", i), uid = absl::StrCat("uid-", i);
      up.push_back(Object("Pod", "shop", name, uid).SeenAt(At(10)).Created(At(9)).On("node-1"));
      down.push_back(Tombstone(Pod(name, uid), At(11)));
    }
    w.Apply(up);
    w.Apply(down);
    for (int round = 0; round < 2; ++round) {
      auto v = w.view();
      const Node* n = v->graph().Find(w.Id(node));
      CHECK(n->in.size() == 0);
      CHECK(n->in_closed.size() == 500);
      size_t then = 0;
      v->graph().ForEachEdge(
          w.Id(node), storage::keys::Direction::kIn, At(10, 30),
          [&](ResourceId, EdgeTypeId, uint16_t, Interval) { return ++then > 0; });
      CHECK(then == 500);
      v.reset();  // it holds the directory
      w.Reopen();
    }
  }
}

TEST_CASE(
    "sequence 6: one shape of log line for two hours, a late earlier one, the open bucket cut") {
  const auto line = [](int i) {
    return absl::StrCat("ERROR connection to 10.0.0.", i % 250, " refused: dial tcp");
  };
  std::vector<Mutation> story;
  for (int i = 0; i < 3000; ++i) {
    story.push_back(LogLine(Pod("web-0"), At(10) + std::chrono::milliseconds(2400) * i, line(i)));
  }
  story.push_back(LogLine(Pod("web-0"), At(9, 55), line(7)));
  Orders orders;
  orders.retention = kHourBuckets;
  orders.shuffles = 2;
  orders.in_between = [](World* w) {
    w->ReopenAround([](const std::string& path) {
      storage::StoreOptions o;
      o.retention = kHourBuckets;
      o.sync = false;
      auto store = storage::Store::Open(path, o);
      REQUIRE(store.ok());
      const size_t before = (*store)->Buckets().size();
      REQUIRE((*store)->CutOpenBucket().ok());
      REQUIRE((*store)->Buckets().size() > before);
    });
  };
  InEveryOrder(story, orders, [](World& w) {
    const auto bursts = w.Bursts(Pod("web-0"));
    REQUIRE(bursts.size() == 1);
    CHECK(bursts[0].episode.onset == At(9, 55));
    CHECK(bursts[0].episode.end == At(10) + std::chrono::milliseconds(2400) * 2999);
    bool at_least = false;
    const double seen = static_cast<double>(bursts[0].episode.Occurrences(&at_least));
    CHECK(seen == Approx(3001).epsilon(0.15));
    CHECK(bursts[0].episode.points.size() <= EpisodeRecord::kMaxPoints);
  });
}

TEST_CASE("sequence 7: a cause that comes 20 minutes after its effects, and expires before them") {
  const ObjectRef db = Pod("db-0");
  std::vector<Mutation> effects = {
      Object("Pod", "shop", "db-0", "uid-db")
          .SeenAt(At(9))
          .Created(At(8))
          .Set("metadata.labels.app", "db"),
      Object("Service", "shop", "db", "uid-s")
          .SeenAt(At(9))
          .Created(At(8))
          .Set("spec.selector.app", "db"),
  };
  for (int i = 0; i < 30; ++i) {
    const std::string name = absl::StrCat("p-", i), uid = absl::StrCat("uid-", i);
    effects.push_back(Object("Pod", "shop", name, uid)
                          .SeenAt(At(9))
                          .Created(At(8))
                          .Set("spec.containers[app].env[DB_HOST].value", "db"));
    // What each can tell of itself; they are linked and grouped by that first.
    effects.push_back(Event(absl::StrCat("probe-", i), Pod(name), "Unhealthy",
                            "Readiness probe failed: HTTP probe failed with statuscode: 500",
                            At(10, 1, i), At(10, 1, i)));
    for (int m = 2; m < 150; m += 8) {
      effects.push_back(Event(absl::StrCat("ev-", i), Pod(name), "BackOff", kBackOff, At(10, 2, i),
                              At(10, m, i), m));
    }
  }
  const Mutation cause =
      Event("oom", db, "OOMKilled", "Container db was killed: out of memory", At(10), At(10));
  const auto linked = [&](World& w) {
    for (int i = 0; i < 30; ++i) {
      const auto b = w.Bursts(Pod(absl::StrCat("p-", i)), "CRASHLOOP");
      REQUIRE(b.size() == 1);
      REQUIRE(b[0].burst != nullptr);
      const auto& causes = b[0].burst->causes;
      CHECK(std::any_of(causes.begin(), causes.end(),
                        [](const CauseLink& c) { return c.cause.onset == At(10); }));
    }
    CHECK(w.view()->AllTrees().size() == 1);
  };
  std::vector<Mutation> story = effects;
  story.push_back(cause);
  Orders orders;
  orders.retention = kHourBuckets;
  orders.shuffles = 2;
  InEveryOrder(story, orders, [&](World& w) {
    linked(w);
    CHECK(w.TreeSize(w.Bursts(db)[0].episode.key()) == 61);
  });

  World w(kHourBuckets);
  w.Apply(effects);
  CHECK(w.view()->AllTrees().size() >= 30);
  w.Apply({cause});
  linked(w);
  const auto incident = [&] {
    const std::vector<IncidentPtr> all = w.view()->AllTrees();
    REQUIRE(!all.empty());
    return std::pair<uint64_t, size_t>{all.front()->id(), all.front()->members.size()};
  };
  const uint64_t id = incident().first;
  // The hour of the cause has passed retention, that in which the effects ended has not.
  w.Apply({Event("other", Pod("p-0"), "Pulled", "Container image already present", At(10 + 29, 30),
                 At(10 + 29, 30))});
  for (int round = 0; round < 2; ++round) {
    REQUIRE(w.db().Maintain().ok());
    CHECK(w.Bursts(db).empty());
    linked(w);
    CHECK(incident().first == id);
    CHECK(incident().second == 30);
    w.Reopen();
  }
}

TEST_CASE("sequence 9: records without names before and after the first that names a cluster") {
  TempDir dir;
  const auto event = [](const char* id, const char* tenant, const char* cluster, Timestamp at) {
    Mutation m = Event(id, Ref("Pod", "shop", "web-0"), "BackOff",
                       "Back-off restarting failed container", at, at);
    std::get<EventRecord>(m).scope = {tenant, cluster};
    return m;
  };
  DatabaseOptions o;
  o.sync = false;
  o.now = [] { return At(24 * 400); };
  auto db = Database::Open(dir.Sub("db"), o);
  REQUIRE(db.ok());
  const auto apply = [&](Mutation m) {
    Batch b;
    b.mutations.push_back(std::move(m));
    REQUIRE((*db)->Apply(std::move(b)).ok());
  };
  const auto where = [&](const char* id) {
    const auto v = (*db)->GetView();
    for (const ScopeDescription& s : v->scopes()) {
      const auto found = v->FindEvent(s.id, id);
      REQUIRE(found.ok());
      if (!found->empty()) return s.tenant + "/" + s.cluster;
    }
    return std::string("nowhere");
  };
  const auto reopen = [&] {
    db->reset();
    db = Database::Open(dir.Sub("db"), o);
    REQUIRE(db.ok());
  };
  apply(event("before", "", "", At(9)));
  CHECK(where("before") == "/");
  reopen();
  apply(event("first", "red", "east", At(10)));
  CHECK(where("first") == "red/east");
  CHECK(where("before") == "red/east");  // shares the first named one
  apply(event("bare", "", "", At(10, 5)));
  CHECK(where("bare") == "red/east");
  reopen();
  apply(event("bare-2", "", "", At(10, 6)));
  CHECK(where("bare-2") == "red/east");
  apply(event("second", "red", "west", At(10, 10)));
  CHECK(where("second") == "red/west");
  CHECK(where("first") == "red/east");
  apply(event("bare-3", "red", "", At(10, 15)));
  CHECK(where("bare-3") == "red/unassigned");  // nobody can tell which of two it means
  reopen();
  apply(event("bare-4", "red", "", At(10, 16)));
  CHECK(where("bare-4") == "red/unassigned");
  apply(event("blue", "blue", "east", At(10, 20)));
  CHECK(where("blue") == "blue/east");  // another tenant's cluster of that name
  apply(event("bare-5", "", "", At(10, 25)));
  CHECK(where("bare-5").substr(0, 10) == "unassigned");
  reopen();
  apply(event("bare-6", "", "", At(10, 26)));
  CHECK(where("bare-6") == where("bare-5"));
  CHECK(where("before") == "red/east");
  // The same name in three scopes is three objects.
  const auto v = (*db)->GetView();
  std::set<uint32_t> ids;
  for (const ScopeDescription& s : v->scopes()) {
    const auto id = v->Find(s.id, Ref("Pod", "shop", "web-0"));
    if (id.has_value()) ids.insert(id->value);
  }
  CHECK(ids.size() == v->scopes().size());

  SECTION("once names are bound, order is no matter") {
    Orders orders;
    orders.before = [&](World* w) {
      w->Apply({event("b1", "t", "c", At(8)), event("b2", "t", "d", At(8)),
                event("b3", "u", "c", At(8))});
    };
    std::vector<Mutation> story;
    for (int i = 0; i < 12; ++i) {
      const char* tenants[] = {"", "t", "u"};
      const char* clusters[] = {"", "c", "d"};
      story.push_back(
          event(absl::StrCat("e", i).c_str(), tenants[i % 3], clusters[i / 3 % 3], At(9, i)));
    }
    InEveryOrder(story, orders, [](World&) {});
  }
}

TEST_CASE("sequence 10: a ConfigMap changes under 40 pods, and the MAC key is rotated") {
  const ObjectRef config = Ref("ConfigMap", "shop", "settings", "uid-cm");
  const auto state = [](const std::string& mac, Timestamp seen) {
    return Object("ConfigMap", "shop", "settings", "uid-cm")
        .SeenAt(seen)
        .Created(At(8))
        .Set("data.url", mac, FieldKind::kMac);
  };
  const std::string k1 = "mac:k1:00000000000000000000000000000001",
                    k1b = "mac:k1:00000000000000000000000000000002",
                    k2b = "mac:k2:00000000000000000000000000000003",
                    k2c = "mac:k2:00000000000000000000000000000004";
  std::vector<Mutation> story = {
      state(k1, At(9)),
      state(k1, At(10)),
      state(k1b, At(10, 20))
          .Managed("helm", At(10, 10)),  // between the two sightings: that is the time
      state(k2b, At(10, 40)).Managed("helm", At(10, 10)),  // the same value under another key
      state(k2c, At(11)).Managed("helm", At(10, 30)),  // the stamp is older than the last sighting
  };
  for (int i = 0; i < 40; ++i) {
    const std::string name = absl::StrCat("p-", i);
    story.push_back(Object("Pod", "shop", name, absl::StrCat("uid-", i))
                        .SeenAt(At(9))
                        .Created(At(8))
                        .Set("spec.volumes[settings].configMap.name", "settings"));
    story.push_back(Event(absl::StrCat("ev-", i), Pod(name), "BackOff", kBackOff, At(10, 12),
                          At(10, 14, i % 60)));
  }
  InEveryOrder(story, {}, [&](World& w) {
    std::vector<BurstSeen> changes;
    for (const BurstSeen& b : w.Bursts(config)) {
      if (b.episode.reason == "Changed") changes.push_back(b);
    }
    REQUIRE(changes.size() == 2);  // two values changed; the key's change is none
    CHECK(changes[0].episode.onset == At(10, 10));
    CHECK(changes[0].episode.earliest == At(10, 10));
    CHECK(changes[1].episode.onset == At(11));
    CHECK(changes[1].episode.earliest == At(10, 40));
    for (int i = 0; i < 40; ++i) {
      const auto b = w.Bursts(Pod(absl::StrCat("p-", i)), "CRASHLOOP");
      REQUIRE(b.size() == 1);
      REQUIRE_FALSE(b[0].burst->causes.empty());
      CHECK(b[0].burst->causes[0].cause == changes[0].episode.key());
    }
    CHECK(w.TreeSize(changes[0].episode.key()) == 41);
  });
  CHECK(Minutes(At(11) - At(10, 40)) == 20);
}

TEST_CASE(
    "sequence 11: a backup while a bucket roll is due; restored elsewhere; the stream goes on") {
  std::vector<std::vector<Mutation>> stream;
  for (int i = 0; i < 12; ++i) {
    const std::string name = absl::StrCat("p-", i % 4);
    stream.push_back({Object("Pod", "shop", name, absl::StrCat("uid-", i % 4))
                          .SeenAt(At(10, 20 * i))
                          .Created(At(9))
                          .On("node-1")
                          .Set("spec.priority", absl::StrCat(i)),
                      Event(absl::StrCat("ev-", i), Pod(name), "BackOff", kBackOff, At(10, 20 * i),
                            At(10, 20 * i)),
                      EdgeSeen("CALLS", Pod(name), Ref("Service", "shop", "db"), At(10, 20 * i))});
  }
  stream[5].push_back(Event("node", Ref("Node", "", "node-1"), "SystemOOM",
                            "System OOM encountered", At(11, 39), At(11, 39)));
  const auto apply = [&](Database* db, size_t i) {
    Batch b;
    b.mutations = stream[i];
    b.positions.push_back({"stream", 0, static_cast<int64_t>(i), -1, ""});
    REQUIRE(db->Apply(std::move(b)).ok());
  };
  World w(kHourBuckets);
  TempDir elsewhere;
  for (size_t i = 0; i < 6; ++i) apply(&w.db(), i);  // three hours without Maintain: rolls are due
  REQUIRE(w.db().Checkpoint(elsewhere.Sub("copy")).ok());
  CHECK_FALSE(w.db().Checkpoint(elsewhere.Sub("copy")).ok());  // never over something
  const std::string then = w.Dump();
  for (size_t i = 6; i < stream.size(); ++i) apply(&w.db(), i);
  REQUIRE(w.db().Maintain().ok());
  const std::string full = w.Dump();

  auto copy = Database::Open(elsewhere.Sub("copy"), w.options);
  REQUIRE(copy.ok());
  RequireSameDump(then, *(*copy)->CanonicalDump(), "the copy, opened");
  REQUIRE((*copy)->Position("stream", 0).has_value());
  CHECK((*copy)->Position("stream", 0)->offset == 5);
  CHECK((*copy)->MacKey() == w.db().MacKey());
  REQUIRE((*copy)->Maintain().ok());
  for (size_t i = 6; i < stream.size(); ++i) apply(copy->get(), i);
  REQUIRE((*copy)->Settle().ok());
  RequireSameDump(full, *(*copy)->CanonicalDump(), "the copy, gone on");
}

TEST_CASE("a complete listing ends what it lacks, told in any order, and after it has expired") {
  const std::vector<Mutation> story = {
      Object("Pod", "shop", "kept", "uid-kept").SeenAt(At(10)).Created(At(9)),
      Object("Pod", "shop", "gone", "uid-gone").SeenAt(At(10)).Created(At(9)),
      Event("ev", Pod("named"), "BackOff", kBackOff, At(10), At(10)),
      Listing("Pod", "shop", {Pod("kept", "uid-kept")}, At(11)),
      Object("Pod", "infra", "elsewhere", "uid-e").SeenAt(At(10)).Created(At(9)),
  };
  Orders orders;
  orders.retention = kHourBuckets;
  InEveryOrder(story, orders, [](World& w) {
    CHECK(w.Lives(Pod("kept"))[0].alive == Interval{At(9), kForever});
    CHECK(w.Lives(Pod("gone"))[0].alive == Interval{At(9), At(11)});
    CHECK(w.Lives(Pod("named"))[0].alive == Interval{At(10), At(11)});
    CHECK(w.Lives(Ref("Pod", "infra", "elsewhere"))[0].alive == Interval{At(9), kForever});
  });
  World w(kHourBuckets);
  w.Apply(story);
  // Something goes on speaking of them, so that they are not forgotten themselves.
  w.Apply({EdgeSeen("CALLS", Pod("kept"), Pod("gone"), At(38)),
           EdgeSeen("CALLS", Pod("kept"), Pod("named"), At(38)),
           Event("later", Pod("kept"), "BackOff", kBackOff, At(41), At(41))});
  for (int round = 0; round < 2; ++round) {
    REQUIRE(w.db().Maintain().ok());
    for (const char* name : {"gone", "named"}) {
      const auto lives = w.Lives(Pod(name));
      INFO(name);
      CHECK((lives.empty() || lives.back().alive.to == At(11)));
    }
    w.Reopen();
  }
}

}  // namespace
}  // namespace kg::semantics
