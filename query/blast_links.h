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
// particular order.
std::vector<LinkedVictim> FindLinkedVictims(const View& view,
                                            const std::vector<BlastOrigin>& origins,
                                            Interval window, BudgetMeter* meter);

}  // namespace kg::query
