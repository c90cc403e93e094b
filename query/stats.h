#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "engine/database.h"
#include "query/answers.h"
#include "query/budget.h"

namespace kg::query {

// What a database holds. `scope` narrows what can be told apart by scope (objects, edges, episodes,
// links, incidents); buckets, bytes, dead letters and positions are of the whole store. by_class
// and occurrences are counted by reading, so they are what `truncated` cuts.
absl::StatusOr<StatsAnswer> Stats(const View& view, const DatabaseStats& stats,
                                  std::optional<ScopeId> scope, BudgetMeter* meter);

}  // namespace kg::query
