#include "query/blast_links.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"

namespace kg::query {
namespace {

constexpr int kMaxChain = 32;  // trees are no deeper in practice; a damaged one must not hang us

using Origins = absl::flat_hash_map<ResourceId, size_t>;

// From `burst` up the tree to the nearest origin; false when the root comes first.
bool TraceBack(const View& view, const IncidentTree& tree, const BurstPtr& burst,
               const Origins& origins, LinkedVictim* victim) {
  victim->burst = burst;
  victim->confidence = 1.0;
  BurstPtr at = burst;
  for (int i = 0; i < kMaxChain; ++i) {
    if (at == nullptr || at->key == tree.root || at->causes.empty()) return false;
    const CauseLink& link = at->causes.front();
    victim->confidence *= link.confidence;
    victim->hops += static_cast<int>(link.types.size());
    for (EdgeTypeId type : link.types) {
      victim->cost_milli += std::llround(view.rules().EdgeType(type).hop_cost * 1000);
    }
    victim->chain.push_back(link);
    const auto origin = origins.find(link.cause_resource);
    if (origin != origins.end()) {
      victim->origin = origin->second;
      std::reverse(victim->chain.begin(), victim->chain.end());
      return true;
    }
    at = FindBurst(view.graph(), link.cause_resource, link.cause);
  }
  return false;
}

bool Holds(const IncidentTree& tree, const Origins& origins, Timestamp as_of, BudgetMeter* meter) {
  bool found = false;
  tree.members.ForEach([&](const std::pair<EpisodeKey, ResourceId>& m) {
    if (m.first.onset > as_of || !meter->TakeNodes()) return false;
    found = origins.count(m.second) != 0;
    return !found;
  });
  return found;
}

bool Surer(const LinkedVictim& a, const LinkedVictim& b) {
  if (a.confidence != b.confidence) return a.confidence > b.confidence;
  if (a.hops != b.hops) return a.hops < b.hops;
  return a.burst->key < b.burst->key;
}

}  // namespace

std::vector<LinkedVictim> FindLinkedVictims(const View& view,
                                            const std::vector<BlastOrigin>& origins,
                                            Interval window, BudgetMeter* meter) {
  std::vector<LinkedVictim> found;
  if (origins.empty()) return found;
  Origins by_resource;
  for (size_t i = 0; i < origins.size(); ++i) by_resource.emplace(origins[i].resource, i);
  const Node* first = view.graph().Find(origins[0].resource);
  if (first == nullptr || first->name == nullptr) return found;
  const ScopeId scope = first->name->scope;
  const Timestamp as_of = view.as_of();
  absl::flat_hash_map<ResourceId, size_t> best;
  view.incidents().ForEach([&](const IncidentPtr& tree) {
    if (meter->spent()) return false;
    // A tree of one is only its root, and most are.
    if (tree->scope != scope || tree->root.onset > as_of || tree->members.size() < 2) return true;
    if (!Holds(*tree, by_resource, as_of, meter)) return true;
    tree->members.ForEach([&](const std::pair<EpisodeKey, ResourceId>& m) {
      if (m.first.onset > as_of || !meter->TakeNodes()) return false;
      if (by_resource.count(m.second) != 0) return true;
      const BurstPtr burst = FindBurst(view.graph(), m.second, m.first);
      if (burst == nullptr || burst->category == Category::kChange) return true;
      if (MaskedEnd(burst->end, as_of) < window.from && m.first.onset < window.from) return true;
      LinkedVictim victim;
      if (!TraceBack(view, *tree, burst, by_resource, &victim)) return true;
      const auto known = best.emplace(m.second, found.size());
      if (known.second)
        found.push_back(std::move(victim));
      else if (Surer(victim, found[known.first->second]))
        found[known.first->second] = std::move(victim);
      return true;
    });
    return true;
  });
  return found;
}

}  // namespace kg::query
