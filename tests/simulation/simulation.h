#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kg::simulation {

// What one step does.
enum class Op : uint8_t {
  kApply,      // the next batch of the stream; the clock moves on with it
  kApplyMany,  // a few of them
  kLeap,         // the wall clock runs ahead of the data by up to an hour
  kSettle,
  kMaintain,
  kCheckpoint,  // made, opened for reading, compared, removed
  kReopen,      // closed and opened, with another memory window
  kPowerCut,    // within the next operations of the disk; then opened
  kDiskFull,    // soon; until kDiskFree
  kDiskFree,
  kFailWrite,  // one append or sync somewhere fails
  kFailRead,   // one read of a table fails
  kCompare,    // dumps and answers
};
constexpr int kOps = 13;
const char* NameOf(Op op);

struct Step {
  Op op = Op::kApply;
  uint64_t chance = 0;  // decides what the operation leaves open
};

// The steps of a seed: the same everywhere.
std::vector<Step> StepsOf(uint64_t seed, int count);

struct Outcome {
  absl::Status status;  // of the first invariant that did not hold
  size_t steps = 0;     // taken until then
  int64_t batches = 0;  // that were acknowledged in the end
  int64_t power_cuts = 0;
  int64_t errors = 0;  // answers that were errors, as they may be
};

// Runs the steps on a database over a simulated disk, and compares with a database without faults
// that was told the same batches. After each step: what was acknowledged is there; the batch that
// was under way is there whole or not at all, and the position says which; the view tells of no
// batch that the position does not. Whenever the disk is sound: dumps are equal, and so are the
// answers to questions about every incident and failure.
Outcome Run(uint64_t seed, const std::vector<Step>& steps);

// Fewer steps that fail as well; at most `runs` tries.
std::vector<Step> Shrink(uint64_t seed, std::vector<Step> steps, int runs);

}  // namespace kg::simulation
