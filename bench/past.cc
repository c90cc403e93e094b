#include <algorithm>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/graph_view.h"
#include "bench/setup.h"
#include "bench/walk_graph.h"

// Walks over the graph as it was.

namespace kg::bench {
namespace {

using storage::keys::Direction;

// A tenth of the edges has ended since, and memory still holds when.
void InMemory(uint32_t nodes, uint64_t edges, Report* report) {
  Random random(7);
  const Csr csr = MakeCsr(nodes, edges, Degrees::kUniform, &random);
  const Timestamp ended = kStartOfWalks - 1h;
  const std::shared_ptr<const Graph> graph = MakeGraph(csr, EdgeTypeId(1), 0.1, ended);
  std::vector<uint32_t> origins;
  for (int i = 0; i < 1000; ++i) origins.push_back(static_cast<uint32_t>(random.Below(nodes)));
  Visited visited(nodes + 2);
  std::vector<uint32_t> queue;
  auto times = [&](Timestamp at) {
    auto walk = [&](uint32_t o) { return WalkGraph(*graph, o + 1, at, 1000, &visited, &queue); };
    WalkTimes(origins, 1000, walk);
    return WalkTimes(origins, 1000, walk);
  };
  std::vector<double> now = times(kStartOfWalks), then = times(ended - 1h);
  report->Note(
      absl::StrFormat("%d nodes, %d edges, 10 %% of them closed since", nodes, csr.other.size()));
  for (double q : {0.5, 0.99}) {
    report->Add(
        {"past",
         absl::StrCat("walk of 1,000 nodes before, in memory", q == 0.5 ? ", p50" : ", p99"),
         Quantile(&then, q), "us", Better::kLower, "the walk now", Quantile(&now, q),
         "open and closed edges of a node are two lists", q == 0.5 ? 0 : 500.0, 5.0});
  }
}

ObjectRef PodAt(size_t n) {
  return {"", true, "Pod", absl::StrCat("team-", n % 50), absl::StrCat("pod-", n), ""};
}

EdgeRecord Call(uint32_t from, uint32_t to, Timestamp at, Presence presence) {
  EdgeRecord e;
  e.type = "CALLS";
  e.from = PodAt(from);
  e.to = PodAt(to);
  e.at = at;
  e.presence = presence;
  e.asserter = "declared";
  return e;
}

class Batches {
 public:
  explicit Batches(Database* db) : db_(db) {}
  void Add(Mutation m) {
    batch_.mutations.push_back(std::move(m));
    if (batch_.mutations.size() == 1000) Flush();
  }
  void Flush() {
    Check(db_->Apply(std::move(batch_)).status(), "applying edges");
    batch_ = {};
  }

 private:
  Database* const db_;
  Batch batch_;
};

// Walks from random pods in a view of its own each: nothing that one has read helps the next.
std::vector<double> ColdWalks(const Database& db, const std::vector<ObjectRef>& origins,
                              Timestamp at, size_t touch) {
  std::vector<double> times;
  std::vector<uint32_t> queue;
  Visited visited(db.GetView()->graph().end_id() + 1);
  for (const ObjectRef& origin : origins) {
    const std::optional<ResourceId> id = db.GetView()->Find(ScopeId(1), origin);
    if (!id) continue;
    const CpuStopwatch watch;
    const auto view = db.GetView(at);
    const size_t reached = WalkGraph(view->graph(), id->value, at, touch, &visited, &queue);
    const double took = watch.seconds() * 1e6;
    if (reached >= touch / 2) {
      times.push_back(took * static_cast<double>(touch) / static_cast<double>(reached));
    }
  }
  return times;
}

// A tenth of the edges ended over six days; beyond the memory window their rows are read.
void ByAge(const ScratchDir& scratch, uint32_t nodes, uint64_t edges, Report* report) {
  Random random(8);
  const Csr csr = MakeCsr(nodes, edges, Degrees::kUniform, &random);
  const auto db = OpenAt(scratch.Sub("past"));
  const Duration span = 24h * 6;
  std::vector<std::pair<uint32_t, uint32_t>> ends;
  {
    Batches batches(db.get());
    for (uint32_t n = 0; n < nodes; ++n) {
      for (uint32_t e = csr.first[n]; e < csr.first[n + 1]; ++e) {
        batches.Add(Call(n, csr.other[e], kStart, Presence::kPresent));
        if (random.Chance(0.1)) ends.emplace_back(n, csr.other[e]);
      }
    }
    for (size_t i = 0; i + 1 < ends.size(); ++i) {
      std::swap(ends[i], ends[i + random.Below(ends.size() - i)]);
    }
    for (size_t i = 0; i < ends.size(); ++i) {
      const Timestamp at =
          kStart + 1h + span * static_cast<int64_t>(i) / static_cast<int64_t>(ends.size());
      batches.Add(Call(ends[i].first, ends[i].second, at, Presence::kDeleted));
    }
    batches.Flush();
  }
  Check(db->Settle(), "settling");
  const Timestamp clock = db->GetView()->data_clock();
  report->Note(absl::StrFormat(
      "store: %d nodes, %d edges, %d of them closed over 6 days; data clock %s", nodes,
      csr.other.size(), ends.size(), clock >= kStart + span ? "past the last" : "BEHIND"));
  std::vector<ObjectRef> origins;
  for (int i = 0; i < 60; ++i) origins.push_back(PodAt(random.Below(nodes)));
  for (int hours : {0, 12, 30, 48, 96, 143}) {
    std::vector<double> times = ColdWalks(*db, origins, clock - 1h * hours, 1000);
    const bool older = hours > 24;
    report->Add({"past", absl::StrFormat("walk of 1,000 nodes as of %d h ago, p99", hours),
                 Quantile(&times, 0.99) / 1000, "ms", Better::kLower, "", 0,
                 older ? "H rows of each node, from every bucket since" : "in memory",
                 older ? 50.0 : 0.0});
  }
}

}  // namespace

void RunPast(const Settings& settings, Report* report) {
  InMemory(settings.quick ? 100'000 : 1'000'000, settings.quick ? 1'000'000 : 10'000'000, report);
  const ScratchDir scratch(settings.scratch);
  ByAge(scratch, 10'000, 100'000, report);
}

}  // namespace kg::bench
