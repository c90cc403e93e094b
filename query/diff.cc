#include "query/diff.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "query/describe.h"
#include "query/incidents.h"
#include "query/resource.h"

namespace kg::query {
namespace {

using storage::keys::Direction;

struct Work {
  const View& view;
  const DiffQuestion& question;
  const Describer say;
  std::vector<ResourceId> resources;  // by name
  BudgetMeter* meter;
  DiffAnswer answer;
  std::optional<Truncated> cut;  // the first list that was longer than the question's limit

  template <typename T>
  bool Room(const std::vector<T>& list, const char* where) {
    if (list.size() < question.limit) return meter->RoomForResult(list.size());
    if (!cut) cut = Truncated{"results", where, list.size()};
    return false;
  }
};

void CompareLives(Work* w, ResourceId id, std::vector<ResourceId>* stayed) {
  const Node* node = w->view.graph().Find(id);
  if (node == nullptr) return;
  const Incarnation* before = node->AliveAt(w->question.from);
  const Incarnation* after = node->AliveAt(w->question.to);
  if (before == nullptr && after == nullptr) return;
  if (before == nullptr) {
    if (w->Room(w->answer.appeared, "appeared")) {
      w->answer.appeared.push_back(w->say.Resource(id, w->question.to));
    }
  } else if (after == nullptr) {
    if (w->Room(w->answer.vanished, "vanished")) {
      w->answer.vanished.push_back(w->say.Resource(id, w->question.from));
    }
  } else {
    if (before != after && w->Room(w->answer.replaced, "replaced")) {
      w->answer.replaced.push_back(w->say.Resource(id, w->question.to));
    }
    stayed->push_back(id);
  }
}

// The last state that holds at a time.
const RevisionRecord* StateAt(const std::vector<RevisionRecord>& revisions, Timestamp t) {
  const RevisionRecord* found = nullptr;
  for (const RevisionRecord& r : revisions) {
    if (r.valid.Contains(t)) found = &r;
  }
  return found;
}

absl::Status CompareFields(Work* w, ResourceId id) {
  const auto revisions =
      w->view.Revisions(w->question.scope, id, {w->question.from, w->question.to + Duration(1)});
  if (!revisions.ok()) return revisions.status();
  for (const RevisionRecord& r : *revisions) {
    if (!w->meter->TakeBytes(CostOf(r))) return absl::OkStatus();
  }
  const RevisionRecord* before = StateAt(*revisions, w->question.from);
  const RevisionRecord* after = StateAt(*revisions, w->question.to);
  if (before == nullptr || after == nullptr || before == after) return absl::OkStatus();
  ChangedResource changed{w->say.Resource(id, w->question.to),
                          Compare(before->fields, after->fields)};
  if (!changed.fields.empty() && w->Room(w->answer.changed, "changed")) {
    w->answer.changed.push_back(std::move(changed));
  }
  return absl::OkStatus();
}

using EdgeAt = std::tuple<ResourceId, EdgeTypeId, ResourceId>;  // from, type, to

void CollectEdges(Work* w, ResourceId id, Direction direction, Timestamp t,
                  std::map<EdgeAt, Arrow>* edges) {
  w->view.graph().ForEachEdge(
      id, direction, t, [&](ResourceId other, EdgeTypeId type, uint16_t flags, Interval valid) {
        const bool out = direction == Direction::kOut;
        const Arrow arrow{out ? id : other, out ? other : id, type, flags, valid};
        (*edges)[{arrow.from, type, arrow.to}] = arrow;
        return w->meter->TakeEdges();
      });
}

// Those of `ours` that `theirs` has not, as steps in order of their names.
std::vector<PathStep> Missing(Work* w, const std::map<EdgeAt, Arrow>& ours,
                              const std::map<EdgeAt, Arrow>& theirs, const char* where) {
  std::vector<PathStep> steps, shown;
  for (const auto& e : ours) {
    if (theirs.count(e.first) == 0) steps.push_back(w->say.Step(e.second, false));
  }
  std::sort(steps.begin(), steps.end());
  for (PathStep& step : steps) {
    if (!w->Room(shown, where)) break;
    shown.push_back(std::move(step));
  }
  return shown;
}

void CompareEdges(Work* w) {
  w->meter->Enter("edges");
  std::map<EdgeAt, Arrow> before, after;
  for (ResourceId id : w->resources) {
    if (w->meter->spent()) break;
    for (Direction d : {Direction::kOut, Direction::kIn}) {
      CollectEdges(w, id, d, w->question.from, &before);
      CollectEdges(w, id, d, w->question.to, &after);
    }
  }
  w->answer.edges_opened = Missing(w, after, before, "edges_opened");
  w->answer.edges_closed = Missing(w, before, after, "edges_closed");
}

bool InNamespace(const Work& w, const IncidentTree& tree) {
  if (w.question.ns.empty()) return true;
  bool found = false;
  tree.members.ForEach([&](const std::pair<EpisodeKey, ResourceId>& m) {
    if (m.first.onset > w.question.to) return false;
    found = w.say.Name(m.second).ns == w.question.ns;
    return !found;
  });
  return found;
}

void CompareIncidents(Work* w) {
  w->meter->Enter("incidents");
  w->view.ForEachTree(w->question.scope, [&](const IncidentPtr& tree) {
    if (w->meter->spent()) return false;
    if (tree->root.onset > w->question.to) return true;
    if (!InNamespace(*w, *tree)) return true;
    const IncidentState before = StateOf(w->view, *tree, w->question.from, w->meter);
    const IncidentState after = StateOf(w->view, *tree, w->question.to, w->meter);
    const bool was_open = before.counts && before.open;
    const bool is_open = after.counts && after.open;
    if (was_open == is_open) return true;
    auto& list = is_open ? w->answer.incidents_opened : w->answer.incidents_resolved;
    if (w->Room(list, is_open ? "incidents_opened" : "incidents_resolved"))
      list.push_back(ShowIncident(w->say, *tree, after, 0, {}, w->meter));
    return true;
  });
}

}  // namespace

absl::StatusOr<DiffAnswer> Diff(const View& view, const DiffQuestion& question,
                                BudgetMeter* meter) {
  if (question.from >= question.to) {
    return absl::InvalidArgumentError("the first time of a diff must be before the second");
  }
  meter->Enter("objects");
  Work w{view, question, Describer(view), {}, meter, {}, {}};
  w.answer.from = question.from;
  w.answer.to = question.to;
  for (ResourceId id : view.List(question.scope, question.ns, "")) {
    if (!meter->TakeNodes()) break;
    if (question.labels.empty() ||
        Matches(question.labels, LabelsOf(view, question.scope, id, meter))) {
      if (meter->spent()) break;
      w.resources.push_back(id);
    }
  }
  std::sort(w.resources.begin(), w.resources.end(),
            [&](ResourceId a, ResourceId b) { return NameLess(w.say.Name(a), w.say.Name(b)); });
  std::vector<ResourceId> stayed;
  for (ResourceId id : w.resources) CompareLives(&w, id, &stayed);
  meter->Enter("states of objects");
  for (ResourceId id : stayed) {
    if (meter->spent()) break;
    const absl::Status status = CompareFields(&w, id);
    if (!status.ok()) return status;
  }
  CompareEdges(&w);
  CompareIncidents(&w);
  w.answer.truncated = meter->truncated() ? meter->truncated() : w.cut;
  return std::move(w.answer);
}

}  // namespace kg::query
