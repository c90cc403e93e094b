#include "engine/internal/link.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <tuple>

#include "absl/container/flat_hash_map.h"

namespace kg {
namespace {

using storage::keys::Direction;

constexpr int kMaxHops = 3;
constexpr size_t kMaxVisited = 2000;          // slots a search looks at
constexpr size_t kMaxCandidatesPerSlot = 64;  // bursts of one slot, newest first
constexpr Duration kSameEmitter = 2s;         // clock skew and truncation within one object
constexpr Duration kOtherEmitter = 10s;
constexpr Duration kEdgeMemory = 1h;  // an edge that ended so long ago still carries a cause
// How well what has gone on for longer than the largest lag explains something new in time: worse
// than what has just begun, better than what lies in between.
constexpr double kStillGoingOn = 0.4;

struct Step {
  ResourceId slot;
  double cost = 0;
  int hops = 0;
  bool went_up = false;  // from a child to its owner
  Interval valid;        // when every edge so far was there
  PathKind kind = PathKind::kSelf;
  int parent = -1;  // index into the list of steps
  EdgeTypeId edge;
  bool against = false;  // the edge points from this slot to its parent
};

// A step of precedence is worth 100 ms: enough to order what one second's truncation has mixed up,
// at most 10 s, what clocks of different emitters may differ by.
Duration Lateness(const RuleBook& rules, ClassId cls) {
  return std::chrono::milliseconds(100) * std::clamp(rules.Class(cls).precedence, 0, 100);
}

class Search {
 public:
  Search(const Graph& graph, const RuleBook& rules, const ImplicitEdges& implicit,
         const Burst& effect)
      : graph_(graph),
        rules_(rules),
        implicit_(implicit),
        effect_(effect),
        controls_(rules.EdgeTypeByName("CONTROLS")),
        look_back_(rules.MaxLookBack(effect.cls)) {}

  std::vector<CauseLink> Run(uint64_t* looked_at) {
    Walk();
    for (size_t i = 0; i < steps_.size(); ++i) Candidates(i);
    *looked_at += looked_at_;
    std::sort(found_.begin(), found_.end(),
              [this](const Candidate& a, const Candidate& b) { return Better(a, b); });
    std::vector<CauseLink> out;
    for (Candidate& c : found_) {
      const bool taken = std::any_of(out.begin(), out.end(), [&](const CauseLink& o) {
        return o.cause == c.link.cause ||
               (o.cause_resource == c.link.cause_resource && o.cause_class == c.link.cause_class);
      });
      if (!taken) {
        SetPath(c.step, &c.link);
        out.push_back(std::move(c.link));
      }
      if (out.size() == kMaxCauses) break;
    }
    return out;
  }

 private:
  // A cause as weighed; its path is told only if it wins.
  struct Candidate {
    CauseLink link;
    Category category = Category::kInfo;
    size_t step = 0;
  };

  void Walk() {
    const Node* subject = graph_.Find(effect_.resource);
    if (subject == nullptr) return;
    steps_.push_back(
        {effect_.resource, 0, 0, false, {kBeginning, kForever}, PathKind::kSelf, -1, {}, false});
    best_[effect_.resource] = 0;
    using Entry = std::pair<double, int>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    queue.push({0, 0});
    while (!queue.empty() && steps_.size() < kMaxVisited) {
      const auto [cost, index] = queue.top();
      queue.pop();
      const Step step = steps_[index];
      if (best_[step.slot] != index || step.hops == kMaxHops) continue;
      Expand(index, [&](int next) { queue.push({steps_[next].cost, next}); });
    }
  }

  template <typename Push>
  void Expand(int index, Push&& push) {
    const Step from = steps_[index];
    const Timestamp until = effect_.key.onset + kOtherEmitter;
    const Timestamp since = effect_.key.onset - std::min<Duration>(kEdgeMemory, look_back_);
    const Node* node = graph_.Find(from.slot, since);
    if (node == nullptr) return;
    auto visit = [&](Direction direction) {
      auto edge = [&](uint32_t other, uint16_t type, Interval valid) {
        if (valid.from > until || valid.to <= since) return steps_.size() < kMaxVisited;
        // When it ended later is nothing to this effect.
        valid.to = std::min(valid.to, until);
        Take(index, ResourceId(other), EdgeTypeId(type), direction, valid, push);
        return steps_.size() < kMaxVisited;
      };
      const bool out = direction == Direction::kOut;
      (out ? node->out : node->in).ForEach([&](const OpenEdge& e) {
        return edge(e.other, e.type, {e.from, kForever});
      });
      (out ? node->out_closed : node->in_closed).ForEach([&](const ClosedEdge& e) {
        return edge(e.other, e.type, {e.from, e.to});
      });
    };
    visit(Direction::kOut);
    visit(Direction::kIn);
    if (from.hops > 0 || node->name == nullptr) return;
    for (const ImplicitEdges::Edge& e : implicit_.From(from.slot, *node->name, effect_.cls)) {
      Take(index, e.to, e.type, Direction::kOut, {kBeginning, kForever}, push);
    }
  }

