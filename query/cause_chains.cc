#include "query/cause_chains.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "query/text.h"

namespace kg::query {
namespace {

constexpr size_t kMaxChain = 64;

// That something appeared for the first time, not what was done to it.
bool IsAppearance(const Inquiry& in, ClassId cls) {
  return cls == in.rules.ClassByName("CHANGE_CREATED") ||
         cls == in.rules.ClassByName("CHANGE_ROLLOUT");
}

// The burst of a chain whose message blames an object by name, where nothing that happened to that
// object explains it better; the nearest to the root. The size of the chain: there is none.
size_t Blamer(const Inquiry& in, const std::vector<BurstPtr>& chain) {
  const BurstPtr& end = chain.back();
  for (size_t i = chain.size(); i-- > 0;) {
    const BurstPtr& b = chain[i];
    if (b->blamed.value == 0) continue;
    if (end->resource == b->blamed) return chain.size();
    const Node* blamed = in.graph.Find(b->blamed);
    const bool missing = blamed == nullptr || blamed->AliveAt(b->key.onset) == nullptr;
    // What is there and refuses (a quota) yields to the change that ran into it.
    if (!missing && end->category == Category::kChange && !IsAppearance(in, end->cls))
      return chain.size();
    return i;
  }
  return chain.size();
}

FoundCause NamedBy(const Inquiry& in, const Burst& b) {
  const ResourceAnswer object = in.say.Resource(b.blamed);
  FoundCause found;
  found.what.resource = b.blamed;
  found.what.kind = object.exists ? "refusing_object" : "missing_object";
  found.what.text =
      absl::StrCat(ShortName(object), object.exists ? " is what " : " does not exist, and ",
                   ShortName(in.say.Name(b.resource)), object.exists ? " ran into" : " needs it");
  found.what.earliest = b.earliest;
  found.what.latest = b.key.onset;
  return found;
}

// The burst of a chain that a finding explains better than its link does; nearest to the root
// first. A change at the root tells more than what it left behind, but that an object appeared
// tells less than what is wrong with it.
const FoundCause* Found(const Inquiry& in, const std::vector<BurstPtr>& chain, size_t* index) {
  const Burst& end = *chain.back();
  if (end.category == Category::kChange && !IsAppearance(in, end.cls)) return nullptr;
  for (size_t i = chain.size(); i-- > 0;) {
    const FoundCause* found = in.findings->BestOf(*chain[i]);
    if (found == nullptr) continue;
    const CauseLink* link = BestLink(in, *chain[i]);
    const bool told = link != nullptr && !IsAppearance(in, link->cause_class);
    if (told && link->confidence >= found->link->confidence) continue;
    *index = i;
    return found;
  }
  return nullptr;
}

// All that the incident of the root holds, not only what was asked about.
void Explain(const Inquiry& in, Root* root) {
  std::map<BurstAt, BurstPtr> below;
  auto add = [&](const BurstPtr& b) {
    if (root->finding.has_value() || At(*b) != At(*root->burst)) below[At(*b)] = b;
  };
  for (const BurstPtr& b : root->asked) add(b);
  if (root->incident != nullptr) {
    root->incident->members.ForEach([&](const auto& m) {
      const BurstPtr b = FindBurst(in.graph, m.second, m.first);
      if (b != nullptr && b->key.onset <= in.view.as_of()) add(b);
      return in.meter->TakeEdges();
    });
  }
  for (auto& [at, b] : below) root->explained.push_back(b);
}

}  // namespace

const CauseLink* BestLink(const Inquiry& in, const Burst& b) {
  for (const CauseLink& c : b.causes) {
    if (!Groups(c) || c.cause.onset > in.view.as_of()) continue;
    if (FindBurst(in.graph, c.cause_resource, c.cause) != nullptr) return &c;
  }
  return nullptr;
}

std::vector<BurstPtr> ChainOf(const Inquiry& in, const BurstAt& at) {
  std::vector<BurstPtr> chain;
  std::map<BurstAt, size_t> place;
  BurstAt next = at;
  while (chain.size() < kMaxChain) {
    const auto [seen, fresh] = place.try_emplace(next, chain.size());
    if (!fresh) {
      // A circle of best links ends at its first burst, where its tree has its root.
      const auto first = std::min_element(
          chain.begin() + static_cast<ptrdiff_t>(seen->second), chain.end(),
          [&](const BurstPtr& a, const BurstPtr& b) { return BeginsBefore(in.rules, *a, *b); });
      chain.erase(first + 1, chain.end());
      break;
    }
    const BurstPtr b = FindBurst(in.graph, next.slot, next.key);
    if (b == nullptr) break;
    chain.push_back(b);
    const CauseLink* best = BestLink(in, *b);
    if (best == nullptr) break;
    next = {best->cause, best->cause_resource};
  }
  return chain;
}

Trail TrailOf(const Inquiry& in, const BurstAt& at) {
  Trail trail;
  trail.chain = ChainOf(in, at);
  if (trail.chain.empty()) return trail;
  trail.top = trail.chain.back()->key;
  size_t index = Blamer(in, trail.chain);
  if (index < trail.chain.size()) {
    trail.finding = NamedBy(in, *trail.chain[index]);
    trail.chain.resize(index + 1);
  } else if (const FoundCause* found = Found(in, trail.chain, &index)) {
    trail.finding = *found;
    trail.chain.resize(index + 1);
  }
  return trail;
}

std::vector<Root> FindRoots(const Inquiry& in, const AskedFailures& asked) {
  // A name in a message says more than the graph, and the earliest such message most; of what the
  // graph shows the best explained burst stands for all.
  auto stands_for = [](const Trail& trail, const Root& root) {
    if (root.burst == nullptr) return true;
    if (!trail.finding.has_value()) return false;
    const bool named = !trail.finding->link.has_value();
    if (named != root.IsNamed()) return named;
    if (named) return trail.chain.back()->key < root.burst->key;
    return trail.finding->link->confidence > root.finding->link->confidence + 1e-9;
  };
  std::map<BurstAt, Root> roots;
  for (const BurstAt& at : asked) {
    Trail trail = TrailOf(in, at);
    if (trail.chain.empty()) continue;
    const BurstPtr& end = trail.chain.back();
    Root& root = trail.finding.has_value() ? roots[{EpisodeKey{}, trail.finding->what.resource}]
                                           : roots[At(*end)];
    if (stands_for(trail, root)) {
      root.burst = end;
      root.finding = std::move(trail.finding);
    }
    if (root.asked.empty()) root.incident = in.view.Tree(in.scope, trail.top);
    root.asked.push_back(trail.chain.front());
  }
  std::vector<Root> out;
  for (auto& [at, root] : roots) {
    Explain(in, &root);
    out.push_back(std::move(root));
  }
  return out;
}

std::vector<Root> RolledUp(const Inquiry& in, std::vector<Root> roots) {
  std::stable_sort(roots.begin(), roots.end(),
                   [](const Root& a, const Root& b) { return a.burst->key < b.burst->key; });
  std::vector<Root> out;
  std::map<std::pair<ResourceId, ClassId>, size_t> first;
  for (Root& r : roots) {
    const ResourceId top = in.say.TopOwner(r.burst->resource, r.burst->key.onset);
    if (r.finding.has_value() || r.burst->category == Category::kChange ||
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

}  // namespace kg::query
