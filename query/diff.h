#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "query/answers.h"
#include "query/budget.h"

namespace kg::query {

struct DiffQuestion {
  ScopeId scope;
  Timestamp from, to;                    // to: no later than the view's as_of
  std::string ns;                        // empty: all, and what is in none
  std::vector<LabelRequirement> labels;  // as of `to`
  uint64_t limit = 100;                  // rows of each list
};

// What is different at `to` from how it was at `from`; what came and went between is not told. An
// edge counts where an end of it is in the namespace. InvalidArgument: from is not before to.
absl::StatusOr<DiffAnswer> Diff(const View& view, const DiffQuestion& question, BudgetMeter* meter);

}  // namespace kg::query
