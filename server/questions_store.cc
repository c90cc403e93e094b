#include "absl/strings/str_cat.h"
#include "query/stats.h"
#include "server/questions.h"
#include "server/render.h"

// Questions about the store itself.

namespace kg::server {
namespace {

namespace json = boost::json;

json::value RenderLetter(const DeadLetter& letter) {
  return json::object{{"at", RenderTime(letter.at)},
                      {"source", letter.source},
                      {"position", letter.position},
                      {"size_bytes", letter.size_bytes},
                      {"reason", letter.reason},
                      {"excerpt", RenderOptional(letter.excerpt)},
                      {"tenant", RenderOptional(letter.scope.tenant)},
                      {"cluster", RenderOptional(letter.scope.cluster)}};
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
  const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, asking.question.scope);
  json::array shown;
  size_t total = 0;
  // A store that has seen nothing it understood may still hold letters, but no scope to ask for.
  if (!scope.ok() && !asking.view.scopes().empty()) return scope.status();
  if (scope.ok()) {
    const auto letters = asking.view.DeadLetters(*scope, 100'000);
    if (!letters.ok()) return letters.status();
    total = letters->size();
    for (const DeadLetter& letter : *letters) {
      if (shown.size() >= asking.page.limit) break;
      shown.push_back(RenderLetter(letter));
    }
  }
  return json::object{{"dead_letters", std::move(shown)},
                      {"total", total},
                      {"as_of", RenderTime(asking.question.at)}};
}

}  // namespace kg::server
