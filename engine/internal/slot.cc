#include "engine/internal/slot.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kg {
namespace {

constexpr size_t kMaxPaths = 32;

// Managers that write status or what the cluster itself decides; their stamps date no change.
bool IsControlPlane(absl::string_view manager) {
  return absl::StartsWith(manager, "kube-controller-manager") ||
         absl::StartsWith(manager, "kubelet") || absl::StartsWith(manager, "kube-scheduler");
}

// Kinds whose appearance follows from something else that changed.
bool IsConsequence(absl::string_view kind) {
  for (absl::string_view k :
       {"Pod", "ReplicaSet", "ControllerRevision", "EndpointSlice", "Endpoints", "Node", "Lease",
        "Event", "PersistentVolume", "PersistentVolumeClaim", "Namespace", "PromTarget", "PromRule",
        "ServiceAccount", "VolumeAttachment"}) {
    if (kind == k) return true;
  }
  return false;
}

class Unfolder {
 public:
  Unfolder(const Slot& slot, const RuleBook& rules) : slot_(slot), rules_(rules) {}

  SlotHistory Run() {
    out_.incarnations = Incarnations(slot_);
    for (const Lane& lane : slot_.lanes) {
      if (!lane.seen.empty()) UnfoldLane(lane);
    }
    Mentions();
    Appearance();
    for (auto& [key, claim] : out_.edges) Normalize(&claim.intervals);
    for (auto& [id, episode] : out_.episodes) MergeRuns(&episode.runs);
    TellEndsApart();
    std::sort(out_.facets.begin(), out_.facets.end(),
              [](const Facet& a, const Facet& b) { return a.when < b.when; });
    return std::move(out_);
  }

 private:
  // The part of a stretch's time in which the object with this uid lived.
  Interval Clip(const std::string& uid, Interval when) const {
    for (const Incarnation& i : out_.incarnations) {
      if (i.uid != uid && !uid.empty()) continue;
      if (uid.empty() && !i.alive.Overlaps(when)) continue;
      return {std::max(when.from, i.alive.from), std::min(when.to, i.alive.to)};
    }
    return uid.empty() ? when : Interval{when.from, when.from};
  }

  bool HasFullLane(const std::string& uid) const {
    return std::any_of(slot_.lanes.begin(), slot_.lanes.end(), [&](const Lane& l) {
      return l.uid == uid && l.shape == ObjectShape::kFull && !l.seen.empty();
    });
  }

  void UnfoldLane(const Lane& lane) {
    const std::vector<Stretch>& stretches = lane.seen.stretches();
    std::vector<Timestamp> starts;
    for (size_t i = 0; i < stretches.size(); ++i) starts.push_back(StartOf(lane, i));
    for (size_t i = 0; i < stretches.size(); ++i) {
      auto it = slot_.states.find(stretches[i].state);
      if (it == slot_.states.end()) continue;
      const SeenState& state = *it->second;
      const Timestamp to = i + 1 < stretches.size() ? starts[i + 1] : kForever;
      const Interval when = Clip(lane.uid, {starts[i], to});
      for (const ResolvedReference& r : state.references) {
        EdgeClaim& claim = out_.edges[r.edge];
        claim.intervals.push_back(when);
        claim.flags |= r.flags;
      }
      if (!when.empty()) out_.facets.push_back({when, it->second});
      for (const Signal& signal : state.facts.signals) {
        AddSignal(lane, i, signal, when);
      }
      if (i > 0) AddChange(lane, i, starts[i]);
    }
  }

  // When stretch `i` began to hold: the first from the object's creation on, a change when a writer
  // stamped it, if that lies between the last sighting of the old state and the first of the new.
  Timestamp StartOf(const Lane& lane, size_t i) const {
    const std::vector<Stretch>& stretches = lane.seen.stretches();
    const Stretch& s = stretches[i];
    if (i == 0) {
      auto life = slot_.lives.find(lane.uid);
      const bool known = life != slot_.lives.end() && life->second.created != kBeginning;
      return known ? std::min(life->second.created, s.first) : s.first;
    }
    const auto stamp = Stamp(lane, s.state, stretches[i - 1].last, s.first);
    return stamp.value_or(s.first);
  }

  std::optional<Timestamp> Stamp(const Lane& lane, uint64_t state, Timestamp after,
                                 Timestamp until) const {
    std::optional<Timestamp> best;
    auto it = lane.managed.find(state);
    if (it == lane.managed.end()) return best;
    for (const ManagedStamp& m : it->second) {
      if (m.time <= after || m.time > until) continue;
      if (!best.has_value() || m.time > *best) best = m.time;
    }
    return best;
  }

