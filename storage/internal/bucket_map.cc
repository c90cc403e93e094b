#include "storage/internal/bucket_map.h"

#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/str_cat.h"

namespace kg::storage {

Timestamp BucketStart(const BucketPtr& bucket) {
  return bucket->span.from;
}
Timestamp BucketEnd(const BucketPtr& bucket) {
  return bucket->span.to;
}

namespace internal {
namespace {

constexpr int kBucketsPerRetention = 28;
// Besides those within retention: the ones ahead of the clock, and room for cuts.
constexpr int64_t kSpareBuckets = 6;
constexpr Duration kDay = std::chrono::hours(24);

Timestamp AlignDown(Timestamp t, Duration width) {
  const int64_t w = width.count();
  int64_t q = ToMicros(t) / w;
  if (ToMicros(t) % w < 0) --q;
  return FromMicros(q * w);
}

}  // namespace

std::optional<size_t> IndexOfBucket(const BucketMap& map, Timestamp t) {
  const auto after = std::upper_bound(
      map.begin(), map.end(), t, [](Timestamp v, const BucketPtr& b) { return v < b->span.from; });
  if (after == map.begin()) return std::nullopt;
  const auto candidate = std::prev(after);
  if (!(*candidate)->span.Contains(t)) return std::nullopt;
  return static_cast<size_t>(candidate - map.begin());
}

absl::StatusOr<Duration> ChooseWidth(Duration retention, Duration configured) {
  if (retention <= Duration::zero()) {
    return absl::InvalidArgumentError("retention must be longer than nothing");
  }
  if (configured < Duration::zero()) {
    return absl::InvalidArgumentError("bucket width must not be negative");
  }
  if (configured > Duration::zero()) {
    const int64_t needed = retention / configured + kSpareBuckets;
    if (needed > static_cast<int64_t>(kMaxLiveBuckets)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "buckets of ", configured / 1s, " s need ", needed, " of them for a retention of ",
          retention / 1s, " s; at most ", kMaxLiveBuckets, " may live: make them wider"));
    }
    return configured;
  }
  const Duration wanted = retention / kBucketsPerRetention;
  for (const int hours : std::array{1, 2, 3, 4, 6, 8, 12, 24}) {
    if (wanted <= std::chrono::hours(hours)) return Duration(std::chrono::hours(hours));
  }
  return kDay * ((wanted + kDay - Duration(1)) / kDay);
}

Timestamp SaturatingSub(Timestamp t, Duration d) {
  return t < kBeginning + d ? kBeginning : t - d;
}

Timestamp SaturatingAdd(Timestamp t, Duration d) {
  return t > kForever - d ? kForever : t + d;
}

BucketPlan PlanBuckets(const std::vector<Interval>& live, const std::vector<Timestamp>& times,
                       Duration width, Timestamp dropped_until) {
  struct Slot {
    Timestamp end;
    bool is_new = false;
    bool stretched = false;
  };
  std::map<Timestamp, Slot> slots;
  for (const Interval& span : live) slots[span.from] = Slot{span.to};

  for (const Timestamp t : times) {
    if (t < dropped_until || t > SaturatingSub(kForever, width) ||
        t < SaturatingAdd(kBeginning, width)) {
      continue;
    }
    const auto next = slots.upper_bound(t);
    const auto previous = next == slots.begin() ? slots.end() : std::prev(next);
    if (previous != slots.end() && t < previous->second.end) continue;
    Interval span{AlignDown(t, width), AlignDown(t, width) + width};
    span.from = std::max(span.from, dropped_until);
    if (previous != slots.end()) span.from = std::max(span.from, previous->second.end);
    if (next != slots.end()) span.to = std::min(span.to, next->first);
    if (slots.size() < kMaxLiveBuckets) {
      slots[span.from] = Slot{span.to, true};
    } else if (previous != slots.end()) {
      previous->second.end = span.to;
      previous->second.stretched = true;
    }
  }

  BucketPlan plan;
  for (const auto& [start, slot] : slots) {
    if (slot.is_new) plan.create.push_back({start, slot.end});
    if (!slot.is_new && slot.stretched) plan.stretch.push_back({start, slot.end});
  }
  return plan;
}

}  // namespace internal
}  // namespace kg::storage
