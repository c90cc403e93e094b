#pragma once

#include <vector>

#include "query/answers.h"
#include "query/causes.h"

// Roots as an answer tells them.

namespace kg::query {

// One root, without its rank. `asked`: how many failures the question is about.
CauseAnswer Tell(const Inquiry& inquiry, const Root& root, size_t asked);

// What lost, the likeliest first: the roots that were demoted, then the links that were not taken,
// of what was asked about and of what the roots explain.
std::vector<CauseAnswer> TellCandidates(const Inquiry& inquiry, const std::vector<Root>& roots,
                                        const std::vector<Root>& demoted, size_t asked);

// Who suffers or may suffer from the roots, which are numbered from 1: the first of them.
Cut<AffectedAnswer> TellAffected(const Inquiry& inquiry, const std::vector<Root>& roots);

}  // namespace kg::query
