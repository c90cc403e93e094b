#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "query/answers.h"
#include "query/budget.h"
#include "query/page.h"
#include "query/walk.h"

namespace kg::query {

struct NeighboursQuestion {
  ResourceId of;
  int hops = 1;  // 1 to kMaxHops
  WalkDirection direction = WalkDirection::kBoth;
  std::vector<std::string> types;  // names; empty: all
  Page page;
};
inline constexpr int kMaxHops = 10;

// What is around an object, as of the view. InvalidArgument: an unknown edge type (it names those
// that there are), hops out of range, a foreign cursor.
absl::StatusOr<Neighbours> FindNeighbours(const View& view, const NeighboursQuestion& question,
                                          BudgetMeter* meter);

// Why are these two connected: the cheapest path by hop cost, over edges in either direction, as of
// the view. Not found is an answer (`found`), no error; see `truncated` for whether the search was
// whole.
PathAnswer FindPath(const View& view, ResourceId from, ResourceId to, BudgetMeter* meter);

}  // namespace kg::query
