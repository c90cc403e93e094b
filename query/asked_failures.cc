#include "query/asked_failures.h"

#include <algorithm>
#include <utility>

#include "query/cause_chains.h"

namespace kg::query {
namespace {

using storage::keys::Direction;

constexpr size_t kMaxSlots = 5000;  // that one object stands for
constexpr int kMaxDepth = 4;        // of what it owns

void AskOfSlot(const Inquiry& in, ResourceId slot, AskedFailures* asked) {
  const Interval window = in.question.Window();
  const Node* node = in.graph.Find(slot, window.from);
  if (node == nullptr) return;
  node->bursts.ForEachIn(window, [&](const BurstPtr& b) {
    AskOfBurst(in, b, asked);
    return in.meter->TakeEdges();
  });
}

// fn(other, type) for the edges of a slot that were there in the window.
template <typename Fn>
void ForEdges(const Inquiry& in, ResourceId slot, Direction direction, Fn&& fn) {
  const Interval window = in.question.Window();
  const Node* node = in.graph.Find(slot, window.from);
  if (node == nullptr) return;
  const bool out = direction == Direction::kOut;
  (out ? node->out : node->in).ForEach([&](const OpenEdge& e) {
    if (e.from < window.to) fn(ResourceId(e.other), EdgeTypeId(e.type));
    return in.meter->TakeEdges();
  });
  (out ? node->out_closed : node->in_closed).ForEach([&](const ClosedEdge& e) {
    if (e.from >= window.to || e.to <= window.from) return true;
    fn(ResourceId(e.other), EdgeTypeId(e.type));
    return in.meter->TakeEdges();
  });
}

// The object, what it owns or selects, what owns it, and what selects any of these.
std::set<ResourceId> SlotsOf(const Inquiry& in, ResourceId id) {
  const EdgeTypeId controls = in.rules.EdgeTypeByName("CONTROLS");
  const EdgeTypeId selects = in.rules.EdgeTypeByName("SELECTS");
  const EdgeTypeId routes = in.rules.EdgeTypeByName("ROUTES_TO");
  std::set<ResourceId> slots = {id};
  std::vector<std::pair<ResourceId, int>> below = {{id, 0}};
  for (size_t i = 0; i < below.size() && slots.size() < kMaxSlots; ++i) {
    const auto [slot, depth] = below[i];
    if (depth == kMaxDepth || !in.meter->TakeNodes()) break;
    const int next = depth + 1;
    ForEdges(in, slot, Direction::kOut, [&](ResourceId other, EdgeTypeId type) {
      const bool takes = type == controls || (next == 1 && (type == selects || type == routes));
      if (takes && slots.insert(other).second) below.push_back({other, next});
    });
  }
  // Owners' own failures (a stuck rollout) are the object's; their other children are not.
  for (ResourceId up = id;;) {
    std::optional<ResourceId> owner;
    ForEdges(in, up, Direction::kIn, [&](ResourceId other, EdgeTypeId type) {
      if (type == controls) owner = other;
    });
    if (!owner.has_value() || !slots.insert(*owner).second) break;
    up = *owner;
  }
  // A Service that selects these pods fails with them.
  for (const auto& entry : below) {
    ForEdges(in, entry.first, Direction::kIn, [&](ResourceId other, EdgeTypeId type) {
      if (type == selects || type == routes) slots.insert(other);
    });
  }
  return slots;
}

bool LeadsTo(const Trail& trail, const std::set<ResourceId>& slots) {
  auto here = [&](ResourceId id) { return slots.count(id) > 0; };
  if (std::any_of(trail.chain.begin(), trail.chain.end(),
                  [&](const BurstPtr& c) { return here(c->resource); }))
    return true;
  if (!trail.finding.has_value()) return false;
  if (here(trail.finding->what.resource)) return true;
  if (!trail.finding->link.has_value()) return false;
  const std::vector<ResourceId>& path = trail.finding->link->path;
  return std::any_of(path.begin(), path.end(), here);
}

// What those who depend on an object suffer because of it: a Service that selects nothing fails
// nowhere else, nor does a Secret that is not there.
void AskOfDependants(const Inquiry& in, const std::set<ResourceId>& slots, AskedFailures* asked) {
  const Interval window = in.question.Window();
  std::set<ResourceId> dependants;
  for (ResourceId s : slots) {
    for (const Direction direction : {Direction::kIn, Direction::kOut}) {
      const Travels away = direction == Direction::kIn ? Travels::kToFrom : Travels::kFromTo;
      ForEdges(in, s, direction, [&](ResourceId other, EdgeTypeId type) {
        if (in.rules.EdgeType(type).travels == away && slots.count(other) == 0)
          dependants.insert(other);
      });
    }
  }
  for (ResourceId dependant : dependants) {
    const Node* node = in.graph.Find(dependant, window.from);
    if (node == nullptr || !in.meter->TakeNodes()) continue;
    node->bursts.ForEachIn(window, [&](const BurstPtr& b) {
      if (in.rules.Class(b->cls).IsFailure()) {
        if (LeadsTo(TrailOf(in, At(*b)), slots)) AskOfBurst(in, b, asked);
      }
      return in.meter->TakeEdges();
    });
  }
}

}  // namespace

void AskOfBurst(const Inquiry& in, const BurstPtr& b, AskedFailures* asked) {
  if (b->key.onset > in.view.as_of() || !in.rules.Class(b->cls).IsFailure()) return;
  asked->insert(At(*b));
}

void AskOfObject(const Inquiry& in, ResourceId object, AskedFailures* asked) {
  std::set<ResourceId> slots = SlotsOf(in, object);
  // Without a pod between them nothing joins a workload to the Services that serve it.
  const std::optional<Finding>& finding = in.findings->findings().Of(object);
  if (finding.has_value() && finding->kind == "zero_replicas") {
    for (ResourceId s : in.findings->findings().ServicesBefore(object)) slots.insert(s);
  }
  for (ResourceId s : slots) AskOfSlot(in, s, asked);
  AskOfDependants(in, slots, asked);
}

void AskOfScope(const Inquiry& in, AskedFailures* asked) {
  for (ResourceId s : ResourcesOf(in.view, in.scope, in.question, in.meter)) {
    AskOfSlot(in, s, asked);
  }
}

void AskOfTree(const Inquiry& in, const IncidentTree& tree, AskedFailures* asked) {
  tree.members.ForEach([&](const auto& m) {
    const BurstPtr b = FindBurst(in.graph, m.second, m.first);
    if (b != nullptr) AskOfBurst(in, b, asked);
    return in.meter->TakeEdges();
  });
}

}  // namespace kg::query
