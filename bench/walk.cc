#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/graph_view.h"
#include "bench/walk_graph.h"
#include "query/describe.h"
#include "query/walk.h"

namespace kg::bench {
namespace {

// Aim and must are of the 99th percentile; 0: none.
void Compare(const std::string& what, std::vector<double> ours, std::vector<double> bound,
             const std::string& bound_name, const std::string& limited_by, double aim, double must,
             Report* report) {
  for (double q : {0.5, 0.99}) {
    report->Add({"walk", absl::StrCat(what, q == 0.5 ? ", p50" : ", p99"), Quantile(&ours, q), "us",
                 Better::kLower, bound_name, Quantile(&bound, q), limited_by, q == 0.5 ? 0 : aim,
                 q == 0.5 ? 0 : must});
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
    const query::HopWalk walk(say, ResourceId(origins[i] + 1), kHops, query::WalkDirection::kOut,
                              {}, &meter);
    ours.push_back(watch.seconds() * 1e6);
    const auto& found = walk.reached();
    const CpuStopwatch csr_watch;
    WalkCsr(csr, origins[i], found.size(), &visited, &queue);
    bound.push_back(csr_watch.seconds() * 1e6);
    reached.push_back(found.size());
  }
  std::sort(reached.begin(), reached.end());
  Compare(absl::StrFormat("%s, query::HopWalk of %d hops (%d nodes p50)", name, kHops,
                          reached[reached.size() / 2]),
          std::move(ours), std::move(bound), "CSR", "budget, names, records of each step", 0, 0,
          report);
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
  report->Add({"walk", name + ", memory per open edge, both ways", held / million / 1e6, "B",
               Better::kLower, "CSR both ways",
               2 * (4 + 4.0 * nodes / static_cast<double>(csr.other.size())),
               "16 bytes an edge and way, and what each node needs", 48, 0});
  std::vector<uint32_t> origins;
  for (int i = 0; i < 2000; ++i) origins.push_back(static_cast<uint32_t>(random.Below(nodes)));
  Visited visited(nodes + 2);
  std::vector<uint32_t> queue;
  for (size_t touch : {size_t{1000}, size_t{10000}}) {
    std::vector<uint32_t> some(origins.begin(), origins.begin() + (touch == 1000 ? 2000 : 400));
    auto graph_walk = [&](uint32_t o) {
      return WalkGraph(*graph, o + 1, kStartOfWalks, touch, &visited, &queue);
    };
    auto csr_walk = [&](uint32_t o) { return WalkCsr(csr, o, touch, &visited, &queue); };
    WalkTimes(some, touch, graph_walk);  // both get one round to warm up
    std::vector<double> ours = WalkTimes(some, touch, graph_walk);
    WalkTimes(some, touch, csr_walk);
    std::vector<double> bound = WalkTimes(some, touch, csr_walk);
    Compare(absl::StrCat(name, ", ", touch, " nodes touched"), std::move(ours), std::move(bound),
            "CSR", "cache misses: page, node, edges", touch == 1000 ? 100.0 : 1000.0, 3.0, report);
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
