#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/process.h"
#include "bench/questions.h"
#include "bench/setup.h"
#include "bench/store_rows.h"

// One store that grows: how fast the last events go in, what questions cost as it fills, what
// readers wait while it is written to, and how long it takes to open.

namespace kg::bench {
namespace {

struct P99s {
  double event = 0, incident = 0, blast = 0;
};

struct Grown {
  std::string dir;
  uint64_t events = 0;
  double rate_us_per_event = 0;
};

void AddTimes(const std::string& what, std::vector<double> times, double smallest, double aim,
              const std::string& limited_by, Report* report) {
  report->Add({"grow", what + ", p50", Quantile(&times, 0.5), "us", Better::kLower, "", 0, ""});
  report->Add({"grow", what + ", p99", Quantile(&times, 0.99), "us", Better::kLower,
               smallest > 0 ? "at 10^4 episodes" : "", smallest, limited_by, aim,
               smallest > 0 ? 3.0 : 0.0});
}

struct Asked {
  std::vector<double> events, incidents, blasts;
};

// About what began at `since` or later, as of now or as of when it was new.
Asked AskAbout(const Database& db, Timestamp since, bool as_of_now) {
  const auto view = db.GetView();
  const Timestamp now = view->data_clock();
  const Subjects subjects = ChooseSubjects(*view, 300, since);
  Asked asked;
  for (const auto& [key, slot] : subjects.events) {
    const Timestamp at = as_of_now ? now : key.onset + 1min;
    asked.events.push_back(AskRootCause(db, EventName(key), at));
    asked.blasts.push_back(AskBlast(db, slot, at));
  }
  for (const IncidentPtr& incident : subjects.incidents) {
    const Timestamp at = as_of_now ? now : LastOnset(incident);
    asked.incidents.push_back(AskRootCause(db, IncidentName(incident), at));
  }
  return asked;
}

void AskAll(const Database& db, P99s* smallest, Report* report) {
  const double episodes = static_cast<double>(db.Stats()->episodes);
  const std::string with = absl::StrFormat(" at %.2g episodes", episodes);
  Asked online = AskAbout(db, db.GetView()->data_clock() - 1h, true);
  report->Note(absl::StrFormat("%.0f episodes stored; %d questions each about the last hour",
                               episodes, online.events.size()));
  AddTimes("root cause of an event" + with, online.events, smallest->event, 500,
           "chains, names and rows of what is told", report);
  AddTimes("root cause of an incident" + with, online.incidents, smallest->incident, 5'000,
           "likewise, for each member", report);
  AddTimes("blast radius" + with, online.blasts, smallest->blast, 1'000, "counts of 24 h", report);
  if (smallest->event == 0) {
    *smallest = {Quantile(&online.events, 0.99), Quantile(&online.incidents, 0.99),
                 Quantile(&online.blasts, 0.99)};
  }
  Asked old = AskAbout(db, kBeginning, false);
  report->Note(absl::StrFormat(
      "the same of any time since the first, as of then, p50 / p99: event %.0f / %.0f us, incident "
      "%.0f / %.0f us, blast radius %.0f / %.0f us",
      Quantile(&old.events, 0.5), Quantile(&old.events, 0.99), Quantile(&old.incidents, 0.5),
      Quantile(&old.incidents, 0.99), Quantile(&old.blasts, 0.5), Quantile(&old.blasts, 0.99)));
}

// Fills to settings.episodes or for settings.grow_seconds, whichever comes first, asking at each
// power of ten and at the end.
EventRun Grow(Database* db, Cluster* cluster, const EventMix& mix, const Settings& settings,
              Report* report) {
  EventRun all;
  P99s smallest;
  const uint64_t step = std::min<uint64_t>(1'000'000, settings.episodes / 10);
  std::vector<double> rates;
  uint64_t next_question = 10'000, in_step = 0;
  double seconds_of_step = 0;
  while (all.events < settings.episodes && all.seconds < settings.grow_seconds) {
    const uint64_t to = std::min({all.events + 10'000, next_question, settings.episodes});
    const EventRun run =
        ApplyEvents(db, all.events, to, 1, [&](uint64_t i) { return cluster->Event(i, mix); });
    if (all.events == 0) all.before = run.before;
    all.after = run.after;
    all.seconds += run.seconds;
    all.commits += run.commits;
    in_step += run.events;
    seconds_of_step += run.seconds;
    all.events = to;
    if (in_step >= step) {
      all.parts.push_back(static_cast<double>(in_step) / seconds_of_step);
      in_step = 0;
      seconds_of_step = 0;
    }
    if (to != next_question) continue;
    AskAll(*db, &smallest, report);
    next_question *= 10;
  }
  if (all.events != next_question / 10) AskAll(*db, &smallest, report);
  if (all.events < settings.episodes) {
    report->Skip(absl::StrFormat(
        "%d episodes were to be stored; %d were after %.0f s (--minutes gives more)",
        settings.episodes, all.events, all.seconds));
  }
  NoteCounts(all, report);
  const std::string of = absl::StrFormat("%d events", step);
  if (all.parts.size() > 1) {
    report->Add({"grow",
                 absl::StrFormat("last %s of %.1f M against the first", of,
                                 static_cast<double>(all.events) / 1e6),
                 all.parts.back(), "events/s", Better::kHigher, "the first " + of,
                 all.parts.front(), "", 0, 0.9});
  }
  return all;
}

// Wall time of questions, put one after the other while `writer` runs in this thread.
std::vector<double> AskMeanwhile(const Database& db, const Subjects& subjects,
                                 const std::function<void()>& writer) {
  std::atomic<bool> done{false};
  std::vector<double> times;
  std::thread reader([&] {
    for (size_t i = 0; !done.load(); ++i) {
      const EpisodeKey& key = subjects.events[i % subjects.events.size()].first;
      const Timestamp now = db.GetView()->data_clock();
      times.push_back(WaitForRootCause(db, EventName(key), now));
      // As many users would: a question every 5 ms.
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  writer();
  done.store(true);
  reader.join();
  return times;
}

void ReadsDuringIngest(Database* db, Cluster* cluster, const EventMix& mix, uint64_t from,
                       const Settings& settings, Report* report) {
  const auto view = db->GetView();
  const Subjects subjects = ChooseSubjects(*view, 300, view->data_clock() - 1h);
  if (subjects.events.empty()) return;
  const double seconds = settings.quick ? 3 : 15;
  uint64_t n = from;
  auto apply = [&] {
    Batch batch;
    for (; batch.mutations.size() < kBatch; ++n) batch.mutations.push_back(cluster->Event(n, mix));
    const Stopwatch watch;
    Check(db->Apply(std::move(batch)).status(), "applying events");
    return watch.seconds();
  };
  double spent = 0;
  uint64_t batches = 0;
  std::vector<double> full = AskMeanwhile(*db, subjects, [&] {
    for (const Stopwatch watch; watch.seconds() < seconds; ++batches) spent += apply();
  });
  const double rate = static_cast<double>(batches * kBatch) / spent;
  std::vector<double> half = AskMeanwhile(*db, subjects, [&] {
    for (const Stopwatch watch; watch.seconds() < seconds;) {
      std::this_thread::sleep_for(std::chrono::duration<double>(apply()));
    }
  });
  std::vector<double> idle = AskMeanwhile(*db, subjects, [&] {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds / 2));
  });
  report->Note(
      absl::StrFormat("%d questions during ingest at %.0f events/s; p50 full %.2f, half "
                      "%.2f, no ingest %.2f ms; p99 without ingest %.2f ms",
                      full.size(), rate, Quantile(&full, 0.5) / 1000, Quantile(&half, 0.5) / 1000,
                      Quantile(&idle, 0.5) / 1000, Quantile(&idle, 0.99) / 1000));
  report->Add({"grow", "root cause of an event during ingest, p99", Quantile(&full, 0.99) / 1000,
               "ms", Better::kLower, "ingest idle half of the time", Quantile(&half, 0.99) / 1000,
               "two threads on two processors, and RocksDB's own", 5, 3.0});
}

double ScanSeconds(const std::string& dir) {
  const Stopwatch watch;
  CountRows(dir, ScopeId(1), {});
  return watch.seconds();
}

}  // namespace

double OpenSeconds(const std::string& dir) {
  const Stopwatch watch;
  const auto db = OpenAt(dir);
  return watch.seconds();  // closing is not part of it
}

double OpenSecondsAfterCrash(const std::string& dir, uint64_t warnings, Report* report) {
  const ProcessResult crash = RunTask({"crash", dir, absl::StrCat(warnings)});
  report->Note(absl::StrFormat("%d events more, then signal %d", warnings, crash.signal));
  if (crash.signal == 0) Check(absl::InternalError("it ended by itself"), "dying by SIGKILL");
  return OpenSeconds(dir);
}

void RunGrow(const Settings& settings, Report* report) {
  const ScratchDir scratch(settings.scratch);
  const std::string dir = scratch.Sub("grow");
  uint64_t events = 0;
  {
    Cluster cluster(kResources, 5);
    const auto db = OpenWith(dir, cluster);
    EventMix mix;
    mix.spacing = Spacing(settings.episodes + settings.episodes / 4);
    events = Grow(db.get(), &cluster, mix, settings, report).events;
    ReadsDuringIngest(db.get(), &cluster, mix, events, settings, report);
    report->Note(absl::StrFormat("resident with it all: %.0f MiB",
                                 static_cast<double>(ResidentBytes()) / 1048576));
  }
  const std::string with = absl::StrFormat(", %.2g episodes", static_cast<double>(events));
  const double scan = ScanSeconds(dir);
  report->Add({"grow", "open after a clean stop" + with, OpenSeconds(dir), "s", Better::kLower,
               "scan of all rows", scan, "decoding E and C rows, grouping", 5, 0});
  report->Add({"grow", "open after SIGKILL" + with, OpenSecondsAfterCrash(dir, 50'000, report), "s",
               Better::kLower, "scan of all rows", scan, "the same, and the log replayed", 8, 0});

  const ProcessResult workload = RunTask({"workload", scratch.Sub("workload"), "100000"});
  report->Add({"grow", "resident with 5 k objects and 100 k events",
               std::strtod(workload.output.c_str(), nullptr) / 1048576, "MiB", Better::kLower, "",
               0, "states of objects, memtables and blocks", 200});
}

}  // namespace kg::bench
