#include <stdlib.h>

#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/internal/link.h"
#include "engine/links.h"
#include "tests/semantics/fixture.h"
#include "tests/semantics/stories.h"

// Order does not matter: any order of a set of records, cut into any batches, gives the same facts,
// and the links and incidents are those that a derivation from scratch finds.
//
// KG_SEEDS: how many seeds (default 1000, and 300 with a restart in between). KG_SEED: only this
// one.

namespace kg::semantics {
namespace {

// The neighbours that no edge gives, found the slow way.
class NaiveImplicit : public ImplicitEdges {
 public:
  NaiveImplicit(const View& view, const RuleBook& rules) : view_(view), rules_(rules) {}
  std::vector<Edge> From(ResourceId, const SlotName& name, ClassId effect) const override {
    std::vector<Edge> out;
    const EdgeTypeId type = rules_.EdgeTypeByName("IN_NAMESPACE");
    const auto& only = rules_.EdgeType(type).only_effects;
    if (name.ns.empty() || std::find(only.begin(), only.end(), effect) == only.end()) return out;
    const auto ns = view_.Find(name.scope, Ref("Namespace", "", name.ns));
    if (ns.has_value()) out.push_back({type, *ns});
    return out;
  }

 private:
  const View& view_;
  const RuleBook& rules_;
};

using Member = std::pair<uint32_t, EpisodeKey>;

std::string Text(const CauseLink& c) {
  return absl::StrCat(c.cause_resource.value, "@", ToMicros(c.cause.onset), "#", c.cause.hash.value,
                      " ", c.confidence, " path ", c.path.size());
}

std::string Text(const std::vector<CauseLink>& links) {
  std::vector<std::string> out;
  for (const CauseLink& l : links) out.push_back(Text(l));
  return absl::StrJoin(out, "; ");
}

// Of each circle of best links the first burst loses its own.
void CutCircles(const RuleBook& rules, const std::map<Member, BurstPtr>& all,
                std::map<Member, Member>* parent) {
  std::set<Member> roots;
  for (const auto& [start, up] : *parent) {
    std::set<Member> way;
    Member at = start;
    while (parent->count(at) > 0 && way.insert(at).second) at = parent->at(at);
    if (parent->count(at) == 0 || at != start) continue;  // leads out, or into another circle
    roots.insert(*std::min_element(way.begin(), way.end(), [&](const Member& a, const Member& b) {
      return BeginsBefore(rules, *all.at(a), *all.at(b));
    }));
  }
  for (const Member& root : roots) parent->erase(root);
}

// What derivation from scratch finds otherwise than what is stored; empty: nothing.
std::string CompareWithNaive(Database* db) {
  const auto view = db->GetView();
  const RuleBook& rules = view->rules();
  const NaiveImplicit implicit(*view, rules);
  std::map<Member, Member> parent;
  std::map<Member, BurstPtr> all;
  std::set<Member> failures;
  for (uint32_t i = 1; i < view->graph().end_id(); ++i) {
    const Node* node = view->graph().Find(ResourceId(i), kBeginning);
    if (node == nullptr) continue;
    std::string difference;
    node->bursts.ForEach([&](const BurstPtr& b) {
      const Member id{node->name->scope.value, b->key};
      all[id] = b;
      if (!rules.Class(b->cls).IsFailure()) return true;
      failures.insert(id);
      uint64_t looked_at = 0;
      const auto causes = FindCauses(view->graph(), rules, implicit, *b, &looked_at);
      if (causes != b->causes) {
        difference = absl::StrCat("links of ", node->name->kind, "/", node->name->name, " ",
                                  rules.Class(b->cls).name, " @", ToMicros(b->key.onset),
                                  "\n  stored: ", Text(b->causes), "\n  naive:  ", Text(causes));
        return false;
      }
      for (const CauseLink& c : causes) {
        if (!Groups(c)) continue;
        parent[id] = {id.first, c.cause};
        break;
      }
      return true;
    });
    if (!difference.empty()) return difference;
  }
  CutCircles(rules, all, &parent);
  std::map<Member, std::set<Member>> trees;
  std::set<Member> grouped = failures;
  for (const auto& [child, p] : parent) grouped.insert(p);
  for (Member m : grouped) {
    Member root = m;
    for (size_t steps = 0; parent.count(root) > 0; ++steps) {
      if (steps > all.size()) return "best links run in a circle";
      root = parent[root];
    }
    trees[root].insert(m);
  }
  std::map<Member, std::set<Member>> stored;
  for (const IncidentPtr& t : view->AllTrees()) {
    auto& members = stored[{t->scope.value, t->root}];
    t->members.ForEach([&](const auto& m) {
      members.insert({t->scope.value, m.first});
      return true;
    });
  }
  if (trees != stored)
    return absl::StrCat("trees differ: ", stored.size(), " stored, ", trees.size(),
                        " from scratch");
  return "";
}

// One telling: its dump, or what is wrong with it.
struct Telling {
  std::string dump;
  std::string wrong;
};

Telling Tell(const std::vector<Mutation>& story, uint64_t order, bool across_restart) {
  std::vector<Mutation> told = story;
  Random random(order);
  if (order == 1) std::reverse(told.begin(), told.end());
  if (order > 1) random.Shuffle(&told);
  // The same with the smallest memory as with the usual one: buckets of an hour, and what ended
  // before the last of them is read from rows.
  World world(std::chrono::hours(28), std::chrono::hours(order == 0 ? 24 : 0));
  size_t batches = 0;
  for (size_t i = 0; i < told.size();) {
    const size_t n =
        std::min<size_t>(told.size() - i, 1 + random.Below(order == 0 ? 4 : 1 + random.Below(20)));
    Batch batch;
    batch.mutations.assign(told.begin() + static_cast<ptrdiff_t>(i),
                           told.begin() + static_cast<ptrdiff_t>(i + n));
    auto result = world.db().Apply(std::move(batch));
    if (!result.ok()) return {"", std::string(result.status().message())};
    i += n;
    ++batches;
    if (across_restart && order > 0 && i >= told.size() / 2 && i - n < told.size() / 2)
      world.Reopen();
  }
  Telling out;
  out.dump = world.Dump();
  out.wrong = CompareWithNaive(&world.db());
  if (across_restart) {
    world.Reopen();
    if (world.Dump() != out.dump) {
      out.wrong += "opened again it holds something else (- before, + after)\n" +
                   DumpDifference(out.dump, world.Dump());
    }
  }
  return out;
}

constexpr uint64_t kOrders = 3;

// Empty when the story holds in every order.
std::string WrongWith(const std::vector<Mutation>& story, uint64_t seed, bool across_restart) {
  std::string expected;
  for (uint64_t order = 0; order < kOrders; ++order) {
    const Telling t = Tell(story, order < 2 ? order : order + seed * kOrders, across_restart);
    if (!t.wrong.empty()) return absl::StrCat("order ", order, ": ", t.wrong);
    if (order == 0) expected = t.dump;
    if (t.dump != expected) {
      return absl::StrCat("order ", order, " gives other facts (- as given, + then)\n",
                          DumpDifference(expected, t.dump));
    }
  }
  return "";
}

// Leaves out what the failure does not need.
std::vector<Mutation> Shrink(std::vector<Mutation> story, uint64_t seed, bool across_restart) {
  for (size_t chunk = story.size() / 2; chunk >= 1; chunk /= 2) {
    for (size_t i = 0; i + chunk <= story.size();) {
      std::vector<Mutation> fewer = story;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i),
                  fewer.begin() + static_cast<ptrdiff_t>(i + chunk));
      if (!WrongWith(fewer, seed, across_restart).empty()) {
        story = std::move(fewer);
      } else {
        i += chunk;
      }
    }
  }
  return story;
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = ::getenv(name);
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

void CheckSeed(uint64_t seed, bool across_restart) {
  StoryLimits limits;
  limits.across_restart = across_restart;
  const std::vector<Mutation> story = RandomStory(seed, limits);
  const std::string wrong = WrongWith(story, seed, across_restart);
  if (wrong.empty()) return;
  const std::vector<Mutation> small = Shrink(story, seed, across_restart);
  std::vector<std::string> lines;
  for (const Mutation& m : small) lines.push_back("  " + Describe(m));
  FAIL("KG_SEED=" << seed << ", " << small.size() << " of " << story.size() << " records:\n"
                  << absl::StrJoin(lines, "\n") << "\n"
                  << WrongWith(small, seed, across_restart));
}

void CheckSeeds(bool across_restart) {
  const uint64_t only = FromEnvironment("KG_SEED", 0);
  if (only != 0) return CheckSeed(only, across_restart);
  const uint64_t first = FromEnvironment("KG_FIRST_SEED", 1);
  const uint64_t seeds = FromEnvironment("KG_SEEDS", across_restart ? 300 : 1000);
  for (uint64_t seed = first; seed < first + seeds; ++seed) CheckSeed(seed, across_restart);
  SUCCEED();
}

TEST_CASE("facts, links and incidents do not depend on order") {
  CheckSeeds(false);
}
TEST_CASE("nor on a restart in between") {
  CheckSeeds(true);
}

}  // namespace
}  // namespace kg::semantics
