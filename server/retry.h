#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/database.h"

// Another try for dead letters.

namespace kg::server {

struct RetryReport {
  int64_t letters = 0;  // looked at
  int64_t mended = 0;   // applied now, and taken out
  int64_t refused = 0;  // refused again; they stay
  int64_t expired = 0;  // older than retention by now, so of no use any more; taken out
  std::vector<std::string> problems;
  // Letters of which only the place is known, by source and how it was read: (source, read_with).
  std::map<std::pair<std::string, std::string>, int64_t> unread;
};

// Applies what dead letters hold of records that decoded. Those that hold none are only counted:
// their sources have to be read again. `scope`: names as in a question; empty: everything.
// NotFound: no such scope.
absl::StatusOr<RetryReport> RetryKept(Database* database, const ScopeName& scope);

// {"letters","mended","refused","expired","problems":[…],"unread":[{"source","read_with","letters"}]}
boost::json::value Render(const RetryReport& report);

}  // namespace kg::server
