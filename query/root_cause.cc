#include "query/root_cause.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "query/asked_failures.h"
#include "query/cause_answers.h"
#include "query/cause_chains.h"
#include "query/cause_worth.h"

namespace kg::query {
namespace {

constexpr size_t kMaxRoots = 10;

// Left-over symptoms that sit on what a root cause explains anyway, or on what owns it, leave
// nothing open.
bool MostlyExplained(const Inquiry& in, const std::vector<Root>& kept,
                     const std::vector<Root>& demoted) {
  std::set<ResourceId> slots;
  auto add = [&](const BurstPtr& b) {
    slots.insert(b->resource);
    slots.insert(in.say.TopOwner(b->resource, b->key.onset));
  };
  for (const Root& r : kept) {
    add(r.burst);
    for (const BurstPtr& b : r.explained) add(b);
  }
  return std::all_of(demoted.begin(), demoted.end(), [&](const Root& r) {
    return slots.count(r.burst->resource) > 0 ||
           slots.count(in.say.TopOwner(r.burst->resource, r.burst->key.onset)) > 0;
  });
}

void TellGaps(const Inquiry& in, RootCauseAnswer* answer) {
  const Interval window = in.question.Window();
  if (window.from < in.view.oldest())
    answer->gaps.push_back({"before retention", window.from, in.view.oldest()});
  if (window.to > in.view.data_clock() + std::chrono::minutes(10))
    answer->gaps.push_back({"no data after this time", in.view.data_clock(), window.to});
  if (!in.view.derived_complete())
    answer->gaps.push_back({"links are still being derived", window.from, window.to});
  for (const DamagedTime& d : in.view.damage()) {
    if (d.when.from < window.to && window.from < d.when.to)
      answer->gaps.push_back({"damaged on disk: " + d.found, d.when.from, d.when.to});
  }
}

// The roots that count, best first.
std::vector<Root> RankedRoots(const Inquiry& in, const AskedFailures& asked) {
  std::vector<std::pair<double, Root>> scored;
  for (Root& r : RolledUp(in, FindRoots(in, asked))) {
    if (!Counts(in, r)) continue;
    const double score = Score(in, r, asked.size());
    scored.emplace_back(score, std::move(r));
  }
  std::stable_sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) {
    if (std::abs(a.first - b.first) > 1e-9) return a.first > b.first;
    return a.second.burst->key < b.second.burst->key;
  });
  std::vector<Root> roots;
  for (auto& [score, root] : scored) roots.push_back(std::move(root));
  return roots;
}

RootCauseAnswer Answer(const Inquiry& in, const AskedFailures& asked) {
  RootCauseAnswer answer;
  answer.question = in.question;
  answer.as_of = in.view.as_of();
  for (const ScopeDescription& s : in.view.scopes()) {
    if (s.id == in.scope) answer.tenant = s.tenant;
  }
  std::vector<Root> roots = RankedRoots(in, asked);
  std::vector<bool> symptom;
  for (const Root& r : roots) symptom.push_back(IsSymptom(in, r));
  const bool any_unexplained = std::count(symptom.begin(), symptom.end(), true) > 0;
  const bool any_explained = std::count(symptom.begin(), symptom.end(), false) > 0;
  std::vector<Root> kept, demoted;
  for (size_t i = 0; i < roots.size(); ++i)
    (any_explained && symptom[i] ? demoted : kept).push_back(std::move(roots[i]));
  if (kept.size() > kMaxRoots) kept.resize(kMaxRoots);
  answer.verdict = kept.empty()                                             ? "healthy"
                   : !any_explained                                         ? "unknown"
                   : any_unexplained && !MostlyExplained(in, kept, demoted) ? "partial"
                                                                            : "explained";
  auto number = [](std::vector<CauseAnswer>* list) {
    for (size_t i = 0; i < list->size(); ++i) (*list)[i].rank = static_cast<int>(i + 1);
  };
  for (const Root& r : kept) answer.root_causes.push_back(Tell(in, r, asked.size()));
  number(&answer.root_causes);
  answer.candidates = TellCandidates(in, kept, demoted, asked.size());
  number(&answer.candidates);
  Cut<AffectedAnswer> affected = TellAffected(in, kept);
  answer.affected = std::move(affected.shown);
  answer.affected_total = affected.total;
  TellGaps(in, &answer);
  answer.truncated = in.meter->truncated();
  return answer;
}

}  // namespace

absl::StatusOr<RootCauseAnswer> RootCause(const View& view, const Question& question,
                                          const Budget& budget) {
  BudgetMeter meter(budget);
  meter.Enter("root cause");
  auto scope = ResolveScope(view, question.scope);
  if (!scope.ok()) return scope.status();
  const Inquiry inquiry(view, question, *scope, &meter);
  AskedFailures asked;
  if (question.object.empty()) {
    AskOfScope(inquiry, &asked);
    return Answer(inquiry, asked);
  }
  auto target =
      ResolveObject(view, *scope, question.object, question.all_namespaces ? "" : question.ns);
  if (!target.ok()) return target.status();
  if (target->incident != nullptr) AskOfTree(inquiry, *target->incident, &asked);
  if (target->resource.has_value() && !target->episode.has_value())
    AskOfObject(inquiry, *target->resource, &asked);
  if (target->episode.has_value()) {
    auto record = view.Episode(*scope, *target->episode);
    if (!record.ok()) return record.status();
    const BurstPtr b = record->has_value()
                           ? FindBurst(view.graph(), (*record)->resource, *target->episode)
                           : nullptr;
    if (b != nullptr) AskOfBurst(inquiry, b, &asked);
  }
  return Answer(inquiry, asked);
}

std::vector<CauseAnswer> RootCausesOf(const View& view, const IncidentTree& tree,
                                      BudgetMeter* meter) {
  Question question;
  question.at = view.as_of();
  const Inquiry inquiry(view, question, tree.scope, meter);
  AskedFailures asked;
  AskOfTree(inquiry, tree, &asked);
  std::vector<CauseAnswer> out;
  for (const Root& r : FindRoots(inquiry, asked)) {
    out.push_back(Tell(inquiry, r, asked.size()));
    out.back().rank = static_cast<int>(out.size());
  }
  return out;
}

}  // namespace kg::query
