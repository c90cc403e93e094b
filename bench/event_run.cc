#include "bench/event_run.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/store_rows.h"

namespace kg::bench {

double EventRun::candidates_per_effect() const {
  const int64_t candidates = after.candidates_scored - before.candidates_scored;
  return static_cast<double>(candidates) / std::max<double>(1, static_cast<double>(effects()));
}

EventRun ApplyEvents(Database* db, uint64_t from, uint64_t to, int parts,
                     const std::function<EventRecord(uint64_t)>& next) {
  EventRun run;
  run.before = *db->Stats();
  run.events = to - from;
  double part_seconds = 0;
  const uint64_t part_size = std::max<uint64_t>(1, run.events / parts);
  uint64_t part = 0, part_end = from + part_size;
  for (uint64_t i = from; i < to;) {
    Batch batch;
    for (; i < to && batch.mutations.size() < kBatch; ++i) batch.mutations.push_back(next(i));
    part += batch.mutations.size();
    const Stopwatch watch;
    Check(db->Apply(std::move(batch)).status(), "applying events");
    const double took = watch.seconds();
    run.seconds += took;
    part_seconds += took;
    ++run.commits;
    if (i >= part_end || i == to) {
      run.parts.push_back(static_cast<double>(part) / part_seconds);
      part_end += part_size;
      part = 0;
      part_seconds = 0;
    }
  }
  run.after = *db->Stats();
  return run;
}

void NoteCounts(const EventRun& run, Report* report) {
  const double events = static_cast<double>(run.events);
  const double failures =
      std::max<double>(1, static_cast<double>(run.after.failures - run.before.failures));
  report->Note(absl::StrFormat(
      "%d events: %d episodes, %d links stored (%.2f for each failure), %d effects looked at (%.1f "
      "times each), %.1f candidates per effect, %.1f rows and %.0f bytes per event",
      run.events, run.episodes(), run.links(), static_cast<double>(run.links()) / failures,
      run.effects(), static_cast<double>(run.effects()) / failures, run.candidates_per_effect(),
      static_cast<double>(run.rows()) / events,
      static_cast<double>(run.after.bytes_written - run.before.bytes_written) / events));
  std::string parts = "events/s by part of the run:";
  for (double p : run.parts) absl::StrAppendFormat(&parts, " %.0f", p);
  report->Note(parts);
}

double FillRate(const ScratchDir& scratch, const std::string& data, const std::string& name,
                const EventRun& run, Report* report) {
  const std::vector<StoredRow> rows = ReadRows(data, ScopeId(1));
  const double rewrite =
      static_cast<double>(run.rows()) / std::max<double>(1, static_cast<double>(rows.size()));
  const FillResult fill = FillBatch(scratch.Sub(name), rows, run.commits, rewrite);
  report->Note(absl::StrFormat("fillbatch: %d rows, %.1f MB in %d batches, %.2f s", fill.rows,
                               static_cast<double>(fill.bytes) / 1e6, run.commits, fill.seconds));
  return static_cast<double>(run.events) / fill.seconds;
}

}  // namespace kg::bench
