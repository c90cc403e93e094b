#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/links.h"
#include "engine/view.h"
#include "query/budget.h"
#include "query/describe.h"
#include "query/finding_causes.h"
#include "query/scope.h"

// What the parts of the root-cause question hand to each other: which failures are asked about
// (asked_failures.h), where their chains of causes end (cause_chains.h), what such an end is worth
// (cause_worth.h) and how it is told (cause_answers.h).

namespace kg::query {

// What one question works with. Refers to what it was made of; one thread.
struct Inquiry {
  Inquiry(const View& asked_view, const Question& asked_question, ScopeId in_scope,
          BudgetMeter* budget_meter)
      : view(asked_view),
        graph(asked_view.graph()),
        rules(asked_view.rules()),
        say(asked_view),
        question(asked_question),
        scope(in_scope),
        meter(budget_meter),
        findings(std::make_unique<FindingCauses>(view, say, scope, meter)) {}

  const View& view;
  const Graph& graph;
  const RuleBook& rules;
  const Describer say;
  const Question& question;
  const ScopeId scope;
  BudgetMeter* const meter;
  const std::unique_ptr<FindingCauses> findings;  // remembers what it found
};

struct BurstAt {
  EpisodeKey key;
  ResourceId slot;
  auto operator<=>(const BurstAt&) const = default;
};
inline BurstAt At(const Burst& b) {
  return {b.key, b.resource};
}

// A warning that holds longer than this, or begins again so often, is no passing one.
inline constexpr Duration kPassing = std::chrono::minutes(5);

// What chains of causes end in: a burst, or a finding, be it one that a message names or one that
// the graph shows.
struct Root {
  BurstPtr burst;  // where the chain of links ends; of a finding, what it explains best
  std::optional<FoundCause> finding;
  IncidentPtr incident;             // that the chains belong to; nullptr: none
  std::vector<BurstPtr> explained;  // by key; without the root itself
  std::vector<BurstPtr> asked;      // of those, what the question is about

  // The object that is the cause.
  ResourceId resource() const {
    return finding.has_value() ? finding->what.resource : burst->resource;
  }
  // A failure's own message names the object.
  bool IsNamed() const { return finding.has_value() && !finding->link.has_value(); }
};

}  // namespace kg::query
