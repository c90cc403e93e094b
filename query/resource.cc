#include "query/resource.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "query/events.h"
#include "query/incidents.h"
#include "query/walk.h"

namespace kg::query {
namespace {

// The part of "mac:<key id>:<digest>" that says under which key.
absl::string_view KeyOf(const Field& f) {
  const absl::string_view value(f.value);
  const size_t end = value.find(':', value.find(':') + 1);
  return value.substr(0, end);
}

bool SameValue(const Field& a, const Field& b) {
  if (a.kind == FieldKind::kMac && b.kind == FieldKind::kMac && KeyOf(a) != KeyOf(b)) return true;
  return a.kind == b.kind && a.value == b.value;
}

std::vector<RevisionAnswer> ShowRevisions(const std::vector<RevisionRecord>& revisions,
                                          Timestamp as_of) {
  std::vector<RevisionAnswer> answers;
  std::map<std::string, const RevisionRecord*> before;  // by uid
  for (const RevisionRecord& r : revisions) {
    if (r.valid.from > as_of) break;
    RevisionAnswer a;
    a.uid = r.uid;
    a.from = r.valid.from;
    a.to = MaskedEnd(r.valid.to, as_of);
    a.observed_from = r.observed_from;
    a.last_confirmed = std::min(r.last_confirmed, as_of);
    a.generation = r.generation;
    const RevisionRecord*& previous = before[r.uid];
    if (previous != nullptr) a.changed = Compare(previous->fields, r.fields);
    previous = &r;
    answers.push_back(std::move(a));
  }
  return answers;
}

std::vector<EdgeGroup> GroupEdges(const Describer& say, ResourceId id, uint64_t per_type,
                                  BudgetMeter* meter) {
  std::vector<EdgeGroup> groups;
  for (WalkDirection direction : {WalkDirection::kOut, WalkDirection::kIn}) {
    std::vector<Step> steps;
    StepsAt(say, id, direction, /*ordered=*/true, meter, &steps);
    std::map<std::string, EdgeGroup> by_type;
    for (const Step& step : steps) {
      const std::string& type = say.view().rules().EdgeType(step.arrow.type).name;
      EdgeGroup& group = by_type[type];
      group.type = type;
      group.out = direction == WalkDirection::kOut;
      ++group.edges.total;
      if (group.edges.shown.size() < per_type)
        group.edges.shown.push_back(say.Step(step.arrow, false));
    }
    for (auto& g : by_type) groups.push_back(std::move(g.second));
  }
  return groups;
}

absl::Status AddOpenEpisodes(const Describer& say, const ResourceQuestion& q, BudgetMeter* meter,
                             ResourceDetail* detail) {
  const Timestamp as_of = say.view().as_of();
  std::vector<std::pair<EpisodeOrder, EventAnswer>> open;
  const absl::Status status = say.view().ForEachEpisodeOf(
      q.scope, q.of, {as_of, as_of + Duration(1)}, [&](const EpisodeRecord& r) {
        if (!meter->TakeBytes(CostOf(r))) return false;
        if (r.onset > as_of || MaskedEnd(r.end, as_of) != kForever) return true;
        open.emplace_back(OrderOf(say, r), say.Event(r));
        return true;
      });
  std::sort(open.begin(), open.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& o : open) detail->open_episodes.push_back(std::move(o.second));
  return status;
}

void AddIncidents(const Describer& say, const ResourceQuestion& q, BudgetMeter* meter,
                  ResourceDetail* detail) {
  std::vector<IncidentPtr> trees;
  const Interval seen{say.view().oldest(), JustAfter(say.view().as_of())};
  ForEachBurst(say.view().graph(), q.of, seen, [&](const Burst& b) {
    IncidentPtr tree = TreeOf(say.view(), q.scope, q.of, b.key);
    if (tree != nullptr) trees.push_back(std::move(tree));
    return meter->TakeNodes();
  });
  std::sort(trees.begin(), trees.end(), IncidentLess());
  trees.erase(std::unique(trees.begin(), trees.end()), trees.end());
  for (const IncidentPtr& tree : trees) {
    if (!StateOf(say.view(), *tree, say.view().as_of(), meter).counts) continue;
    detail->incidents.push_back(IncidentHandle(tree->id()));
  }
}

}  // namespace

std::vector<FieldDelta> Compare(const std::vector<Field>& before, const std::vector<Field>& after) {
  std::vector<FieldDelta> deltas;
  auto b = before.begin();
  auto a = after.begin();
  while (b != before.end() || a != after.end()) {
    if (a == after.end() || (b != before.end() && b->path < a->path)) {
      deltas.push_back({b->path, b->value, std::nullopt});
      ++b;
    } else if (b == before.end() || a->path < b->path) {
      deltas.push_back({a->path, std::nullopt, a->value});
      ++a;
    } else {
      if (!SameValue(*b, *a)) deltas.push_back({a->path, b->value, a->value});
      ++b, ++a;
    }
  }
  return deltas;
}

absl::StatusOr<ResourceDetail> ShowResource(const View& view, const ResourceQuestion& question,
                                            BudgetMeter* meter) {
  const Describer say(view);
  const Timestamp as_of = view.as_of();
  meter->Enter("resource");
  ResourceDetail detail;
  detail.resource = say.Resource(question.of);
  detail.as_of = as_of;
  Interval window = question.window;
  window.to = std::max(window.to, as_of + Duration(1));
  const auto revisions = view.Revisions(question.scope, question.of, window);
  if (!revisions.ok()) return revisions.status();
  for (const RevisionRecord& r : *revisions) {
    if (!meter->TakeBytes(CostOf(r))) break;
    // The last that began by then: summaries and full objects are states side by side, of which the
    // later one is shown.
    if (!r.valid.Contains(as_of)) continue;
    detail.fields.clear();
    for (const Field& f : r.fields)
      detail.fields.push_back({f.path, f.value, f.kind == FieldKind::kMac});
  }
  detail.revisions = ShowRevisions(*revisions, as_of);
  if (const Node* node = view.graph().Find(question.of)) {
    for (const Incarnation& life : node->incarnations) {
      if (life.alive.from > as_of) continue;
      detail.lives.push_back(
          {life.uid, life.alive.from, MaskedEnd(life.alive.to, as_of), life.sighted});
    }
  }
  const absl::Status status = AddOpenEpisodes(say, question, meter, &detail);
  if (!status.ok()) return status;
  detail.edges = GroupEdges(say, question.of, question.edges_per_type, meter);
  AddIncidents(say, question, meter, &detail);
  detail.truncated = meter->truncated();
  return detail;
}

}  // namespace kg::query
