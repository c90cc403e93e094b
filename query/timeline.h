#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "query/answers.h"
#include "query/events.h"

namespace kg::query {

struct TimelineQuestion {
  ScopeId scope;
  std::optional<ResourceId> of;  // none: the whole scope, narrowed by the filter
  bool with_neighbours = false;  // and what is one hop from it
  Interval window;
  EventFilter filter;
  Page page;  // pages go from the newest to older ones
};

// What happened, newest last: changes, failures, events, alerts, log patterns, and, of an object
// and its neighbours, when they appeared and vanished. Noise is left out unless the filter asks for
// it. Each entry names the incident it is part of. InvalidArgument as ListEvents.
absl::StatusOr<TimelineAnswer> Timeline(const View& view, const TimelineQuestion& question,
                                        BudgetMeter* meter);

}  // namespace kg::query
