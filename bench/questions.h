#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/database.h"
#include "query/blast_radius.h"

// Questions as the benchmarks put them.

namespace kg::bench {

// Processor time of one answer, in microseconds; the view is made anew each time.
double AskRootCause(const Database& db, const std::string& object, Timestamp at);
double AskBlast(const Database& db, ResourceId origin, Timestamp at);
// The same by the clock on the wall: what a user waits while others use the machine, too.
double WaitForRootCause(const Database& db, const std::string& object, Timestamp at);

// Members of incidents of two or more, and those incidents, drawn at random among those of which
// something began at `since` or later: online is what is asked of the last hour.
struct Subjects {
  std::vector<std::pair<EpisodeKey, ResourceId>> events;
  std::vector<IncidentPtr> incidents;
};
Subjects ChooseSubjects(const View& view, size_t most, Timestamp since);

// How a question names them.
std::string EventName(const EpisodeKey& key);
std::string IncidentName(const IncidentPtr& incident);
// When an incident's last member began.
Timestamp LastOnset(const IncidentPtr& incident);

}  // namespace kg::bench
