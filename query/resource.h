#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "query/answers.h"
#include "query/budget.h"
#include "query/describe.h"

namespace kg::query {

struct ResourceQuestion {
  ScopeId scope;
  ResourceId of;
  Interval window;  // of the revisions shown
  uint64_t edges_per_type = 20;
};

// One object as of the view: its fields, lives, revisions, what holds of it, its edges by type.
absl::StatusOr<ResourceDetail> ShowResource(const View& view, const ResourceQuestion& question,
                                            BudgetMeter* meter);

// What differs between two states, by path. Values under different hashing keys can't be compared
// and are no difference.
std::vector<FieldDelta> Compare(const std::vector<Field>& before, const std::vector<Field>& after);

}  // namespace kg::query
