#include "query/root_cause.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/links.h"
#include "query/blast_radius.h"
#include "query/describe.h"
#include "query/severity.h"
#include "query/text.h"

namespace kg::query {
namespace {

constexpr size_t kMaxRoots = 10;
constexpr size_t kMaxCandidates = 10;
constexpr size_t kShownExplained = 20;
constexpr size_t kShownEvidence = 8;
constexpr size_t kShownAffected = 100;
// A warning that holds longer than this, or begins again so often, is no passing one.
constexpr Duration kPassing = std::chrono::minutes(5);

struct BurstAt {
  EpisodeKey key;
  ResourceId slot;
  auto operator<=>(const BurstAt&) const = default;
};

// What a chain ends in: a burst, or an object that a message blames.
struct Root {
  BurstPtr burst;                    // where the chain of links ends; of a finding, what blames
  std::optional<ResourceId> blamed;  // set: a finding
  std::vector<BurstPtr> explained;   // by key; without the root itself
  std::vector<BurstPtr> asked;       // of those, what the question is about
};

int Weight(Severity s) {
  return s == Severity::kFatal ? 4 : s == Severity::kError ? 3 : s == Severity::kWarning ? 1 : 0;
}

class Analysis {
 public:
  Analysis(const View& view, const Question& question, BudgetMeter* meter)
      : view_(view),
        graph_(view.graph()),
        rules_(view.rules()),
        say_(view),
        question_(question),
        meter_(meter) {}

  void Scope(ScopeId scope) { scope_ = scope; }

  // ---- what fails

  void AddBurst(const BurstPtr& b) {
    if (b->key.onset > view_.as_of() || !rules_.Class(b->cls).IsFailure()) return;
    asked_.insert({b->key, b->resource});
  }

  void AddFailuresOf(ResourceId slot) {
    const Node* node = graph_.Find(slot);
    if (node == nullptr) return;
    const Interval window = question_.Window();
    node->bursts.ForEach([&](const BurstPtr& b) {
      if (b->key.onset >= window.to) return false;
      if (b->end >= window.from) AddBurst(b);
      return meter_->TakeEdges();
    });
  }

  // The object with what it owns, what owns it, what selects it, and what it selects.
  void AddObject(ResourceId id) {
    std::set<ResourceId> slots = {id};
    std::vector<std::pair<ResourceId, int>> todo = {{id, 0}};
    const EdgeTypeId controls = rules_.EdgeTypeByName("CONTROLS");
    const EdgeTypeId selects = rules_.EdgeTypeByName("SELECTS");
    const EdgeTypeId routes = rules_.EdgeTypeByName("ROUTES_TO");
    for (size_t i = 0; i < todo.size() && slots.size() < 5000; ++i) {
      const auto [slot, depth] = todo[i];
      if (depth == 4 || !meter_->TakeNodes()) break;
      auto down = [&](ResourceId other, EdgeTypeId type) {
        const bool takes = type == controls || (depth == 0 && (type == selects || type == routes));
        if (takes && slots.insert(other).second) todo.push_back({other, depth + 1});
      };
      ForEdges(slot, storage::keys::Direction::kOut, down);
    }
    const std::vector<std::pair<ResourceId, int>> below = todo;
    // Owners' own failures (a stuck rollout) are the object's; their other children are not.
    for (ResourceId up = id;;) {
      std::optional<ResourceId> owner;
      ForEdges(up, storage::keys::Direction::kIn, [&](ResourceId other, EdgeTypeId type) {
        if (type == controls) owner = other;
      });
      if (!owner.has_value() || !slots.insert(*owner).second) break;
      up = *owner;
    }
    // A Service that selects these pods fails with them.
    for (const auto& [slot, depth] : below) {
      ForEdges(slot, storage::keys::Direction::kIn, [&](ResourceId other, EdgeTypeId type) {
        if (type == selects || type == routes) slots.insert(other);
      });
    }
    for (ResourceId s : slots) AddFailuresOf(s);
    AddCallersOf(slots);
  }

