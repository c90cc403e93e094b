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
constexpr size_t kAskedForFindings = 8;  // bursts of each root
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
  auto add = [&](const CauseLink& link, Timestamp at) {
    for (PathStep& s : in.say.LinkPath(link, at)) path.push_back(std::move(s));
  };
  const Trail trail = TrailOf(in, At(**worst));
  if (trail.finding.has_value() && trail.finding->link.has_value())
    add(*trail.finding->link, std::max(trail.chain.back()->key.onset, trail.finding->what.latest));
  for (size_t i = trail.chain.size() - 1; i-- > 0;) {
    if (const CauseLink* link = BestLink(in, *trail.chain[i]))
      add(*link, trail.chain[i]->key.onset);
  }
  return path;
}

// A finding in a line of evidence.
Evidence Shown(const Inquiry& in, const Finding& finding) {
  return {"", "finding", finding.latest, in.rules.Class(finding.cls).name, finding.text};
}

// The link by which the root explains the effect that speaks most for it; null where there is none.
std::pair<const CauseLink*, BurstPtr> TellingLink(const Root& r) {
  if (!r.finding.has_value()) return BestEffect(r);
  return {r.finding->link.has_value() ? &*r.finding->link : nullptr, r.burst};
}

// When the root began.
OnsetAnswer OnsetOf(const Inquiry& in, const Root& r) {
  if (r.finding.has_value())
    return {std::max(r.finding->what.earliest, in.view.oldest()), r.finding->what.latest};
  return {r.burst->earliest, r.burst->key.onset};
}

void TellEvidence(const Inquiry& in, const Root& r, CauseAnswer* a) {
  auto add = [&](const BurstPtr& b, const char* role) {
    const EpisodeAnswer e = in.say.Episode(*b);
    a->evidence.push_back({e.id, role, e.time, e.cls,
                           absl::StrCat(ShortName(in.say.Resource(b->resource)), ": ", e.reason,
                                        e.reason.empty() ? "" : " ", e.message)});
  };
  if (r.finding.has_value() && !r.IsNamed()) a->evidence.push_back(Shown(in, r.finding->what));
  add(r.burst, r.finding.has_value()                    ? "symptom"
               : r.burst->category == Category::kChange ? "change"
                                                        : "cause");
  // What a change left behind bears it out.
  if (r.burst->category == Category::kChange && !r.finding.has_value()) {
    const std::optional<Finding>& left = in.findings->findings().Of(r.resource());
    if (left.has_value() && left->latest >= r.burst->earliest)
      a->evidence.push_back(Shown(in, *left));
  }
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

void TellAgainst(const Inquiry& in, const Root& r, CauseAnswer* a) {
  const auto [link, effect] = TellingLink(r);
  if (link != nullptr && link->temporal < 0.5) {
    a->against.push_back(
        {absl::StrFormat("it came unusually long before its effect (likelihood of the lag %.2f)",
                         link->temporal),
         EpisodeHandle(r.burst->key)});
  }
  const OnsetAnswer onset = OnsetOf(in, r);
  if (onset.earliest + kPassing < onset.latest) {
    a->against.push_back({absl::StrCat("its time is known only to lie between ",
                                       TimeText(onset.earliest), " and ", TimeText(onset.latest)),
                          r.finding.has_value() ? "" : EpisodeHandle(r.burst->key)});
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

// Findings that would have explained what is asked about, had nothing else explained it better.
void AddLostFindings(const Inquiry& in, const std::vector<Root>& roots,
                     std::vector<CauseAnswer>* out) {
  std::set<ResourceId> told;
  for (const Root& r : roots) told.insert(r.resource());
  for (const Root& r : roots) {
    for (size_t i = 0; i < r.asked.size() && i < kAskedForFindings; ++i) {
      const FoundCause* found = in.findings->BestOf(*r.asked[i]);
      if (out->size() == kMaxCandidates) return;
      if (found == nullptr || !told.insert(found->what.resource).second) continue;
      Root lost;
      lost.burst = r.asked[i];
      lost.finding = *found;
      CauseAnswer a;
      a.category = "finding";
      a.resource = in.say.Resource(found->what.resource);
      a.finding = FindingAnswer{found->what.kind, found->what.text};
      a.onset = OnsetOf(in, lost);
      a.score = a.confidence = found->link->confidence;
      a.parts = ScoreParts{found->link->temporal, found->link->distance, found->link->domain,
                           EpisodeHandle(r.asked[i]->key)};
      a.path = in.say.LinkPath(*found->link, in.view.as_of());
      a.evidence.push_back(Shown(in, found->what));
      a.lost_because =
          absl::StrCat(ShortName(in.say.Name(r.resource())), " explains the same, and better");
      out->push_back(std::move(a));
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
  a.category = r.finding.has_value() ? "finding" : CategoryWord(b->category);
  a.onset = OnsetOf(in, r);
  a.score = Score(in, r, asked);
  a.confidence = Confidence(r);
  if (r.finding.has_value())
    a.finding = FindingAnswer{r.finding->what.kind, r.finding->what.text};
  else
    a.episode = in.say.Episode(*b);
  if (r.incident != nullptr) a.incident = IncidentHandle(r.incident->id());
  const auto [link, effect] = TellingLink(r);
  // Of a change that was several at once, the one that did it.
  if (link != nullptr && a.episode.has_value())
    a.episode->cls = in.rules.Class(link->cause_class).name;
  if (link != nullptr)
    a.parts = ScoreParts{link->temporal, link->distance, link->domain, EpisodeHandle(effect->key)};
  a.path = WayToWorst(in, r);
  TellEvidence(in, r, &a);
  TellAgainst(in, r, &a);
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
  AddLostFindings(in, roots, &out);
  return out;
}

Cut<AffectedAnswer> TellAffected(const Inquiry& in, const std::vector<Root>& roots) {
  BlastRadiusQuestion q;
  q.window = in.question.Window();
  q.limit = kShownAffected;
  for (size_t i = 0; i < roots.size(); ++i) {
    const Root& r = roots[i];
    q.origins.push_back({r.resource(), static_cast<int>(i + 1), r.burst->earliest});
    // Where a root is a failure, its own object is the first to suffer.
    if (!r.finding.has_value() && r.burst->category != Category::kChange)
      q.known.push_back({r.burst, i, 0});
    for (const BurstPtr& b : r.explained) {
      if (b->resource == r.resource() || b->category == Category::kChange) continue;
      const CauseLink* link = BestLink(in, *b);
      q.known.push_back({b, i, link == nullptr ? 0 : static_cast<int>(link->types.size())});
    }
  }
  if (q.origins.empty()) return {};
  BlastRadiusAnswer found = FindBlastRadius(in.view, q, in.meter);
  return {found.total, std::move(found.affected)};
}

}  // namespace kg::query
