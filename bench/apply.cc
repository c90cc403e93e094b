#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/setup.h"

// Single commits, refreshes, and one object that changes and changes.

namespace kg::bench {
namespace {

// Every event a commit of its own, from one thread or many.
void Singles(const ScratchDir& scratch, double seconds, Report* report) {
  for (int callers : {1, 64}) {
    // The disk's mood changes by the minute: asked before and after.
    const double syncs_before = FdatasyncRate(scratch.path(), seconds / 4);
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
    const double rate = static_cast<double>(done.load()) / watch.seconds();
    const double syncs_after = FdatasyncRate(scratch.path(), seconds / 4);
    report->Note(absl::StrFormat("fdatasync of 1 KiB appends: %.0f/s before, %.0f/s after",
                                 syncs_before, syncs_after));
    report->Add(
        {"apply",
         absl::StrCat("one event per Apply, ", callers, callers == 1 ? " caller" : " callers"),
         rate, "events/s", Better::kHigher, "fdatasync", (syncs_before + syncs_after) / 2,
         callers == 1 ? "the sync" : "callers per commit, then the writer",
         callers == 1 ? 5'000.0 : 30'000.0, callers == 1 ? 0.6 : 4.0});
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
  report->Add({"apply", "refresh that changes nothing, as mutations",
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
  report->Add({"apply", absl::StrCat("one more change of an object with ", changes),
               last / tenth * 1e6, "us", Better::kLower, "its first ones", first / tenth * 1e6,
               "the sync, then its whole history unfolded"});
}

}  // namespace

void RunApply(const Settings& settings, Report* report) {
  const ScratchDir scratch(settings.scratch);
  Singles(scratch, settings.quick ? 2 : 6, report);
  Refreshes(scratch, settings.quick ? 10 : 40, report);
  Changes(scratch, settings.quick ? 300 : 1'000, report);
}

}  // namespace kg::bench