  void AddSignal(const Lane& lane, size_t i, const Signal& signal, Interval when) {
    DerivedEpisode& e = Episode(absl::StrCat("status/", IdOf(lane.uid), "/", signal.id));
    e.etype = "k8s.status";
    e.about = signal.about;
    e.uid = signal.about.has_value() ? "" : lane.uid;
    if (e.runs.empty() || e.message <= signal.message) {
      e.cls = signal.cls;
      e.message = signal.message;
    }
    e.container = signal.container;
    e.reason = signal.reason;
    if (!signal.holds) {
      const Timestamp at = *signal.since;
      e.runs.push_back({std::min(signal.not_before.value_or(at), at), at, at});
      return;
    }
    const Timestamp first = lane.seen.stretches()[i].first;
    const Timestamp before = i > 0 ? lane.seen.stretches()[i - 1].last : when.from;
    DerivedRun run{before, first, when.to};
    if (signal.since.has_value()) run.earliest = run.onset = *signal.since;
    if (signal.not_before.has_value()) {
      // What the state itself tells is at least as good as when it was not seen yet.
      run.earliest = signal.since.has_value() ? *signal.not_before
                                              : std::max(run.earliest, *signal.not_before);
    }
    run.earliest = std::min(run.earliest, run.onset);
    // Nothing holds past the object's life, though its last state may have been seen after its end.
    if (run.onset < run.end || run.onset == first) {
      run.end = std::max(run.end, run.onset);
      e.runs.push_back(run);
    }
  }

  void AddChange(const Lane& lane, size_t i, Timestamp start) {
    if (lane.shape == ObjectShape::kSummary && HasFullLane(lane.uid)) return;
    const std::vector<Stretch>& stretches = lane.seen.stretches();
    auto before = slot_.states.find(stretches[i - 1].state);
    auto after = slot_.states.find(stretches[i].state);
    if (before == slot_.states.end() || after == slot_.states.end()) return;
    auto& known = slot_.changes[{before->first, after->first}];
    if (known == nullptr) {
      known = std::make_shared<const std::optional<ObjectChange>>(
          ChangeBetween(rules_, slot_.name->kind, before->second->fields, after->second->fields));
    }
    const std::optional<ObjectChange>& change = *known;
    if (!change.has_value()) return;
    const bool stamped =
        Stamp(lane, stretches[i].state, stretches[i - 1].last, stretches[i].first).has_value();
    // A template that comes back is the same change again; anything else is told by what it did.
    const uint64_t target = after->second->template_hash;
    const bool templated = target != 0 && before->second->template_hash != target;
    DerivedEpisode& e = Episode(absl::StrCat(
        "change/", IdOf(lane.uid), "/",
        absl::Hex(templated ? target
                            : storage::keys::StableHash(absl::StrJoin(change->texts, "\n")))));
    e.etype = "k8s.change";
    e.uid = lane.uid;
    e.cls = change->classes.front();
    e.more_classes.assign(change->classes.begin() + 1, change->classes.end());
    e.reason = "Changed";
    e.paths = change->texts;
    e.message = change->summary;
    e.runs.push_back({stamped ? start : std::min(stretches[i - 1].last, start), start, start});
  }

  // What failure texts named, for as long as the object that named it lived.
  void Mentions() {
    const RuleBook& rules = rules_;
    const EdgeTypeId calls = rules.EdgeTypeByName("CALLS");
    for (const auto& [mention, at] : slot_.mentions) {
      Interval when{at, kForever};
      for (const Incarnation& i : out_.incarnations) {
        const bool its = mention.second.empty() ? i.alive.Contains(at) : i.uid == mention.second;
        if (its) when = i.alive;
      }
      EdgeClaim& claim = out_.edges[{slot_.id, calls, mention.first}];
      claim.intervals.push_back(when);
      claim.flags |= kEdgeHeuristic;
    }
  }

  // That an object appeared or vanished may be the change itself.
  void Appearance() {
    if (IsConsequence(slot_.name->kind) || HasController()) return;
    for (const Incarnation& i : out_.incarnations) {
      auto life = slot_.lives.find(i.uid);
      if (life == slot_.lives.end()) continue;
      if (life->second.created != kBeginning) {
        AppearanceEpisode("created/", i.uid, "@created", "Created", life->second.created);
      }
      if (i.alive.to != kForever && life->second.last_seen != kBeginning) {
        AppearanceEpisode("deleted/", i.uid, "@deleted", "Deleted", i.alive.to);
      }
    }
  }

  // Made by a controller (a CronJob's Job): its coming and going is nobody's decision.
  bool HasController() const {
    return std::any_of(slot_.states.begin(), slot_.states.end(), [](const auto& s) {
      const Fields& fields = s.second->fields;
      return std::any_of(fields.begin(), fields.end(), [](const Field& f) {
        return absl::StartsWith(f.path, "metadata.ownerReferences[") &&
               absl::EndsWith(f.path, ".controller") && f.value == "true";
      });
    });
  }

