#include <algorithm>
#include <cmath>

#include "query/blast_radius.h"

namespace kg::query {
namespace {

// Slots from which failure would spread to more others than this are hubs: each doubling beyond
// makes what lies behind them a quarter of a hop dearer.
constexpr double kHubFanOut = 8;
constexpr double kHubCostMilli = 250;

enum State : uint8_t {
  kFree = 0,
  kCameUp = 1,  // reached from something it owns: its other dependants are no victims of that
};

struct Ownership {
  EdgeTypeId controls, owned_by;

  bool Is(EdgeTypeId type) const { return type == controls || type == owned_by; }
  bool Up(const Step& s) const {
    return (s.arrow.type == controls && s.against) || (s.arrow.type == owned_by && !s.against);
  }
};

bool Spreads(const EdgeTypeInfo& type, bool against) {
  switch (type.travels) {
    case Travels::kToFrom:
      return against;
    case Travels::kFromTo:
      return !against;
    case Travels::kBoth:
      return true;
    case Travels::kNone:
      return false;
  }
  return false;
}

}  // namespace

std::vector<Reached> WalkDownstream(const Describer& say, ResourceId origin, int max_hops,
                                    int64_t max_cost_milli, BudgetMeter* meter) {
  const RuleBook& rules = say.view().rules();
  const Ownership ownership{rules.EdgeTypeByName("CONTROLS"), rules.EdgeTypeByName("OWNED_BY")};
  CostWalk walk;
  walk.max_hops = max_hops;
  walk.max_cost = max_cost_milli;
  walk.expand = [&](const Reached& at, uint8_t state, std::vector<CostStep>* out) {
    std::vector<Step> steps;
    const bool within = StepsAt(say, at.id, WalkDirection::kBoth, /*ordered=*/false, meter, &steps);
    for (const Step& step : steps) {
      const EdgeTypeInfo& type = rules.EdgeType(step.arrow.type);
      if (!Spreads(type, step.against)) continue;
      uint8_t next = kFree;
      if (ownership.Is(step.arrow.type)) {
        const bool up = ownership.Up(step);
        if (!up && state == kCameUp) continue;
        if (up) next = kCameUp;
      } else if (type.travels == Travels::kBoth) {
        next = state;  // or an autoscaler would be a way round to the siblings
      }
      out->push_back({step, std::max<int64_t>(1, std::llround(type.hop_cost * 1000)), next});
    }
    if (at.previous >= 0 && out->size() > kHubFanOut) {
      const auto dearer = std::llround(kHubCostMilli * std::log2(out->size() / kHubFanOut));
      for (CostStep& s : *out) s.cost += dearer;
    }
    return within;
  };
  return WalkCosts(say, origin, walk, meter);
}

}  // namespace kg::query
