#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/backup.h"
#include "storage/types.h"

// Backups as JSON, and what is to be thought of a folder of them: the same for kgctl on a directory
// and for a node.

namespace kg::server {

// {"name","state","problem","bytes","own_bytes","made","verified":{"at","problem"},"format",
// "commit","data_clock","oldest","counts","positions",…}; what a backup without a manifest lacks is
// null.
boost::json::value Render(const BackupEntry& entry);
// {"folder","backups":[…]}.
boost::json::value RenderBackups(const BackupFolder& folder,
                                 const std::vector<BackupEntry>& entries);
boost::json::value Render(const PruneReport& report);

// What a verification asks the copy: why something is wrong in it, of the first tenant and cluster.
absl::Status AskCopy(const Database& copy);

// {"keep","keep_days"} as text; empty: not said. InvalidArgument names the wrong one.
absl::StatusOr<PruneRule> ReadPruneRule(const std::string& keep, const std::string& keep_days);

// When the last backup is older, doctor says so.
inline constexpr Duration kStaleBackup = std::chrono::hours(48);

}  // namespace kg::server
