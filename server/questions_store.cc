#include "absl/strings/str_cat.h"
#include "query/stats.h"
#include "server/questions.h"
#include "server/render.h"

// Questions about the store itself.

namespace kg::server {
namespace {

namespace json = boost::json;

// `scope`: where the letter was found; it names no more than the record did.
json::value RenderLetter(const DeadLetter& letter, const ScopeDescription& scope) {
  return json::object{{"id", DeadLetterId(letter)},
                      {"at", RenderTime(letter.at)},
                      {"source", letter.source},
                      {"position", letter.position},
                      {"size_bytes", letter.size_bytes},
                      {"reason", letter.reason},
                      {"excerpt", RenderOptional(letter.excerpt)},
                      {"record", letter.mutation ? Render(*letter.mutation) : json::value(nullptr)},
                      {"tenant", RenderOptional(scope.tenant)},
                      {"cluster", RenderOptional(scope.cluster)}};
}

}  // namespace

Answered AskStats(const Asking& asking) {
  const absl::StatusOr<DatabaseStats> stats = asking.database.Stats();
  if (!stats.ok()) return stats.status();
  std::optional<ScopeId> narrowed;
  const ScopeName& name = asking.question.scope;
  if (!name.tenant.empty() || !name.cluster.empty()) {
    const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, name);
    if (!scope.ok()) return scope.status();
    narrowed = *scope;
  }
  query::BudgetMeter meter(asking.budget);
  const auto answer = query::Stats(asking.view, *stats, narrowed, &meter);
  if (!answer.ok()) return answer.status();
  return Render(*answer);
}

Answered AskDeadLetters(const Asking& asking) {
  const ScopeName& name = asking.question.scope;
  std::optional<ScopeId> only;
  if (!name.tenant.empty() || !name.cluster.empty()) {
    const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, name);
    if (!scope.ok()) return scope.status();
    only = *scope;
  }
  json::array shown;
  size_t total = 0;
  for (const ScopeDescription& scope : asking.view.scopes()) {
    if (only.has_value() && scope.id != *only) continue;
    const auto letters = asking.view.DeadLetters(scope.id, 100'000);
    if (!letters.ok()) return letters.status();
    total += letters->size();
    for (const DeadLetter& letter : *letters) {
      if (shown.size() >= asking.page.limit) break;
      shown.push_back(RenderLetter(letter, scope));
    }
  }
  return json::object{{"dead_letters", std::move(shown)},
                      {"total", total},
                      {"as_of", RenderTime(asking.question.at)}};
}

}  // namespace kg::server
