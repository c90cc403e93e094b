#include "query/walk.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "absl/container/flat_hash_set.h"

namespace kg::query {
namespace {

using storage::keys::Direction;

int CompareNames(const Describer& say, ResourceId a, ResourceId b) {
  if (a == b) return 0;
  const SlotName& x = say.Name(a);
  const SlotName& y = say.Name(b);
  return NameLess(x, y) ? -1 : NameLess(y, x) ? 1 : 0;
}

// By what a reader can see of a step; the target comes first.
bool StepLess(const Describer& say, const Step& a, const Step& b) {
  if (const int c = CompareNames(say, a.target(), b.target())) return c < 0;
  if (const int c = CompareNames(say, a.source(), b.source())) return c < 0;
  if (a.arrow.type != b.arrow.type) {
    return say.view().rules().EdgeType(a.arrow.type).name <
           say.view().rules().EdgeType(b.arrow.type).name;
  }
  return std::tie(a.against, a.arrow.valid) < std::tie(b.against, b.arrow.valid);
}

// An upper bound of what expanding these slots can take.
uint64_t DegreeOf(const Graph& graph, ResourceId id) {
  const Node* node = graph.Find(id);
  if (node == nullptr) return 0;
  return node->out.size() + node->in.size() + node->out_closed.size() + node->in_closed.size();
}

void SortByName(const Describer& say, std::vector<Reached>* level) {
  std::sort(level->begin(), level->end(),
            [&](const Reached& a, const Reached& b) { return CompareNames(say, a.id, b.id) < 0; });
}

}  // namespace

bool StepsAt(const Describer& say, ResourceId id, WalkDirection direction, bool ordered,
             BudgetMeter* meter, std::vector<Step>* steps) {
  const Graph& graph = say.view().graph();
  const Timestamp at = say.view().as_of();
  const size_t first = steps->size();
  if (!meter->FitsEdges(DegreeOf(graph, id))) ordered = true;
  bool within = true;
  for (Direction d : {Direction::kOut, Direction::kIn}) {
    const bool out = d == Direction::kOut;
    if (direction == (out ? WalkDirection::kIn : WalkDirection::kOut)) continue;
    graph.ForEachEdge(id, d, at,
                      [&](ResourceId other, EdgeTypeId type, uint16_t flags, Interval valid) {
                        if (other == id) return true;
                        Step step{{out ? id : other, out ? other : id, type, flags, valid}, !out};
                        if (!ordered && !(within = meter->TakeEdges())) return false;
                        steps->push_back(step);
                        return true;
                      });
    if (!within) return false;
  }
  if (!ordered) return true;
  std::sort(steps->begin() + first, steps->end(),
            [&](const Step& a, const Step& b) { return StepLess(say, a, b); });
  for (size_t i = first; i < steps->size(); ++i) {
    if (meter->TakeEdges()) continue;
    steps->resize(i);
    return false;
  }
  return true;
}

std::vector<Reached> WalkHops(const Describer& say, ResourceId origin, int hops,
                              WalkDirection direction, const std::vector<EdgeTypeId>& types,
                              BudgetMeter* meter) {
  std::vector<Reached> reached;
  if (!meter->TakeNodes()) return reached;
  reached.push_back({origin, 0, 0, {}, -1});
  absl::flat_hash_set<ResourceId> seen = {origin};
  size_t level_begin = 0;
  for (int hop = 1; hop <= hops && level_begin < reached.size(); ++hop) {
    const size_t level_end = reached.size();
    uint64_t most = 0;
    for (size_t i = level_begin; i < level_end; ++i)
      most += DegreeOf(say.view().graph(), reached[i].id);
    // In order of names only where the budget may run out on this level: only then it shows.
    const bool ordered = !meter->FitsEdges(most) || !meter->FitsNodes(most);
    std::vector<Reached> level;
    absl::flat_hash_map<ResourceId, size_t> at;
    std::vector<Step> steps;
    bool within = true;
    for (size_t i = level_begin; i < level_end && within; ++i) {
      steps.clear();
      within = StepsAt(say, reached[i].id, direction, ordered, meter, &steps);
      for (const Step& step : steps) {
        if (!types.empty() &&
            std::find(types.begin(), types.end(), step.arrow.type) == types.end()) {
          continue;
        }
        const ResourceId target = step.target();
        if (seen.count(target) != 0) continue;
        const auto known = at.find(target);
        if (known != at.end()) {
          Reached& r = level[known->second];
          if (StepLess(say, step, r.via)) r.via = step, r.previous = static_cast<int>(i);
          continue;
        }
        if (!(within = meter->TakeNodes())) break;
        at.emplace(target, level.size());
        level.push_back({target, hop, hop * 1000, step, static_cast<int>(i)});
      }
    }
    for (const Reached& r : level) seen.insert(r.id);
    SortByName(say, &level);
    reached.insert(reached.end(), level.begin(), level.end());
    level_begin = level_end;
    if (!within) break;
  }
  return reached;
}

std::vector<Reached> WalkCosts(const Describer& say, ResourceId origin, const CostWalk& walk,
                               BudgetMeter* meter) {
  struct Waiting {
    Reached reached;
    uint8_t state;
  };
  // A way that is no better than one waiting for the same slot and state is not kept, so the queue
  // holds one entry per improvement and stale ones are skipped when they come up.
  const auto later = [&](const Waiting& a, const Waiting& b) {
    if (a.reached.cost != b.reached.cost) return a.reached.cost > b.reached.cost;
    if (a.reached.hops != b.reached.hops) return a.reached.hops > b.reached.hops;
    if (a.reached.previous < 0 || b.reached.previous < 0) return false;
    if (StepLess(say, b.reached.via, a.reached.via)) return true;
    if (StepLess(say, a.reached.via, b.reached.via)) return false;
    if (a.state != b.state) return a.state > b.state;
    return a.reached.previous > b.reached.previous;
  };
  std::priority_queue<Waiting, std::vector<Waiting>, decltype(later)> queue(later);
  using Key = std::pair<uint32_t, uint8_t>;
  absl::flat_hash_map<Key, std::pair<int64_t, int>> best;  // cost, hops
  absl::flat_hash_set<Key> settled;
  std::vector<Reached> reached;
  std::vector<CostStep> steps;
  queue.push({{origin, 0, 0, {}, -1}, 0});
  while (!queue.empty()) {
    const Waiting next = queue.top();
    queue.pop();
    if (!settled.insert({next.reached.id.value, next.state}).second) continue;
    if (!meter->TakeNodes()) break;
    const int index = static_cast<int>(reached.size());
    reached.push_back(next.reached);
    if (walk.target && next.reached.id == *walk.target) break;
    if (next.reached.hops >= walk.max_hops) continue;
    steps.clear();
    const bool within = walk.expand(next.reached, next.state, &steps);
    for (const CostStep& s : steps) {
      const Key key{s.step.target().value, s.state};
      const std::pair<int64_t, int> cost{next.reached.cost + s.cost, next.reached.hops + 1};
      if (cost.first > walk.max_cost || settled.count(key) != 0) continue;
      const auto known = best.emplace(key, cost);
      if (!known.second && known.first->second < cost) continue;
      known.first->second = cost;
      queue.push({{s.step.target(), cost.second, cost.first, s.step, index}, s.state});
    }
    if (!within) break;
  }
  return reached;
}

std::vector<PathStep> PathTo(const Describer& say, const std::vector<Reached>& reached, int index) {
  std::vector<PathStep> path;
  for (; index >= 0 && reached[index].previous >= 0; index = reached[index].previous) {
    path.push_back(say.Step(reached[index].via.arrow, reached[index].via.against));
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace kg::query
