#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/database.h"

namespace kg::crash {

// One row of the feed: the episodes that one commit changed.
struct FeedRow {
  uint64_t sequence = 0;
  std::set<std::string> episodes;  // scope and key
};

// The rows of the feed that tell of episodes, by sequence, read from a checkpoint made in `dir`
// (which must not exist, and does not afterwards). Rows that tell of incidents alone are left out:
// expiry makes some whenever it runs.
absl::StatusOr<std::vector<FeedRow>> ReadFeed(Database* db, const std::string& dir);

// Empty when the newest rows of both are the same as far back as both reach: nothing told twice,
// nothing left out. What is wrong otherwise.
std::string CompareFeeds(const std::vector<FeedRow>& expected, const std::vector<FeedRow>& got);

}  // namespace kg::crash
