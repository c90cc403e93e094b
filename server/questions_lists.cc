#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "query/diff.h"
#include "query/events.h"
#include "query/incidents.h"
#include "query/root_cause.h"
#include "query/timeline.h"
#include "server/questions.h"
#include "server/render.h"
#include "server/suggest.h"
#include "server/times.h"

// Questions that list what happened.

namespace kg::server {
namespace {

absl::StatusOr<std::optional<Severity>> MinSeverity(const Asking& asking) {
  const std::string text = Text(asking, "severity");
  if (text.empty()) return std::optional<Severity>();
  const std::optional<Severity> severity = query::ParseSeverity(text);
  if (!severity) {
    return absl::InvalidArgumentError(
        absl::StrCat("'severity' is '", text, "'; give info, warning, error or fatal"));
  }
  return severity;
}

// The object a list is narrowed to; none where the question names none. The namespace then only
// says where the object is.
absl::StatusOr<std::optional<ResourceId>> Narrowed(const Asking& asking, ScopeId scope) {
  if (asking.question.object.empty()) return std::optional<ResourceId>();
  const absl::StatusOr<query::Target> target =
      query::ResolveObject(asking.view, scope, asking.question.object, asking.question.ns);
  if (!target.ok()) return target.status();
  if (!target->resource) {
    return absl::InvalidArgumentError("this list is of an object, as in pod/cart-7d9c -n shop");
  }
  return target->resource;
}

// What the lists of events and incidents are narrowed by alike.
struct Narrowing {
  ScopeId scope;
  std::optional<ResourceId> of;
  std::optional<Severity> min_severity;
};
absl::StatusOr<Narrowing> ReadNarrowing(const Asking& asking) {
  const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, asking.question.scope);
  if (!scope.ok()) return scope.status();
  const auto of = Narrowed(asking, *scope);
  if (!of.ok()) return of.status();
  const auto severity = MinSeverity(asking);
  if (!severity.ok()) return severity.status();
  return Narrowing{*scope, *of, *severity};
}

// A kind that neither the rules nor the data know is a slip of the pen, not an empty list.
absl::Status CheckKind(const Asking& asking, ScopeId scope) {
  const std::string kind = absl::AsciiStrToLower(Text(asking, "kind"));
  if (kind.empty() || asking.view.rules().KindByName(kind)) return absl::OkStatus();
  std::set<std::string> known;
  for (const ResourceId id : asking.view.List(scope, "", "")) {
    if (const auto name = asking.view.Name(id); name != nullptr)
      known.insert(absl::AsciiStrToLower(name->kind));
  }
  if (known.count(kind) > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("there is no kind '", kind, "'",
                                                 DidYouMean(kind, {known.begin(), known.end()})));
}

// What the lists of episodes are filtered by alike; `one`: they are of one object, which has its
// namespace.
query::EventFilter ReadFilter(const Asking& asking, bool one) {
  query::EventFilter filter;
  filter.ns = one ? "" : asking.question.ns;
  filter.all_namespaces = asking.question.all_namespaces;
  filter.category = absl::AsciiStrToLower(Text(asking, "category"));
  filter.labels = asking.question.labels;
  return filter;
}

}  // namespace

Answered AskEvents(const Asking& asking) {
  const absl::StatusOr<Narrowing> narrowing = ReadNarrowing(asking);
  if (!narrowing.ok()) return narrowing.status();
  if (absl::Status kind = CheckKind(asking, narrowing->scope); !kind.ok()) return kind;
  query::EventsQuestion question;
  question.scope = narrowing->scope;
  question.of = narrowing->of;
  question.window = asking.question.Window();
  question.filter = ReadFilter(asking, narrowing->of.has_value());
  question.filter.kind = Text(asking, "kind");
  question.filter.classes = Words(asking, "class");
  question.filter.reasons = Words(asking, "reason");
  question.filter.type = Text(asking, "type");
  question.filter.etype = Text(asking, "etype");
  question.filter.text = Text(asking, "text");
  question.filter.min_severity = narrowing->min_severity;
  question.page = asking.page;
  query::BudgetMeter meter(asking.budget);
  const auto answer = query::ListEvents(asking.view, question, &meter);
  if (!answer.ok()) return answer.status();
  return Render(*answer);
}

