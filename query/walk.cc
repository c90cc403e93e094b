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

HopWalk::HopWalk(const Describer& say, ResourceId origin, int hops, WalkDirection direction,
                 std::vector<EdgeTypeId> types, BudgetMeter* meter)
    : say_(say), direction_(direction), types_(std::move(types)), meter_(meter) {
  if (!meter->TakeNodes()) return;
  reached_.push_back({origin, 0});
  hops_.emplace(origin.value, 0);
  size_t begin = 0;
  for (int hop = 1; hop <= hops && begin < reached_.size() && !meter->spent(); ++hop) {
    const size_t end = reached_.size();
    if (!ExpandAll(begin, end)) ExpandSome(begin, end);
    begin = end;
  }
}

bool HopWalk::Takes(EdgeTypeId type) const {
  return types_.empty() || std::find(types_.begin(), types_.end(), type) != types_.end();
}

bool HopWalk::ExpandAll(size_t begin, size_t end) {
  const Graph& graph = say_.view().graph();
  const Timestamp at = say_.view().as_of();
  const int hop = reached_[begin].hops + 1;
  const WalkAhead ahead(graph);
  uint64_t edges = 0;
  // Taking none asks for the time.
  for (size_t i = begin; i < end && meter_->FitsEdges(edges) && meter_->TakeEdges(0); ++i) {
    ahead.At(reached_, i, [](const Slot& s) { return s.id; });
    const ResourceId from = reached_[i].id;
    auto take = [&](ResourceId other, EdgeTypeId type, uint16_t, Interval) {
      edges += other != from;
      if (Takes(type) && hops_.try_emplace(other.value, hop).second)
        reached_.push_back({other, hop});
      return true;
    };
    if (direction_ != WalkDirection::kIn) graph.ForEachEdge(from, Direction::kOut, at, take);
    if (direction_ != WalkDirection::kOut) graph.ForEachEdge(from, Direction::kIn, at, take);
  }
  if (!meter_->FitsEdges(edges)) {
    Drop(end);
    return false;
  }
  meter_->TakeEdges(edges);
  const uint64_t found = reached_.size() - end;
  const uint64_t room = std::min(found, meter_->NodesLeft());
  if (room < found) {
    const auto first = reached_.begin() + static_cast<ptrdiff_t>(end);
    std::nth_element(
        first, first + static_cast<ptrdiff_t>(room), reached_.end(),
        [&](const Slot& a, const Slot& b) { return CompareNames(say_, a.id, b.id) < 0; });
    Drop(end + room);
  }
  meter_->TakeNodes(room);
  if (room < found) meter_->TakeNodes();  // refused, which tells of the cut
  return true;
}

void HopWalk::Drop(size_t from) {
  for (size_t i = from; i < reached_.size(); ++i) hops_.erase(reached_[i].id.value);
  reached_.resize(from);
}

void HopWalk::ExpandSome(size_t begin, size_t end) {
  std::vector<Slot> level(reached_.begin() + static_cast<ptrdiff_t>(begin),
                          reached_.begin() + static_cast<ptrdiff_t>(end));
  std::sort(level.begin(), level.end(),
            [&](const Slot& a, const Slot& b) { return CompareNames(say_, a.id, b.id) < 0; });
  std::vector<Step> steps;
  for (const Slot& from : level) {
    steps.clear();
    const bool within = StepsAt(say_, from.id, direction_, /*ordered=*/true, meter_, &steps);
    for (const Step& step : steps) {
      if (!Takes(step.arrow.type) || hops_.count(step.target().value) != 0) continue;
      if (!meter_->TakeNodes()) return;
      hops_.emplace(step.target().value, from.hops + 1);
      reached_.push_back({step.target(), from.hops + 1});
    }
    if (!within) return;
  }
}

Step HopWalk::StepTo(const Slot& slot) const {
  std::optional<Step> best;
  for (Direction d : {Direction::kOut, Direction::kIn}) {
    // Walked along, the last step is one of the edges that come in.
    const bool against = d == Direction::kOut;
    if (direction_ == (against ? WalkDirection::kOut : WalkDirection::kIn)) continue;
    say_.view().graph().ForEachEdge(
        slot.id, d, say_.view().as_of(),
        [&](ResourceId other, EdgeTypeId type, uint16_t flags, Interval valid) {
          const auto hops = hops_.find(other.value);
          if (!Takes(type) || hops == hops_.end() || hops->second + 1 != slot.hops) return true;
          const Step step{
              {against ? slot.id : other, against ? other : slot.id, type, flags, valid}, against};
          if (!best.has_value() || StepLess(say_, step, *best)) best = step;
          return true;
        });
  }
  return best.value_or(Step{});
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
