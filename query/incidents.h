#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "query/answers.h"
#include "query/budget.h"
#include "query/describe.h"
#include "query/page.h"

namespace kg::query {

// What a tree of causes amounted to at a time.
struct IncidentState {
  bool counts = false;  // it is an incident: see StateOf
  bool open = false;
  Severity severity = Severity::kInfo;   // the worst of its failures, escalated
  Timestamp opened = kForever;           // earliest onset of a member
  Timestamp last_activity = kBeginning;  // latest onset or end of a member
  std::optional<Timestamp> resolved;     // when the last member ended
  uint64_t members = 0;                  // that had begun
  EpisodeKey telling;  // the failure that says most of what went wrong; titles name it
  ResourceId telling_resource;
};

// How long an incident must have been quiet, beyond the gap of its members' classes.
inline constexpr Duration kQuiet = std::chrono::minutes(10);

// Counts only what had begun by `at`, with ends after it unknown. A tree is an incident if a member
// is a failure; but a single failure no worse than WARNING that is over is none. It is resolved
// when no failure of it holds and all have been over for longer than kQuiet and the gap of their
// class.
IncidentState StateOf(const View& view, const IncidentTree& tree, Timestamp at, BudgetMeter* meter);

// The tree that a burst belongs to; nullptr: none. Not every tree counts as an incident.
IncidentPtr TreeOf(const View& view, ScopeId scope, ResourceId resource, EpisodeKey key);

// "ImagePullBackOff on Deployment shop/checkout after a change: another image": the failure that
// tells most, on the workload it struck, and what the tree begins with.
std::string IncidentTitle(const Describer& say, const IncidentTree& tree,
                          const IncidentState& state);

// Fills IncidentAnswer::root_causes.
using Explain = std::function<std::vector<CauseAnswer>(const IncidentTree&)>;

// Everything but the root causes beyond the tree's own root, unless `explain` gives them. Shows at
// most `members` of them, by onset.
IncidentAnswer ShowIncident(const Describer& say, const IncidentTree& tree,
                            const IncidentState& state, uint64_t members, const Explain& explain,
                            BudgetMeter* meter);

struct IncidentsQuestion {
  ScopeId scope;
  std::string ns;                // with a member in it; empty: all
  std::optional<ResourceId> of;  // with a member on it
  std::optional<bool> open;
  std::optional<Severity> min_severity;
  Interval window;  // open in it, or active
  uint64_t members = 20;
  Explain explain;
  Page page;
};

// Open ones first, then the worst, then the latest activity. InvalidArgument: a foreign cursor.
absl::StatusOr<IncidentsAnswer> ListIncidents(const View& view, const IncidentsQuestion& question,
                                              BudgetMeter* meter);

}  // namespace kg::query
