#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/types.h"

namespace kg {

// One thing was seen in one state from `first` to `last`, and in no other between.
struct Stretch {
  Timestamp first;
  Timestamp last;
  uint64_t state = 0;
  int64_t rank = 0;  // generation: decides between two states seen at the same instant

  auto operator<=>(const Stretch&) const = default;
};

// What one thing looked like over time: a fold over the *set* of sightings (time, state), whatever
// the order in which they arrive.
//
// Operation: sightings of equal states that no other separates are one stretch. A state holds from
// its first sighting until the first of the next stretch. Of two states seen at one instant the
// larger rank wins, then the larger state (a hash of content); the loser leaves no trace.
// Limitations: exact sighting times are kept for the last kExact of data time, and up to
// kExactCount of older ones. A sighting that contradicts a stretch where it has none is reported as
// kPoint and changes nothing.
class StretchList {
 public:
  static constexpr Duration kExact = std::chrono::minutes(10);
  static constexpr size_t kExactCount = 64;

  enum class Outcome : uint8_t {
    kNothing,    // known already, or lost to a stronger one of the same instant
    kConfirmed,  // one more sighting of what was known; no boundary between states moved
    kChanged,    // boundaries moved
    kPoint,      // contradicts a longer-confirmed stretch
  };

  Outcome Insert(Timestamp at, uint64_t state, int64_t rank, Timestamp clock);

  // Is it known that this state held then? Inserting that sighting would say nothing new.
  bool Covers(Timestamp at, uint64_t state) const;
  // As if all that `o` was told had been told to this one.
  void Absorb(const StretchList& o, Timestamp clock);

  const std::vector<Stretch>& stretches() const { return stretches_; }
  bool empty() const { return stretches_.empty(); }
  // The exact times that it knows, packed; what a store keeps beside the stretches, so that the
  // list it restores goes on as this one would.
  std::string Sightings() const;
  // `sightings` empty: none are known. False when they are damaged.
  [[nodiscard]] bool Restore(std::vector<Stretch> stretches, absl::string_view sightings);
  // Forgets stretches that were over before `t`.
  void DropBefore(Timestamp t);

 private:
  struct Sighting {
    Timestamp at;
    uint64_t state;
    int64_t rank;
  };

  // False: it was known, or is too old to be.
  bool Remember(Timestamp at, uint64_t state, int64_t rank, Timestamp clock);
  const Stretch* Around(Timestamp at) const;
  void Forget(Timestamp at);
  // The newest sighting of stretch `i` before `t`, the oldest after `t`; `t` itself lies inside.
  Timestamp LastBefore(size_t i, Timestamp t) const;
  Timestamp FirstAfter(size_t i, Timestamp t) const;
  Outcome InsertInside(size_t i, Timestamp at, uint64_t state, int64_t rank, Timestamp clock);
  Outcome ReplaceAt(size_t i, Timestamp at, uint64_t state, int64_t rank);
  void MergeAround(size_t i);

  std::vector<Stretch> stretches_;  // by time, disjoint, neighbours differ in state
  std::vector<Sighting> exact_;     // by time
  Timestamp exact_since_ = kBeginning;
};

}  // namespace kg
