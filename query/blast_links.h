#pragma once

#include <vector>

#include "query/blast_radius.h"

namespace kg::query {

// A failure that the chain of best links traces back to an origin.
struct LinkedVictim {
  BurstPtr burst;
  size_t origin = 0;      // index into the origins given
  double confidence = 0;  // product along the chain
  int hops = 0;
  int64_t cost_milli = 0;
  std::vector<CauseLink> chain;  // from the origin's to this burst
};

// For each resource but the origins the surest such failure that is open or of the window, in no
// particular order. `faults`: when each origin's began; what was over a day before the window and
// before that is not followed.
std::vector<LinkedVictim> FindLinkedVictims(const View& view,
                                            const std::vector<BlastOrigin>& origins,
                                            const std::vector<Timestamp>& faults, Interval window,
                                            BudgetMeter* meter);

}  // namespace kg::query
