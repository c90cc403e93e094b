#include "query/blast_radius.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "query/blast_links.h"

namespace kg::query {
namespace {

// What is known of one resource downstream.
struct Victim {
  ResourceId id;
  int hops = 0;
  int64_t cost = 0;
  size_t origin = 0;                       // whose path is the best
  int index = -1;                          // into that origin's walk; -1: reached by links alone
  absl::InlinedVector<int, 2> because_of;  // rising
  std::unique_ptr<LinkedVictim> linked;
  BurstPtr burst;  // what shows that it is affected

  void BecauseOf(int rank) {
    const auto at = std::lower_bound(because_of.begin(), because_of.end(), rank);
    if (at == because_of.end() || *at != rank) because_of.insert(at, rank);
  }
};

// In the order in which they were found.
struct Victims {
  std::vector<Victim> all;
  absl::flat_hash_map<ResourceId, size_t> places;

  // The one of this slot, and whether it is new.
  std::pair<Victim&, bool> Of(ResourceId id) {
    const auto [place, fresh] = places.try_emplace(id, all.size());
    if (fresh) all.emplace_back().id = id;
    return {all[place->second], fresh};
  }
};

bool IsFailure(const Burst& b) {
  return b.category == Category::kState || b.category == Category::kSymptom;
}

Timestamp FirstFault(const View& view, const BlastOrigin& origin, Interval window) {
  if (origin.since != kForever) return origin.since;
  Timestamp first = kForever;
  const Interval seen{window.from, JustAfter(view.as_of())};
  ForEachBurst(view.graph(), origin.resource, seen, [&](const Burst& b) {
    if (IsFailure(b) || b.category == Category::kChange) first = std::min(first, b.earliest);
    return true;
  });
  return first == kForever ? window.from : first;
}

// May failures of this class come over every step of the way?
bool ClassMayUse(const RuleBook& rules, const std::vector<Reached>& walk, int index, ClassId cls) {
  for (; index >= 0 && walk[index].previous >= 0; index = walk[index].previous) {
    const auto& only = rules.EdgeType(walk[index].via.arrow.type).only_effects;
    if (!only.empty() && std::find(only.begin(), only.end(), cls) == only.end()) return false;
  }
  return true;
}

// Severe before mild, early before late, then by class and hash of the event id.
bool TellsMore(const RuleBook& rules, const BurstPtr& a, const BurstPtr& b) {
  if (a->severity != b->severity) return a->severity > b->severity;
  if (a->key.onset != b->key.onset) return a->key.onset < b->key.onset;
  if (a->cls != b->cls) return rules.Class(a->cls).name < rules.Class(b->cls).name;
  return a->key < b->key;
}

BurstPtr FailureOnTheWay(const View& view, const std::vector<Reached>& walk, int index,
                         Timestamp fault, Interval window) {
  BurstPtr best;
  const Node* node = view.graph().Find(walk[index].id, fault);
  if (node == nullptr) return best;
  node->bursts.ForEachFrom({fault, EpisodeHash(0)}, [&](const BurstPtr& b) {
    if (b->key.onset > view.as_of()) return false;
    const bool counts = MaskedEnd(b->end, view.as_of()) == kForever || b->key.onset >= window.from;
    if (!IsFailure(*b) || !counts) return true;
    if (!ClassMayUse(view.rules(), walk, index, b->cls)) return true;
    if (best == nullptr || TellsMore(view.rules(), b, best)) best = b;
    return true;
  });
  return best;
}

struct Work {
  const View& view;
  const BlastRadiusQuestion& question;
  const Describer& say;
  std::vector<std::vector<Reached>> walks;  // by origin
  std::vector<Timestamp> faults;            // by origin
  absl::flat_hash_set<ResourceId> origins;
};

// The best way to each slot over all origins, and which of them lead there at all.
Victims GatherDownstream(const Work& work) {
  Victims victims;
  size_t most = 0;
  for (const std::vector<Reached>& walk : work.walks) most += walk.size();
  victims.all.reserve(most);
  victims.places.reserve(most);
  for (size_t o = 0; o < work.walks.size(); ++o) {
    const int rank = work.question.origins[o].rank;
    for (size_t i = 1; i < work.walks[o].size(); ++i) {
      const Reached& r = work.walks[o][i];
      if (work.origins.count(r.id) != 0) continue;
      const auto [v, fresh] = victims.Of(r.id);
      const bool better = fresh || std::tie(r.cost, r.hops) < std::tie(v.cost, v.hops) ||
                          (o == v.origin && r.cost == v.cost && r.hops == v.hops &&
                           r.state < work.walks[o][v.index].state);
      if (better) v.cost = r.cost, v.hops = r.hops, v.origin = o, v.index = static_cast<int>(i);
      v.BecauseOf(rank);
    }
  }
  return victims;
}

void AddFailures(const Work& work, Victims* victims) {
  for (size_t o = 0; o < work.walks.size(); ++o) {
    for (size_t i = 1; i < work.walks[o].size(); ++i) {
      const auto v = victims->places.find(work.walks[o][i].id);
      if (v == victims->places.end()) continue;
      const BurstPtr b = FailureOnTheWay(work.view, work.walks[o], static_cast<int>(i),
                                         work.faults[o], work.question.window);
      BurstPtr& burst = victims->all[v->second].burst;
      if (b != nullptr && (burst == nullptr || TellsMore(work.view.rules(), b, burst))) burst = b;
    }
  }
}

void AddLinked(const Work& work, std::vector<LinkedVictim> linked, Victims* victims) {
  for (LinkedVictim& l : linked) {
    const auto [v, fresh] = victims->Of(l.burst->resource);
    v.BecauseOf(work.question.origins[l.origin].rank);
    if (fresh || v.index < 0) {
      if (fresh || l.hops < v.hops) v.hops = l.hops, v.cost = l.cost_milli, v.origin = l.origin;
    }
    if (!v.linked || l.confidence > v.linked->confidence) {
      v.burst = l.burst;
      v.linked = std::make_unique<LinkedVictim>(std::move(l));
    }
  }
}

void AddKnown(const Work& work, Victims* victims) {
  for (const KnownVictim& k : work.question.known) {
    const auto [v, fresh] = victims->Of(k.burst->resource);
    v.BecauseOf(work.question.origins[k.origin].rank);
    if (fresh) v.hops = k.hops, v.origin = k.origin;
    if (v.burst == nullptr) v.burst = k.burst;
  }
}

// Affected ones first, then by distance and what else `FindBlastRadius` promises; as many as are to
// be shown.
std::vector<const Victim*> FirstOf(const Work& work, const Victims& victims) {
  std::vector<const Victim*> order;
  for (const Victim& v : victims.all) order.push_back(&v);
  const auto confidence = [](const Victim& v) { return v.linked ? v.linked->confidence : 0.0; };
  const auto severity = [](const Victim& v) {
    return v.burst ? static_cast<int>(v.burst->severity) : -1;
  };
  const auto before = [&](const Victim* x, const Victim* y) {
    const Victim& a = *x;
    const Victim& b = *y;
    if ((a.burst != nullptr) != (b.burst != nullptr)) return a.burst != nullptr;
    if (a.hops != b.hops) return a.hops < b.hops;
    if (confidence(a) != confidence(b)) return confidence(a) > confidence(b);
    if (severity(a) != severity(b)) return severity(a) > severity(b);
    if (a.cost != b.cost) return a.cost < b.cost;
    return NameLess(work.say.Name(a.id), work.say.Name(b.id));
  };
  const size_t shown = std::min<size_t>(order.size(), work.question.limit);
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(shown), order.end(),
                    before);
  order.resize(shown);
  return order;
}

AffectedAnswer Show(const Work& work, const Victim& v) {
  AffectedAnswer a;
  a.resource = work.say.Resource(v.id);
  a.state = v.burst != nullptr ? "affected" : "at_risk";
  a.distance = v.hops;
  a.because_of.assign(v.because_of.begin(), v.because_of.end());
  a.cost = v.cost / 1000.0;
  if (v.linked) a.confidence = v.linked->confidence;
  if (v.burst != nullptr) {
    a.episode = work.say.Episode(*v.burst);
    a.severity = SeverityWord(v.burst->severity);
  }
  if (v.index >= 0) {
    a.path = PathTo(work.say, work.walks[v.origin], v.index);
  } else if (v.linked) {
    for (const CauseLink& link : v.linked->chain) {
      const auto part = work.say.LinkPath(link, work.view.as_of());
      a.path.insert(a.path.end(), part.begin(), part.end());
    }
  }
  return a;
}

}  // namespace

