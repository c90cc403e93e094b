#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "storage/types.h"

namespace kg::ingest {

// What dates the frames of one stream that name no time of their own.
struct StreamClock {
  std::optional<Timestamp> running;  // the newest time named so far

  // States of an object carry rising resource versions. One that comes behind a state with a higher
  // version is late: it held just before that one. nullopt: it comes in order.
  std::optional<Timestamp> Before(const std::string& object, uint64_t version) const {
    auto states = states_.find(object);
    if (states == states_.end()) return std::nullopt;
    auto next = states->second.upper_bound(version);
    if (next == states->second.end()) return std::nullopt;
    return next->second - Duration(1);
  }
  void Note(const std::string& object, uint64_t version, Timestamp at) {
    if (states_.size() >= kMaxObjects && !states_.contains(object)) return;
    auto& states = states_[object];
    states[version] = at;
    if (states.size() > kMaxStates) states.erase(states.begin());
  }

 private:
  static constexpr size_t kMaxObjects = 1 << 16;  // what further ones send counts as in order
  static constexpr size_t kMaxStates = 32;        // older ones count as long past
  absl::flat_hash_map<std::string, std::map<uint64_t, Timestamp>> states_;
};

}  // namespace kg::ingest
