#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/view.h"
#include "query/budget.h"
#include "query/describe.h"

// Walks over the graph as of a view, with a budget. Everything here gives the same for the same
// facts, whatever ids they got: ties are broken by names, and a walk that will be cut goes in order
// of names.

namespace kg::query {

// A stored edge, seen from one of its ends.
struct Step {
  Arrow arrow;
  bool against = false;  // walked from arrow.to to arrow.from

  ResourceId source() const { return against ? arrow.to : arrow.from; }
  ResourceId target() const { return against ? arrow.from : arrow.to; }
};

enum class WalkDirection : uint8_t { kOut, kIn, kBoth };

// A slot reached at the least cost. Costs are in thousandths, so that sums are exact.
struct Reached {
  ResourceId id;
  int hops = 0;
  int64_t cost = 0;
  Step via;           // the last step to it; of no meaning for an origin
  int previous = -1;  // index of the slot (and state) that `via` came from
  uint8_t state = 0;  // of a cost walk: the caller's
};

// The edges at `id` valid at view.as_of(), without loops. Takes one edge of the budget for each;
// false when it ran out. `ordered`: by other end's name, type, direction; in any case where the
// budget may not last, so that a cut does not depend on ids.
bool StepsAt(const Describer& say, ResourceId id, WalkDirection direction, bool ordered,
             BudgetMeter* meter, std::vector<Step>* steps);

// The slots within some hops of an origin, nearest first, beginning with the origin itself; those
// of one distance in no particular order.
class HopWalk {
 public:
  struct Slot {
    ResourceId id;
    int hops = 0;
  };

  // Over edges of `types` (empty: all).
  HopWalk(const Describer& say, ResourceId origin, int hops, WalkDirection direction,
          std::vector<EdgeTypeId> types, BudgetMeter* meter);

  const std::vector<Slot>& reached() const { return reached_; }
  // The step that leads to a slot from one that is a hop nearer, the first by names. Not for the
  // origin.
  Step StepTo(const Slot& slot) const;

 private:
  bool Takes(EdgeTypeId type) const;
  // Goes one hop on from the slots [begin, end); where there is no room for all that are found, the
  // first by names. False: there are more edges than may be looked at, and nothing is done.
  bool ExpandAll(size_t begin, size_t end);
  // As much of it as the budget allows, by names.
  void ExpandSome(size_t begin, size_t end);
  void Drop(size_t from);  // what was reached from there on

  const Describer& say_;
  const WalkDirection direction_;
  const std::vector<EdgeTypeId> types_;
  BudgetMeter* const meter_;
  std::vector<Slot> reached_;
  absl::flat_hash_map<uint32_t, int> hops_;  // by slot
};

// What a cost walk may do at a slot. `state` is the caller's: the walk keeps the best way to each
// (slot, state) apart.
struct CostStep {
  Step step;
  int64_t cost = 0;   // > 0
  uint8_t state = 0;  // at the target
};
struct CostWalk {
  // The steps that lead on from a slot. They may come in any order. False: the budget ran out.
  std::function<bool(const Reached& at, std::vector<CostStep>* steps)> expand;
  // Stops the walk once this slot is settled.
  std::optional<ResourceId> target;
  int max_hops = 16;
  int64_t max_cost = 1'000'000;
};

// The cheapest ways from `origin` by cost, then hops, in no particular order among equals. Of ways
// that cost the same the first by names. With states a slot may occur more than once, its cheapest
// first.
std::vector<Reached> WalkCosts(const Describer& say, ResourceId origin, const CostWalk& walk,
                               BudgetMeter* meter);

// From the origin to reached[index].
std::vector<PathStep> PathTo(const Describer& say, const std::vector<Reached>& reached, int index);

}  // namespace kg::query