  template <typename Push>
  void Take(int index, ResourceId other, EdgeTypeId type, Direction direction, Interval valid,
            Push& push) {
    const EdgeTypeInfo& info = rules_.EdgeType(type);
    const bool out = direction == Direction::kOut;
    const bool carries = info.travels == Travels::kBoth ||
                         info.travels == (out ? Travels::kToFrom : Travels::kFromTo);
    if (!carries) return;
    if (!info.only_effects.empty() && std::find(info.only_effects.begin(), info.only_effects.end(),
                                                effect_.cls) == info.only_effects.end()) {
      return;
    }
    const Step& from = steps_[index];
    const bool up = type == controls_ && !out;   // to the owner
    const bool down = type == controls_ && out;  // to a child
    if (down && from.went_up) return;
    Step next{other,
              from.cost + info.hop_cost,
              from.hops + 1,
              from.went_up || up,
              {std::max(from.valid.from, valid.from), std::min(from.valid.to, valid.to)},
              MoreTelling(from.kind, info.path),
              index,
              type,
              out};
    if (next.valid.empty()) return;
    const int place = static_cast<int>(steps_.size());
    auto [it, fresh] = best_.try_emplace(other, place);
    if (!fresh && !IsBetter(next, steps_[it->second])) return;
    it->second = place;
    steps_.push_back(next);
    push(place);
  }

  // Of two ways to a slot the cheaper; of equal ones that which leads further, was there longer,
  // tells more, and at last by the name of what it leads over: never by an id.
  bool IsBetter(const Step& a, const Step& b) const {
    if (std::abs(a.cost - b.cost) > 1e-9) return a.cost < b.cost;
    if (a.hops != b.hops) return a.hops < b.hops;
    if (a.went_up != b.went_up) return !a.went_up;
    if (a.valid.to != b.valid.to) return a.valid.to > b.valid.to;
    if (a.valid.from != b.valid.from) return a.valid.from < b.valid.from;
    if (a.kind != b.kind) return MoreTelling(a.kind, b.kind) == a.kind;
    if (a.parent < 0 || b.parent < 0) return a.parent < b.parent;
    const Node* over_a = graph_.Find(steps_[a.parent].slot);
    const Node* over_b = graph_.Find(steps_[b.parent].slot);
    if (over_a != over_b) return *over_a->name < *over_b->name;
    return std::tie(a.edge, a.against) < std::tie(b.edge, b.against);
  }

  void Candidates(size_t index) {
    const Step& step = steps_[index];
    if (best_[step.slot] != static_cast<int>(index)) return;  // a better path was found later
    const Timestamp since = effect_.earliest - look_back_;
    const Node* node = graph_.Find(step.slot, since);
    if (node == nullptr) return;
    const Duration tolerance = index == 0 ? kSameEmitter : kOtherEmitter;
    const EpisodeKey until{effect_.key.onset + std::max<Duration>(tolerance, 1h), EpisodeHash(0)};
    size_t seen = 0;
    // Those that were only seen later, but may have begun before.
    node->bursts.ForEachFrom(until, [&](const BurstPtr& b) {
      if (b->earliest <= effect_.key.onset + tolerance) Score(step, index, *b, tolerance);
      ++looked_at_;
      return ++seen < kMaxCandidatesPerSlot;
    });
    seen = 0;
    node->bursts.ForEachBefore(until, since, [&](const BurstPtr& b) {
      ++looked_at_;
      Score(step, index, *b, tolerance);
      return ++seen < kMaxCandidatesPerSlot;
    });
  }

  // Can `cause` have begun first? Onsets are ordered by time if they are further apart than clocks
  // and truncation may shift them. Of others it is the one that more likely causes the other along
  // such a path, and among equals the one whose class is less of a consequence.
  bool MayPrecede(const Burst& cause, PathKind kind, Duration tolerance) const {
    // One clock that tells more than whole seconds orders what it dates.
    const bool one_clock = kind == PathKind::kSelf && IsFine(cause) && IsFine(effect_);
    if (one_clock) tolerance = Duration(0);
    if (cause.key.onset + tolerance < effect_.earliest) return true;
    if (cause.earliest > effect_.key.onset + tolerance) return false;
    const double forth = rules_.Prior(cause.cls, effect_.cls, kind).prior;
    const double back = rules_.Prior(effect_.cls, cause.cls, kind).prior;
    return forth != back ? forth > back : BeginsBefore(rules_, cause, effect_);
  }

