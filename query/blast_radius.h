#pragma once

#include <vector>

#include "query/answers.h"
#include "query/budget.h"
#include "query/walk.h"

namespace kg::query {

// Who suffers when something fails, as of a view.
struct BlastOrigin {
  ResourceId resource;
  int rank = 1;  // what `because_of` calls it
  // When its fault or change began; kForever: at its first failure or change of the window, and
  // where it has none (a missing object has none), at the start of the window.
  Timestamp since = kForever;
};

// Who suffers as the asker knows, whatever the walk reaches.
struct KnownVictim {
  BurstPtr burst;
  size_t origin = 0;  // index into the origins, of which it may be one
  int hops = 0;
};

struct BlastRadiusQuestion {
  std::vector<BlastOrigin> origins;
  std::vector<KnownVictim> known;
  Interval window;  // in which bursts count
  int max_hops = 8;
  double max_cost = 8.0;  // of a path
  uint64_t limit = 100;   // rows shown
};

// Downstream of the origins, by the direction in which failure travels along each type of edge:
// over owners upward and downward, but never up and then down to a sibling. What lies behind a hub
// costs more. On what resolves names all other pods depend, on a namespace (hence on its quota) the
// workloads in it, though not what they have made already. To these come those whose failures the
// chains of best links trace back to an origin, wherever they are.
//
// A resource is affected when a chain of causes leads from an origin to one of its failures (then
// `confidence` is the product of the links), or when it depends on an origin and has a failure, of
// a class that may use every edge of the way, that began no earlier than the origin's fault and is
// open or of the window. Others are at risk. Affected ones first, then by distance, confidence,
// severity, cost and name. Origins themselves are listed only where they are known to suffer.
BlastRadiusAnswer FindBlastRadius(const View& view, const BlastRadiusQuestion& question,
                                  BudgetMeter* meter);

// The slots downstream of one origin with hops and cost, cheapest first; the origin itself is [0].
// A slot may occur twice, its best way first.
std::vector<Reached> WalkDownstream(const Describer& say, ResourceId origin, int max_hops,
                                    int64_t max_cost_milli, BudgetMeter* meter);

}  // namespace kg::query
