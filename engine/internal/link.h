#pragma once

#include <vector>

#include "engine/graph.h"
#include "engine/links.h"
#include "engine/rules.h"

// Which earlier bursts may have caused a burst: a pure function of the graph.

namespace kg {

// Neighbours that no stored edge gives: the namespace an object is in, the cluster's DNS. Each is
// used only by the effects that its edge type names.
class ImplicitEdges {
 public:
  struct Edge {
    EdgeTypeId type;
    ResourceId to;
  };
  virtual ~ImplicitEdges() = default;
  // What `from` depends on besides its edges, for an effect of this class.
  virtual std::vector<Edge> From(ResourceId from, const SlotName& name, ClassId effect) const = 0;
};

// POTENTIAL_CAUSE links store at most this many causes of one effect.
inline constexpr size_t kMaxCauses = 5;
// At most kMaxCauses, each of another (resource, class), best first.
//
// Found on the same object or by a walk of at most three edges against the way failure travels,
// over edges valid between cause and effect; going up to an owner and down again to its other
// children is no path. `looked_at` counts the candidate bursts scored.
std::vector<CauseLink> FindCauses(const Graph& graph, const RuleBook& rules,
                                  const ImplicitEdges& implicit, const Burst& effect,
                                  uint64_t* looked_at);

// Something about a slot that is no longer what it was, and the onsets of those whom that may
// concern.
struct DirtyRegion {
  ResourceId slot;
  Interval when;
};

// The slots that a failure of one of `from` can reach in at most three edges, each once and with a
// time that contains those of all that reach it; `from` included. Would that be more than `limit`
// (0: none), it is every slot of the graph instead, each with a time that contains those of all of
// `from`, and `widened` is set.
std::vector<DirtyRegion> Reach(const Graph& graph, const RuleBook& rules,
                               const std::vector<DirtyRegion>& from, size_t limit, bool* widened);

}  // namespace kg
