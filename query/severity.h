#pragma once

#include <cstdint>

#include "engine/episode.h"

// What an episode looked like at a time, and how severe its repetition made it.

namespace kg::query {

// The record without what came after `as_of`: later points are gone and a later end is "still".
EpisodeRecord AsOf(const EpisodeRecord& record, Timestamp as_of);

// The start of the last known occurrence's slot, or the end where it has ended; never before the
// onset.
Timestamp LastOccurrence(const EpisodeRecord& record);

struct Escalation {
  Severity severity = Severity::kInfo;
  bool escalated = false;
  int64_t repeats = 0;  // the most occurrences within kEscalationWindow before one of them
};

inline constexpr Duration kEscalationWindow = std::chrono::minutes(5);
inline constexpr int64_t kEscalationRepeats = 3;

// WARNING becomes ERROR, and ERROR FATAL, once an occurrence had at least 3 others of the same
// episode within the 5 minutes before it. Only what lies before an occurrence counts, so a severity
// never changes by what comes later, and it rises one step however long the series is. Pass a
// record as of the time asked about.
Escalation Escalate(const EpisodeRecord& record);

}  // namespace kg::query
