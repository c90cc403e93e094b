#include "server/retry.h"

#include "query/scope.h"

namespace kg::server {
namespace {

namespace json = boost::json;

constexpr size_t kLettersLookedAt = 100'000;
constexpr size_t kBatch = 500;
constexpr uint64_t kBatchBytes = 16u << 20;
constexpr size_t kProblemsKept = 10;

absl::Status ApplyKept(Database* database, Batch batch, RetryReport* report) {
  const auto given = static_cast<int64_t>(batch.mutations.size());
  if (given == 0) return absl::OkStatus();
  const absl::StatusOr<ApplyResult> result = database->Apply(std::move(batch));
  if (!result.ok()) return result.status();
  report->mended += given - result->refused;
  report->refused += result->dead_letters;
  report->expired += result->refused - result->dead_letters;
  for (const std::string& problem : result->problems) {
    if (report->problems.size() < kProblemsKept) report->problems.push_back(problem);
  }
  return absl::OkStatus();
}

absl::Status RetryScope(Database* database, const View& view, ScopeId scope, RetryReport* report) {
  absl::StatusOr<std::vector<DeadLetter>> letters = view.DeadLetters(scope, kLettersLookedAt);
  if (!letters.ok()) return letters.status();
  Batch batch;
  uint64_t bytes = 0;
  for (DeadLetter& letter : *letters) {
    ++report->letters;
    if (!letter.mutation) {
      ++report->unread[{letter.source, letter.read_with}];
      continue;
    }
    batch.mended.push_back({scope, DeadLetterId(letter)});
    bytes += ApproximateBytes(*letter.mutation);
    batch.mutations.push_back(*std::move(letter.mutation));
    if (batch.mutations.size() < kBatch && bytes < kBatchBytes) continue;
    absl::Status applied = ApplyKept(database, std::move(batch), report);
    if (!applied.ok()) return applied;
    batch = Batch();
    bytes = 0;
  }
  return ApplyKept(database, std::move(batch), report);
}

}  // namespace

absl::StatusOr<RetryReport> RetryKept(Database* database, const ScopeName& scope) {
  RetryReport report;
  const std::shared_ptr<const View> view = database->GetView();
  std::vector<ScopeId> scopes;
  if (scope.tenant.empty() && scope.cluster.empty()) {
    for (const ScopeDescription& s : view->scopes()) scopes.push_back(s.id);
  } else {
    const absl::StatusOr<ScopeId> named = query::ResolveScope(*view, scope);
    if (!named.ok()) return named.status();
    scopes.push_back(*named);
  }
  for (const ScopeId id : scopes) {
    if (absl::Status tried = RetryScope(database, *view, id, &report); !tried.ok()) return tried;
  }
  if (absl::Status settled = database->Settle(); !settled.ok()) return settled;
  return report;
}

json::value Render(const RetryReport& report) {
  json::array problems, unread;
  for (const std::string& problem : report.problems) problems.emplace_back(problem);
  for (const auto& [from, letters] : report.unread) {
    unread.push_back(
        json::object{{"source", from.first}, {"read_with", from.second}, {"letters", letters}});
  }
  return json::object{{"letters", report.letters},       {"mended", report.mended},
                      {"refused", report.refused},       {"expired", report.expired},
                      {"problems", std::move(problems)}, {"unread", std::move(unread)}};
}

}  // namespace kg::server
