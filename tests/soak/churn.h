#pragma once

#include <cstdint>
#include <vector>

#include "engine/mutation.h"

namespace kg::soak {

// What a small cluster sends in one hour, again and again: pods come and go, some of them fail,
// nodes report, an alert fires and is resolved. Every hour is as busy as the others, so whatever
// grows from hour to hour is kept too long.
class Churn {
 public:
  explicit Churn(uint64_t seed) : seed_(seed) {}

  // The records of the minute that begins at `at`.
  std::vector<Mutation> Minute(Timestamp at);

 private:
  uint64_t Draw(uint64_t below);

  uint64_t seed_;
  uint64_t minute_ = 0;
};

}  // namespace kg::soak