  // What those who call an object suffer because of it: a Service that selects nothing fails
  // nowhere else.
  void AddCallersOf(const std::set<ResourceId>& slots) {
    const EdgeTypeId calls = rules_.EdgeTypeByName("CALLS");
    const Interval window = question_.Window();
    std::set<ResourceId> callers;
    for (ResourceId s : slots) {
      ForEdges(s, storage::keys::Direction::kIn, [&](ResourceId other, EdgeTypeId type) {
        if (type == calls && slots.count(other) == 0) callers.insert(other);
      });
    }
    for (ResourceId caller : callers) {
      const Node* node = graph_.Find(caller);
      if (node == nullptr || !meter_->TakeNodes()) continue;
      node->bursts.ForEach([&](const BurstPtr& b) {
        if (b->key.onset >= window.to) return false;
        if (b->end >= window.from && rules_.Class(b->cls).IsFailure()) {
          const std::vector<BurstPtr> chain = ChainOf({b->key, b->resource});
          const bool leads_here = std::any_of(chain.begin(), chain.end(), [&](const BurstPtr& c) {
            return slots.count(c->resource) > 0;
          });
          if (leads_here) AddBurst(b);
        }
        return meter_->TakeEdges();
      });
    }
  }

  void AddScope() {
    const std::vector<ResourceId> slots =
        ResourcesOf(view_, scope_, question_, meter_->budget().nodes);
    for (ResourceId s : slots) {
      if (!meter_->TakeNodes()) break;
      AddFailuresOf(s);
    }
  }

  void AddTree(const IncidentTree& tree) {
    tree.members.ForEach([&](const auto& m) {
      const BurstPtr b = FindBurst(graph_, m.second, m.first);
      if (b != nullptr) AddBurst(b);
      return meter_->TakeEdges();
    });
  }

  // ---- where it comes from

  std::vector<Root> Roots() {
    std::map<BurstAt, Root> roots;
    for (const BurstAt& at : asked_) {
      const std::vector<BurstPtr> chain = ChainOf(at);
      if (chain.empty()) continue;
      const BurstPtr blamer = Blamer(chain);
      const BurstPtr& end = chain.back();
      Root& root = blamer != nullptr ? roots[{EpisodeKey{}, blamer->blamed}]
                                     : roots[{end->key, end->resource}];
      if (root.burst == nullptr || (blamer != nullptr && blamer->key < root.burst->key)) {
        root.burst = blamer != nullptr ? blamer : end;
      }
      if (blamer != nullptr) root.blamed = blamer->blamed;
      root.asked.push_back(chain.front());
    }
    std::vector<Root> out;
    for (auto& [at, root] : roots) {
      Explain(&root);
      out.push_back(std::move(root));
    }
    return out;
  }

  // From a burst to where its best links lead; [0] is the burst itself.
  std::vector<BurstPtr> ChainOf(const BurstAt& at) {
    std::vector<BurstPtr> chain;
    std::set<BurstAt> seen;
    BurstAt next = at;
    while (seen.insert(next).second && chain.size() < 64) {
      const BurstPtr b = FindBurst(graph_, next.slot, next.key);
      if (b == nullptr) break;
      chain.push_back(b);
      const CauseLink* best = BestLink(*b);
      if (best == nullptr) break;
      next = {best->cause, best->cause_resource};
    }
    return chain;
  }

  const CauseLink* BestLink(const Burst& b) const {
    for (const CauseLink& c : b.causes) {
      if (Groups(c) && FindBurst(graph_, c.cause_resource, c.cause) != nullptr) return &c;
    }
    return nullptr;
  }

  // The burst of a chain whose message blames an object by name, where nothing that happened to
  // that object explains it better; the nearest to the root.
  BurstPtr Blamer(const std::vector<BurstPtr>& chain) const {
    for (auto b = chain.rbegin(); b != chain.rend(); ++b) {
      if ((*b)->blamed.value == 0) continue;
      if (chain.back()->resource == (*b)->blamed) return nullptr;
      const Node* blamed = graph_.Find((*b)->blamed);
      const bool missing = blamed == nullptr || blamed->AliveAt((*b)->key.onset) == nullptr;
      // What is there and refuses (a quota) yields to the change that ran into it.
      if (!missing && chain.back()->category == Category::kChange && chain.back()->cls != created_)
        return nullptr;
      return *b;
    }
    return nullptr;
  }

