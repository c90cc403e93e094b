#pragma once

#include <utility>

#include "query/causes.h"

// What a root is worth: whether it counts at all, and how it ranks.

namespace kg::query {

// 4 for FATAL, 3 for ERROR, 1 for WARNING, else 0.
int Weight(Severity severity);

// Does this say that something is wrong, rather than that something was slow to start?
bool Counts(const Inquiry& inquiry, const Root& root);

// A symptom is no root cause, unless other objects suffer from it by depending on its object: then
// it is as far back as the data reach.
bool IsSymptom(const Inquiry& inquiry, const Root& root);

// The link from the root to the gravest of its direct effects, a state before a symptom, and among
// equals to the one it explains best. Null where there is none.
std::pair<const CauseLink*, BurstPtr> BestEffect(const Root& root);

// The probability that this is the cause.
double Confidence(const Root& root);
// What ranks: confidence, by how much hangs on it. `asked`: how many failures the question is
// about.
double Score(const Inquiry& inquiry, const Root& root, size_t asked);

}  // namespace kg::query
