#include "query/stats.h"

#include <algorithm>

#include "query/describe.h"
#include "query/incidents.h"
#include "query/severity.h"

namespace kg::query {
namespace {

void CopyStore(const DatabaseStats& stats, StatsAnswer* answer) {
  answer->resources = stats.resources;
  answer->resources_deleted = stats.resources_deleted;
  answer->stubs = stats.stubs;
  answer->edges_open = stats.edges_open;
  answer->episodes = stats.episodes;
  answer->links = stats.links;
  answer->dead_letters = stats.dead_letters;
  for (const BucketStats& b : stats.buckets)
    answer->buckets.push_back({b.start, b.end, b.state, b.bytes});
  answer->disk_bytes = stats.disk_bytes;
  answer->format_version = stats.format_version;
  answer->oldest = stats.oldest;
  answer->newest = stats.data_clock;
  answer->positions = stats.positions;
}

// Objects, edges and links of one scope.
void CountGraph(const View& view, ScopeId scope, StatsAnswer* answer) {
  answer->resources = answer->resources_deleted = answer->stubs = 0;
  answer->edges_open = 0;
  answer->links = view.Links(scope);
  for (uint32_t i = 0; i < view.graph().end_id(); ++i) {
    const Node* node = view.graph().Find(ResourceId(i));
    if (node == nullptr || node->name == nullptr || node->name->scope != scope) continue;
    if (node->incarnations.empty())
      ++answer->stubs;
    else if (node->AliveAt(view.data_clock()) != nullptr)
      ++answer->resources;
    else
      ++answer->resources_deleted;
    answer->edges_open += static_cast<int64_t>(node->out.size());
  }
}

absl::Status CountEpisodes(const View& view, ScopeId scope, BudgetMeter* meter, int64_t* episodes,
                           StatsAnswer* answer) {
  const Interval all{view.oldest(), JustAfter(view.as_of())};
  return view.ForEachEpisode(scope, all, [&](const EpisodeRecord& record) {
    if (!meter->TakeBytes(CostOf(record))) return false;
    const EpisodeRecord r = AsOf(record, view.as_of());
    ++*episodes;
    ++answer->by_class[view.rules().Class(r.cls).name];
    answer->occurrences += r.Occurrences();
    return true;
  });
}

}  // namespace

absl::StatusOr<StatsAnswer> Stats(const View& view, const DatabaseStats& stats,
                                  std::optional<ScopeId> scope, BudgetMeter* meter) {
  StatsAnswer answer;
  CopyStore(stats, &answer);
  for (const ScopeDescription& s : view.scopes()) {
    if (scope && s.id == *scope) answer.tenant = s.tenant, answer.cluster = s.cluster;
  }
  if (scope) CountGraph(view, *scope, &answer);
  meter->Enter("incidents");
  for (const ScopeDescription& s : view.scopes()) {
    if (scope && s.id != *scope) continue;
    view.ForEachTree(s.id, [&](const IncidentPtr& tree) {
      if (tree->root.onset > view.as_of()) return !meter->spent();
      const IncidentState state = StateOf(view, *tree, view.as_of(), meter);
      if (state.counts) ++(state.open ? answer.incidents_open : answer.incidents_resolved);
      return !meter->spent();
    });
  }
  meter->Enter("counting episodes");
  int64_t episodes = 0;
  for (const ScopeDescription& s : view.scopes()) {
    if (scope && s.id != *scope) continue;
    const absl::Status status = CountEpisodes(view, s.id, meter, &episodes, &answer);
    if (!status.ok()) return status;
  }
  if (scope) answer.episodes = episodes;
  answer.truncated = meter->truncated();
  return answer;
}

}  // namespace kg::query
