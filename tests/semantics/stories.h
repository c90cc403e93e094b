#pragma once

#include <vector>

#include "tests/semantics/telling.h"

namespace kg::semantics {

// What a random story may hold.
struct StoryLimits {
  int records = 60;
  // Sightings that confirm a state are durable only some time later; a story that is told across a
  // restart says each of them once.
  bool across_restart = false;
};

// Records of every kind over a few scopes, namespaces, objects and hours, with repeats, ties in
// time and names used again. The same for the same seed, everywhere. Each is small enough to be
// read in a failure.
std::vector<Mutation> RandomStory(uint64_t seed, const StoryLimits& limits);

// One line, to print a story that fails.
std::string Describe(const Mutation& m);

}  // namespace kg::semantics
