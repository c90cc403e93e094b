#include "query/walk.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/container/flat_hash_map.h"
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
  for (Direction d : {Direction::kOut, Direction::kIn}) {
    const bool out = d == Direction::kOut;
    if (direction == (out ? WalkDirection::kIn : WalkDirection::kOut)) continue;
    graph.ForEachEdge(id, d, at,
                      [&](ResourceId other, EdgeTypeId type, uint16_t flags, Interval valid) {
                        if (other == id) return true;
                        Step step{{out ? id : other, out ? other : id, type, flags, valid}, !out};
                        steps->push_back(step);
                        return true;
                      });
  }
  if (!ordered) return meter->TakeEdges(steps->size() - first);
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

namespace {

// Of two ways to the same slot and state at the same price, the one that a reader would expect.
bool WayLess(const Describer& say, const std::vector<Reached>& reached, const Reached& a,
             const Reached& b) {
  if (StepLess(say, a.via, b.via)) return true;
  if (StepLess(say, b.via, a.via)) return false;
  return reached[a.previous].state < reached[b.previous].state;
}

// True when expanding all of these fits the budget, whatever each of them leads to.
bool Fits(const Graph& graph, const std::vector<Reached>& ways, BudgetMeter* meter) {
  // Dependants that no edge gives are no more than there are slots.
  uint64_t most = graph.end_id();
  for (const Reached& w : ways) most += DegreeOf(graph, w.id);
  return meter->FitsNodes(ways.size()) && meter->FitsEdges(most);
}

}  // namespace

std::vector<Reached> WalkCosts(const Describer& say, ResourceId origin, const CostWalk& walk,
                               BudgetMeter* meter) {
  using Price = std::pair<int64_t, int>;  // cost, hops
  struct Best {
    Price price;
    bool settled = false;
    size_t at = 0;  // among the ways of the price that is being settled
  };
  const auto price_of = [](const Reached& r) { return Price{r.cost, r.hops}; };
  const auto key_of = [](const Reached& r) { return std::make_pair(r.id.value, r.state); };
  absl::flat_hash_map<std::pair<uint32_t, uint8_t>, Best> best;
  std::vector<Reached> reached;
  std::vector<CostStep> steps;
  // Ways of one price are taken together, so that names are compared only where two of them lead to
  // the same place, or where the budget may cut among them.
  std::map<Price, std::vector<Reached>> waiting;
  waiting[{0, 0}].push_back({origin, 0, 0, {}, -1});
  best[{origin.value, 0}] = {{0, 0}};
  while (!waiting.empty()) {
    std::vector<Reached> ways;
    for (const Reached& w : waiting.begin()->second) {
      Best& b = best[key_of(w)];
      if (!b.settled && b.price == price_of(w)) {
        b.settled = true;
        b.at = ways.size();
        ways.push_back(w);
      } else if (b.price == price_of(w) && WayLess(say, reached, w, ways[b.at])) {
        ways[b.at] = w;
      }
    }
    waiting.erase(waiting.begin());
    if (ways.size() > 1 && !Fits(say.view().graph(), ways, meter)) {
      std::sort(ways.begin(), ways.end(), [&](const Reached& a, const Reached& b) {
        const int names = CompareNames(say, a.id, b.id);
        return names != 0 ? names < 0 : a.state < b.state;
      });
    }
    for (const Reached& next : ways) {
      if (!meter->TakeNodes()) return reached;
      const int index = static_cast<int>(reached.size());
      reached.push_back(next);
      if (walk.target && next.id == *walk.target) return reached;
      if (next.hops >= walk.max_hops) continue;
      steps.clear();
      const bool within = walk.expand(next, &steps);
      for (const CostStep& s : steps) {
        const Reached way{s.step.target(), next.hops + 1, next.cost + s.cost,
                          s.step,          index,         s.state};
        if (way.cost > walk.max_cost) continue;
        const auto [known, fresh] = best.try_emplace(key_of(way), Best{price_of(way)});
        if (!fresh && (known->second.settled || known->second.price < price_of(way))) continue;
        known->second.price = price_of(way);
        waiting[price_of(way)].push_back(way);
      }
      if (!within) return reached;
    }
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
