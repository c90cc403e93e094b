#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "query/blast_radius.h"
#include "query/neighbours.h"
#include "query/text.h"
#include "tests/query/fake_view.h"

// Walks against the plainest implementation of the same rules, on random graphs whose edges come
// and go. The second world of each pair is told the same in another order and has other ids.

namespace kg::query {
namespace {

using testing::FakeWorld;
using testing::T;

struct PlainEdge {
  int from, to;
  std::string type;
  Interval valid;
};

struct PlainGraph {
  int nodes = 0;
  std::vector<PlainEdge> edges;
};

const std::vector<std::string>& Types() {
  static const std::vector<std::string> types = {"CONTROLS", "OWNED_BY", "RUNS_ON",
                                                 "SELECTS",  "MOUNTS",   "SCALES",
                                                 "GUARDS",   "CALLS",    "BOUND_TO"};
  return types;
}

PlainGraph RandomGraph(std::mt19937_64* random) {
  PlainGraph g;
  g.nodes = 2 + static_cast<int>((*random)() % 24);
  const int edges = static_cast<int>((*random)() % (3 * g.nodes));
  std::set<std::tuple<int, int, std::string>> seen;
  for (int i = 0; i < edges; ++i) {
    PlainEdge e;
    e.from = static_cast<int>((*random)() % g.nodes);
    e.to = static_cast<int>((*random)() % g.nodes);
    e.type = Types()[(*random)() % Types().size()];
    const int begin = static_cast<int>((*random)() % 100);
    e.valid = {T(begin), (*random)() % 2 == 0 ? kForever : T(begin + 1 + (*random)() % 100)};
    if (seen.insert({e.from, e.to, e.type}).second) g.edges.push_back(e);
  }
  return g;
}

std::string NameOf(int i) {
  return absl::StrCat("n", 100 + i);
}

struct Told {
  FakeWorld world;
  std::vector<ResourceId> ids;
  explicit Told(uint64_t seed) : world(seed) {}
};

std::unique_ptr<Told> Tell(const PlainGraph& g, uint64_t id_seed) {
  auto told = std::make_unique<Told>(id_seed);
  std::vector<int> order(g.nodes);
  for (int i = 0; i < g.nodes; ++i) order[i] = i;
  std::vector<PlainEdge> edges = g.edges;
  if (id_seed != 0) {
    std::mt19937_64 random(id_seed);
    std::shuffle(order.begin(), order.end(), random);
    std::shuffle(edges.begin(), edges.end(), random);
  }
  told->ids.resize(g.nodes);
  for (int i : order) told->ids[i] = told->world.Add("Pod", "shop", NameOf(i));
  for (const PlainEdge& e : edges)
    told->world.Connect(told->ids[e.from], e.type, told->ids[e.to], e.valid);
  return told;
}

std::map<std::string, int> PlainDistances(const PlainGraph& g, int origin, int hops, Timestamp at) {
  std::map<int, int> far = {{origin, 0}};
  for (int h = 1; h <= hops; ++h) {
    const std::map<int, int> before = far;
    for (const PlainEdge& e : g.edges) {
      if (!e.valid.Contains(at)) continue;
      if (before.count(e.from) != 0) far.emplace(e.to, h);
      if (before.count(e.to) != 0) far.emplace(e.from, h);
    }
  }
  std::map<std::string, int> named;
  for (const auto& f : far) {
    if (f.first != origin) named[NameOf(f.first)] = f.second;
  }
  return named;
}

// Bellman and Ford, in thousandths.
std::vector<int64_t> PlainCosts(const PlainGraph& g, int origin, Timestamp at) {
  constexpr int64_t kFar = int64_t{1} << 40;
  std::vector<int64_t> cost(g.nodes, kFar);
  cost[origin] = 0;
  for (int round = 0; round < g.nodes; ++round) {
    for (const PlainEdge& e : g.edges) {
      if (!e.valid.Contains(at)) continue;
      const RuleBook& rules = FakeWorld::Rules();
      const int64_t hop =
          std::llround(rules.EdgeType(rules.EdgeTypeByName(e.type)).hop_cost * 1000);
      cost[e.to] = std::min(cost[e.to], cost[e.from] + hop);
      cost[e.from] = std::min(cost[e.from], cost[e.to] + hop);
    }
  }
  return cost;
}

// Who suffers when `origin` fails: every (node, came up) that some way leads to, whatever its cost.
std::set<std::string> PlainDownstream(const PlainGraph& g, int origin, Timestamp at) {
  std::set<std::pair<int, bool>> reached = {{origin, false}};
  for (bool grew = true; grew;) {
    grew = false;
    const auto before = reached;
    for (const auto& r : before) {
      for (const PlainEdge& e : g.edges) {
        if (!e.valid.Contains(at) || e.from == e.to) continue;
        const bool down_type = e.type == "CONTROLS";
        const bool owner_type = down_type || e.type == "OWNED_BY";
        const bool both = owner_type || e.type == "SCALES" || e.type == "BOUND_TO";
        const bool from_to = both || e.type == "GUARDS";
        const bool to_from = both || e.type != "GUARDS";
        for (bool against : {false, true}) {
          if ((against ? e.to : e.from) != r.first) continue;
          if (against ? !to_from : !from_to) continue;
          bool up = both && r.second;
          if (owner_type) {
            up = down_type == against;
            if (!up && r.second) continue;
          }
          grew |= reached.insert({against ? e.from : e.to, up}).second;
        }
      }
    }
  }
  std::set<std::string> names;
  for (const auto& r : reached) {
    if (r.first != origin) names.insert(NameOf(r.first));
  }
  return names;
}

std::string Print(const Neighbours& n) {
  std::string text;
  for (const NeighbourAnswer& a : n.neighbours) {
    absl::StrAppend(&text, a.distance, " ", ShortName(a.resource), " by ",
                    Sentence(FakeWorld::Rules(), a.via), "\n");
  }
  for (const PathStep& e : n.edges) absl::StrAppend(&text, Sentence(FakeWorld::Rules(), e), "\n");
  if (n.truncated)
    absl::StrAppend(&text, "cut: ", n.truncated->limit, " ", n.truncated->seen, "\n");
  return text;
}

std::string Print(const BlastRadiusAnswer& b) {
  std::string text;
  for (const AffectedAnswer& a : b.affected) {
    absl::StrAppend(&text, a.state, " ", a.distance, " ", a.cost, " ", ShortName(a.resource));
    if (a.episode) absl::StrAppend(&text, " ", a.episode->cls, " ", a.confidence);
    for (const PathStep& s : a.path) absl::StrAppend(&text, " | ", Sentence(FakeWorld::Rules(), s));
    text += "\n";
  }
  if (b.truncated)
    absl::StrAppend(&text, "cut: ", b.truncated->limit, " ", b.truncated->seen, "\n");
  return text;
}

constexpr int kGraphs = 300;

TEST_CASE("Neighbours are those of a plain search, whatever the ids") {
  std::mt19937_64 random(testing::Seed());
  for (int i = 0; i < kGraphs; ++i) {
    const PlainGraph g = RandomGraph(&random);
    const int origin = static_cast<int>(random() % g.nodes);
    const int hops = 1 + static_cast<int>(random() % 4);
    const Timestamp at = T(random() % 200);
    INFO("KG_SEED=" << testing::Seed() << " graph " << i);
    const auto told = Tell(g, 0), again = Tell(g, random() | 1);
    const auto view = told->world.At(at), other = again->world.At(at);
    BudgetMeter meter(Budget{}), other_meter(Budget{});
    const auto answer =
        FindNeighbours(*view, {told->ids[origin], hops, WalkDirection::kBoth, {}, {}}, &meter);
    REQUIRE(answer.ok());
    std::map<std::string, int> found;
    for (const NeighbourAnswer& n : answer->neighbours) found[n.resource.name] = n.distance;
    CHECK(found == PlainDistances(g, origin, hops, at));
    CHECK(answer->total == found.size());
    CHECK_FALSE(answer->truncated);
    const auto shuffled = FindNeighbours(
        *other, {again->ids[origin], hops, WalkDirection::kBoth, {}, {}}, &other_meter);
    REQUIRE(shuffled.ok());
    CHECK(Print(*answer) == Print(*shuffled));
  }
}

TEST_CASE("A cut walk says so and is the same whatever the ids") {
  std::mt19937_64 random(testing::Seed() + 1);
  int cut = 0;
  for (int i = 0; i < kGraphs; ++i) {
    const PlainGraph g = RandomGraph(&random);
    const Timestamp at = T(random() % 200);
    INFO("KG_SEED=" << testing::Seed() << " graph " << i);
    Budget budget;
    budget.time = Duration(0);
    budget.edges = 1 + random() % 20;
    budget.nodes = 1 + random() % 10;
    const auto told = Tell(g, 0), again = Tell(g, random() | 1);
    const auto view = told->world.At(at), other = again->world.At(at);
    BudgetMeter m1(budget), m2(budget), m3(budget), m4(budget);
    const auto a = FindNeighbours(*view, {told->ids[0], 3, WalkDirection::kBoth, {}, {}}, &m1);
    const auto b = FindNeighbours(*other, {again->ids[0], 3, WalkDirection::kBoth, {}, {}}, &m2);
    CHECK(Print(*a) == Print(*b));
    BlastRadiusQuestion q, r;
    q.origins = {{told->ids[0]}};
    r.origins = {{again->ids[0]}};
    q.window = r.window = {T(0), T(300)};
    const auto c = FindBlastRadius(*view, q, &m3);
    const auto d = FindBlastRadius(*other, r, &m4);
    CHECK(Print(c) == Print(d));
    CHECK(c.truncated.has_value() == m3.spent());
    if (a->truncated) ++cut;
    if (a->truncated) CHECK((a->truncated->limit == "edges" || a->truncated->limit == "nodes"));
  }
  CHECK(cut > kGraphs / 10);
}

TEST_CASE("A path is the cheapest, whatever the ids") {
  std::mt19937_64 random(testing::Seed() + 2);
  for (int i = 0; i < kGraphs; ++i) {
    const PlainGraph g = RandomGraph(&random);
    const int from = static_cast<int>(random() % g.nodes),
              to = static_cast<int>(random() % g.nodes);
    const Timestamp at = T(random() % 200);
    INFO("KG_SEED=" << testing::Seed() << " graph " << i);
    const auto told = Tell(g, 0), again = Tell(g, random() | 1);
    const auto view = told->world.At(at), other = again->world.At(at);
    BudgetMeter m1(Budget{}), m2(Budget{});
    const PathAnswer a = FindPath(*view, told->ids[from], told->ids[to], &m1);
    const PathAnswer b = FindPath(*other, again->ids[from], again->ids[to], &m2);
    const int64_t cost = PlainCosts(g, from, at)[to];
    CHECK(a.found == (cost < (int64_t{1} << 40)));
    if (a.found) CHECK(std::llround(a.cost * 1000) == cost);
    CHECK(a.why == b.why);
    std::string at_name = NameOf(from);
    for (const PathStep& s : a.steps) {
      CHECK(s.from.name == at_name);
      at_name = s.to.name;
    }
    if (a.found) CHECK(at_name == NameOf(to));
  }
}

TEST_CASE("The blast radius is what failure can travel to, whatever the ids") {
  std::mt19937_64 random(testing::Seed() + 3);
  for (int i = 0; i < kGraphs; ++i) {
    const PlainGraph g = RandomGraph(&random);
    const int origin = static_cast<int>(random() % g.nodes);
    const Timestamp at = T(random() % 200);
    INFO("KG_SEED=" << testing::Seed() << " graph " << i);
    const auto told = Tell(g, 0), again = Tell(g, random() | 1);
    for (Told* t : {told.get(), again.get()}) {
      t->world.Happen(t->ids[origin], "OOM_KILLED", T(50), kForever);
      t->world.Happen(t->ids[(origin + 1) % g.nodes], "CRASHLOOP", T(60), kForever);
      t->world.Happen(t->ids[(origin + 2) % g.nodes], "CRASHLOOP", T(10), kForever);
    }
    const auto view = told->world.At(at), other = again->world.At(at);
    BlastRadiusQuestion q, r;
    q.origins = {{told->ids[origin]}};
    r.origins = {{again->ids[origin]}};
    q.window = r.window = {T(0), at + Duration(1)};
    q.max_hops = r.max_hops = 100;
    q.max_cost = r.max_cost = 1e6;
    BudgetMeter m1(Budget{}), m2(Budget{});
    const auto a = FindBlastRadius(*view, q, &m1);
    CHECK(Print(a) == Print(FindBlastRadius(*other, r, &m2)));
    std::set<std::string> found;
    for (const AffectedAnswer& v : a.affected) {
      found.insert(v.resource.name);
      const bool victim = v.resource.name == NameOf((origin + 1) % g.nodes) && at >= T(60);
      const bool earlier =
          v.resource.name == NameOf((origin + 2) % g.nodes) && at >= T(10) && at < T(50);
      if (v.state == "affected") CHECK((victim || earlier));
    }
    CHECK(found == PlainDownstream(g, origin, at));
  }
}

TEST_CASE("A time limit stops a walk by the given clock") {
  FakeWorld world;
  const ResourceId hub = world.Add("Node", "", "n1");
  for (int i = 0; i < 500; ++i) {
    const ResourceId pod = world.Add("Pod", "shop", NameOf(i));
    world.Connect(pod, "RUNS_ON", hub);
    world.Connect(pod, "MOUNTS", world.Add("ConfigMap", "shop", NameOf(i)));
  }
  const auto view = world.At(T(0));
  Timestamp now = T(0);
  BudgetMeter meter(Budget{}, [&] { return now += std::chrono::milliseconds(300); });
  const auto answer = FindNeighbours(*view, {hub, 2, WalkDirection::kBoth, {}, {}}, &meter);
  REQUIRE(answer->truncated);
  CHECK(answer->truncated->limit == "time");
  CHECK(answer->truncated->where == "neighbours");
  CHECK(answer->total < 1000);
}

TEST_CASE("Pages of neighbours join to the whole list") {
  FakeWorld world;
  const ResourceId hub = world.Add("Node", "", "n1");
  for (int i = 0; i < 25; ++i) world.Connect(world.Add("Pod", "shop", NameOf(i)), "RUNS_ON", hub);
  const auto view = world.At(T(0));
  NeighboursQuestion q{hub, 1, WalkDirection::kIn, {"runs_on"}, {10, ""}};
  std::vector<std::string> names;
  for (int page = 0; page < 3; ++page) {
    BudgetMeter meter(Budget{});
    const auto answer = FindNeighbours(*view, q, &meter);
    REQUIRE(answer.ok());
    CHECK(answer->total == 25);
    for (const auto& n : answer->neighbours) names.push_back(n.resource.name);
    q.page.after = answer->next;
    CHECK(answer->next.empty() == (page == 2));
  }
  CHECK(names.size() == 25);
  CHECK(std::is_sorted(names.begin(), names.end()));
  q.page.after = "nonsense";
  BudgetMeter meter(Budget{});
  CHECK(absl::IsInvalidArgument(FindNeighbours(*view, q, &meter).status()));
}

}  // namespace
}  // namespace kg::query
