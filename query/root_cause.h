#pragma once

#include "absl/status/statusor.h"
#include "engine/view.h"
#include "query/answers.h"
#include "query/budget.h"
#include "query/scope.h"

namespace kg::query {

// Why is this failing? Of an incident, an event, an object (with what it owns and what serves it)
// or a whole scope, over the question's window.
//
// Each failure of the window is followed along its best links to where the chain ends. Chains that
// end alike are one root cause. What a message blames by name, and is not there, is the root before
// whatever merely referred to it. A chain that leads to no change may end in a finding: what the
// objects show as of the view (findings.h). Chains that end in a symptom are candidates where a
// change, state or finding explains the same objects.
//
// Verdict: healthy, nothing in the window is more than a passing warning; explained, every failure
// that counts hangs on a change, a state or a finding; partial, some do; unknown, none. NotFound:
// the object, event or incident is not known (the message says what is near).
absl::StatusOr<RootCauseAnswer> RootCause(const View& view, const Question& question,
                                          const Budget& budget);

// The root of one incident, without candidates and affected: what lists of incidents show.
std::vector<CauseAnswer> RootCausesOf(const View& view, const IncidentTree& tree,
                                      BudgetMeter* meter);

}  // namespace kg::query
