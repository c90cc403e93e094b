#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "bench/report.h"
#include "engine/database.h"

// Events put into a database in batches, and what that cost.

namespace kg::bench {

inline constexpr size_t kBatch = 1000;
inline constexpr size_t kResources = 5000;

struct EventRun {
  double seconds = 0;
  uint64_t events = 0;
  uint64_t commits = 0;
  std::vector<double> parts;  // events per second of each part of the run
  DatabaseStats before, after;

  double rate() const { return static_cast<double>(events) / seconds; }
  int64_t links() const { return after.links - before.links; }
  int64_t episodes() const { return after.episodes - before.episodes; }
  uint64_t rows() const { return after.rows_written - before.rows_written; }
  int64_t effects() const { return after.effects_linked - before.effects_linked; }
  double candidates_per_effect() const;
};

// Applies the events from..to made by `next` in synced batches of kBatch; making them is not
// counted. `parts` of equal size are timed one by one.
EventRun ApplyEvents(Database* db, uint64_t from, uint64_t to, int parts,
                     const std::function<EventRecord(uint64_t)>& next);

// What was stored and looked at.
void NoteCounts(const EventRun& run, Report* report);

// The bound of a run: the rows that it left in `data`, put by as many synced batches straight into
// a store. Events per second.
double FillRate(const ScratchDir& scratch, const std::string& data, const std::string& name,
                const EventRun& run, Report* report);

}  // namespace kg::bench
