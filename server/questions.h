#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/database.h"
#include "query/budget.h"
#include "query/page.h"
#include "query/scope.h"
#include "server/http.h"

// One function per question: from what was asked to JSON.

namespace kg::server {

// A question after its common parameters were understood.
struct Asking {
  const Database& database;
  const View& view;  // as of `question.at`
  query::Question question;
  query::Page page;
  query::Budget budget;
  const Params& params;
  bool since_given = false;
  Timestamp wall_now;
  const std::string& backup_dir;  // see AskOptions
};

// The value of a parameter; empty where it was not given.
std::string Text(const Asking& asking, absl::string_view name);
// A whole number in [low, high]; `fallback` where it was not given. InvalidArgument names it.
absl::StatusOr<int64_t> Number(const Asking& asking, absl::string_view name, int64_t fallback,
                               int64_t low, int64_t high);
// "true", "1", "" (given without a value) or "false", "0".
absl::StatusOr<bool> Flag(const Asking& asking, absl::string_view name);
// Words separated by commas.
std::vector<std::string> Words(const Asking& asking, absl::string_view name);

// An object that a text names, or that the incident or event it names is about.
struct Subject {
  query::Target target;
  ResourceId resource;
};
// InvalidArgument when `text` is empty; NotFound when there is no such thing.
absl::StatusOr<Subject> FindSubject(const Asking& asking, const std::string& text);

using Answered = absl::StatusOr<boost::json::value>;

Answered AskRca(const Asking& asking);
Answered AskBlastRadius(const Asking& asking);
Answered AskNeighbours(const Asking& asking);
Answered AskPath(const Asking& asking);
Answered AskTimeline(const Asking& asking);
Answered AskResource(const Asking& asking);
Answered AskEvents(const Asking& asking);
Answered AskIncidents(const Asking& asking);
Answered AskStats(const Asking& asking);
Answered AskDiff(const Asking& asking);
Answered AskDeadLetters(const Asking& asking);
Answered AskDoctor(const Asking& asking);
Answered AskNames(const Asking& asking);

}  // namespace kg::server
