#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/questions.h"
#include "bench/setup.h"
#include "bench/sqlite_peer.h"

// Events with links and incidents, beside RocksDB without any and beside a linker in SQL.

namespace kg::bench {
namespace {

constexpr double kLinksMayDiffer = 0.1;

struct Peer {
  double rate = 0;  // events per second
  int64_t links = 0;
};

// The same events, in batches of the same size, linked by SQLite.
Peer LinkInSql(SqlitePeer* sqlite, PeerJob job, const RuleBook& rules, uint64_t events,
               const std::function<EventRecord(uint64_t)>& next) {
  double seconds = 0;
  for (uint64_t i = 0; i < events;) {
    std::vector<EventRecord> records;
    for (; i < events && records.size() < kBatch; ++i) records.push_back(next(i));
    std::vector<PeerEvent> batch;
    const Stopwatch prepare_watch;
    for (const EventRecord& r : records) batch.push_back(sqlite->Prepare(rules, r));
    if (job == PeerJob::kSameJob) seconds += prepare_watch.seconds();
    const Stopwatch watch;
    sqlite->Apply(batch);
    seconds += watch.seconds();
  }
  return {static_cast<double>(events) / seconds, sqlite->links()};
}

// Ratios count only where both found the same.
void AddAgainstSqlite(const std::string& name, const EventRun& run, const Peer& peer, double must,
                      Report* report) {
  const double most = static_cast<double>(std::max({run.links(), peer.links, int64_t{1}}));
  const double apart = std::fabs(static_cast<double>(run.links() - peer.links)) / most;
  const bool same = apart <= kLinksMayDiffer;
  report->Add(
      {"ingest", name + ", against SQLite", run.rate(), "events/s", Better::kHigher, "SQLite",
       same ? peer.rate : 0,
       absl::StrFormat(
           "links stored: kg %d, SQLite %d, %.1f %% apart%s", run.links(), peer.links, apart * 100,
           same ? "" : absl::StrFormat("; SQLite's %.0f events/s are no bound", peer.rate)),
       0, must});
}

// What both take for the same questions over the same events.
void AskBoth(const Database& db, SqlitePeer* sqlite, Report* report) {
  const auto view = db.GetView();
  const Timestamp now = view->data_clock();
  const Subjects subjects = ChooseSubjects(*view, 300, now - 1h);
  std::vector<double> causes, sql_causes, blasts, sql_blasts;
  for (const auto& [key, slot] : subjects.events) {
    const BurstPtr burst = FindBurst(view->graph(), slot, key);
    if (burst == nullptr) continue;
    causes.push_back(AskRootCause(db, EventName(key), now));
    blasts.push_back(AskBlast(db, slot, now));
    PeerEvent event;
    event.slot = slot.value;
    event.cls = burst->cls.value;
    event.at_us = ToMicros(key.onset);
    event.look_back_us = view->rules().MaxLookBack(burst->cls).count();
    const CpuStopwatch cause_watch;
    sqlite->RootCause(event);
    sql_causes.push_back(cause_watch.seconds() * 1e6);
    const CpuStopwatch blast_watch;
    sqlite->Blast(slot.value, ToMicros(now));
    sql_blasts.push_back(blast_watch.seconds() * 1e6);
  }
  for (double q : {0.5, 0.99}) {
    const std::string p = q == 0.5 ? ", p50" : ", p99";
    report->Add({"ingest", "root cause of an event of the last hour" + p, Quantile(&causes, q),
                 "us", Better::kLower, "SQLite, its causes only", Quantile(&sql_causes, q),
                 "kg's answer has chains, verdict and victims, SQL's the five causes"});
    report->Add({"ingest", "blast radius of the last hour, 24 h of counts" + p,
                 Quantile(&blasts, q), "us", Better::kLower, "SQLite", Quantile(&sql_blasts, q), "",
                 q == 0.5 ? 0 : 1000.0, 0.2});
  }
}

struct SteadyCase {
  std::string name;
  uint64_t events;
  double failures;
  double aim;
  double must_fill;  // 0: none
  double must_sqlite;
  const char* limited_by;
};

// Events in order of time, a share of them failures, into a store of their own.
void Steady(const ScratchDir& scratch, const SteadyCase& c, Report* report) {
  const std::string dir = scratch.Sub(c.name);
  EventMix mix;
  mix.failures = c.failures;
  mix.spacing = Spacing(c.events);
  const std::string name = absl::StrFormat("%s, %.0f %% failures", c.name, c.failures * 100);
  EventRun run;
  Peer peer;
  {
    Cluster cluster(kResources, 1), samples(kResources, 1);
    const auto db = OpenWith(dir, cluster);
    run = ApplyEvents(db.get(), 0, c.events, 10, [&](uint64_t i) { return cluster.Event(i, mix); });
    std::vector<EventRecord> some;
    for (uint64_t i = 0; i < 2000; ++i) some.push_back(samples.Event(i, mix));
    const auto view = db->GetView();
    auto link = [&](const std::string& file, PeerOptions options,
                    std::unique_ptr<SqlitePeer>* keep) {
      Cluster again(kResources, 1);
      *keep = std::make_unique<SqlitePeer>(scratch.Sub(file), *view, some, options);
      return LinkInSql(keep->get(), options.job, view->rules(), c.events,
                       [&](uint64_t i) { return again.Event(i, mix); });
    };
    std::unique_ptr<SqlitePeer> sqlite, other;
    peer = link(c.name + ".sqlite", {PeerJob::kSameJob, -1}, &sqlite);
    const Peer newest = link(c.name + "-newest.sqlite", {PeerJob::kSameJob, 64}, &other);
    report->Note(
        absl::StrFormat("SQLite with the newest 64 of an object only: %.0f events/s, %d links",
                        newest.rate, newest.links));
    const Peer bare = link(c.name + "-bare.sqlite", {PeerJob::kLinksOnly, 64}, &other);
    report->Note(absl::StrFormat(
        "and that without names, classes, incidents and lists: %.0f events/s, %d links", bare.rate,
        bare.links));
    if (c.failures < 1) AskBoth(*db, sqlite.get(), report);
  }
  const double bound = FillRate(scratch, dir, c.name + "-fill", run, report);
  report->Add({"ingest", name, run.rate(), "events/s", Better::kHigher, "fillbatch", bound,
               c.limited_by, c.aim, c.must_fill});
  NoteCounts(run, report);
  AddAgainstSqlite(name, run, peer, c.must_sqlite, report);
}

// An effect may look at no more than this: all classes of all that it can reach.
void AddCandidates(const std::string& name, const EventRun& run, double places, double classes,
                   Report* report) {
  report->Add({"ingest", name + ", candidates per effect", run.candidates_per_effect(), "bursts",
               Better::kLower, absl::StrFormat("%.1f resources x %.0f classes", places, classes),
               places * classes, "", 0, 1.0});
}

void Storm(const ScratchDir& scratch, uint64_t warnings, uint64_t on_one, Report* report) {
  const std::string dir = scratch.Sub("storm");
  Cluster cluster(kResources, 2);
  const auto db = OpenWith(dir, cluster);
  std::vector<EventRecord> some;
  {
    Cluster samples(kResources, 2);
    for (uint64_t i = 0; i < 1000; ++i) some.push_back(samples.Warning(i, kStart, 500));
  }
  SqlitePeer sqlite(scratch.Sub("storm.sqlite"), *db->GetView(), some, {});
  double places = 0;
  std::set<uint16_t> classes;
  for (const EventRecord& e : some) {
    const PeerEvent p = sqlite.Prepare(*db->rules(), e);
    places += static_cast<double>(sqlite.Reach(p.slot)) / static_cast<double>(some.size());
    classes.insert(p.cls);
  }
  const Duration step = Duration(60'000'000) / static_cast<int64_t>(warnings);
  const EventRun run = ApplyEvents(db.get(), 0, warnings, 10, [&](uint64_t i) {
    return cluster.Warning(i, kStart + 1h + step * static_cast<int64_t>(i), 500);
  });
  std::string name = absl::StrFormat("storm, %d warnings in a minute on 500", warnings);
  report->Add({"ingest", name, run.rate(), "events/s", Better::kHigher, "", 0,
               "looking for causes; effects within the clocks' tolerance are looked at again",
               30'000});
  NoteCounts(run, report);
  AddCandidates("storm", run, places, static_cast<double>(classes.size()), report);

  const EventRun one = ApplyEvents(db.get(), 0, on_one, 10, [&](uint64_t i) {
    return cluster.Warning(warnings + i, kStart + 3h + std::chrono::milliseconds(60 * i), 1);
  });
  name = absl::StrFormat("one resource with %d warnings", on_one);
  report->Add({"ingest", name, one.rate(), "events/s", Better::kHigher, "", 0, "", 30'000});
  NoteCounts(one, report);
  const EventRecord of_one = Cluster(kResources, 2).Warning(0, kStart, 1);
  const uint32_t slot = sqlite.Prepare(*db->rules(), of_one).slot;
  AddCandidates("one resource", one, static_cast<double>(sqlite.Reach(slot)),
                static_cast<double>(classes.size()), report);
}

}  // namespace

void RunIngest(const Settings& settings, Report* report) {
  const ScratchDir scratch(settings.scratch);
  Steady(scratch,
         {"steady", settings.events, 0.2, 100'000, 0.4, 8,
          "the store's write for half of the time, then linking"},
         report);
  Steady(scratch,
         {"all-failures", settings.events / 4, 1.0, 40'000, 0, 10,
          "looking for causes, among up to 64 bursts of each neighbour"},
         report);
  Storm(scratch, 20'000, settings.quick ? 20'000 : 100'000, report);
}

}  // namespace kg::bench