BlastRadiusAnswer FindBlastRadius(const View& view, const BlastRadiusQuestion& question,
                                  BudgetMeter* meter) {
  const Describer say(view);
  BlastRadiusAnswer answer;
  answer.as_of = view.as_of();
  if (question.origins.empty()) return answer;
  answer.of = say.Resource(question.origins[0].resource);
  Work work{view, question, say, {}, {}, {}};
  for (const BlastOrigin& origin : question.origins) work.origins.insert(origin.resource);
  meter->Enter("blast radius");
  for (const BlastOrigin& origin : question.origins) {
    work.faults.push_back(FirstFault(view, origin, question.window));
    work.walks.push_back(WalkDownstream(say, origin.resource, question.max_hops,
                                        std::llround(question.max_cost * 1000), meter));
  }
  Victims victims = GatherDownstream(work);
  AddFailures(work, &victims);
  meter->Enter("chains of causes");
  AddLinked(work, FindLinkedVictims(view, question.origins, work.faults, question.window, meter),
            &victims);
  AddKnown(work, &victims);

  answer.total = victims.all.size();
  for (const Victim* v : FirstOf(work, victims)) {
    if (!meter->RoomForResult(answer.affected.size())) break;
    answer.affected.push_back(Show(work, *v));
  }
  answer.truncated = meter->truncated();
  return answer;
}

}  // namespace kg::query
