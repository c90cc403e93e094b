#include "query/severity.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kg::query {
namespace {

// How many deliveries a slot's bits stand for. One bit per delivery hash; collisions are corrected
// as the engine counts them.
double Distinct(const SeriesPoint& p) {
  constexpr int kBits = 64;
  const int zeros = kBits - std::popcount(p.seen);
  return zeros == 0 ? kBits * std::log(kBits) : -kBits * std::log(double(zeros) / kBits);
}

// The occurrences before the last one of slot i that lie within the window, going by what was
// delivered and by how far the source's own count rose meanwhile; the larger is true.
int64_t RepeatsBefore(const EpisodeRecord& r, size_t i) {
  const Duration width = std::chrono::minutes(r.width_minutes);
  const double share =
      width <= kEscalationWindow ? 1.0 : double(kEscalationWindow.count()) / width.count();
  double delivered = 0;
  int64_t count_first = r.points[i].source_count;
  for (size_t j = i + 1; j-- > 0;) {
    if (r.points[i].slot - r.points[j].slot >= kEscalationWindow) break;
    delivered += Distinct(r.points[j]) * share;
    if (r.points[j].source_count > 0) count_first = std::min(count_first, r.points[j].source_count);
  }
  const int64_t counted = r.points[i].source_count - count_first;
  return std::max<int64_t>(std::llround(delivered) - 1, counted);
}

}  // namespace

EpisodeRecord AsOf(const EpisodeRecord& record, Timestamp as_of) {
  EpisodeRecord r = record;
  if (r.end > as_of) r.end = kForever;
  r.points.erase(std::remove_if(r.points.begin(), r.points.end(),
                                [&](const SeriesPoint& p) { return p.slot > as_of; }),
                 r.points.end());
  r.runs.erase(std::remove_if(r.runs.begin(), r.runs.end(),
                              [&](const Interval& run) { return run.from > as_of; }),
               r.runs.end());
  for (Interval& run : r.runs) {
    if (run.to > as_of) run.to = kForever;
  }
  return r;
}

Timestamp LastOccurrence(const EpisodeRecord& record) {
  if (record.end != kForever) return std::max(record.onset, record.end);
  return record.points.empty() ? record.onset : std::max(record.onset, record.points.back().slot);
}

Escalation Escalate(const EpisodeRecord& record) {
  Escalation e;
  e.severity = record.severity;
  for (size_t i = 0; i < record.points.size(); ++i) {
    e.repeats = std::max(e.repeats, RepeatsBefore(record, i));
  }
  if (e.repeats < kEscalationRepeats) return e;
  if (e.severity == Severity::kWarning)
    e.severity = Severity::kError;
  else if (e.severity == Severity::kError)
    e.severity = Severity::kFatal;
  e.escalated = e.severity != record.severity;
  return e;
}

}  // namespace kg::query
