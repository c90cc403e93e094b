#pragma once

#include "engine/graph.h"
#include "engine/rules.h"

// What a POTENTIAL_CAUSE link is weighed by, and when it is good enough to join its burst to an
// incident.

namespace kg {

// Links below either are shown, but make no root cause and group nothing.
inline constexpr double kGroupConfidence = 0.5;
inline constexpr double kGroupDomain = 0.35;

bool Groups(const CauseLink& link);

// The kind of a path is that of its most telling step.
PathKind MoreTelling(PathKind a, PathKind b);

// How likely a lag in [low, high] is under `prior`: 1 up to the typical lag, falling to 0.2 at the
// largest, 0 beyond (ecosystem's lag windows). The best of the interval counts.
double LagLikelihood(const PairPrior& prior, Duration low, Duration high);

// A total order of bursts by when they can be taken to have begun (at the latest), the later the
// more they are consequences by their class. Where best links run in a circle, which only onsets
// that are known as intervals allow, the first one of it in this order is the root.
bool BeginsBefore(const RuleBook& rules, const Burst& a, const Burst& b);

}  // namespace kg
