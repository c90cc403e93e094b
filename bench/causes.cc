#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/measure.h"
#include "bench/setup.h"
#include "bench/store_rows.h"
#include "query/blast_radius.h"
#include "query/root_cause.h"
#include "query/scope.h"

namespace kg::bench {
namespace {

constexpr size_t kResources = 5000;

struct Medians {
  double event_p99 = 0, incident_p99 = 0;
};

void AddTimes(const std::string& what, std::vector<double> times, const std::string& bound,
              double bound_p99, const std::string& limited_by, Report* report) {
  report->Add({"causes", what + ", p50", Quantile(&times, 0.5), "us", Better::kLower, "", 0, ""});
  report->Add({"causes", what + ", p99", Quantile(&times, 0.99), "us", Better::kLower, bound,
               bound_p99, limited_by});
}

// Failures with a cause that began lately, and incidents of some members.
struct Subjects {
  std::vector<std::pair<EpisodeKey, ResourceId>> events;
  std::vector<IncidentPtr> incidents;
};

Subjects Choose(const View& view, size_t most) {
  Subjects s;
  std::vector<IncidentPtr> all;
  view.incidents().ForEach([&](const IncidentPtr& i) {
    if (i->members.size() >= 2) all.push_back(i);
    return true;
  });
  Random random(11);
  for (size_t i = 0; i < most && !all.empty(); ++i) {
    const IncidentPtr& incident = all[random.Below(all.size())];
    s.incidents.push_back(incident);
    size_t at = random.Below(incident->members.size());
    incident->members.ForEach([&](const auto& m) {
      if (at-- > 0) return true;
      s.events.push_back(m);
      return false;
    });
  }
  return s;
}

double Ask(const Database& db, const std::string& object, Timestamp at) {
  query::Question question;
  question.object = object;
  question.at = at;
  const CpuStopwatch watch;
  const auto view = db.GetView(at);
  const auto answer = query::RootCause(*view, question, query::Budget{});
  const double took = watch.seconds() * 1e6;
  Check(answer.status(), "asking for a root cause");
  return took;
}

double Blast(const Database& db, const std::vector<query::BlastOrigin>& origins, Timestamp at) {
  query::BlastRadiusQuestion question;
  question.origins = origins;
  question.window = {at - 1h, at + Duration(1)};
  const CpuStopwatch watch;
  const auto view = db.GetView(at);
  query::BudgetMeter meter(query::Budget{});
  const auto answer = query::FindBlastRadius(*view, question, &meter);
  return watch.seconds() * 1e6;
}

void AskAll(const Database& db, uint64_t episodes, Medians* smallest, Report* report) {
  const Subjects subjects = Choose(*db.GetView(), 300);
  report->Note(absl::StrFormat("%d episodes stored, %d questions each", db.Stats()->episodes,
                               subjects.events.size()));
  std::vector<double> events, incidents, blasts;
  for (const auto& [key, slot] : subjects.events) {
    events.push_back(Ask(db, absl::StrCat("event/", query::EpisodeHandle(key)), key.onset + 1min));
    blasts.push_back(Blast(db, {{slot, 1}}, key.onset + 1min));
  }
  for (const IncidentPtr& incident : subjects.incidents) {
    Timestamp last = incident->root.onset;
    incident->members.ForEach([&](const auto& m) {
      last = std::max(last, m.first.onset);
      return true;
    });
    incidents.push_back(
        Ask(db, absl::StrCat("incident/", query::IncidentHandle(incident->id())), last));
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
