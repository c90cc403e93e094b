#include "query/cause_worth.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "absl/strings/match.h"
#include "query/cause_chains.h"

namespace kg::query {
namespace {

// Did it end, and has nothing more come of it for a while? What went on to the end of the data may
// go on.
bool IsOver(const Inquiry& in, const Burst& b) {
  return !b.open() && b.end + kPassing <= std::min(in.view.as_of(), in.view.data_clock());
}

// A program that complained in its log while it started, and has long since gone on: nothing came
// of it, and nobody else felt it. One that died of it, or that was taken away, did not go on.
bool IsPassingLog(const Inquiry& in, const Root& root) {
  if (root.IsNamed() || root.burst->category != Category::kSymptom) return false;
  const ResourceId top = in.say.TopOwner(root.burst->resource, root.burst->key.onset);
  auto passed = [&](const BurstPtr& b) {
    const bool says_little =
        absl::StartsWith(in.rules.Class(b->cls).name, "LOG_") || b->severity <= Severity::kWarning;
    const Node* node = in.graph.Find(b->resource);
    const Incarnation* life = node == nullptr ? nullptr : node->AliveAt(b->key.onset);
    return says_little && b->severity < Severity::kFatal && life != nullptr && !life->sighted &&
           b->end < life->alive.from + kPassing && IsOver(in, *b) &&
           life->alive.Contains(b->end + kPassing) &&
           in.say.TopOwner(b->resource, b->key.onset) == top;
  };
  return passed(root.burst) && std::all_of(root.explained.begin(), root.explained.end(), passed);
}

// A container that ended once and went on, say: over within minutes and felt by its own workload
// only, of which one pod failed. Who asks about that object hears of it; a whole scope has better
// to tell. What all replicas went through was an outage.
bool IsOverAndSmall(const Inquiry& in, const Root& root) {
  if (root.IsNamed() || root.burst->category == Category::kChange) return false;
  const ResourceId top = in.say.TopOwner(root.burst->resource, root.burst->key.onset);
  std::set<ResourceId> pods;
  auto small = [&](const BurstPtr& b) {
    if (in.say.Name(b->resource).kind == "Pod") pods.insert(b->resource);
    return pods.size() <= 1 && IsOver(in, *b) && b->end <= root.burst->earliest + kPassing &&
           b->severity < Severity::kFatal && in.say.TopOwner(b->resource, b->key.onset) == top;
  };
  return small(root.burst) && std::all_of(root.explained.begin(), root.explained.end(), small);
}

// The link begins at the root, or at a replica that is one root with it.
bool IsFrom(const Inquiry& in, const CauseLink& link, const Root& r) {
  if (BurstAt{link.cause, link.cause_resource} == At(*r.burst)) return true;
  const BurstPtr cause = FindBurst(in.graph, link.cause_resource, link.cause);
  return cause != nullptr && cause->cls == r.burst->cls &&
         in.say.TopOwner(cause->resource, cause->key.onset) ==
             in.say.TopOwner(r.burst->resource, r.burst->key.onset);
}

double Importance(const Root& r) {
  std::set<ResourceId> slots;
  double weight = 0;
  for (const BurstPtr& b : r.explained) {
    if (slots.insert(b->resource).second) weight += Weight(b->severity);
  }
  if (r.burst->category != Category::kChange) weight += Weight(r.burst->severity);
  return weight;
}

}  // namespace

int Weight(Severity s) {
  return s == Severity::kFatal ? 4 : s == Severity::kError ? 3 : s == Severity::kWarning ? 1 : 0;
}

bool Counts(const Inquiry& in, const Root& root) {
  // That a Service which selects nothing has no endpoints is the finding once more; nobody need
  // care.
  const bool of_a_finding =
      in.question.object.empty() && root.finding.has_value() && !root.IsNamed();
  const ClassId no_endpoints = in.rules.ClassByName("NO_READY_ENDPOINTS");
  auto serious = [&](const BurstPtr& b) {
    if (b->category == Category::kChange) return false;
    if (of_a_finding && b->cls == no_endpoints) return false;
    if (b->severity >= Severity::kError) return true;
    // What still holds may have begun long before it was first seen, as all of a snapshot did.
    const bool holds = b->end > in.view.as_of();
    const Duration lasted = holds ? in.view.as_of() - b->earliest : b->end - b->key.onset;
    return b->severity == Severity::kWarning &&
           in.rules.Class(b->cls).severity >= Severity::kWarning && lasted >= kPassing;
  };
  if (IsPassingLog(in, root)) return false;
  if (in.question.object.empty() && IsOverAndSmall(in, root)) return false;
  return serious(root.burst) || std::any_of(root.explained.begin(), root.explained.end(), serious);
}

bool IsSymptom(const Inquiry& in, const Root& r) {
  if (r.finding.has_value() || r.burst->category != Category::kSymptom) return false;
  // What a peer without endpoints would explain speaks of somebody else, unless it is an error line
  // of no known kind.
  const bool blames_another =
      r.burst->cls != in.rules.ClassByName("LOG_ERROR") &&
      in.rules.Prior(in.rules.ClassByName("NO_READY_ENDPOINTS"), r.burst->cls, PathKind::kCalls)
              .prior >= kGroupDomain;
  return std::none_of(r.explained.begin(), r.explained.end(), [&](const BurstPtr& b) {
    const CauseLink* link = BestLink(in, *b);
    if (link == nullptr) return false;
    // Others suffer from it by depending on what it led to.
    if (link->path_kind != PathKind::kSelf && link->path_kind != PathKind::kOwner &&
        link->path_kind != PathKind::kService) {
      return true;
    }
    // It tells how its own object came into a state that is wrong in itself.
    return link->path_kind == PathKind::kSelf && IsFrom(in, *link, r) &&
           b->category == Category::kState && !blames_another;
  });
}

std::pair<const CauseLink*, BurstPtr> BestEffect(const Root& r) {
  std::pair<const CauseLink*, BurstPtr> best{nullptr, nullptr};
  auto worth = [](const CauseLink& c, const Burst& b) {
    return std::make_tuple(Groups(c), b.severity, b.category == Category::kState, c.confidence);
  };
  for (const BurstPtr& b : r.explained) {
    for (const CauseLink& c : b->causes) {
      if (BurstAt{c.cause, c.cause_resource} != At(*r.burst)) continue;
      if (best.first == nullptr || worth(c, *b) > worth(*best.first, *best.second)) best = {&c, b};
    }
  }
  return best;
}

double Confidence(const Root& r) {
  if (r.IsNamed()) return 0.9;  // the failure itself names it
  if (r.finding.has_value()) return r.finding->link->confidence;
  const auto [link, effect] = BestEffect(r);
  if (link != nullptr) return link->confidence;
  // Nothing but its own evidence: a state stands for itself, a symptom does not.
  return r.burst->category == Category::kState ? 0.6 : 0.3;
}

double Score(const Inquiry& in, const Root& r, size_t asked) {
  const double size = std::min(1.0, std::log2(1 + Importance(r)) / 6);
  const double of_asked =
      asked == 0 ? 0 : static_cast<double>(r.asked.size()) / static_cast<double>(asked);
  const double kind = IsSymptom(in, r) ? 0.5 : 1.0;
  return Confidence(r) * kind * (0.5 + 0.25 * size + 0.25 * of_asked);
}

}  // namespace kg::query
