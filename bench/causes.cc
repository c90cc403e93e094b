#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/questions.h"
#include "bench/setup.h"
#include "bench/store_rows.h"

namespace kg::bench {
namespace {

struct Medians {
  double event_p99 = 0, incident_p99 = 0;
};

void AddTimes(const std::string& what, std::vector<double> times, const std::string& bound,
              double bound_p99, const std::string& limited_by, Report* report) {
  report->Add({"causes", what + ", p50", Quantile(&times, 0.5), "us", Better::kLower, "", 0, ""});
  report->Add({"causes", what + ", p99", Quantile(&times, 0.99), "us", Better::kLower, bound,
               bound_p99, limited_by});
}

void AskAll(const Database& db, uint64_t episodes, Medians* smallest, Report* report) {
  const Subjects subjects = ChooseSubjects(*db.GetView(), 300);
  report->Note(absl::StrFormat("%d episodes stored, %d questions each", db.Stats()->episodes,
                               subjects.events.size()));
  std::vector<double> events, incidents, blasts;
  for (const auto& [key, slot] : subjects.events) {
    events.push_back(AskRootCause(db, EventName(key), key.onset + 1min));
    blasts.push_back(AskBlast(db, slot, key.onset + 1min));
  }
  for (const IncidentPtr& incident : subjects.incidents) {
    incidents.push_back(AskRootCause(db, IncidentName(incident), LastOnset(incident)));
  }
  const std::string with = absl::StrFormat(" at %.0e episodes", static_cast<double>(episodes));
  if (smallest->event_p99 == 0) {
    std::vector<double> e = events, i = incidents;
    *smallest = {Quantile(&e, 0.99), Quantile(&i, 0.99)};
  }
  AddTimes("root cause of an event" + with, events, "the smallest store", smallest->event_p99,
           "chains, names and rows of what is told", report);
  AddTimes("root cause of an incident" + with, incidents, "the smallest store",
           smallest->incident_p99, "likewise, for each member", report);
  AddTimes("blast radius" + with, blasts, "", 0, "", report);
}

// Reads the rows that opening reads, and does nothing with them.
double ScanSeconds(const std::string& dir) {
  const Stopwatch watch;
  ReadRows(dir, ScopeId(1));
  return watch.seconds();
}

}  // namespace

void RunCauses(const Settings& settings, Report* report) {
  const ScratchDir scratch(settings.scratch);
  const std::string dir = scratch.Sub("causes");
  Cluster cluster(kResources, 5);
  auto db = OpenWith(dir, cluster);
  EventMix mix;
  mix.spacing = Spacing(settings.episodes);
  Medians smallest;
  uint64_t done = 0;
  for (uint64_t target = 10'000; target <= settings.episodes; target *= 10) {
    const Stopwatch watch;
    const uint64_t before = done;
    while (done < target) {
      Batch batch;
      for (; done < target && batch.mutations.size() < 1000; ++done)
        batch.mutations.push_back(cluster.Event(done, mix));
      Check(db->Apply(std::move(batch)).status(), "applying events");
    }
    report->Note(absl::StrFormat("%d events more in %.1f s", done - before, watch.seconds()));
    AskAll(*db, target, &smallest, report);
  }
  db.reset();
  const Stopwatch watch;
  db = OpenAt(dir);
  const double open = watch.seconds();
  db.reset();
  report->Add({"causes",
               absl::StrFormat("open after a clean stop, %.0e episodes",
                               static_cast<double>(settings.episodes)),
               open, "s", Better::kLower, "scan of all rows", ScanSeconds(dir),
               "decoding E and C rows, grouping"});
}

}  // namespace kg::bench
