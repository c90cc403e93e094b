#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/measure.h"
#include "bench/setup.h"
#include "bench/store_rows.h"
#include "engine/database.h"

namespace kg::bench {
namespace {

constexpr size_t kBatch = 1000;
constexpr size_t kResources = 5000;

struct Run {
  double seconds = 0;
  std::vector<double> tenths;  // events per second of each tenth of the run
  DatabaseStats before, after;
  uint64_t commits = 0;

  int64_t links() const { return after.links - before.links; }
  int64_t episodes() const { return after.episodes - before.episodes; }
  uint64_t rows() const { return after.rows_written - before.rows_written; }
  uint64_t bytes() const { return after.bytes_written - before.bytes_written; }
};

// Applies `n` events made by `next` in batches; making them is not counted.
template <typename Next>
Run ApplyEvents(Database* db, uint64_t n, Next&& next) {
  Run run;
  run.before = *db->Stats();
  double part_seconds = 0;
  uint64_t part = 0, part_end = std::max<uint64_t>(1, n / 10);
  for (uint64_t i = 0; i < n;) {
    Batch batch;
    for (; i < n && batch.mutations.size() < kBatch; ++i) batch.mutations.push_back(next(i));
    part += batch.mutations.size();
    const Stopwatch watch;
    Check(db->Apply(std::move(batch)).status(), "applying events");
    const double took = watch.seconds();
    run.seconds += took;
    part_seconds += took;
    ++run.commits;
    if (i >= part_end || i == n) {
      run.tenths.push_back(static_cast<double>(part) / part_seconds);
      part_end += std::max<uint64_t>(1, n / 10);
      part = 0;
      part_seconds = 0;
    }
  }
  run.after = *db->Stats();
  return run;
}

void NoteCounts(const Run& run, uint64_t events, Report* report) {
  const int64_t effects = run.after.effects_linked - run.before.effects_linked;
  const int64_t candidates = run.after.candidates_scored - run.before.candidates_scored;
  report->Note(absl::StrFormat(
      "%d events: %d episodes, %d links stored, %d effects looked at (%.1f times each), %.1f "
      "candidates per "
      "effect, %.1f rows and %.0f bytes per event",
      events, run.episodes(), run.links(), effects,
      static_cast<double>(effects) /
          std::max<double>(1, static_cast<double>(run.after.failures - run.before.failures)),
      static_cast<double>(candidates) / std::max<double>(1, static_cast<double>(effects)),
      static_cast<double>(run.rows()) / static_cast<double>(events),
      static_cast<double>(run.bytes()) / static_cast<double>(events)));
}

// The bound: the rows that the run left, put by as many synced batches straight into a store.
double FillRate(const ScratchDir& scratch, const std::string& data, const std::string& name,
                const Run& run, uint64_t events, Report* report) {
  const std::vector<StoredRow> rows = ReadRows(data, ScopeId(1));
  const double rewrite =
      static_cast<double>(run.rows()) / std::max<double>(1, static_cast<double>(rows.size()));
  const FillResult fill = FillBatch(scratch.Sub(name), rows, run.commits, rewrite);
  report->Note(absl::StrFormat("fillbatch: %d rows, %.1f MB in %d batches, %.2f s", fill.rows,
                               static_cast<double>(fill.bytes) / 1e6, run.commits, fill.seconds));
  return static_cast<double>(events) / fill.seconds;
}

// Events in order of time, a share of them failures, into a store of their own.
void Steady(const ScratchDir& scratch, const std::string& name, uint64_t events, double failures,
            const std::string& limited_by, Report* report) {
  const std::string dir = scratch.Sub(name);
  Run run;
  {
    Cluster cluster(kResources, 1);
    const auto db = OpenWith(dir, cluster);
    EventMix mix;
    mix.failures = failures;
    mix.spacing = Spacing(events);
    run = ApplyEvents(db.get(), events, [&](uint64_t i) { return cluster.Event(i, mix); });
  }
  const double bound = FillRate(scratch, dir, name + "-fill", run, events, report);
  report->Add({"ingest", absl::StrCat(name, ", ", static_cast<int>(failures * 100), " % failures"),
               static_cast<double>(events) / run.seconds, "events/s", Better::kHigher, "fillbatch",
               bound, limited_by});
  NoteCounts(run, events, report);
  std::string tenths = "events/s by tenth of the run:";
  for (double t : run.tenths) absl::StrAppendFormat(&tenths, " %.0f", t);
  report->Note(tenths);
  report->Add({"ingest", name + ", last tenth against first",
               run.tenths.back() / run.tenths.front(), "x", Better::kHigher, "", 0, ""});
}

void Storm(const ScratchDir& scratch, uint64_t events, Report* report) {
  const std::string dir = scratch.Sub("storm");
  Run run, one;
  {
    Cluster cluster(kResources, 2);
    const auto db = OpenWith(dir, cluster);
    const Duration step = Duration(60'000'000) / static_cast<int64_t>(events);
    run = ApplyEvents(db.get(), events, [&](uint64_t i) {
      return cluster.Warning(i, kStart + 1h + step * static_cast<int64_t>(i), 500);
    });
    one = ApplyEvents(db.get(), events, [&](uint64_t i) {
      EventRecord e =
          cluster.Warning(events + i, kStart + 3h + step * static_cast<int64_t>(i) * 20, 1);
      return e;
    });
  }
  report->Add({"ingest", absl::StrCat("storm, ", events, " warnings in a minute on 500"),
               static_cast<double>(events) / run.seconds, "events/s", Better::kHigher, "", 0,
               "relinking every effect of the window in each batch"});
  NoteCounts(run, events, report);
  report->Add({"ingest", absl::StrCat("one resource with ", events, " warnings"),
               static_cast<double>(events) / one.seconds, "events/s", Better::kHigher, "", 0, ""});
  NoteCounts(one, events, report);
}

// Every event a commit of its own, from one thread or many.
void Singles(const ScratchDir& scratch, double seconds, Report* report) {
  const double syncs = FdatasyncRate(scratch.path(), seconds / 4);
  report->Note(absl::StrFormat("fdatasync of 1 KiB appends: %.0f/s", syncs));
  for (int callers : {1, 64}) {
    Cluster cluster(kResources, 3);
    const auto db = OpenWith(scratch.Sub(absl::StrCat("single-", callers)), cluster);
    EventMix mix;
    std::vector<EventRecord> events;
    for (uint64_t i = 0; i < 200'000; ++i) events.push_back(cluster.Event(i, mix));
    std::atomic<uint64_t> next{0}, done{0};
    const Stopwatch watch;
    std::vector<std::thread> threads;
    for (int t = 0; t < callers; ++t) {
      threads.emplace_back([&] {
        while (watch.seconds() < seconds) {
          const uint64_t i = next.fetch_add(1);
          if (i >= events.size()) return;
          Batch batch;
          batch.mutations.push_back(events[i]);
          Check(db->Apply(std::move(batch)).status(), "applying an event");
          done.fetch_add(1);
        }
      });
    }
    for (std::thread& t : threads) t.join();
    report->Add(
        {"ingest",
         absl::StrCat("one event per Apply, ", callers, callers == 1 ? " caller" : " callers"),
         static_cast<double>(done.load()) / watch.seconds(), "events/s", Better::kHigher,
         "fdatasync", syncs, callers == 1 ? "the sync" : "callers per commit, then the writer"});
  }
}

void Refreshes(const ScratchDir& scratch, int rounds, Report* report) {
  Cluster cluster(kResources, 4);
  const auto db = OpenWith(scratch.Sub("refresh"), cluster);
  const DatabaseStats before = *db->Stats();
  double seconds = 0;
  uint64_t records = 0;
  for (int round = 1; round <= rounds; ++round) {
    std::vector<Mutation> objects = cluster.Objects(kStart + 1s * round);
    objects.erase(
        std::remove_if(objects.begin(), objects.end(),
                       [](const Mutation& m) { return !std::holds_alternative<ObjectRecord>(m); }),
        objects.end());
    records += objects.size();
    for (size_t i = 0; i < objects.size(); i += kBatch) {
      Batch batch;
      const size_t to = std::min(objects.size(), i + kBatch);
      batch.mutations.assign(std::make_move_iterator(objects.begin() + i),
                             std::make_move_iterator(objects.begin() + to));
      const Stopwatch watch;
      Check(db->Apply(std::move(batch)).status(), "applying refreshes");
      seconds += watch.seconds();
    }
  }
  const DatabaseStats after = *db->Stats();
  report->Add({"ingest", "refresh that changes nothing, as mutations",
               static_cast<double>(records) / seconds, "records/s", Better::kHigher, "", 0,
               "hashing fields and names"});
  report->Note(absl::StrCat(after.rows_written - before.rows_written, " rows written by ", records,
                            " refreshes"));
}

// One object whose state changes again and again, each time in a batch of its own: what the length
// of its history adds to the next change.
void Changes(const ScratchDir& scratch, int changes, Report* report) {
  Cluster cluster(100, 8);
  const auto db = OpenWith(scratch.Sub("changes"), cluster);
  ObjectRecord object;
  for (Mutation& m : cluster.Objects(kStart)) {
    auto* o = std::get_if<ObjectRecord>(&m);
    if (o != nullptr && o->ref.kind == "Deployment") object = *o;
  }
  const int tenth = changes / 10;
  double first = 0, last = 0;
  for (int i = 1; i <= changes; ++i) {
    object.at = kStart + 1min * i;
    for (Field& f : object.fields) {
      if (f.path == "spec.replicas") f.value = absl::StrCat(i);
    }
    Batch batch;
    batch.mutations.push_back(object);
    const Stopwatch watch;
    Check(db->Apply(std::move(batch)).status(), "applying a change");
    if (i <= tenth) first += watch.seconds();
    if (i > changes - tenth) last += watch.seconds();
  }
  report->Add({"ingest", absl::StrCat("one more change of an object with ", changes),
               last / tenth * 1e6, "us", Better::kLower, "its first ones", first / tenth * 1e6,
               "the sync, then its whole history unfolded"});
}

}  // namespace

void RunIngest(const Settings& settings, Report* report) {
  const ScratchDir scratch(settings.scratch);
  Steady(scratch, "steady", settings.events, 0.2,
         "the store's write for half of the time, then linking", report);
  Steady(scratch, "all-failures", settings.events / 4, 1.0,
         "looking for causes, among up to 64 bursts of each neighbour", report);
  Storm(scratch, settings.quick ? 5'000 : 20'000, report);
  Singles(scratch, settings.quick ? 2 : 6, report);
  Refreshes(scratch, settings.quick ? 10 : 40, report);
  Changes(scratch, settings.quick ? 300 : 2'000, report);
}

}  // namespace kg::bench