  void Explain(Root* root) {
    std::map<BurstAt, BurstPtr> below;
    std::vector<BurstPtr> todo = root->asked;
    // All that the incident of the root holds, not only what was asked about.
    const BurstAt top = {
        ChainOf({root->asked.front()->key, root->asked.front()->resource}).back()->key, {}};
    view_.incidents().ForEachFrom(std::make_pair(scope_, top.key), [&](const IncidentPtr& i) {
      if (i->scope != scope_ || i->root != top.key) return false;
      i->members.ForEach([&](const auto& m) {
        const BurstPtr b = FindBurst(graph_, m.second, m.first);
        if (b != nullptr && b->key.onset <= view_.as_of()) todo.push_back(b);
        return meter_->TakeEdges();
      });
      return false;
    });
    for (const BurstPtr& b : todo) {
      const bool is_root = !root->blamed.has_value() && b->key == root->burst->key &&
                           b->resource == root->burst->resource;
      if (!is_root) below[{b->key, b->resource}] = b;
    }
    for (auto& [at, b] : below) root->explained.push_back(b);
  }

  // Replicas of one workload that fail alike are one root: the first of them, which then explains
  // what the others do.
  std::vector<Root> RolledUp(std::vector<Root> roots) const {
    std::stable_sort(roots.begin(), roots.end(),
                     [](const Root& a, const Root& b) { return a.burst->key < b.burst->key; });
    std::vector<Root> out;
    std::map<std::pair<ResourceId, ClassId>, size_t> first;
    for (Root& r : roots) {
      const ResourceId top = say_.TopOwner(r.burst->resource, r.burst->key.onset);
      if (r.blamed.has_value() || r.burst->category == Category::kChange ||
          top == r.burst->resource) {
        out.push_back(std::move(r));
        continue;
      }
      auto [it, fresh] = first.try_emplace({top, r.burst->cls}, out.size());
      if (fresh) {
        out.push_back(std::move(r));
        continue;
      }
      Root& into = out[it->second];
      into.explained.push_back(r.burst);
      into.explained.insert(into.explained.end(), r.explained.begin(), r.explained.end());
      into.asked.insert(into.asked.end(), r.asked.begin(), r.asked.end());
    }
    for (Root& r : out) {
      std::sort(r.explained.begin(), r.explained.end(), [](const BurstPtr& a, const BurstPtr& b) {
        return std::tie(a->key, a->resource) < std::tie(b->key, b->resource);
      });
      r.explained.erase(std::unique(r.explained.begin(), r.explained.end()), r.explained.end());
    }
    return out;
  }

  // ---- what it is worth

  // Does this say that something is wrong, rather than that something was slow to start?
  bool Counts(const Root& root) const {
    auto serious = [&](const BurstPtr& b) {
      if (b->category == Category::kChange) return false;
      if (b->severity >= Severity::kError) return true;
      // What still holds may have begun long before it was first seen, as all of a snapshot did.
      const bool holds = b->end > view_.as_of();
      const Duration lasted = holds ? view_.as_of() - b->earliest : b->end - b->key.onset;
      return b->severity == Severity::kWarning &&
             rules_.Class(b->cls).severity >= Severity::kWarning && lasted >= kPassing;
    };
    if (IsPassingLog(root)) return false;
    if (question_.object.empty() && IsOverAndSmall(root)) return false;
    return serious(root.burst) ||
           std::any_of(root.explained.begin(), root.explained.end(), serious);
  }

  // A program that complained in its log while it started, and has long since gone on: nothing came
  // of it, and nobody else felt it.
  bool IsPassingLog(const Root& root) const {
    if (root.blamed.has_value() || root.burst->category != Category::kSymptom) return false;
    const ResourceId top = say_.TopOwner(root.burst->resource, root.burst->key.onset);
    auto passed = [&](const BurstPtr& b) {
      const bool says_little =
          absl::StartsWith(rules_.Class(b->cls).name, "LOG_") || b->severity <= Severity::kWarning;
      const Node* node = graph_.Find(b->resource);
      const Incarnation* life = node == nullptr ? nullptr : node->AliveAt(b->key.onset);
      return says_little && life != nullptr && !life->sighted &&
             b->end < life->alive.from + kPassing && b->end + kPassing <= view_.as_of() &&
             say_.TopOwner(b->resource, b->key.onset) == top;
    };
    return passed(root.burst) && std::all_of(root.explained.begin(), root.explained.end(), passed);
  }