  void AppearanceEpisode(absl::string_view prefix, const std::string& uid, absl::string_view token,
                         absl::string_view reason, Timestamp at) {
    std::vector<ClassId> classes = rules_.ClassifyChange(slot_.name->kind, {std::string(token)});
    classes.erase(
        std::remove_if(classes.begin(), classes.end(),
                       [&](ClassId c) { return rules_.Class(c).category != Category::kChange; }),
        classes.end());
    if (classes.empty()) return;
    DerivedEpisode& e = Episode(absl::StrCat(prefix, IdOf(uid)));
    e.etype = "k8s.change";
    e.uid = uid;
    e.cls = classes.front();
    e.more_classes.assign(classes.begin() + 1, classes.end());
    e.reason = std::string(reason);
    e.message = absl::StrCat(slot_.name->kind, " ", slot_.name->name,
                             reason == "Created" ? " was created" : " was deleted");
    e.runs.push_back({at, at, at});
  }

  // Of the ends of one container that are known, only the first may stand for others before it.
  void TellEndsApart() {
    std::map<std::pair<std::string, std::string>, std::vector<DerivedRun*>> ends;
    for (auto& [id, e] : out_.episodes) {
      if (!absl::StartsWith(id, absl::StrCat("status/", IdOf(e.uid), "/exit/"))) continue;
      for (DerivedRun& run : e.runs) ends[{e.uid, e.container}].push_back(&run);
    }
    for (auto& [container, runs] : ends) {
      auto first = std::min_element(runs.begin(), runs.end(), [](DerivedRun* a, DerivedRun* b) {
        return a->onset < b->onset;
      });
      for (DerivedRun* run : runs) {
        if (run != *first) run->earliest = run->onset;
      }
    }
  }

  DerivedEpisode& Episode(std::string id) {
    DerivedEpisode& e = out_.episodes[id];
    e.event_id = std::move(id);
    return e;
  }

  std::string IdOf(const std::string& uid) const {
    if (!uid.empty()) return uid;
    const SlotName& n = *slot_.name;
    return absl::StrCat(n.kind, ".", n.group, ":", n.ns, ":", n.name);
  }

  const Slot& slot_;
  const RuleBook& rules_;
  SlotHistory out_;
};

// The first complete listing of the slot's kind at or after `from`.
Timestamp FirstListing(const Slot& slot, Timestamp from) {
  Timestamp best = kForever;
  if (slot.listings == nullptr) return best;
  const auto in = [&](const std::string& ns) {
    auto times = slot.listings->find(ns);
    if (times == slot.listings->end()) return;
    auto at = std::lower_bound(times->second.begin(), times->second.end(), from);
    if (at != times->second.end()) best = std::min(best, *at);
  };
  in("");
  if (!slot.name->ns.empty()) in(slot.name->ns);
  return best;
}

// When a complete listing without it ended a life: the first after it was last seen.
Timestamp Unlisted(const Slot& slot, const Life* life, const Interval& alive, Timestamp seen) {
  const Timestamp from = seen == kBeginning ? alive.from : std::max(alive.from, seen + Duration(1));
  Timestamp t = FirstListing(slot, from);
  if (life != nullptr && life->unlisted >= from) t = std::min(t, life->unlisted);
  return alive.Contains(t) ? t : kForever;
}

Timestamp StartOfLife(const Life& l) {
  return l.created != kBeginning ? l.created : l.first_seen;
}

}  // namespace

Lane& Slot::LaneFor(const std::string& uid, ObjectShape shape) {
  for (Lane& l : lanes) {
    if (l.uid == uid && l.shape == shape) return l;
  }
  lanes.push_back({uid, shape, {}, {}});
  return lanes.back();
}

std::vector<Incarnation> Incarnations(const Slot& slot) {
  std::vector<Incarnation> out;
  for (const auto& [uid, life] : slot.lives) {
    const Timestamp start = std::min(StartOfLife(life), std::min(life.deleted, life.deleting));
    if (start == kForever) continue;
    out.push_back(
        {uid, {start, std::min(life.deleted, life.deleting)}, life.created == kBeginning});
  }
  if (out.empty() && slot.named_first != kForever) {
    out.push_back({"", {slot.named_first, kForever}, true});
  }
  std::sort(out.begin(), out.end(), [](const Incarnation& a, const Incarnation& b) {
    return std::tie(a.alive.from, a.uid) < std::tie(b.alive.from, b.uid);
  });
  for (size_t i = 0; i < out.size(); ++i) {
    Interval& alive = out[i].alive;
    if (i + 1 < out.size()) alive.to = std::min(alive.to, out[i + 1].alive.from);
    auto life = slot.lives.find(out[i].uid);
    const Timestamp seen = life == slot.lives.end() ? slot.named_last : life->second.last_seen;
    // A deletion by name alone ends the life it falls into, unless that uid was seen afterwards.
    for (Timestamp d : slot.deletions) {
      if (alive.Contains(d) && d >= seen) {
        alive.to = d;
        break;
      }
    }
    const Life* known = life == slot.lives.end() ? nullptr : &life->second;
    alive.to = std::min(alive.to, Unlisted(slot, known, alive, std::max(seen, slot.named_last)));
  }
  return out;
}

