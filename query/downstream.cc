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
  kCameUp = 1,   // reached from something it owns: its other dependants are no victims of that
  kCreates = 2,  // what it creates anew may fail; nothing that is there does
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

// Dependants that no stored edge gives. They come in order of names, and each takes one edge of the
// budget.
class Implied {
 public:
  Implied(const Describer& say, ScopeId scope, BudgetMeter* meter)
      : say_(say), scope_(scope), meter_(meter), resolvers_(say.view().Resolvers(scope)) {}

  // False: the budget ran out.
  bool Add(const Reached& at, std::vector<CostStep>* out) {
    const SlotName& name = say_.Name(at.id);
    if (name.kind == "Namespace" && name.group.empty()) return AddCreators(at.id, name.name, out);
    // Whoever resolves names does so for all: the nearest of them stands for the others.
    if (resolved_ || !std::binary_search(resolvers_.begin(), resolvers_.end(), at.id)) return true;
    resolved_ = true;
    for (ResourceId pod : say_.view().List(scope_, "", "Pod")) {
      if (!IsAlive(pod) || std::binary_search(resolvers_.begin(), resolvers_.end(), pod)) continue;
      if (!Take(pod, "RESOLVES_BY", at.id, kFree, out)) return false;
    }
    return true;
  }

 private:
  // What a namespace's quota or limits may keep from making pods.
  bool AddCreators(ResourceId ns, const std::string& name, std::vector<CostStep>* out) {
    const RuleBook& rules = say_.view().rules();
    for (ResourceId id : say_.view().List(scope_, name, "")) {
      if (say_.Name(id).kind == "Pod" || say_.Name(id).ns != name || !IsAlive(id)) continue;
      const auto kind = rules.KindByName(say_.Name(id).kind);
      if (!kind.has_value() || kind->pod_spec.empty()) continue;
      // A ReplicaSet is told by what controls it.
      if (say_.TopOwner(id, say_.view().as_of()) != id) continue;
      if (!Take(id, "IN_NAMESPACE", ns, kCreates, out)) return false;
    }
    return true;
  }

  bool Take(ResourceId from, absl::string_view type, ResourceId to, State state,
            std::vector<CostStep>* out) {
    if (!meter_->TakeEdges()) return false;
    const RuleBook& rules = say_.view().rules();
    const EdgeTypeInfo& info = rules.EdgeType(rules.EdgeTypeByName(type));
    out->push_back({Step{{from, to, info.id, 0, {}}, /*against=*/true},
                    std::max<int64_t>(1, std::llround(info.hop_cost * 1000)), state});
    return true;
  }
  bool IsAlive(ResourceId id) const {
    const Node* node = say_.view().graph().Find(id);
    return node != nullptr && node->AliveAt(say_.view().as_of()) != nullptr;
  }

  const Describer& say_;
  const ScopeId scope_;
  BudgetMeter* const meter_;
  const std::vector<ResourceId> resolvers_;
  bool resolved_ = false;
};

}  // namespace

std::vector<Reached> WalkDownstream(const Describer& say, ResourceId origin, int max_hops,
                                    int64_t max_cost_milli, BudgetMeter* meter) {
  const RuleBook& rules = say.view().rules();
  const Ownership ownership{rules.EdgeTypeByName("CONTROLS"), rules.EdgeTypeByName("OWNED_BY")};
  Implied implied(say, say.Name(origin).scope, meter);
  std::vector<Step> steps;
  CostWalk walk;
  walk.max_hops = max_hops;
  walk.max_cost = max_cost_milli;
  walk.expand = [&](const Reached& at, std::vector<CostStep>* out) {
    if (at.state == kCreates) return true;
    steps.clear();
    bool within = StepsAt(say, at.id, WalkDirection::kBoth, /*ordered=*/false, meter, &steps);
    for (const Step& step : steps) {
      const EdgeTypeInfo& type = rules.EdgeType(step.arrow.type);
      if (!Spreads(type, step.against)) continue;
      uint8_t next = kFree;
      if (ownership.Is(step.arrow.type)) {
        const bool up = ownership.Up(step);
        if (!up && at.state == kCameUp) continue;
        if (up) next = kCameUp;
      } else if (type.travels == Travels::kBoth) {
        next = at.state;  // or an autoscaler would be a way round to the siblings
      }
      out->push_back({step, std::max<int64_t>(1, std::llround(type.hop_cost * 1000)), next});
    }
    within = within && implied.Add(at, out);
    if (at.previous >= 0 && out->size() > kHubFanOut) {
      const auto dearer = std::llround(kHubCostMilli * std::log2(out->size() / kHubFanOut));
      for (CostStep& s : *out) s.cost += dearer;
    }
    return within;
  };
  return WalkCosts(say, origin, walk, meter);
}

}  // namespace kg::query