  // A container that ended once and went on, say: over within minutes and felt by its own workload
  // only. Who asks about that object hears of it; a whole scope has better to tell.
  bool IsOverAndSmall(const Root& root) const {
    if (root.blamed.has_value() || root.burst->category == Category::kChange) return false;
    const ResourceId top = say_.TopOwner(root.burst->resource, root.burst->key.onset);
    auto small = [&](const BurstPtr& b) {
      return b->end <= view_.as_of() && b->end <= root.burst->earliest + kPassing &&
             b->severity < Severity::kFatal && say_.TopOwner(b->resource, b->key.onset) == top;
    };
    return small(root.burst) && std::all_of(root.explained.begin(), root.explained.end(), small);
  }

  // A symptom is no root cause, unless other objects suffer from it by depending on its object:
  // then it is as far back as the data reach.
  bool IsSymptom(const Root& r) const {
    if (r.blamed.has_value() || r.burst->category != Category::kSymptom) return false;
    for (const BurstPtr& b : r.explained) {
      const CauseLink* link = BestLink(*b);
      if (link == nullptr || !IsFrom(*link, r)) continue;
      if (link->path_kind != PathKind::kSelf && link->path_kind != PathKind::kOwner &&
          link->path_kind != PathKind::kService) {
        return false;
      }
    }
    return true;
  }

  // The link begins at the root, or at a replica that is one root with it.
  bool IsFrom(const CauseLink& link, const Root& r) const {
    if (link.cause == r.burst->key && link.cause_resource == r.burst->resource) return true;
    const BurstPtr cause = FindBurst(graph_, link.cause_resource, link.cause);
    return cause != nullptr && cause->cls == r.burst->cls &&
           say_.TopOwner(cause->resource, cause->key.onset) ==
               say_.TopOwner(r.burst->resource, r.burst->key.onset);
  }

  double Importance(const Root& r) const {
    std::set<ResourceId> slots;
    double weight = 0;
    for (const BurstPtr& b : r.explained) {
      if (slots.insert(b->resource).second) weight += Weight(b->severity);
    }
    if (r.burst->category != Category::kChange) weight += Weight(r.burst->severity);
    return weight;
  }

  // The link from the root to the gravest of its direct effects, a state before a symptom, and
  // among equals to the one it explains best.
  std::pair<const CauseLink*, BurstPtr> BestEffect(const Root& r) const {
    std::pair<const CauseLink*, BurstPtr> best{nullptr, nullptr};
    auto worth = [](const CauseLink& c, const Burst& b) {
      return std::make_tuple(Groups(c), b.severity, b.category == Category::kState, c.confidence);
    };
    for (const BurstPtr& b : r.explained) {
      for (const CauseLink& c : b->causes) {
        if (c.cause != r.burst->key || c.cause_resource != r.burst->resource) continue;
        if (best.first == nullptr || worth(c, *b) > worth(*best.first, *best.second))
          best = {&c, b};
      }
    }
    return best;
  }

  double Confidence(const Root& r) const {
    if (r.blamed.has_value()) return 0.9;  // the failure itself names it
    const auto [link, effect] = BestEffect(r);
    if (link != nullptr) return link->confidence;
    // Nothing but its own evidence: a state stands for itself, a symptom does not.
    return r.burst->category == Category::kState ? 0.6 : 0.3;
  }

  double Score(const Root& r) const {
    const double size = std::min(1.0, std::log2(1 + Importance(r)) / 6);
    const double of_asked =
        asked_.empty() ? 0
                       : static_cast<double>(r.asked.size()) / static_cast<double>(asked_.size());
    const double kind = IsSymptom(r) ? 0.5 : 1.0;
    return Confidence(r) * kind * (0.5 + 0.25 * size + 0.25 * of_asked);
  }

  // ---- how it is told

