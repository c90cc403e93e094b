#pragma once

#include <map>
#include <optional>
#include <vector>

#include "query/findings.h"

namespace kg::query {

// A finding as the cause of a burst.
struct FoundCause {
  Finding what;
  // How it explains the burst, as a link between bursts would say it (`cause` is of no meaning).
  // nullopt: the failure's own message names the object.
  std::optional<CauseLink> link;
};

// Which findings may have caused a failure: reached by the same directed, typed walk of at most
// three edges over which links are found, weighed by the same three parts. The temporal part is
// that of the lag where the finding's beginning is known; where nobody saw it begin it is at most
// 0.5. One thread; keep it no longer than the view.
class FindingCauses {
 public:
  FindingCauses(const View& view, const Describer& say, ScopeId scope, BudgetMeter* meter);

  // The best one that would group; nullptr: none.
  const FoundCause* BestOf(const Burst& effect);

  Findings& findings() { return findings_; }

 private:
  struct Step {
    ResourceId slot;
    double cost = 0;
    int hops = 0;
    bool went_up = false;  // from a child to its owner
    PathKind kind = PathKind::kSelf;
    int parent = -1;
    EdgeTypeId edge;
    bool against = false;   // the edge points from its parent to this slot
    bool required = false;  // it came over a reference that is not optional
    bool is_best = true;    // no better way to the slot was found later
  };

  std::vector<Step> Walk(const Burst& effect);
  template <typename Fn>
  void ForEachNext(const Burst& effect, const Step& from, Fn&& fn);
  bool MayGroup(const Burst& effect, const Step& step) const;
  std::optional<FoundCause> Weigh(const Burst& effect, const std::vector<Step>& walk, int index);
  bool MayMiss(const Burst& effect, const std::vector<Step>& walk, int index,
               const Finding& missing);
  double Temporal(const Finding& what, const PairPrior& prior, const Burst& effect) const;

  const View& view_;
  const Describer& say_;
  BudgetMeter* const meter_;
  Findings findings_;
  std::map<std::pair<EpisodeKey, ResourceId>, std::optional<FoundCause>> best_;
};

}  // namespace kg::query
