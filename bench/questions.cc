#include "bench/questions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bench/measure.h"
#include "query/root_cause.h"
#include "query/scope.h"

namespace kg::bench {
namespace {

template <typename Watch>
double TimeRootCause(const Database& db, const std::string& object, Timestamp at) {
  query::Question question;
  question.object = object;
  question.at = at;
  const Watch watch;
  const auto view = db.GetView(at);
  const auto answer = query::RootCause(*view, question, query::Budget{});
  const double took = watch.seconds() * 1e6;
  Check(answer.status(), "asking for a root cause");
  return took;
}

}  // namespace

double AskRootCause(const Database& db, const std::string& object, Timestamp at) {
  return TimeRootCause<CpuStopwatch>(db, object, at);
}

double WaitForRootCause(const Database& db, const std::string& object, Timestamp at) {
  return TimeRootCause<Stopwatch>(db, object, at);
}

double AskBlast(const Database& db, ResourceId origin, Timestamp at) {
  query::BlastRadiusQuestion question;
  question.origins = {{origin, 1}};
  question.window = {at - 24h, at + Duration(1)};
  const CpuStopwatch watch;
  const auto view = db.GetView(at);
  query::BudgetMeter meter(query::Budget{});
  const auto answer = query::FindBlastRadius(*view, question, &meter);
  return watch.seconds() * 1e6;
}

Subjects ChooseSubjects(const View& view, size_t most, Timestamp since) {
  Subjects s;
  std::vector<IncidentPtr> all;
  for (const IncidentPtr& i : view.AllTrees()) {
    if (i->members.size() >= 2 && LastOnset(i) >= since) all.push_back(i);
  }
  Random random(11);
  for (size_t i = 0; i < most && !all.empty(); ++i) {
    const IncidentPtr& incident = all[random.Below(all.size())];
    s.incidents.push_back(incident);
    std::vector<std::pair<EpisodeKey, ResourceId>> members;
    incident->members.ForEach([&](const auto& m) {
      if (m.first.onset >= since) members.push_back(m);
      return true;
    });
    s.events.push_back(members[random.Below(members.size())]);
  }
  return s;
}

std::string EventName(const EpisodeKey& key) {
  return absl::StrCat("event/", query::EpisodeHandle(key));
}

std::string IncidentName(const IncidentPtr& incident) {
  return absl::StrCat("incident/", query::IncidentHandle(incident->id()));
}

Timestamp LastOnset(const IncidentPtr& incident) {
  Timestamp last = incident->root.onset;
  incident->members.ForEach([&](const auto& m) {
    last = std::max(last, m.first.onset);
    return true;
  });
  return last;
}

}  // namespace kg::bench