  CauseAnswer Tell(const Root& r) {
    CauseAnswer a;
    const BurstPtr& b = r.burst;
    a.resource = say_.Resource(r.blamed.value_or(b->resource));
    a.category = r.blamed.has_value() ? "finding" : CategoryWord(b->category);
    a.onset = {b->earliest, b->key.onset};
    a.score = Score(r);
    a.confidence = Confidence(r);
    if (r.blamed.has_value()) {
      const bool missing = !a.resource.exists;
      a.finding = FindingAnswer{
          missing ? "missing_object" : "refusing_object",
          absl::StrCat(ShortName(a.resource), missing ? " does not exist, and " : " is what ",
                       ShortName(say_.Resource(b->resource)), missing ? " needs it" : " ran into")};
    } else {
      a.episode = say_.Episode(*b);
    }
    const IncidentPtr incident = IncidentOf(r);
    if (incident != nullptr) a.incident = IncidentHandle(incident->id());
    const auto [link, effect] = BestEffect(r);
    // Of a change that was several at once, the one that did it.
    if (link != nullptr && a.episode.has_value())
      a.episode->cls = rules_.Class(link->cause_class).name;
    if (link != nullptr)
      a.parts =
          ScoreParts{link->temporal, link->distance, link->domain, EpisodeHandle(effect->key)};
    a.path = PathTo(r);
    Evidences(r, &a);
    AgainstIt(r, &a);
    a.explains.total = r.explained.size();
    for (const BurstPtr& e : r.explained) {
      if (a.explains.shown.size() == kShownExplained) break;
      a.explains.shown.push_back({say_.Resource(e->resource), say_.Episode(*e)});
    }
    return a;
  }

  IncidentPtr IncidentOf(const Root& r) const {
    if (r.asked.empty()) return nullptr;
    IncidentPtr found;
    Analysis& self = const_cast<Analysis&>(*this);
    const auto chain = self.ChainOf({r.asked.front()->key, r.asked.front()->resource});
    view_.incidents().ForEachFrom(std::make_pair(scope_, chain.back()->key),
                                  [&](const IncidentPtr& i) {
                                    if (i->scope == scope_ && i->root == chain.back()->key)
                                      found = i;
                                    return false;
                                  });
    return found;
  }

  // The worst of what was asked about, and the way from the root to it.
  std::vector<PathStep> PathTo(const Root& r) {
    const BurstPtr* worst = &r.asked.front();
    for (const BurstPtr& b : r.asked) {
      if (std::make_tuple(Weight(b->severity), (*worst)->key.onset, (*worst)->key.hash) >
          std::make_tuple(Weight((*worst)->severity), b->key.onset, b->key.hash)) {
        worst = &b;
      }
    }
    std::vector<PathStep> path;
    const auto chain = ChainOf({(*worst)->key, (*worst)->resource});
    for (size_t i = chain.size() - 1; i-- > 0;) {
      const CauseLink* link = BestLink(*chain[i]);
      if (link == nullptr) continue;
      if (r.blamed.has_value() && chain[i]->key < r.burst->key) continue;
      for (PathStep& s : say_.LinkPath(*link, chain[i]->key.onset)) path.push_back(std::move(s));
    }
    return path;
  }

  void Evidences(const Root& r, CauseAnswer* a) {
    auto add = [&](const BurstPtr& b, const char* role) {
      const EpisodeAnswer e = say_.Episode(*b);
      a->evidence.push_back({e.id, role, e.time, e.cls,
                             absl::StrCat(ShortName(say_.Resource(b->resource)), ": ", e.reason,
                                          e.reason.empty() ? "" : " ", e.message)});
    };
    add(r.burst, r.blamed.has_value()                     ? "symptom"
                 : r.burst->category == Category::kChange ? "change"
                                                          : "cause");
    // One of each (object kind, class), earliest first: what a person would want to see, not all of
    // it.
    std::set<std::pair<std::string, ClassId>> told = {
        {say_.Name(r.burst->resource).kind, r.burst->cls}};
    for (const BurstPtr& b : r.explained) {
      if (a->evidence.size() >= kShownEvidence) break;
      if (!told.insert({say_.Name(b->resource).kind, b->cls}).second) continue;
      add(b, b->category == Category::kSymptom ? "symptom" : "effect");
    }
  }

