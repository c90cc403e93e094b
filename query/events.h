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

// Which episodes to keep; what is empty keeps all. Words match in any case.
struct EventFilter {
  std::string ns;  // of the subject; ignored with all_namespaces
  bool all_namespaces = false;
  std::string kind, name;  // of the subject
  std::vector<std::string> classes, reasons;
  std::string category;  // change, state, symptom, info, noise
  std::string type;      // Normal, Warning
  std::string etype;
  std::optional<Severity> min_severity;  // after escalation
  std::string text;                      // contained in reason or message
  std::vector<LabelRequirement> labels;
};

struct EventsQuestion {
  ScopeId scope;
  std::optional<ResourceId> of;  // only those of one resource
  Interval window;               // episodes that overlap it
  EventFilter filter;
  Page page;  // pages go from the newest to older ones
};

// Episodes of every kind, newest last. Those that began together stand in the order in which one
// can cause the other, then by name. InvalidArgument: an unknown class or category, a foreign
// cursor.
absl::StatusOr<EventsAnswer> ListEvents(const View& view, const EventsQuestion& question,
                                        BudgetMeter* meter);

// ---- for the other lists

// Where an episode stands among others.
struct EpisodeOrder {
  Timestamp onset;
  int precedence = 0;  // of its class
  std::string name;    // of its subject
  EpisodeHash hash;
  auto operator<=>(const EpisodeOrder&) const = default;
};
EpisodeOrder OrderOf(const Describer& say, const EpisodeRecord& record);
std::string CursorAt(absl::string_view list, const EpisodeOrder& order);
absl::StatusOr<std::optional<EpisodeOrder>> ParseOrderCursor(absl::string_view list,
                                                             const std::string& cursor);

// The filter with its words looked up once; says yes or no to a record as of the view. `say` and
// `meter`, which pays for labels, must outlive it; once the budget is spent no label matches.
absl::StatusOr<std::function<bool(const EpisodeRecord&)>> CompileFilter(const Describer& say,
                                                                        ScopeId scope,
                                                                        const EventFilter& filter,
                                                                        BudgetMeter* meter);

// The newest `limit` records that overlap the window, come before `before` and are kept, oldest
// first.
// `*more`: there are older ones. Works backwards through the window, so that what is cut is old.
absl::StatusOr<std::vector<EpisodeRecord>> NewestEpisodes(
    const Describer& say, ScopeId scope, const std::vector<ResourceId>* of, Interval window,
    const std::optional<EpisodeOrder>& before, uint64_t limit,
    const std::function<bool(const EpisodeRecord&)>& keep, BudgetMeter* meter, bool* more);

}  // namespace kg::query
