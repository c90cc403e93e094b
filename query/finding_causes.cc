#include "query/finding_causes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <queue>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "engine/links.h"

namespace kg::query {
namespace {

constexpr int kMaxHops = 3;
constexpr size_t kMaxVisited = 500;  // slots a walk looks at
constexpr Duration kTolerance = 10s;
constexpr Duration kEdgeMemory = 1h;  // an edge that ended so long ago still carries a cause
// What went on for so long after the effect was over did not cause it.
constexpr Duration kLongOver = 30min;
// Nobody saw it begin, before the effect or after.
constexpr double kUnknownOnset = 0.5;

// References to what must be there for the one who refers to it to work.
bool Needs(absl::string_view edge, absl::string_view kind) {
  static constexpr std::array<absl::string_view, 13> kNeeds = {
      "MOUNTS",    "USES",  "USES_ACCOUNT",    "MOUNTS_CLAIM", "ROUTES",
      "SCALES",    "BINDS", "SECURED_BY",      "CLASSED_BY",   "SERVED_BY",
      "ISSUED_BY", "CALLS", "AUTHENTICATES_BY"};
  if (edge == "PROVISIONED_BY") return kind == "StorageClass";
  return std::find(kNeeds.begin(), kNeeds.end(), edge) != kNeeds.end();
}

bool NeededToStart(absl::string_view edge) {
  return edge == "MOUNTS" || edge == "USES" || edge == "MOUNTS_CLAIM" || edge == "USES_ACCOUNT";
}

}  // namespace

FindingCauses::FindingCauses(const View& view, const Describer& say, ScopeId scope,
                             BudgetMeter* meter)
    : view_(view), say_(say), meter_(meter), findings_(view, say, scope, meter) {}

const FoundCause* FindingCauses::BestOf(const Burst& effect) {
  auto [it, fresh] = best_.try_emplace({effect.key, effect.resource});
  std::optional<FoundCause>& best = it->second;
  const Timestamp now = std::min(view_.as_of(), view_.data_clock());
  const bool long_over =
      MaskedEnd(effect.end, view_.as_of()) != kForever && effect.end + kLongOver < now;
  if (fresh && !long_over && view_.rules().Class(effect.cls).IsFailure()) {
    const std::vector<Step> walk = Walk(effect);
    for (size_t i = 0; i < walk.size(); ++i) {
      std::optional<FoundCause> found = Weigh(effect, walk, static_cast<int>(i));
      if (!found.has_value()) continue;
      const double gain = best.has_value() ? found->link->confidence - best->link->confidence : 1;
      // Among equals by name, never by an id.
      if (gain > 1e-9 || (gain > -1e-9 && NameLess(say_.Name(found->what.resource),
                                                   say_.Name(best->what.resource)))) {
        best = std::move(found);
      }
    }
  }
  return best.has_value() ? &*best : nullptr;
}

// fn(other, type, out, flags) for what a fault might have come over to `from`.
template <typename Fn>
void FindingCauses::ForEachNext(const Burst& effect, const Step& from, Fn&& fn) {
  const Timestamp since = effect.key.onset - kEdgeMemory;
  const Node* node = view_.graph().Find(from.slot, since);
  if (node == nullptr || node->name == nullptr) return;
  for (const bool out : {true, false}) {
    auto take = [&](uint32_t other, uint16_t type, uint16_t flags, Interval valid) {
      if (valid.from > view_.as_of() || valid.to <= since) return true;
      fn(ResourceId(other), EdgeTypeId(type), out, flags);
      return meter_->TakeEdges();
    };
    (out ? node->out : node->in).ForEach([&](const OpenEdge& e) {
      return take(e.other, e.type, e.flags, {e.from, kForever});
    });
    (out ? node->out_closed : node->in_closed).ForEach([&](const ClosedEdge& e) {
      return take(e.other, e.type, e.flags, {e.from, e.to});
    });
  }
  if (from.hops == 0) {
    const EdgeTypeId resolves = view_.rules().EdgeTypeByName("RESOLVES_BY");
    for (ResourceId id : view_.Resolvers(node->name->scope)) {
      if (id != from.slot) fn(id, resolves, true, 0);
    }
  }
  // A Service that has no pods would select those of these workloads.
  if (node->name->kind != "Service") return;
  const EdgeTypeId selects = view_.rules().EdgeTypeByName("SELECTS");
  for (ResourceId workload : findings_.WorkloadsBehind(from.slot)) fn(workload, selects, true, 0);
}

std::vector<FindingCauses::Step> FindingCauses::Walk(const Burst& effect) {
  const RuleBook& rules = view_.rules();
  const EdgeTypeId controls = rules.EdgeTypeByName("CONTROLS");
  std::vector<Step> steps = {
      {effect.resource, 0, 0, false, PathKind::kSelf, -1, {}, false, false, true}};
  absl::flat_hash_map<ResourceId, int> best = {{effect.resource, 0}};
  using Entry = std::pair<double, int>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  queue.push({0, 0});
  auto better = [&](const Step& a, const Step& b) {
    if (std::abs(a.cost - b.cost) > 1e-9) return a.cost < b.cost;
    if (a.hops != b.hops) return a.hops < b.hops;
    if (a.required != b.required) return a.required;
    if (a.went_up != b.went_up) return !a.went_up;
    if (a.kind != b.kind) return MoreTelling(a.kind, b.kind) == a.kind;
    if (a.parent < 0 || b.parent < 0) return a.parent < b.parent;
    const SlotName &x = say_.Name(steps[a.parent].slot), &y = say_.Name(steps[b.parent].slot);
    if (x != y) return NameLess(x, y);
    return std::tie(a.edge, a.against) < std::tie(b.edge, b.against);
  };
  while (!queue.empty() && steps.size() < kMaxVisited && meter_->TakeNodes()) {
    const int index = queue.top().second;
    queue.pop();
    const Step from = steps[index];
    if (best[from.slot] != index || from.hops == kMaxHops) continue;
    ForEachNext(effect, from, [&](ResourceId other, EdgeTypeId type, bool out, uint16_t flags) {
      const EdgeTypeInfo& info = rules.EdgeType(type);
      if (info.travels != Travels::kBoth &&
          info.travels != (out ? Travels::kToFrom : Travels::kFromTo))
        return;
      const auto& only = info.only_effects;
      if (!only.empty() && std::find(only.begin(), only.end(), effect.cls) == only.end()) return;
      if (type == controls && out && from.went_up) return;
      const Step next{other,
                      from.cost + info.hop_cost,
                      from.hops + 1,
                      from.went_up || (type == controls && !out),
                      MoreTelling(from.kind, info.path),
                      index,
                      type,
                      out,
                      (flags & kEdgeOptional) == 0,
                      true};
      const int place = static_cast<int>(steps.size());
      auto [it, fresh] = best.try_emplace(other, place);
      if (!fresh && !better(next, steps[it->second])) return;
      it->second = place;
      steps.push_back(next);
      queue.push({next.cost, place});
    });
  }
  for (size_t i = 0; i < steps.size(); ++i)
    steps[i].is_best = best[steps[i].slot] == static_cast<int>(i);
  return steps;
}

// Is what is not there needed in such a way that the effect can come of it?
bool FindingCauses::MayMiss(const Burst& effect, const std::vector<Step>& walk, int index,
                            const Finding& missing) {
  const Step& step = walk[index];
  const std::string& edge = view_.rules().EdgeType(step.edge).name;
  if (!step.required || !Needs(edge, say_.Name(step.slot).kind)) return false;
  // A host that a setting names need not be a Service of this cluster, unless it does not resolve.
  if (edge == "CALLS" && !missing.deleted)
    return view_.rules().Class(effect.cls).name == "LOG_NO_HOST";
  return !NeededToStart(edge) || !findings_.HasStarted(walk[step.parent].slot);
}

double FindingCauses::Temporal(const Finding& what, const PairPrior& prior,
                               const Burst& effect) const {
  Timestamp earliest = what.earliest, latest = what.latest;
  // Who begins to depend on what has long been wrong suffers from then on.
  const Node* subject = view_.graph().Find(effect.resource);
  const Incarnation* life = subject == nullptr ? nullptr : subject->AliveAt(effect.key.onset);
  if (life != nullptr && !life->sighted) {
    earliest = std::max(earliest, life->alive.from);
    latest = std::max(latest, life->alive.from);
  }
  const double likelihood = LagLikelihood(prior, effect.earliest - latest - kTolerance,
                                          effect.key.onset + kTolerance - earliest);
  const bool known = latest <= effect.key.onset + kTolerance && latest - earliest <= prior.lag_max;
  return known ? likelihood : std::min(likelihood, kUnknownOnset);
}

bool FindingCauses::MayGroup(const Burst& effect, const Step& step) const {
  for (ClassId cls : findings_.Possible(step.slot)) {
    CauseLink most;
    most.domain = view_.rules().Prior(cls, effect.cls, step.kind).prior;
    most.confidence = 0.3 + 0.3 / (1.0 + step.cost) + 0.4 * most.domain;
    if (Groups(most)) return true;
  }
  return false;
}

std::optional<FoundCause> FindingCauses::Weigh(const Burst& effect, const std::vector<Step>& walk,
                                               int index) {
  const Step& step = walk[index];
  // Learning what is wrong with an object takes reading it: not for what would not count.
  if (!step.is_best || !MayGroup(effect, step)) return std::nullopt;
  const std::optional<Finding>& what = findings_.Of(step.slot);
  if (!what.has_value()) return std::nullopt;
  const bool missing = what->kind == "missing_object";
  if (missing && (index == 0 || !MayMiss(effect, walk, index, *what))) return std::nullopt;
  const PairPrior prior = view_.rules().Prior(what->cls, effect.cls, step.kind);
  CauseLink link;
  link.temporal = prior.prior <= 0 ? 0 : Temporal(*what, prior, effect);
  if (link.temporal <= 0) return std::nullopt;
  link.cause_resource = what->resource;
  link.cause_class = what->cls;
  link.distance = 1.0 / (1.0 + step.cost);
  link.domain = prior.prior * what->certainty;
  link.confidence = 0.3 * link.temporal + 0.3 * link.distance + 0.4 * link.domain;
  link.prior_row = prior.row;
  link.path_kind = step.kind;
  if (!Groups(link)) return std::nullopt;
  for (int i = index; i >= 0; i = walk[i].parent) {
    link.path.push_back(walk[i].slot);
    if (walk[i].parent < 0) break;
    link.types.push_back(walk[i].edge);
    link.against_arrow.push_back(walk[i].against);
  }
  FoundCause found{*what, std::move(link)};
  if (missing) {
    absl::StrAppend(&found.what.text, ", and ", ShortName(say_.Name(walk[step.parent].slot)),
                    " needs it");
  }
  return found;
}

}  // namespace kg::query