  void AgainstIt(const Root& r, CauseAnswer* a) {
    const auto [link, effect] = BestEffect(r);
    if (link != nullptr && link->temporal < 0.5) {
      a->against.push_back(
          {absl::StrFormat("it came unusually long before its effect (likelihood of the lag %.2f)",
                           link->temporal),
           EpisodeHandle(r.burst->key)});
    }
    if (r.burst->earliest + kPassing < r.burst->key.onset) {
      a->against.push_back(
          {absl::StrCat("its time is known only to lie between ", TimeText(r.burst->earliest),
                        " and ", TimeText(r.burst->key.onset)),
           EpisodeHandle(r.burst->key)});
    }
    if (r.burst->category == Category::kChange) {
      size_t earlier = 0;
      for (const BurstPtr& b : r.explained)
        earlier += b->earliest + std::chrono::seconds(10) < r.burst->earliest;
      if (earlier > 0) {
        a->against.push_back(
            {absl::StrCat(earlier, " of what it would explain had begun before it"), ""});
      }
    }
  }

  // Links that were not taken, of what was asked about and of what the roots explain.
  std::vector<CauseAnswer> Candidates(const std::vector<Root>& roots,
                                      const std::vector<Root>& demoted) {
    std::vector<CauseAnswer> out;
    std::set<std::pair<ResourceId, ClassId>> told;
    std::set<ResourceId> root_slots;
    for (const Root& r : roots) {
      told.insert({r.burst->resource, r.burst->cls});
      root_slots.insert(r.blamed.value_or(r.burst->resource));
    }
    for (const Root& r : demoted) {
      if (out.size() == kMaxCandidates) return out;
      if (!told.insert({r.burst->resource, r.burst->cls}).second) continue;
      CauseAnswer a = Tell(r);
      a.lost_because = "a symptom without a cause of its own, beside root causes that explain more";
      out.push_back(std::move(a));
    }
    struct Other {
      const CauseLink* link;
      BurstPtr effect;
      double best;
    };
    std::vector<Other> others;
    std::set<BurstAt> seen;
    for (const Root& r : roots) {
      for (const auto* list : {&r.asked, &r.explained}) {
        for (const BurstPtr& b : *list) {
          if (!seen.insert({b->key, b->resource}).second) continue;
          const CauseLink* best = BestLink(*b);
          for (const CauseLink& c : b->causes) {
            if (&c != best && c.cause.onset <= view_.as_of())
              others.push_back({&c, b, best == nullptr ? 0 : best->confidence});
          }
        }
      }
    }
    std::stable_sort(others.begin(), others.end(), [](const Other& a, const Other& b) {
      return a.link->confidence > b.link->confidence;
    });
    // What is itself explained is on the way to a root, not beside it.
    std::set<BurstAt> on_the_way;
    for (const Root& r : roots) {
      for (const BurstPtr& b : r.explained) on_the_way.insert({b->key, b->resource});
    }
    for (const Other& o : others) {
      if (out.size() == kMaxCandidates) break;
      const BurstPtr cause = FindBurst(graph_, o.link->cause_resource, o.link->cause);
      if (cause == nullptr || on_the_way.count({cause->key, cause->resource}) > 0) continue;
      if (!told.insert({cause->resource, cause->cls}).second) continue;
      CauseAnswer a;
      a.category = CategoryWord(cause->category);
      a.resource = say_.Resource(cause->resource);
      a.episode = say_.Episode(*cause);
      a.onset = {cause->earliest, cause->key.onset};
      a.score = a.confidence = o.link->confidence;
      a.parts = ScoreParts{o.link->temporal, o.link->distance, o.link->domain,
                           EpisodeHandle(o.effect->key)};
      a.path = say_.LinkPath(*o.link, o.effect->key.onset);
      a.lost_because = WhyLost(*o.link, o.best);
      out.push_back(std::move(a));
    }
    return out;
  }

  static std::string WhyLost(const CauseLink& link, double best) {
    if (link.domain < kGroupDomain) {
      return absl::StrFormat("this kind of thing seldom causes that (prior %.2f)", link.domain);
    }
    if (link.confidence < kGroupConfidence)
      return absl::StrFormat("confidence %.2f is below %.2f", link.confidence, kGroupConfidence);
    return absl::StrFormat("confidence %.2f against %.2f", link.confidence, best);
  }

