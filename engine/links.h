#pragma once

#include "engine/graph.h"

// When a POTENTIAL_CAUSE link is good enough to join its burst to an incident.

namespace kg {

// Links below either are shown, but make no root cause and group nothing.
inline constexpr double kGroupConfidence = 0.5;
inline constexpr double kGroupDomain = 0.35;

bool Groups(const CauseLink& link);

}  // namespace kg
