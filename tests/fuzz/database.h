#pragma once

#include <memory>
#include <string>

#include "engine/database.h"
#include "storage/types.h"
#include "tests/fuzz/seeds.h"

namespace kg::fuzz {

// The wall clock of all fuzzed databases: just behind the recordings' incident.
Timestamp WallClock();

// A recorded incident, small enough to be copied for each input.
class SmallDatabase {
 public:
  // The directory of it, closed; made at the first call, for the process.
  static const std::string& Directory();
  // A copy of it, open, in a directory that goes with the process.
  static std::unique_ptr<Database> Open();
  static DatabaseOptions Options();
};

// A database with rows that are not as they were written: the first two bytes choose a row, the
// third what happens to it. It either refuses to open or goes on and answers.
void DamagedRows(absl::string_view input);
Seeds DamagedRowSeeds();

}  // namespace kg::fuzz