  static bool IsFine(const Burst& b) {
    return b.earliest == b.key.onset && ToMicros(b.key.onset) % 1'000'000 != 0;
  }

  // It had begun before the effect and was still there, or came again within the gap of a burst.
  bool GoesOn(const Burst& cause) const {
    return cause.category != Category::kChange && cause.key.onset < effect_.key.onset &&
           (cause.end == kForever || cause.end + kEpisodeGap >= effect_.key.onset);
  }

  void Score(const Step& step, size_t index, const Burst& cause, Duration tolerance) {
    if (cause.key == effect_.key && cause.resource == effect_.resource) return;
    if (cause.cls == effect_.cls && cause.resource == effect_.resource) return;
    if (cause.earliest > effect_.key.onset + tolerance) return;
    if (cause.category != Category::kChange && !MayPrecede(cause, step.kind, tolerance)) return;
    // What the cause itself took away (a pod and its edges) was there until the very moment.
    if (cause.earliest >= step.valid.to && cause.earliest - step.valid.to >= kOtherEmitter) return;
    // A change that was several things at once counts as the most likely of them.
    CauseLink link;
    PairPrior prior;
    const bool goes_on = GoesOn(cause);
    auto try_class = [&](ClassId cls) {
      const PairPrior p = rules_.Prior(cls, effect_.cls, step.kind);
      double temporal = 0;
      if (p.prior > 0) {
        temporal = LagLikelihood(p, effect_.earliest - cause.key.onset - tolerance,
                                 effect_.key.onset - cause.earliest + tolerance);
        if (goes_on) temporal = std::max(temporal, kStillGoingOn);
      }
      if (temporal <= 0 ||
          0.3 * temporal + 0.4 * p.prior <= 0.3 * link.temporal + 0.4 * prior.prior)
        return;
      prior = p;
      link.temporal = temporal;
      link.cause_class = cls;
    };
    try_class(cause.cls);
    for (ClassId cls : cause.more_classes) try_class(cls);
    if (prior.prior <= 0) return;
    link.cause = cause.key;
    link.cause_resource = cause.resource;
    link.distance = 1.0 / (1.0 + step.cost);
    link.domain = prior.prior;
    link.confidence = 0.3 * link.temporal + 0.3 * link.distance + 0.4 * link.domain;
    link.prior_row = prior.row;
    link.path_kind = step.kind;
    found_.push_back({std::move(link), cause.category, index});
  }

  void SetPath(size_t step, CauseLink* link) const {
    for (int i = static_cast<int>(step); i >= 0; i = steps_[i].parent) {
      link->path.push_back(steps_[i].slot);
      if (steps_[i].parent >= 0) {
        link->types.push_back(steps_[i].edge);
        link->against_arrow.push_back(steps_[i].against);
      }
    }
  }

  // Grouping links first, then confidence; among equals the change before the state before the
  // symptom, the earlier, then by name.
  bool Better(const Candidate& one, const Candidate& other) const {
    const CauseLink &a = one.link, &b = other.link;
    if (Groups(a) != Groups(b)) return Groups(a);
    if (std::abs(a.confidence - b.confidence) > 1e-9) return a.confidence > b.confidence;
    if (one.category != other.category) return one.category < other.category;
    if (a.cause.onset != b.cause.onset) return a.cause.onset < b.cause.onset;
    const Node* na = graph_.Find(a.cause_resource);
    const Node* nb = graph_.Find(b.cause_resource);
    if (*na->name != *nb->name) return *na->name < *nb->name;
    return a.cause.hash < b.cause.hash;
  }

