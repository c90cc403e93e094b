#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/graph_view.h"
#include "bench/measure.h"
#include "engine/graph.h"
#include "query/describe.h"
#include "query/walk.h"

namespace kg::bench {
namespace {

using storage::keys::Direction;

// Out-edges of each node, one after the other: the least that a graph can be.
struct Csr {
  std::vector<uint32_t> first;  // per node, and one beyond
  std::vector<uint32_t> other;
};

enum class Degrees { kUniform, kSkewed };

// The ends of `edges` edges. Skewed: few nodes have very many, as hubs do (power law, both ways).
Csr MakeCsr(uint32_t nodes, uint64_t edges, Degrees degrees, Random* random) {
  auto pick = [&]() -> uint32_t {
    if (degrees == Degrees::kUniform) return static_cast<uint32_t>(random->Below(nodes));
    const double u = static_cast<double>(random->Next() >> 11) * 0x1.0p-53;
    // A cubed uniform puts a hundredth of the nodes at a fifth of the edges; scattered, so that
    // neighbouring ids have nothing in common.
    const uint64_t rank = static_cast<uint64_t>(u * u * u * nodes);
    return static_cast<uint32_t>(rank * 2'654'435'761ull % nodes);
  };
  std::vector<std::pair<uint32_t, uint32_t>> list;
  list.reserve(edges);
  for (uint64_t i = 0; i < edges; ++i) {
    const uint32_t from = pick();
    list.emplace_back(from, pick());
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  Csr csr;
  csr.first.assign(nodes + 1, 0);
  for (const auto& [from, to] : list) ++csr.first[from + 1];
  for (uint32_t i = 0; i < nodes; ++i) csr.first[i + 1] += csr.first[i];
  csr.other.reserve(list.size());
  for (const auto& [from, to] : list) csr.other.push_back(to);
  return csr;
}

// The same edges as the engine keeps them, both ways. Ids are one higher: 0 is none.
std::shared_ptr<const Graph> MakeGraph(const Csr& csr, EdgeTypeId type) {
  const uint32_t nodes = static_cast<uint32_t>(csr.first.size() - 1);
  std::vector<std::vector<OpenEdge>> in(nodes);
  GraphBuilder builder{Graph()};
  for (uint32_t n = 0; n < nodes; ++n) {
    std::vector<OpenEdge> out;
    for (uint32_t e = csr.first[n]; e < csr.first[n + 1]; ++e) {
      out.push_back({kBeginning, csr.other[e] + 1, type.value, 0});
      in[csr.other[e]].push_back({kBeginning, n + 1, type.value, 0});
    }
    for (const OpenEdge& e : out) builder.Mutable(ResourceId(n + 1)).out.Upsert(e);
  }
  for (uint32_t n = 0; n < nodes; ++n) {
    for (const OpenEdge& e : in[n]) builder.Mutable(ResourceId(n + 1)).in.Upsert(e);
    std::vector<OpenEdge>().swap(in[n]);
  }
  return builder.Publish();
}

// Which nodes a walk has been to, cleared by counting on.
class Visited {
 public:
  explicit Visited(size_t n) : stamp_(n, 0) {}
  void Clear() { ++now_; }
  bool Add(uint32_t id) {
    if (stamp_[id] == now_) return false;
    stamp_[id] = now_;
    return true;
  }

 private:
  std::vector<uint32_t> stamp_;
  uint32_t now_ = 0;
};

size_t WalkCsr(const Csr& csr, uint32_t origin, size_t touch, Visited* visited,
               std::vector<uint32_t>* queue) {
  visited->Clear();
  queue->clear();
  visited->Add(origin);
  queue->push_back(origin);
  for (size_t i = 0; i < queue->size() && queue->size() < touch; ++i) {
    const uint32_t n = (*queue)[i];
    for (uint32_t e = csr.first[n]; e < csr.first[n + 1] && queue->size() < touch; ++e) {
      if (visited->Add(csr.other[e])) queue->push_back(csr.other[e]);
    }
  }
  return queue->size();
}

size_t WalkGraph(const Graph& graph, uint32_t origin, size_t touch, Visited* visited,
                 std::vector<uint32_t>* queue) {
  visited->Clear();
  queue->clear();
  visited->Add(origin);
  queue->push_back(origin);
  const Timestamp at = kStartOfWalks;
  for (size_t i = 0; i < queue->size() && queue->size() < touch; ++i) {
    graph.ForEachEdge(ResourceId((*queue)[i]), Direction::kOut, at,
                      [&](ResourceId other, EdgeTypeId, uint16_t, Interval) {
                        if (visited->Add(other.value)) queue->push_back(other.value);
                        return queue->size() < touch;
                      });
  }
  return queue->size();
}

template <typename Walk>
std::vector<double> Times(const std::vector<uint32_t>& origins, size_t touch, Walk&& walk) {
  std::vector<double> times;
  for (uint32_t origin : origins) {
    const CpuStopwatch watch;
    const size_t reached = walk(origin);
    const double took = watch.seconds() * 1e6;
    if (reached >= touch) times.push_back(took);  // a node without ways on is no walk
  }
  return times;
}

void Compare(const std::string& what, std::vector<double> ours, std::vector<double> bound,
             const std::string& bound_name, const std::string& limited_by, Report* report) {
  for (double q : {0.5, 0.99}) {
    report->Add({"walk", absl::StrCat(what, q == 0.5 ? ", p50" : ", p99"), Quantile(&ours, q), "us",
                 Better::kLower, bound_name, Quantile(&bound, q), limited_by});
  }
}

// As questions walk: through the budget, steps described, in an order that ids do not decide.
void QueryWalks(const std::shared_ptr<const Graph>& graph, const Csr& csr, const std::string& name,
                const std::vector<uint32_t>& origins, Report* report) {
  const GraphView view(graph);
  const query::Describer say(view);
  Visited visited(csr.first.size());
  std::vector<uint32_t> queue;
  std::vector<double> ours, bound;
  std::vector<size_t> reached;
  constexpr int kHops = 3;
  for (size_t i = 0; i < std::min<size_t>(origins.size(), 200); ++i) {
    query::BudgetMeter meter(query::Budget{});
    const CpuStopwatch watch;
    const auto found = query::WalkHops(say, ResourceId(origins[i] + 1), kHops,
                                       query::WalkDirection::kOut, {}, &meter);
    ours.push_back(watch.seconds() * 1e6);
    const CpuStopwatch csr_watch;
    WalkCsr(csr, origins[i], found.size(), &visited, &queue);
    bound.push_back(csr_watch.seconds() * 1e6);
    reached.push_back(found.size());
  }
  std::sort(reached.begin(), reached.end());
  Compare(absl::StrFormat("%s, query::WalkHops of %d hops (%d nodes p50)", name, kHops,
                          reached[reached.size() / 2]),
          std::move(ours), std::move(bound), "CSR", "budget, names, records of each step", report);
}

void WalksOf(Degrees degrees, uint32_t nodes, uint64_t edges, Report* report) {
  const std::string name = degrees == Degrees::kUniform ? "uniform" : "skewed";
  Random random(7);
  const Csr csr = MakeCsr(nodes, edges, degrees, &random);
  const double million = static_cast<double>(csr.other.size()) / 1e6;
  const uint64_t before = ResidentBytes();
  const Stopwatch watch;
  const std::shared_ptr<const Graph> graph = MakeGraph(csr, EdgeTypeId(1));
  const double build = watch.seconds();
  const double held = static_cast<double>(ResidentBytes() - before);
  report->Note(absl::StrFormat("%s: %d nodes, %d edges, graph built in %.1f s", name, nodes,
                               csr.other.size(), build));
  report->Add({"walk", name + ", memory per million edges, both ways", held / million / 1048576,
               "MiB", Better::kLower, "CSR both ways",
               2 * (4 + 4.0 * nodes / static_cast<double>(csr.other.size())) / 1.048576,
               "16 bytes an edge and way, and what each node needs"});
  std::vector<uint32_t> origins;
  for (int i = 0; i < 2000; ++i) origins.push_back(static_cast<uint32_t>(random.Below(nodes)));
  Visited visited(nodes + 2);
  std::vector<uint32_t> queue;
  for (size_t touch : {size_t{1000}, size_t{10000}}) {
    std::vector<uint32_t> some(origins.begin(), origins.begin() + (touch == 1000 ? 2000 : 400));
    auto graph_walk = [&](uint32_t o) { return WalkGraph(*graph, o + 1, touch, &visited, &queue); };
    auto csr_walk = [&](uint32_t o) { return WalkCsr(csr, o, touch, &visited, &queue); };
    Times(some, touch, graph_walk);  // both get one round to warm up
    std::vector<double> ours = Times(some, touch, graph_walk);
    Times(some, touch, csr_walk);
    std::vector<double> bound = Times(some, touch, csr_walk);
    Compare(absl::StrCat(name, ", ", touch, " nodes touched"), std::move(ours), std::move(bound),
            "CSR", "cache misses: page, node, edges", report);
  }
  QueryWalks(graph, csr, name, origins, report);
}

}  // namespace

void RunWalk(const Settings& settings, Report* report) {
  const uint32_t nodes = settings.quick ? 100'000 : 1'000'000;
  const uint64_t edges = settings.quick ? 1'000'000 : 10'000'000;
  WalksOf(Degrees::kUniform, nodes, edges, report);
  WalksOf(Degrees::kSkewed, nodes, edges, report);
}

}  // namespace kg::bench