Answered AskIncidents(const Asking& asking) {
  const absl::StatusOr<Narrowing> narrowing = ReadNarrowing(asking);
  if (!narrowing.ok()) return narrowing.status();
  const absl::StatusOr<int64_t> members = Number(asking, "members", 20, 0, 1000);
  if (!members.ok()) return members.status();
  query::IncidentsQuestion question;
  question.scope = narrowing->scope;
  question.ns =
      narrowing->of.has_value() || asking.question.all_namespaces ? "" : asking.question.ns;
  question.of = narrowing->of;
  question.min_severity = narrowing->min_severity;
  const std::string status = absl::AsciiStrToLower(Text(asking, "status"));
  if (status == "open" || status == "resolved") {
    question.open = status == "open";
  } else if (!status.empty() && status != "all") {
    return absl::InvalidArgumentError(
        absl::StrCat("'status' is '", status, "'; give open, resolved or all"));
  }
  // Whoever asks what is wrong does not mean this hour only.
  question.window = asking.since_given
                        ? asking.question.Window()
                        : Interval{asking.view.oldest(), asking.question.at + Duration(1)};
  question.members = static_cast<uint64_t>(*members);
  question.page = asking.page;
  query::BudgetMeter meter(asking.budget);
  question.explain = [&](const IncidentTree& tree) {
    return query::RootCausesOf(asking.view, tree, &meter);
  };
  const auto answer = query::ListIncidents(asking.view, question, &meter);
  if (!answer.ok()) return answer.status();
  return Render(*answer);
}

Answered AskTimeline(const Asking& asking) {
  const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, asking.question.scope);
  if (!scope.ok()) return scope.status();
  const absl::StatusOr<bool> neighbours = Flag(asking, "neighbours");
  if (!neighbours.ok()) return neighbours.status();
  query::TimelineQuestion question;
  question.scope = *scope;
  question.with_neighbours = *neighbours;
  if (!asking.question.object.empty()) {
    const absl::StatusOr<Subject> subject = FindSubject(asking, asking.question.object);
    if (!subject.ok()) return subject.status();
    question.of = subject->resource;
    // What is part of one incident is seldom all on one object.
    if (subject->target.incident != nullptr) question.with_neighbours = true;
  }
  question.window = asking.question.Window();
  question.filter = ReadFilter(asking, question.of.has_value());
  question.page = asking.page;
  query::BudgetMeter meter(asking.budget);
  const auto answer = query::Timeline(asking.view, question, &meter);
  if (!answer.ok()) return answer.status();
  return Render(*answer);
}

Answered AskDiff(const Asking& asking) {
  const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, asking.question.scope);
  if (!scope.ok()) return scope.status();
  if (!asking.question.object.empty()) {
    return absl::InvalidArgumentError(
        "diff is of a namespace; 'resource' shows the revisions of one object");
  }
  query::DiffQuestion question;
  question.scope = *scope;
  question.to = asking.question.at;
  question.from = asking.question.at - asking.question.since;
  if (const std::string from = Text(asking, "from"); !from.empty()) {
    const absl::StatusOr<Timestamp> moment = ParseMoment(from, asking.question.at);
    if (!moment.ok()) return moment.status();
    question.from = *moment;
  }
  question.ns = asking.question.all_namespaces ? "" : asking.question.ns;
  question.labels = asking.question.labels;
  question.limit = asking.page.limit;
  query::BudgetMeter meter(asking.budget);
  const auto answer = query::Diff(asking.view, question, &meter);
  if (!answer.ok()) return answer.status();
  return Render(*answer);
}

}  // namespace kg::server
