#pragma once

#include "storage/types.h"

// Who says that an edge is there. On disk in edge rows: never renumber.

namespace kg::asserters {

inline constexpr uint64_t Make(uint32_t what, uint32_t id) {
  return uint64_t{what} << 32 | id;
}

inline constexpr uint64_t Object(ResourceId giver) {
  return Make(1, giver.value);
}
inline constexpr uint64_t Topology() {
  return Make(2, 0);
}
inline constexpr uint64_t Declared() {
  return Make(3, 0);
}
inline constexpr uint64_t Selector(ResourceId selector) {
  return Make(4, selector.value);
}

}  // namespace kg::asserters
