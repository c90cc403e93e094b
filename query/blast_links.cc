#include "query/blast_links.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "query/incidents.h"

namespace kg::query {
namespace {

constexpr int kMaxChain = 32;  // trees are no deeper in practice; a damaged one must not hang us

// Past faults of an origin that may still show: those that were there this long before the window.
constexpr Duration kFaultLooksBack = std::chrono::hours(24);

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

// The trees in which an origin has a part, by root: through what was there at its fault or later,
// or before the window, but not by more than kFaultLooksBack.
std::vector<IncidentPtr> TreesOf(const View& view, const std::vector<BlastOrigin>& origins,
                                 const std::vector<Timestamp>& faults, Interval window,
                                 BudgetMeter* meter) {
  std::map<EpisodeKey, IncidentPtr> trees;
  for (size_t o = 0; o < origins.size(); ++o) {
    const Timestamp before = window.from < view.oldest() + kFaultLooksBack
                                 ? view.oldest()
                                 : window.from - kFaultLooksBack;
    const Interval when{std::min(faults[o], before), JustAfter(view.as_of())};
    const Node* node = view.graph().Find(origins[o].resource, when.from);
    if (node == nullptr || node->name == nullptr) continue;
    node->bursts.ForEachIn(when, [&](const BurstPtr& b) {
      IncidentPtr tree = TreeOf(view, node->name->scope, b->resource, b->key);
      // A tree of one is only its root, and most are.
      if (tree != nullptr && tree->root.onset <= view.as_of() && tree->members.size() > 1)
        trees.emplace(tree->root, std::move(tree));
      return meter->TakeNodes();
    });
  }
  std::vector<IncidentPtr> found;
  for (auto& [root, tree] : trees) found.push_back(std::move(tree));
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
                                            const std::vector<Timestamp>& faults, Interval window,
                                            BudgetMeter* meter) {
  std::vector<LinkedVictim> found;
  Origins by_resource;
  for (size_t i = 0; i < origins.size(); ++i) by_resource.emplace(origins[i].resource, i);
  const Timestamp as_of = view.as_of();
  absl::flat_hash_map<ResourceId, size_t> best;
  for (const IncidentPtr& tree : TreesOf(view, origins, faults, window, meter)) {
    if (meter->spent()) break;
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
  }
  return found;
}

}  // namespace kg::query