bool ListedWithin(const Slot& slot, Timestamp after, Timestamp until) {
  return FirstListing(slot, after + Duration(1)) <= until;
}

void Normalize(std::vector<Interval>* intervals) {
  std::sort(intervals->begin(), intervals->end());
  std::vector<Interval> out;
  for (const Interval& i : *intervals) {
    if (i.empty()) continue;
    if (!out.empty() && i.from <= out.back().to) {
      out.back().to = std::max(out.back().to, i.to);
    } else {
      out.push_back(i);
    }
  }
  *intervals = std::move(out);
}

void MergeRuns(std::vector<DerivedRun>* runs) {
  std::sort(runs->begin(), runs->end(), [](const DerivedRun& a, const DerivedRun& b) {
    return std::tie(a.onset, a.end, a.earliest) < std::tie(b.onset, b.end, b.earliest);
  });
  std::vector<DerivedRun> out;
  for (const DerivedRun& r : *runs) {
    const bool joins =
        !out.empty() && (out.back().end == kForever || r.onset <= out.back().end + kEpisodeGap);
    if (joins) {
      out.back().end = std::max(out.back().end, r.end);
    } else {
      out.push_back(r);
      // It can't have begun while the one before it held.
      if (out.size() > 1) {
        const Timestamp free = (out.rbegin() + 1)->end;
        out.back().earliest = std::clamp(out.back().earliest, free, std::max(free, r.onset));
      }
    }
  }
  *runs = std::move(out);
}

std::optional<ObjectChange> ChangeBetween(const RuleBook& rules, absl::string_view kind,
                                          const Fields& before, const Fields& after,
                                          absl::string_view keep) {
  std::vector<std::string> paths;
  std::vector<std::pair<bool, std::string>> texts;  // (mere bookkeeping, text)
  for (FieldChange& c : Diff(before, after)) {
    if (absl::StartsWith(c.path, "status.") || !absl::StartsWith(c.path, keep)) continue;
    const absl::string_view value = ValueAt(after, c.path);
    std::string path =
        value.empty() || value.size() > 64 ? c.path : absl::StrCat(c.path, " = ", value);
    const std::vector<ClassId> alone = rules.ClassifyChange(kind, {path});
    const bool counts = !alone.empty() && rules.Class(alone.front()).category == Category::kChange;
    texts.emplace_back(!counts, std::move(c.text));
    paths.push_back(std::move(path));
  }
  if (paths.empty()) return std::nullopt;
  ObjectChange out;
  for (ClassId cls : rules.ClassifyChange(kind, paths)) {
    if (rules.Class(cls).category == Category::kChange) out.classes.push_back(cls);
  }
  if (out.classes.empty()) return std::nullopt;
  std::stable_sort(texts.begin(), texts.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [bookkeeping, text] : texts) {
    if (out.texts.size() < kMaxPaths) out.texts.push_back(std::move(text));
  }
  out.summary = absl::StrJoin(
      out.texts.begin(),
      out.texts.begin() + static_cast<ptrdiff_t>(std::min<size_t>(out.texts.size(), 3)), "; ");
  return out;
}

namespace {

bool IsNews(const ManagedStamp& m, const std::vector<ManagedStamp>& known) {
  return !IsControlPlane(m.manager) &&
         std::none_of(known.begin(), known.end(), [&](const ManagedStamp& o) {
           return o.manager == m.manager && o.time == m.time;
         });
}

}  // namespace

void LearnStamps(const std::vector<ManagedStamp>& stamps, std::vector<ManagedStamp>* known) {
  for (const ManagedStamp& m : stamps) {
    if (IsNews(m, *known)) known->push_back(m);
  }
}

bool KnowsStamps(const std::vector<ManagedStamp>& stamps, const std::vector<ManagedStamp>& known) {
  return std::none_of(stamps.begin(), stamps.end(),
                      [&](const ManagedStamp& m) { return IsNews(m, known); });
}

SlotHistory Unfold(const Slot& slot, const RuleBook& rules) {
  return Unfolder(slot, rules).Run();
}

}  // namespace kg