  std::vector<AffectedAnswer> Affected(const std::vector<Root>& roots) {
    BlastRadiusQuestion q;
    q.window = question_.Window();
    q.limit = kShownAffected;
    for (size_t i = 0; i < roots.size(); ++i) {
      q.origins.push_back({roots[i].blamed.value_or(roots[i].burst->resource),
                           static_cast<int>(i + 1), roots[i].burst->earliest});
    }
    if (q.origins.empty()) return {};
    std::vector<AffectedAnswer> found = FindBlastRadius(view_, q, meter_).affected;
    // The walk leaves its origins out; where a root is a failure, its own object is the first to
    // suffer.
    for (size_t i = 0; i < roots.size(); ++i) {
      const BurstPtr& b = roots[i].burst;
      if (roots[i].blamed.has_value() || b->category == Category::kChange) continue;
      AffectedAnswer own;
      own.resource = say_.Resource(b->resource);
      own.state = "affected";
      own.because_of = {static_cast<int>(i + 1)};
      own.episode = say_.Episode(*b);
      own.severity = SeverityWord(b->severity);
      const bool listed = std::any_of(found.begin(), found.end(), [&](const AffectedAnswer& a) {
        return a.resource == own.resource;
      });
      if (!listed) found.push_back(std::move(own));
    }
    // What the roots explain is affected, whatever the walk reached.
    for (size_t i = 0; i < roots.size(); ++i) {
      for (const BurstPtr& b : roots[i].explained) {
        const ResourceAnswer who = say_.Resource(b->resource);
        auto it = std::find_if(found.begin(), found.end(),
                               [&](const AffectedAnswer& a) { return a.resource == who; });
        if (it == found.end()) {
          if (b->resource == roots[i].blamed.value_or(roots[i].burst->resource) ||
              found.size() >= 2 * kShownAffected)
            continue;
          AffectedAnswer a;
          a.resource = who;
          a.state = "affected";
          a.distance = static_cast<int>(BestLink(*b) == nullptr ? 0 : BestLink(*b)->types.size());
          a.because_of = {static_cast<int>(i + 1)};
          a.episode = say_.Episode(*b);
          a.severity = SeverityWord(b->severity);
          found.push_back(std::move(a));
        } else if (it->state != "affected") {
          it->state = "affected";
          it->episode = say_.Episode(*b);
          it->severity = SeverityWord(b->severity);
        }
      }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const AffectedAnswer& a, const AffectedAnswer& b) {
                       return std::make_tuple(a.state != "affected", a.distance) <
                              std::make_tuple(b.state != "affected", b.distance);
                     });
    return found;
  }

  RootCauseAnswer Answer() {
    RootCauseAnswer answer;
    answer.question = question_;
    answer.as_of = view_.as_of();
    for (const ScopeDescription& s : view_.scopes()) {
      if (s.id == scope_) answer.tenant = s.tenant;
    }
    std::vector<Root> roots, demoted;
    for (Root& r : RolledUp(Roots())) {
      if (Counts(r)) roots.push_back(std::move(r));
    }
    std::stable_sort(roots.begin(), roots.end(), [&](const Root& a, const Root& b) {
      const double sa = Score(a), sb = Score(b);
      if (std::abs(sa - sb) > 1e-9) return sa > sb;
      return a.burst->key < b.burst->key;
    });
    const bool any_explained =
        std::any_of(roots.begin(), roots.end(), [&](const Root& r) { return !IsSymptom(r); });
    const bool any_unexplained =
        std::any_of(roots.begin(), roots.end(), [&](const Root& r) { return IsSymptom(r); });
    answer.verdict = roots.empty()     ? "healthy"
                     : !any_explained  ? "unknown"
                     : any_unexplained ? "partial"
                                       : "explained";
    std::vector<Root> kept;
    for (Root& r : roots) {
      (any_explained && IsSymptom(r) ? demoted : kept).push_back(std::move(r));
    }
    if (kept.size() > kMaxRoots) kept.resize(kMaxRoots);
    if (answer.verdict == "partial")
      answer.verdict = MostlyExplained(kept, demoted) ? "explained" : "partial";
    for (size_t i = 0; i < kept.size(); ++i) {
      answer.root_causes.push_back(Tell(kept[i]));
      answer.root_causes.back().rank = static_cast<int>(i + 1);
    }
    answer.candidates = Candidates(kept, demoted);
    for (size_t i = 0; i < answer.candidates.size(); ++i)
      answer.candidates[i].rank = static_cast<int>(i + 1);
    answer.affected = Affected(kept);
    Gaps(&answer);
    answer.truncated = meter_->truncated();
    return answer;
  }

