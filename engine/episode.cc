#include "engine/episode.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/internal/packed_episode.h"

namespace kg {
namespace {

constexpr int kBits = 64;
using records::kMaxWidthMinutes;

Timestamp SlotOf(Timestamp t, int width_minutes) {
  const int64_t width = int64_t{width_minutes} * 60 * 1'000'000;
  const int64_t us = ToMicros(t);
  const int64_t behind = ((us % width) + width) % width;
  if (us < std::numeric_limits<int64_t>::min() + behind) return kBeginning;
  return FromMicros(us - behind);
}

// Folds points into the smallest width at which they fit; into the widest if they fit at none,
// which takes times that only damage brings.
void Coarsen(std::vector<SeriesPoint>* points, int* width_minutes, int at_least) {
  for (;;) {
    std::sort(points->begin(), points->end(),
              [](const SeriesPoint& a, const SeriesPoint& b) { return a.slot < b.slot; });
    std::vector<SeriesPoint> out;
    for (SeriesPoint p : *points) {
      p.slot = SlotOf(p.slot, *width_minutes);
      if (!out.empty() && out.back().slot == p.slot) {
        out.back().seen |= p.seen;
        out.back().source_count = std::max(out.back().source_count, p.source_count);
      } else {
        out.push_back(p);
      }
    }
    *points = std::move(out);
    if (points->size() <= EpisodeRecord::kMaxPoints && *width_minutes >= at_least) return;
    if (*width_minutes > kMaxWidthMinutes / 2) return;
    *width_minutes *= 2;
  }
}

// Linear counting: how many distinct deliveries set these bits.
double Distinct(uint64_t seen) {
  const int zeros = kBits - std::popcount(seen);
  return zeros == 0 ? kBits * std::log(kBits) : -kBits * std::log(double(zeros) / kBits);
}

}  // namespace

int64_t EpisodeRecord::Occurrences(bool* at_least) const {
  double distinct = 0;
  int64_t source = 0;
  bool saturated = false;
  for (const SeriesPoint& p : points) {
    distinct += Distinct(p.seen);
    source = std::max(source, p.source_count);
    saturated |= std::popcount(p.seen) == kBits;
  }
  if (at_least != nullptr) *at_least = saturated;
  return std::max<int64_t>({source, std::llround(distinct), 1});
}

void EpisodeRecord::AddPoint(Timestamp t, uint64_t delivery_hash, int64_t source_count) {
  points.push_back({SlotOf(t, width_minutes), 1ull << (delivery_hash % kBits), source_count});
  Coarsen(&points, &width_minutes, 1);
}

void EpisodeRecord::Merge(const EpisodeRecord& o) {
  if (event_id.empty()) event_id = o.event_id;
  earliest = std::min(earliest, o.earliest);
  if (o.onset < onset) time_source = o.time_source;
  onset = std::min(onset, o.onset);
  end = std::max(end, o.end);
  if (std::tie(o.message_time, o.message) > std::tie(message_time, message)) {
    cls = o.cls;
    more_classes = o.more_classes;
    category = o.category;
    severity = o.severity;
    reason = o.reason;
    message = o.message;
    message_time = o.message_time;
    container = o.container;
    emitter = o.emitter;
    type = o.type;
    named_severity = o.named_severity;
    blamed = o.blamed;
    etype = o.etype;
    resource = o.resource;
  }
  for (const std::string& id : o.other_ids) {
    if (std::find(other_ids.begin(), other_ids.end(), id) == other_ids.end())
      other_ids.push_back(id);
  }
  std::sort(other_ids.begin(), other_ids.end());
  if (uid.empty()) uid = o.uid;
  if (paths.empty()) paths = o.paths;
  points.insert(points.end(), o.points.begin(), o.points.end());
  width_minutes = std::max(width_minutes, o.width_minutes);
  Coarsen(&points, &width_minutes, width_minutes);
}

Burst BurstOf(EpisodeKey key, const EpisodeRecord& record) {
  Burst burst;
  burst.key = key;
  burst.resource = record.resource;
  burst.cls = record.cls;
  burst.more_classes = record.more_classes;
  burst.category = record.category;
  burst.severity = record.severity;
  burst.earliest = record.earliest;
  burst.end = record.end;
  burst.uid = storage::keys::TagOfUid(record.uid);
  burst.blamed = record.blamed;
  return burst;
}

}  // namespace kg
