#include "query/cause_answers.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "query/blast_radius.h"
#include "query/cause_chains.h"
#include "query/cause_worth.h"
#include "query/text.h"

namespace kg::query {
namespace {

constexpr size_t kMaxCandidates = 10;
constexpr size_t kShownExplained = 20;
constexpr size_t kShownEvidence = 8;
constexpr size_t kShownAffected = 100;

// The worst of what was asked about, and the way from the root to it.
std::vector<PathStep> WayToWorst(const Inquiry& in, const Root& r) {
  const BurstPtr* worst = &r.asked.front();
  for (const BurstPtr& b : r.asked) {
    if (std::make_tuple(Weight(b->severity), (*worst)->key.onset, (*worst)->key.hash) >
        std::make_tuple(Weight((*worst)->severity), b->key.onset, b->key.hash)) {
      worst = &b;
    }
  }
  std::vector<PathStep> path;
  const auto chain = ChainOf(in, At(**worst));
  for (size_t i = chain.size() - 1; i-- > 0;) {
    const CauseLink* link = BestLink(in, *chain[i]);
    if (link == nullptr) continue;
    if (r.blamed.has_value() && chain[i]->key < r.burst->key) continue;
    for (PathStep& s : in.say.LinkPath(*link, chain[i]->key.onset)) path.push_back(std::move(s));
  }
  return path;
}

void TellEvidence(const Inquiry& in, const Root& r, CauseAnswer* a) {
  auto add = [&](const BurstPtr& b, const char* role) {
    const EpisodeAnswer e = in.say.Episode(*b);
    a->evidence.push_back({e.id, role, e.time, e.cls,
                           absl::StrCat(ShortName(in.say.Resource(b->resource)), ": ", e.reason,
                                        e.reason.empty() ? "" : " ", e.message)});
  };
  add(r.burst, r.blamed.has_value()                     ? "symptom"
               : r.burst->category == Category::kChange ? "change"
                                                        : "cause");
  // One of each (object kind, class), earliest first: what a person would want to see, not all of
  // it.
  std::set<std::pair<std::string, ClassId>> told = {
      {in.say.Name(r.burst->resource).kind, r.burst->cls}};
  for (const BurstPtr& b : r.explained) {
    if (a->evidence.size() >= kShownEvidence) break;
    if (!told.insert({in.say.Name(b->resource).kind, b->cls}).second) continue;
    add(b, b->category == Category::kSymptom ? "symptom" : "effect");
  }
}

void TellAgainst(const Root& r, CauseAnswer* a) {
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

std::string WhyLost(const CauseLink& link, double best) {
  if (link.domain < kGroupDomain) {
    return absl::StrFormat("this kind of thing seldom causes that (prior %.2f)", link.domain);
  }
  if (link.confidence < kGroupConfidence)
    return absl::StrFormat("confidence %.2f is below %.2f", link.confidence, kGroupConfidence);
  return absl::StrFormat("confidence %.2f against %.2f", link.confidence, best);
}

}  // namespace

CauseAnswer Tell(const Inquiry& in, const Root& r, size_t asked) {
  CauseAnswer a;
  const BurstPtr& b = r.burst;
  a.resource = in.say.Resource(r.resource());
  a.category = r.blamed.has_value() ? "finding" : CategoryWord(b->category);
  a.onset = {b->earliest, b->key.onset};
  a.score = Score(in, r, asked);
  a.confidence = Confidence(r);
  if (r.blamed.has_value()) {
    const bool missing = !a.resource.exists;
    a.finding = FindingAnswer{
        missing ? "missing_object" : "refusing_object",
        absl::StrCat(ShortName(a.resource), missing ? " does not exist, and " : " is what ",
                     ShortName(in.say.Resource(b->resource)), missing ? " needs it" : " ran into")};
  } else {
    a.episode = in.say.Episode(*b);
  }
  if (r.incident != nullptr) a.incident = IncidentHandle(r.incident->id());
  const auto [link, effect] = BestEffect(r);
  // Of a change that was several at once, the one that did it.
  if (link != nullptr && a.episode.has_value())
    a.episode->cls = in.rules.Class(link->cause_class).name;
  if (link != nullptr)
    a.parts = ScoreParts{link->temporal, link->distance, link->domain, EpisodeHandle(effect->key)};
  a.path = WayToWorst(in, r);
  TellEvidence(in, r, &a);
  TellAgainst(r, &a);
  a.explains.total = r.explained.size();
  for (const BurstPtr& e : r.explained) {
    if (a.explains.shown.size() == kShownExplained) break;
    a.explains.shown.push_back({in.say.Resource(e->resource), in.say.Episode(*e)});
  }
  return a;
}

std::vector<CauseAnswer> TellCandidates(const Inquiry& in, const std::vector<Root>& roots,
                                        const std::vector<Root>& demoted, size_t asked) {
  std::vector<CauseAnswer> out;
  std::set<std::pair<ResourceId, ClassId>> told;
  std::set<ResourceId> root_slots;
  for (const Root& r : roots) {
    told.insert({r.burst->resource, r.burst->cls});
    root_slots.insert(r.resource());
  }
  for (const Root& r : demoted) {
    if (out.size() == kMaxCandidates) return out;
    if (!told.insert({r.burst->resource, r.burst->cls}).second) continue;
    CauseAnswer a = Tell(in, r, asked);
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
        const CauseLink* best = BestLink(in, *b);
        for (const CauseLink& c : b->causes) {
          if (&c != best && c.cause.onset <= in.view.as_of())
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
    const BurstPtr cause = FindBurst(in.graph, o.link->cause_resource, o.link->cause);
    if (cause == nullptr || on_the_way.count({cause->key, cause->resource}) > 0) continue;
    if (!told.insert({cause->resource, cause->cls}).second) continue;
    CauseAnswer a;
    a.category = CategoryWord(cause->category);
    a.resource = in.say.Resource(cause->resource);
    a.episode = in.say.Episode(*cause);
    a.onset = {cause->earliest, cause->key.onset};
    a.score = a.confidence = o.link->confidence;
    a.parts = ScoreParts{o.link->temporal, o.link->distance, o.link->domain,
                         EpisodeHandle(o.effect->key)};
    a.path = in.say.LinkPath(*o.link, o.effect->key.onset);
    a.lost_because = WhyLost(*o.link, o.best);
    out.push_back(std::move(a));
  }
  return out;
}

std::vector<AffectedAnswer> TellAffected(const Inquiry& in, const std::vector<Root>& roots) {
  BlastRadiusQuestion q;
  q.window = in.question.Window();
  q.limit = kShownAffected;
  for (size_t i = 0; i < roots.size(); ++i) {
    q.origins.push_back({roots[i].resource(), static_cast<int>(i + 1), roots[i].burst->earliest});
  }
  if (q.origins.empty()) return {};
  std::vector<AffectedAnswer> found = FindBlastRadius(in.view, q, in.meter).affected;
  // The walk leaves its origins out; where a root is a failure, its own object is the first to
  // suffer.
  for (size_t i = 0; i < roots.size(); ++i) {
    const BurstPtr& b = roots[i].burst;
    if (roots[i].blamed.has_value() || b->category == Category::kChange) continue;
    AffectedAnswer own;
    own.resource = in.say.Resource(b->resource);
    own.state = "affected";
    own.because_of = {static_cast<int>(i + 1)};
    own.episode = in.say.Episode(*b);
    own.severity = SeverityWord(b->severity);
    const bool listed = std::any_of(found.begin(), found.end(), [&](const AffectedAnswer& a) {
      return a.resource == own.resource;
    });
    if (!listed) found.push_back(std::move(own));
  }
  // What the roots explain is affected, whatever the walk reached.
  for (size_t i = 0; i < roots.size(); ++i) {
    for (const BurstPtr& b : roots[i].explained) {
      const ResourceAnswer who = in.say.Resource(b->resource);
      auto it = std::find_if(found.begin(), found.end(),
                             [&](const AffectedAnswer& a) { return a.resource == who; });
      if (it == found.end()) {
        if (b->resource == roots[i].resource() || found.size() >= 2 * kShownAffected) continue;
        AffectedAnswer a;
        a.resource = who;
        a.state = "affected";
        a.distance =
            static_cast<int>(BestLink(in, *b) == nullptr ? 0 : BestLink(in, *b)->types.size());
        a.because_of = {static_cast<int>(i + 1)};
        a.episode = in.say.Episode(*b);
        a.severity = SeverityWord(b->severity);
        found.push_back(std::move(a));
      } else if (it->state != "affected") {
        it->state = "affected";
        it->episode = in.say.Episode(*b);
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

}  // namespace kg::query