  // Left-over symptoms that sit on what a root cause explains anyway, or on what owns it, leave
  // nothing open.
  bool MostlyExplained(const std::vector<Root>& kept, const std::vector<Root>& demoted) const {
    std::set<ResourceId> slots;
    auto add = [&](const BurstPtr& b) {
      slots.insert(b->resource);
      slots.insert(say_.TopOwner(b->resource, b->key.onset));
    };
    for (const Root& r : kept) {
      add(r.burst);
      for (const BurstPtr& b : r.explained) add(b);
    }
    return std::all_of(demoted.begin(), demoted.end(), [&](const Root& r) {
      return slots.count(r.burst->resource) > 0 ||
             slots.count(say_.TopOwner(r.burst->resource, r.burst->key.onset)) > 0;
    });
  }

  void Gaps(RootCauseAnswer* answer) const {
    const Interval window = question_.Window();
    if (window.from < view_.oldest())
      answer->gaps.push_back({"before retention", window.from, view_.oldest()});
    if (window.to > view_.data_clock() + std::chrono::minutes(10)) {
      answer->gaps.push_back({"no data after this time", view_.data_clock(), window.to});
    }
    if (!view_.derived_complete())
      answer->gaps.push_back({"links are still being derived", window.from, window.to});
  }

 private:
  template <typename Fn>
  void ForEdges(ResourceId slot, storage::keys::Direction direction, Fn&& fn) {
    const Interval window = question_.Window();
    const Node* node = graph_.Find(slot);
    if (node == nullptr) return;
    const bool out = direction == storage::keys::Direction::kOut;
    (out ? node->out : node->in).ForEach([&](const OpenEdge& e) {
      if (e.from < window.to) fn(ResourceId(e.other), EdgeTypeId(e.type));
      return meter_->TakeEdges();
    });
    (out ? node->out_closed : node->in_closed).ForEach([&](const ClosedEdge& e) {
      if (e.from < window.to && e.to > window.from) fn(ResourceId(e.other), EdgeTypeId(e.type));
      return meter_->TakeEdges();
    });
  }

  const View& view_;
  const Graph& graph_;
  const RuleBook& rules_;
  const Describer say_;
  const Question& question_;
  BudgetMeter* const meter_;
  ScopeId scope_;
  const ClassId created_ = view_.rules().ClassByName("CHANGE_CREATED");
  std::set<BurstAt> asked_;
};

}  // namespace

absl::StatusOr<RootCauseAnswer> RootCause(const View& view, const Question& question,
                                          const Budget& budget) {
  BudgetMeter meter(budget);
  meter.Enter("root cause");
  auto scope = ResolveScope(view, question.scope);
  if (!scope.ok()) return scope.status();
  Analysis analysis(view, question, &meter);
  analysis.Scope(*scope);
  if (question.object.empty()) {
    analysis.AddScope();
    return analysis.Answer();
  }
  auto target =
      ResolveObject(view, *scope, question.object, question.all_namespaces ? "" : question.ns);
  if (!target.ok()) return target.status();
  if (target->incident != nullptr) analysis.AddTree(*target->incident);
  if (target->resource.has_value() && !target->episode.has_value())
    analysis.AddObject(*target->resource);
  if (target->episode.has_value()) {
    auto record = view.Episode(*scope, *target->episode);
    if (!record.ok()) return record.status();
    const BurstPtr b = record->has_value()
                           ? FindBurst(view.graph(), (*record)->resource, *target->episode)
                           : nullptr;
    if (b != nullptr) analysis.AddBurst(b);
  }
  return analysis.Answer();
}

std::vector<CauseAnswer> RootCausesOf(const View& view, const IncidentTree& tree,
                                      BudgetMeter* meter) {
  Question question;
  question.at = view.as_of();
  Analysis analysis(view, question, meter);
  analysis.Scope(tree.scope);
  analysis.AddTree(tree);
  std::vector<CauseAnswer> out;
  for (const Root& r : analysis.Roots()) {
    out.push_back(analysis.Tell(r));
    out.back().rank = static_cast<int>(out.size());
  }
  return out;
}

}  // namespace kg::query