  const Graph& graph_;
  const RuleBook& rules_;
  const ImplicitEdges& implicit_;
  const Burst& effect_;
  const EdgeTypeId controls_;
  const Duration look_back_;
  std::vector<Step> steps_;
  absl::flat_hash_map<ResourceId, int> best_;  // by slot, the step that gets there best
  std::vector<Candidate> found_;
  uint64_t looked_at_ = 0;
};

}  // namespace

PathKind MoreTelling(PathKind a, PathKind b) {
  auto rank = [](PathKind k) {
    switch (k) {
      case PathKind::kSelf:
        return 0;
      case PathKind::kOwner:
        return 1;
      case PathKind::kOther:
        return 2;
      case PathKind::kService:
        return 3;
      case PathKind::kScaling:
        return 4;
      case PathKind::kNamespace:
        return 5;
      case PathKind::kConfig:
        return 6;
      case PathKind::kNode:
        return 7;
      case PathKind::kStorage:
        return 8;
      case PathKind::kDns:
        return 9;
      case PathKind::kCalls:
        return 10;
    }
    return 0;
  };
  return rank(a) >= rank(b) ? a : b;
}

bool Groups(const CauseLink& link) {
  return link.confidence >= kGroupConfidence && link.domain >= kGroupDomain;
}

bool BeginsBefore(const RuleBook& rules, const Burst& a, const Burst& b) {
  return std::make_pair(a.key.onset + Lateness(rules, a.cls), a.key) <
         std::make_pair(b.key.onset + Lateness(rules, b.cls), b.key);
}

double LagLikelihood(const PairPrior& prior, Duration low, Duration high) {
  if (high < prior.lag_min || low > prior.lag_max) return 0;
  const Duration best = std::max(low, prior.lag_min);
  if (best <= prior.lag_typical) return 1;
  const double span = static_cast<double>((prior.lag_max - prior.lag_typical).count());
  if (span <= 0) return 1;
  return 1 - 0.8 * static_cast<double>((best - prior.lag_typical).count()) / span;
}

std::vector<CauseLink> FindCauses(const Graph& graph, const RuleBook& rules,
                                  const ImplicitEdges& implicit, const Burst& effect,
                                  uint64_t* looked_at) {
  return Search(graph, rules, implicit, effect).Run(looked_at);
}

namespace {

std::vector<DirtyRegion> EverySlot(const Graph& graph, const std::vector<DirtyRegion>& from) {
  Interval all = from.front().when;
  for (const DirtyRegion& d : from)
    all = {std::min(all.from, d.when.from), std::max(all.to, d.when.to)};
  std::vector<DirtyRegion> out;
  for (uint32_t id = 1; id < graph.end_id(); ++id) {
    if (graph.Find(ResourceId(id)) != nullptr) out.push_back({ResourceId(id), all});
  }
  return out;
}

}  // namespace

std::vector<DirtyRegion> Reach(const Graph& graph, const RuleBook& rules,
                               const std::vector<DirtyRegion>& from, size_t limit, bool* widened) {
  struct Place {
    size_t index;     // in `out`
    int queued = -1;  // the hop whose turn it was last put down for
  };
  std::vector<DirtyRegion> out;
  absl::flat_hash_map<ResourceId, Place> places;
  std::vector<size_t> turn, next;
  *widened = false;
  auto reach = [&](ResourceId slot, const Interval& when, int hop) {
    auto [it, fresh] = places.try_emplace(slot, Place{out.size()});
    if (fresh) {
      if (limit != 0 && out.size() >= limit) {
        *widened = true;
        return;
      }
      out.push_back({slot, when});
    } else {
      // Who has handed on as much already, at this hop or an earlier one, need not do so again.
      Interval& known = out[it->second.index].when;
      if (known.from <= when.from && when.to <= known.to) return;
      known = {std::min(known.from, when.from), std::max(known.to, when.to)};
    }
    if (it->second.queued == hop) return;
    it->second.queued = hop;
    next.push_back(it->second.index);
  };
  for (const DirtyRegion& d : from) reach(d.slot, d.when, 0);
  for (int hop = 1; hop <= kMaxHops && !*widened; ++hop) {
    turn.swap(next);
    next.clear();
    for (size_t index : turn) {
      if (*widened) break;
      const Interval when = out[index].when;
      const Duration memory = kEdgeMemory + kOtherEmitter;
      const Node* node = graph.Find(
          out[index].slot, when.from < kBeginning + memory ? kBeginning : when.from - memory);
      if (node == nullptr) continue;
      auto take = [&](uint32_t other, uint16_t type, Travels way) {
        const Travels travels = rules.EdgeType(EdgeTypeId(type)).travels;
        if (travels == Travels::kBoth || travels == way) reach(ResourceId(other), when, hop);
        return true;
      };
      node->out.ForEach([&](const OpenEdge& e) { return take(e.other, e.type, Travels::kFromTo); });
      node->in.ForEach([&](const OpenEdge& e) { return take(e.other, e.type, Travels::kToFrom); });
      node->out_closed.ForEach(
          [&](const ClosedEdge& e) { return take(e.other, e.type, Travels::kFromTo); });
      node->in_closed.ForEach(
          [&](const ClosedEdge& e) { return take(e.other, e.type, Travels::kToFrom); });
    }
  }
  return *widened ? EverySlot(graph, from) : out;
}

}  // namespace kg
