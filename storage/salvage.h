#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Making a store whole again beside the one that is damaged: all work is done in a copy, which
// takes the store's place at the end or not at all.

namespace kg::storage {

// A copy of the store in `path`, which nobody has open for writing, in `target`, which must not
// exist. Table files are shared by hard links, so both must lie on one file system; whatever is
// done to the copy later leaves the original as it is. Fails with FailedPrecondition where links
// can't be made.
absl::Status CopyStore(const std::string& path, const std::string& target);

// What was in a table file that could not be read whole.
struct LostRows {
  std::string file;
  std::string family;  // column family, empty when unknown
  uint64_t rows = 0;   // that could not be read; 0 with `all`
  bool all = false;    // not even their number is known
  // Whole keys, of the last row that could be read before the damage and of the first behind it;
  // empty: from the beginning, to the end of the file.
  std::string after, before;
};

// Takes what is damaged out of the store in `dir` (a copy) and keeps all else: the commits of a log
// up to the first damaged one, the rows of damaged table files that can be read from either end, a
// new MANIFEST where the old one is damaged. Afterwards Store::Open takes it. Rows that were
// deleted since may come back with those of a damaged file. DataLoss when nothing helps.
absl::StatusOr<std::vector<LostRows>> Salvage(const std::string& dir);

// `path` becomes `aside`, which must not exist, and `target` becomes `path`. Between the two
// renames a crash leaves both under their new names; nothing is lost.
absl::Status SwapIn(const std::string& target, const std::string& path, const std::string& aside);

}  // namespace kg::storage
