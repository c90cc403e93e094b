#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// What is fed with bytes that nobody vouches for, each piece by itself.

namespace kg::fuzz {

struct Target {
  const char* name;
  const char* part;  // ingest, rows, copies, server, kgctl: what tests are named by
  const char* is;    // one line for the list
  // Takes any bytes. Ends the process on what must never happen (see expect.h).
  void (*run)(absl::string_view input);
  // Good inputs, made from what the repository holds.
  std::vector<std::string> (*seeds)();
  size_t max_bytes = 8192;  // of one input
  int rounds = 400;         // mutilated seeds that the tests try: what ten seconds are good for
};

const std::vector<Target>& Targets();
const Target* FindTarget(absl::string_view name);  // nullptr: none of this name

}  // namespace kg::fuzz
