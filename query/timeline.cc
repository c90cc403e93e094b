#include "query/timeline.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "query/incidents.h"
#include "query/severity.h"
#include "query/text.h"
#include "query/walk.h"

namespace kg::query {
namespace {

constexpr absl::string_view kList = "timeline";

struct Row {
  EpisodeOrder order;
  TimelineEntry entry;
};

const char* WhatOf(const EpisodeRecord& r) {
  if (r.category == Category::kChange) return "change";
  if (r.etype == "prom.alert") return "alert";
  if (r.etype == "k8s.log") return "log";
  if (r.etype == "k8s.status") return "state";
  return "event";
}

std::string TextOf(const EpisodeRecord& r) {
  if (!r.message.empty() || r.paths.empty()) return r.message;
  return absl::StrJoin(r.paths, ", ");
}

std::string IncidentOf(const View& view, ScopeId scope, const EpisodeRecord& r,
                       BudgetMeter* meter) {
  const IncidentPtr tree = TreeOf(view, scope, r.resource, r.key());
  if (tree == nullptr || !StateOf(view, *tree, view.as_of(), meter).counts) return "";
  return IncidentHandle(tree->id());
}

TimelineEntry Show(const Describer& say, ScopeId scope, const EpisodeRecord& record, int distance,
                   BudgetMeter* meter) {
  const EpisodeRecord r = AsOf(record, say.view().as_of());
  TimelineEntry e;
  e.time = r.onset;
  e.what = WhatOf(r);
  e.resource = say.Resource(r.resource);
  e.severity = SeverityWord(Escalate(r).severity);
  e.cls = say.view().rules().Class(r.cls).name;
  e.reason = r.reason;
  e.text = TextOf(r);
  e.episode = EpisodeHandle(r.key());
  e.incident = IncidentOf(say.view(), scope, r, meter);
  e.end = r.end;
  e.occurrences = r.Occurrences();
  e.distance = distance;
  return e;
}

Row LifeRow(const Describer& say, ResourceId id, const Incarnation& life, bool appeared,
            int distance) {
  Row row;
  TimelineEntry& e = row.entry;
  e.time = appeared ? life.alive.from : life.alive.to;
  e.what = appeared ? "appeared" : "vanished";
  e.resource = say.Resource(id);
  e.resource.uid = life.uid;
  e.severity = SeverityWord(Severity::kInfo);
  e.text = appeared ? (life.sighted ? "seen for the first time" : "created") : "gone";
  e.end = e.time;
  e.distance = distance;
  // Before the failures of the same moment.
  row.order = {e.time, -1, absl::StrCat(ShortName(say.Name(id)), " ", life.uid, " ", e.what),
               EpisodeHash(0)};
  return row;
}

void AddLives(const Describer& say, const std::map<ResourceId, int>& distances, Interval window,
              const std::optional<EpisodeOrder>& before, std::vector<Row>* rows) {
  window.to = std::min(window.to, JustAfter(say.view().as_of()));
  for (const auto& d : distances) {
    const Node* node = say.view().graph().Find(d.first);
    if (node == nullptr) continue;
    for (const Incarnation& life : node->incarnations) {
      for (bool appeared : {true, false}) {
        const Timestamp t = appeared ? life.alive.from : life.alive.to;
        if (!window.Contains(t) || t == kBeginning || t == kForever) continue;
        Row row = LifeRow(say, d.first, life, appeared, d.second);
        if (!before || row.order < *before) rows->push_back(std::move(row));
      }
    }
  }
}

// What the question is about, with its hops; empty: the whole scope.
std::map<ResourceId, int> Subjects(const Describer& say, const TimelineQuestion& q,
                                   BudgetMeter* meter) {
  std::map<ResourceId, int> distances;
  if (!q.of) return distances;
  distances[*q.of] = 0;
  if (!q.with_neighbours) return distances;
  const HopWalk walk(say, *q.of, 1, WalkDirection::kBoth, {}, meter);
  for (const HopWalk::Slot& r : walk.reached()) {
    distances.emplace(r.id, r.hops);
  }
  return distances;
}

}  // namespace

absl::StatusOr<TimelineAnswer> Timeline(const View& view, const TimelineQuestion& question,
                                        BudgetMeter* meter) {
  const Describer say(view);
  const auto keep = CompileFilter(say, question.scope, question.filter, meter);
  if (!keep.ok()) return keep.status();
  const auto before = ParseOrderCursor(kList, question.page.after);
  if (!before.ok()) return before.status();
  meter->Enter("timeline");
  const std::map<ResourceId, int> distances = Subjects(say, question, meter);
  std::vector<ResourceId> of;
  for (const auto& d : distances) of.push_back(d.first);
  std::sort(of.begin(), of.end(),
            [&](ResourceId a, ResourceId b) { return NameLess(say.Name(a), say.Name(b)); });
  const bool noise_too = !question.filter.category.empty();
  const auto wanted = [&](const EpisodeRecord& r) {
    return (noise_too || r.category != Category::kNoise) && (*keep)(r);
  };
  bool more = false;
  const auto records =
      NewestEpisodes(say, question.scope, question.of ? &of : nullptr, question.window, *before,
                     question.page.limit, wanted, meter, &more);
  if (!records.ok()) return records.status();

  std::vector<Row> rows;
  for (const EpisodeRecord& r : *records) {
    const auto distance = distances.find(r.resource);
    rows.push_back(
        {OrderOf(say, r),
         Show(say, question.scope, r, distance == distances.end() ? 0 : distance->second, meter)});
  }
  const bool lives =
      !question.filter.min_severity || *question.filter.min_severity == Severity::kInfo;
  if (lives) AddLives(say, distances, question.window, *before, &rows);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.order < b.order; });
  // Lives older than the oldest episode of the page belong to the next one.
  if (more && !records->empty()) {
    const EpisodeOrder oldest = OrderOf(say, records->front());
    rows.erase(
        std::remove_if(rows.begin(), rows.end(), [&](const Row& r) { return r.order < oldest; }),
        rows.end());
  }
  if (rows.size() > question.page.limit) {
    rows.erase(rows.begin(), rows.end() - question.page.limit);
    more = true;
  }
  TimelineAnswer answer;
  if (question.of) answer.of = say.Resource(*question.of);
  answer.from = question.window.from;
  answer.to = question.window.to;
  for (Row& row : rows) answer.entries.push_back(std::move(row.entry));
  if (more && !rows.empty()) answer.next = CursorAt(kList, rows.front().order);
  answer.truncated = meter->truncated();
  return answer;
}

}  // namespace kg::query
