#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/store.h"

namespace kg {

// Where the checkpoint stands inside of the data directory; format 1 is all there is before this
// one.
inline constexpr char kBeforeMigration[] = "before-format-2";

struct MigrateOptions {
  size_t rows_per_step = 4000;
  // After each step is durable, with the rows looked at so far.
  std::function<void(uint64_t rows)> after_step;
};

// Whether rows may stand as an earlier format wrote them.
absl::StatusOr<bool> NeedsMigration(const storage::Store& store);

// Brings all rows of a store that is open for writing to the format of this version: first a
// checkpoint in `copy` (unless one is there already), then in steps, each one commit that also says
// how far it came, so that a process that dies goes on there. An older program refuses the
// directory from the first step on. OK and nothing done where nothing is to do.
//
// From 1 to 2: episodes (E) are packed, subject rows (S) lose their values, event ids (X) are found
// under 8 bytes instead of 16 and need no more than the bursts.
absl::Status Migrate(storage::Store* store, const std::string& copy, const MigrateOptions& options);

}  // namespace kg
