#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "query/blast_radius.h"
#include "query/neighbours.h"
#include "query/resource.h"
#include "query/root_cause.h"
#include "server/questions.h"
#include "server/render.h"

// Questions that walk the graph.

namespace kg::server {
namespace {

ResourceId SubjectOf(const View& view, const query::Target& target) {
  if (target.resource) return *target.resource;
  if (target.incident != nullptr) return target.incident->root_resource;
  if (target.episode) {
    const auto record = view.Episode(target.scope, *target.episode);
    if (record.ok() && record->has_value()) return (*record)->resource;
  }
  return ResourceId();
}

}  // namespace

absl::StatusOr<Subject> FindSubject(const Asking& asking, const std::string& text) {
  const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, asking.question.scope);
  if (!scope.ok()) return scope.status();
  if (text.empty()) {
    return absl::InvalidArgumentError("name an object, as in deployment/cart -n shop");
  }
  absl::StatusOr<query::Target> target =
      query::ResolveObject(asking.view, *scope, text, asking.question.ns);
  if (!target.ok()) return target.status();
  Subject subject{*std::move(target), ResourceId()};
  subject.resource = SubjectOf(asking.view, subject.target);
  if (subject.resource == ResourceId()) {
    return absl::NotFoundError(absl::StrCat("'", text, "' is about no object that is still known"));
  }
  return subject;
}

Answered AskRca(const Asking& asking) {
  const auto answer = query::RootCause(asking.view, asking.question, asking.budget);
  if (!answer.ok()) return answer.status();
  return Render(*answer);
}

Answered AskBlastRadius(const Asking& asking) {
  const absl::StatusOr<Subject> subject = FindSubject(asking, asking.question.object);
  if (!subject.ok()) return subject.status();
  const absl::StatusOr<int64_t> hops = Number(asking, "hops", 8, 1, 32);
  if (!hops.ok()) return hops.status();
  query::BlastRadiusQuestion question;
  query::BlastOrigin origin;
  origin.resource = subject->resource;
  const query::Target& target = subject->target;
  if (target.incident != nullptr) origin.since = target.incident->root.onset;
  if (target.episode) origin.since = target.episode->onset;
  question.origins.push_back(origin);
  question.window = asking.question.Window();
  question.max_hops = static_cast<int>(*hops);
  question.limit = asking.page.limit;
  query::BudgetMeter meter(asking.budget);
  return Render(query::FindBlastRadius(asking.view, question, &meter));
}

Answered AskNeighbours(const Asking& asking) {
  const absl::StatusOr<Subject> of = FindSubject(asking, asking.question.object);
  if (!of.ok()) return of.status();
  const absl::StatusOr<int64_t> hops = Number(asking, "hops", 1, 1, query::kMaxHops);
  if (!hops.ok()) return hops.status();
  query::NeighboursQuestion question;
  question.of = of->resource;
  question.hops = static_cast<int>(*hops);
  question.types = Words(asking, "types");
  question.page = asking.page;
  const std::string direction = Text(asking, "direction");
  if (direction == "out") {
    question.direction = query::WalkDirection::kOut;
  } else if (direction == "in") {
    question.direction = query::WalkDirection::kIn;
  } else if (!direction.empty() && direction != "both") {
    return absl::InvalidArgumentError(
        absl::StrCat("'direction' is '", direction, "'; give out, in or both"));
  }
  query::BudgetMeter meter(asking.budget);
  const auto answer = query::FindNeighbours(asking.view, question, &meter);
  if (!answer.ok()) return answer.status();
  return Render(*answer);
}

Answered AskPath(const Asking& asking) {
  const std::string to_text = Text(asking, "to");
  if (to_text.empty()) {
    return absl::InvalidArgumentError("'to' is missing: the other end, as in node/n3");
  }
  const absl::StatusOr<Subject> from = FindSubject(asking, asking.question.object);
  if (!from.ok()) return from.status();
  const absl::StatusOr<Subject> to = FindSubject(asking, to_text);
  if (!to.ok()) return to.status();
  query::BudgetMeter meter(asking.budget);
  return Render(query::FindPath(asking.view, from->resource, to->resource, &meter));
}

Answered AskResource(const Asking& asking) {
  const absl::StatusOr<Subject> of = FindSubject(asking, asking.question.object);
  if (!of.ok()) return of.status();
  query::ResourceQuestion question;
  question.scope = of->target.scope;
  question.of = of->resource;
  // Without --since all revisions that are kept.
  question.window = asking.since_given
                        ? asking.question.Window()
                        : Interval{asking.view.oldest(), asking.question.at + Duration(1)};
  query::BudgetMeter meter(asking.budget);
  const auto answer = query::ShowResource(asking.view, question, &meter);
  if (!answer.ok()) return answer.status();
  return Render(*answer);
}

}  // namespace kg::server
