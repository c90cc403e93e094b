#include <algorithm>

#include "absl/strings/str_cat.h"
#include "query/incidents.h"
#include "query/severity.h"
#include "query/text.h"

namespace kg::query {
namespace {

constexpr int kMaxDepth = 64;

bool IsFailure(const Burst& b) {
  return b.category == Category::kState || b.category == Category::kSymptom;
}

// The severity of one member at a time; reads its row only where repetition could raise it above
// `floor`.
Severity SeverityAt(const View& view, const IncidentTree& tree, const Burst& b, Timestamp at,
                    Severity floor, BudgetMeter* meter) {
  const bool can_rise = b.severity == Severity::kWarning || b.severity == Severity::kError;
  if (!can_rise || b.severity < floor) return b.severity;
  const auto record = view.Episode(tree.scope, b.key);
  if (!record.ok() || !record->has_value() || !meter->TakeBytes(CostOf(**record)))
    return b.severity;
  return std::max(b.severity, Escalate(AsOf(**record, at)).severity);
}

// What is wrong in itself before what suffers from it, severe before mild, and what can be the
// cause before what can be its effect; of equals the first that came (members come by onset).
bool TellsMore(const RuleBook& rules, const Burst& a, const Burst& b) {
  if (a.category != b.category) return a.category == Category::kState;
  if (a.severity != b.severity) return a.severity > b.severity;
  return rules.Class(a.cls).precedence < rules.Class(b.cls).precedence;
}

}  // namespace

IncidentState StateOf(const View& view, const IncidentTree& tree, Timestamp at,
                      BudgetMeter* meter) {
  IncidentState s;
  uint64_t failures = 0;
  bool holds = false;
  BurstPtr telling;
  Timestamp quiet_from = kBeginning;
  tree.members.ForEach([&](const std::pair<EpisodeKey, ResourceId>& m) {
    if (m.first.onset > at || !meter->TakeNodes()) return false;
    const BurstPtr b = FindBurst(view.graph(), m.second, m.first);
    if (b == nullptr) return true;
    ++s.members;
    s.opened = std::min(s.opened, m.first.onset);
    const Timestamp end = MaskedEnd(b->end, at);
    s.last_activity =
        std::max(s.last_activity, end == kForever ? m.first.onset : std::max(end, m.first.onset));
    if (!IsFailure(*b)) return true;
    const Severity severity = SeverityAt(view, tree, *b, at, s.severity, meter);
    if (failures++ == 0 || severity > s.severity) s.severity = severity;
    if (telling == nullptr || TellsMore(view.rules(), *b, *telling)) telling = b;
    if (end == kForever)
      holds = true;
    else
      quiet_from = std::max(quiet_from, end + kQuiet + view.rules().Class(b->cls).gap);
    return true;
  });
  if (telling != nullptr) s.telling = telling->key, s.telling_resource = telling->resource;
  const bool minor = s.members == 1 && s.severity <= Severity::kWarning && !holds;
  s.counts = failures > 0 && !minor;
  s.open = holds || at <= quiet_from;
  if (!s.open) s.resolved = s.last_activity;
  return s;
}

IncidentPtr TreeOf(const View& view, ScopeId scope, ResourceId resource, EpisodeKey key) {
  const std::pair<EpisodeKey, ResourceId> member{key, resource};
  IncidentPtr found;
  // A tree hangs together by first links, so its root is up that chain; where the chain goes on
  // above the root (a link below the floor), an earlier slot of it matches.
  for (int i = 0; i < kMaxDepth && found == nullptr; ++i) {
    const IncidentPtr tree = view.Tree(scope, key);
    if (tree != nullptr && tree->members.Find(member) != nullptr) found = tree;
    const BurstPtr b = FindBurst(view.graph(), resource, key);
    if (b == nullptr || b->causes.empty()) break;
    key = b->causes.front().cause;
    resource = b->causes.front().cause_resource;
  }
  return found;
}

std::string IncidentTitle(const Describer& say, const IncidentTree& tree,
                          const IncidentState& state) {
  const View& view = say.view();
  const BurstPtr root = FindBurst(view.graph(), tree.root_resource, tree.root);
  const BurstPtr telling = FindBurst(view.graph(), state.telling_resource, state.telling);
  if (root == nullptr || telling == nullptr) return "Failure";
  const EpisodeAnswer episode = say.Episode(*telling);
  const std::string what = episode.reason.empty() ? episode.cls : episode.reason;
  const ClassInfo& cause = view.rules().Class(root->cls);
  const std::string why = Inner(cause.meaning.empty() ? cause.name : cause.meaning);
  // People know the workload, not the pod.
  const ResourceId where = say.TopOwner(state.telling_resource, telling->key.onset);
  const bool elsewhere = tree.root_resource != where &&
                         tree.root_resource != state.telling_resource &&
                         say.TopOwner(tree.root_resource, root->key.onset) != where;
  const std::string other = elsewhere ? ShortName(say.Name(tree.root_resource)) : "";
  std::string title = absl::StrCat(what, " on ", ShortName(say.Name(where)));
  if (root->category == Category::kChange) {
    absl::StrAppend(&title, " after a change", elsewhere ? " of " : "", other, ": ", why);
  } else if (elsewhere) {
    absl::StrAppend(&title, " because of ", other, ": ", why);
  } else if (root->cls != telling->cls) {
    absl::StrAppend(&title, ": ", why);
  } else if (state.members > 1) {
    absl::StrAppend(&title, " and ", state.members - 1, " more");
  }
  return title;
}

}  // namespace kg::query
