#pragma once

#include <set>

#include "query/causes.h"

namespace kg::query {

// The failures of the question's window that it is about, in order.
using AskedFailures = std::set<BurstAt>;

// Those of an object with what it owns, what owns it, what selects it and what it selects, and
// those of who calls these where the chain of causes leads to them.
void AskOfObject(const Inquiry& inquiry, ResourceId object, AskedFailures* asked);
// Those of every object that the question covers.
void AskOfScope(const Inquiry& inquiry, AskedFailures* asked);
// Those of an incident, whatever the window.
void AskOfTree(const Inquiry& inquiry, const IncidentTree& tree, AskedFailures* asked);
// This one, if it is a failure and had begun.
void AskOfBurst(const Inquiry& inquiry, const BurstPtr& burst, AskedFailures* asked);

}  // namespace kg::query
