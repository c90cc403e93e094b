#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/view.h"
#include "query/answers.h"

// From what the engine holds to what an answer prints. Everything is told as of a time: what came
// later is not there, and an end that came later is "still".

namespace kg::query {

// "change", "state", "symptom", "info", "noise".
const char* CategoryWord(Category category);
// "INFO", "WARNING", "ERROR", "FATAL".
const char* SeverityWord(Severity severity);
// Case does not matter; CRITICAL is FATAL. nullopt: unknown.
std::optional<Severity> ParseSeverity(absl::string_view text);
// "Deployment shop/checkout", "Node n3".
std::string ShortName(const SlotName& name);
// "apps/v1", "v1"; the bare group where its version is not known; empty for what is no object.
std::string ApiVersion(absl::string_view group, absl::string_view kind);

// Kind, namespace, name, group: the order in which objects stand in answers. ScopeIds take no part.
bool NameLess(const SlotName& a, const SlotName& b);

inline Timestamp MaskedEnd(Timestamp end, Timestamp as_of) {
  return end > as_of ? kForever : end;
}
inline Interval Masked(Interval valid, Timestamp as_of) {
  return {valid.from, MaskedEnd(valid.to, as_of)};
}

inline Timestamp JustAfter(Timestamp t) {
  return t == kForever ? t : t + Duration(1);
}

// An edge as it is stored.
struct Arrow {
  ResourceId from;
  ResourceId to;
  EdgeTypeId type;
  uint16_t flags = 0;
  Interval valid;
};

// Calls fn(const Burst&) for the bursts of a resource that began before when.to and were there at
// when.from or later, by onset, until it returns false. Ends are as stored: see MaskedEnd.
template <typename Fn>
void ForEachBurst(const Graph& graph, ResourceId id, Interval when, Fn&& fn) {
  const Node* node = graph.Find(id, when.from);
  if (node == nullptr) return;
  node->bursts.ForEachIn(when, [&](const BurstPtr& b) { return bool(fn(*b)); });
}

// Speaks for one view; keep it no longer than that. One thread.
class Describer {
 public:
  explicit Describer(const View& view);

  const SlotName& Name(ResourceId id) const;
  const ResourceAnswer& Resource(ResourceId id) const;  // valid until the next call
  // As of another time.
  ResourceAnswer Resource(ResourceId id, Timestamp at) const;
  // `arrow` walked along (from -> to) or against it (to -> from).
  PathStep Step(const Arrow& arrow, bool against) const;
  // From the cause's slot to the effect's, dated by the edges valid at `at`. A step over an edge
  // that is implied by rule has no dates.
  std::vector<PathStep> LinkPath(const CauseLink& link, Timestamp at) const;

  EventAnswer Event(const EpisodeRecord& record) const;
  EpisodeAnswer Episode(const EpisodeRecord& record) const;
  // With what its row says, where that still stands.
  EpisodeAnswer Episode(const Burst& burst) const;

  // "Deployment" above a pod: up the chain of controllers as of `at`; the slot itself where there
  // is none above it.
  ResourceId TopOwner(ResourceId id, Timestamp at) const;

  const View& view() const { return view_; }

 private:
  const View& view_;
  const EdgeTypeId controls_;
  std::map<ScopeId, std::string> clusters_;
  mutable absl::flat_hash_map<ResourceId, ResourceAnswer> told_;  // as of the view
};

// As of view.as_of(): exists says whether a life of it holds then.
ResourceAnswer Describe(const View& view, ResourceId id);

// Roughly what reading a record costs, for BudgetMeter::TakeBytes.
uint64_t CostOf(const EpisodeRecord& record);
uint64_t CostOf(const RevisionRecord& record);

}  // namespace kg::query
