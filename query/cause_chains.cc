#include "query/cause_chains.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace kg::query {
namespace {

constexpr size_t kMaxChain = 64;

// The burst of a chain whose message blames an object by name, where nothing that happened to that
// object explains it better; the nearest to the root.
BurstPtr Blamer(const Inquiry& in, const std::vector<BurstPtr>& chain) {
  const BurstPtr& end = chain.back();
  for (auto b = chain.rbegin(); b != chain.rend(); ++b) {
    if ((*b)->blamed.value == 0) continue;
    if (end->resource == (*b)->blamed) return nullptr;
    const Node* blamed = in.graph.Find((*b)->blamed);
    const bool missing = blamed == nullptr || blamed->AliveAt((*b)->key.onset) == nullptr;
    // What is there and refuses (a quota) yields to the change that ran into it.
    if (!missing && end->category == Category::kChange &&
        end->cls != in.rules.ClassByName("CHANGE_CREATED"))
      return nullptr;
    return *b;
  }
  return nullptr;
}

IncidentPtr IncidentWithRoot(const Inquiry& in, EpisodeKey key) {
  IncidentPtr found;
  in.view.incidents().ForEachFrom(std::make_pair(in.scope, key), [&](const IncidentPtr& i) {
    if (i->scope == in.scope && i->root == key) found = i;
    return false;
  });
  return found;
}

// All that the incident of the root holds, not only what was asked about.
void Explain(const Inquiry& in, Root* root) {
  std::map<BurstAt, BurstPtr> below;
  auto add = [&](const BurstPtr& b) {
    if (root->blamed.has_value() || At(*b) != At(*root->burst)) below[At(*b)] = b;
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
    if (Groups(c) && FindBurst(in.graph, c.cause_resource, c.cause) != nullptr) return &c;
  }
  return nullptr;
}

std::vector<BurstPtr> ChainOf(const Inquiry& in, const BurstAt& at) {
  std::vector<BurstPtr> chain;
  std::set<BurstAt> seen;
  BurstAt next = at;
  while (seen.insert(next).second && chain.size() < kMaxChain) {
    const BurstPtr b = FindBurst(in.graph, next.slot, next.key);
    if (b == nullptr) break;
    chain.push_back(b);
    const CauseLink* best = BestLink(in, *b);
    if (best == nullptr) break;
    next = {best->cause, best->cause_resource};
  }
  return chain;
}

std::vector<Root> FindRoots(const Inquiry& in, const AskedFailures& asked) {
  std::map<BurstAt, Root> roots;
  for (const BurstAt& at : asked) {
    const std::vector<BurstPtr> chain = ChainOf(in, at);
    if (chain.empty()) continue;
    const BurstPtr blamer = Blamer(in, chain);
    const BurstPtr& end = chain.back();
    Root& root = blamer != nullptr ? roots[{EpisodeKey{}, blamer->blamed}] : roots[At(*end)];
    if (root.burst == nullptr || (blamer != nullptr && blamer->key < root.burst->key))
      root.burst = blamer != nullptr ? blamer : end;
    if (blamer != nullptr) root.blamed = blamer->blamed;
    if (root.asked.empty()) root.incident = IncidentWithRoot(in, end->key);
    root.asked.push_back(chain.front());
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

}  // namespace kg::query
