#pragma once

#include <string>
#include <vector>

#include "engine/graph.h"
#include "engine/mutation.h"
#include "storage/types.h"

namespace kg {

// Deliveries of a series within one slot of time. Merging two is union and maximum, so any order
// and any repetition gives the same.
struct SeriesPoint {
  Timestamp slot;            // start, a multiple of the series' width
  uint64_t seen = 0;         // one bit per delivery hash
  int64_t source_count = 0;  // the largest count the source gave

  bool operator==(const SeriesPoint&) const = default;
};

// One burst of an episode, whole: what an E row holds.
struct EpisodeRecord {
  ScopeId scope;
  ResourceId resource;
  ClassId cls;
  std::vector<ClassId> more_classes;
  Category category = Category::kInfo;
  Severity severity = Severity::kInfo;
  Timestamp earliest;
  Timestamp onset;
  Timestamp end;  // kForever while it holds
  std::string event_id;
  std::string etype;
  std::string reason;
  std::string message;
  Timestamp message_time = kBeginning;  // of the delivery that the message is from
  std::string container;
  std::string emitter;
  std::string type;
  std::string named_severity;
  std::vector<std::string> other_ids;
  int width_minutes = 1;
  std::vector<SeriesPoint> points;  // at most kMaxPoints, by slot
  std::vector<std::string> paths;
  TimeSource time_source = TimeSource::kSource;
  ResourceId blamed;  // the object its message names as missing, exhausted or refusing
  std::string uid;
  std::vector<Interval> runs;  // an alert's firings

  static constexpr size_t kMaxPoints = 64;

  EpisodeHash hash() const { return storage::keys::HashEventId(event_id); }
  EpisodeKey key() const { return {onset, hash()}; }
  // The larger of the source's own count and the distinct deliveries seen; `*at_least` when
  // saturated.
  int64_t Occurrences(bool* at_least = nullptr) const;
  // Adds one delivery at `t`.
  void AddPoint(Timestamp t, uint64_t delivery_hash, int64_t source_count);
  // Takes over what `o`, another part of the same run, says.
  void Merge(const EpisodeRecord& o);

  bool operator==(const EpisodeRecord&) const = default;
};

// What the graph holds of a record under `key`, without links.
Burst BurstOf(EpisodeKey key, const EpisodeRecord& record);

}  // namespace kg
