#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>

// The vocabulary every layer shares: points in time, and ids that can't be mixed up.

namespace kg {

// All times are microseconds since the Unix epoch, UTC. Wire formats with finer clocks are
// truncated.
using Duration = std::chrono::microseconds;
using Timestamp = std::chrono::sys_time<Duration>;

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

// An interval without an end ends at kForever; nothing that happened is dated so.
inline constexpr Timestamp kForever = Timestamp::max();
inline constexpr Timestamp kBeginning = Timestamp::min();

inline constexpr int64_t ToMicros(Timestamp t) {
  return t.time_since_epoch().count();
}
inline constexpr Timestamp FromMicros(int64_t us) {
  return Timestamp{Duration{us}};
}

// Half-open: contains from, not to. Empty when to <= from.
struct Interval {
  Timestamp from = kBeginning;
  Timestamp to = kForever;

  constexpr bool Contains(Timestamp t) const { return from <= t && t < to; }
  constexpr bool Overlaps(const Interval& o) const { return from < o.to && o.from < to; }
  constexpr bool empty() const { return to <= from; }
  auto operator<=>(const Interval&) const = default;
};

// An integer with a name: ids of different Tags neither convert nor compare.
template <typename Tag, typename Rep>
struct StrongId {
  Rep value = 0;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}
  auto operator<=>(const StrongId&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const StrongId& id) {
    return H::combine(std::move(h), id.value);
  }
};

// (tenant, cluster), numbered by the registry in `meta`. 0 is never handed out.
using ScopeId = StrongId<struct ScopeIdTag, uint32_t>;
// A slot of the graph: dense over all scopes, so that arrays can be indexed by it. 0 is "none".
using ResourceId = StrongId<struct ResourceIdTag, uint32_t>;
// XXH3-64 of an event id; with the onset it names an episode within a scope.
using EpisodeHash = StrongId<struct EpisodeHashTag, uint64_t>;
// Failure class, numbered in engine/rules/classes.tsv. 0 is "unclassified".
using ClassId = StrongId<struct ClassIdTag, uint16_t>;
// Edge type, numbered in engine/rules/edges.tsv; types from the wire get numbers from 1024 on.
using EdgeTypeId = StrongId<struct EdgeTypeIdTag, uint16_t>;
// First 32 bits of XXH3 of an object's uid; 0: the record named none.
using UidTag = StrongId<struct UidTagTag, uint32_t>;

}  // namespace kg
