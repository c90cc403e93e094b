#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace kg::crash {

struct LoopOptions {
  uint64_t seed = 1;
  int64_t kills = 200;
  absl::Duration time = absl::InfiniteDuration();  // ends by itself after this, whatever `kills`
  std::string dir;                                 // empty, to work in
  bool quiet = false;
};

struct LoopResult {
  int64_t kills = 0;
  int64_t batches = 0;          // that the database stood at in the end
  int64_t in_flight_kept = 0;   // batches that were there though nobody had been told
  int64_t while_opening = 0;    // kills before the child could say that it was open
  int64_t copies_compared = 0;  // checkpoints that were opened
};

// Kills a child (see child.h) at random moments. After each kill the database is opened here and
// must stand at the last acknowledged batch, or at the one that was in flight, whole; its canonical
// dump must equal that of a database which applied the same batches undisturbed, and so must its
// feed, of which some kills take a look. A checkpoint that the child reported as made must hold
// what was acknowledged until then. An error tells what was wrong and after which kill.
absl::Status RunLoop(const LoopOptions& options, LoopResult* result);

}  // namespace kg::crash
