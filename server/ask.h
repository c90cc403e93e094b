#pragma once

#include <boost/json.hpp>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/database.h"
#include "query/budget.h"
#include "server/http.h"

// One door for every question, whether it comes over HTTP or from a command line: parameters as
// text in, the answer's JSON out.

namespace kg::server {

struct AskOptions {
  // What a question without `at` is about, and what `-15m` and `10:42` count from: the wall clock
  // on a node, the data clock in a directory that nobody writes.
  enum class Clock { kWall, kData } clock = Clock::kData;
  std::function<Timestamp()> now;  // the wall clock; empty: the system's
  query::Budget budget;
  std::string backup_dir;  // what doctor looks at; empty: nothing is said of backups
};

// Asks `question`: rca, blast-radius, neighbours, path, timeline, resource, events, incidents,
// stats, diff, dead-letters, doctor or names. Parameters common to all: namespace, all_namespaces,
// tenant, cluster, at, since, selector (labels), object; others are listed with each question in
// server/README.md. An unknown parameter is InvalidArgument and names the nearest; so is a value
// that can't be read. NotFound: no such object, scope, incident or event; the message says what is
// near. NotFound too for a question that there is not. Thread-safe.
absl::StatusOr<boost::json::value> Ask(const Database& database, absl::string_view question,
                                       const Params& params, const AskOptions& options);

// Whether Ask knows this question.
bool IsQuestion(absl::string_view question);

// The wall clock of `options`.
Timestamp WallNow(const AskOptions& options);

}  // namespace kg::server
