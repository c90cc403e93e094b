#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/writer.h"
#include "engine/links.h"
#include "schemas/records_generated.h"
#include "storage/records.h"

// Links and incidents: a pure function of the facts, kept up by deriving again what a batch may
// have changed.

namespace kg {
std::vector<ImplicitEdges::Edge> Writer::From(ResourceId, const SlotName& name,
                                              ClassId effect) const {
  std::vector<ImplicitEdges::Edge> out;
  auto used_by = [&](absl::string_view type) {
    const EdgeTypeInfo& info = rules_.EdgeType(rules_.EdgeTypeByName(type));
    return std::find(info.only_effects.begin(), info.only_effects.end(), effect) !=
           info.only_effects.end();
  };
  if (!name.ns.empty() && used_by("IN_NAMESPACE")) {
    const auto ns = identity_->Find(name.scope, {"", true, "Namespace", "", name.ns, ""});
    if (ns.has_value()) out.push_back({rules_.EdgeTypeByName("IN_NAMESPACE"), *ns});
  }
  if (used_by("RESOLVES_BY")) {
    auto dns = dns_.find(name.scope.value);
    if (dns != dns_.end()) {
      for (ResourceId id : dns->second) out.push_back({rules_.EdgeTypeByName("RESOLVES_BY"), id});
    }
  }
  return out;
}

// The failure bursts whose causes may have changed: those that what is dirty can reach, in time.
std::vector<std::pair<Writer::BurstId, ResourceId>> Writer::AffectedEffects() {
  std::vector<std::pair<BurstId, ResourceId>> out;
  if (dirty_.empty()) return out;
  const Duration tolerance = 10s;
  auto since = [&](const Interval& when) {
    return when.from < kBeginning + tolerance ? kBeginning : when.from - tolerance;
  };
  // An onset that is known as an interval only may begin inside the window and end behind it.
  auto until = [&](const Interval& when) {
    return when.to > kForever - widest_onset_ ? kForever : when.to + widest_onset_;
  };
  std::map<uint32_t, Interval> implicit;  // by scope
  bool widened = false;
  const std::vector<DirtyRegion> reached =
      Reach(graph_->graph(), rules_, dirty_, options_.limits.dirty_slots, &widened);
  work_.dirty_slots = reached.size();
  work_.dirty_widened += widened ? 1 : 0;
  for (const DirtyRegion& d : reached) {
    const Node* node = graph_->graph().Find(d.slot, since(d.when));
    if (node == nullptr || node->name == nullptr) continue;
    const SlotName& n = *node->name;
    const auto dns = dns_.find(n.scope.value);
    if (n.kind == "Namespace" || n.kind == "ResourceQuota" || n.kind == "LimitRange" ||
        (dns != dns_.end() && dns->second.count(d.slot) > 0)) {
      Interval& all = implicit.try_emplace(n.scope.value, d.when).first->second;
      all = {std::min(all.from, d.when.from), std::max(all.to, d.when.to)};
    }
    node->bursts.ForEachFrom({since(d.when), EpisodeHash(0)}, [&](const BurstPtr& b) {
      if (b->key.onset > until(d.when)) return false;
      if (b->earliest <= d.when.to && rules_.Class(b->cls).IsFailure())
        out.push_back({{n.scope.value, b->key}, d.slot});
      return true;
    });
  }
  for (const auto& [scope, when] : implicit) {
    if (since(when) < trees_since_) ImplicitEffectsBefore(scope, {since(when), until(when)}, &out);
    const auto& effects = implicit_effects_[scope];
    for (auto b = effects.lower_bound({scope, {since(when), EpisodeHash(0)}});
         b != effects.end() && b->second.onset <= until(when); ++b) {
      auto burst = bursts_.find(*b);
      if (burst != bursts_.end()) out.push_back({*b, burst->second.resource});
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void Writer::Settle() {
  for (const auto& [burst, slot] : removed_bursts_) {
    // The same batch may have made it anew: a run that was joined to another and then was not.
    if (made_anew_.contains(burst) && bursts_.at(burst).resource == slot) continue;
    const BurstPtr old = FindBurst(graph_->graph(), slot, burst.second);
    if (old == nullptr) continue;
    Burst bare = *old;
    bare.causes.clear();
    const Timestamp end = old_end_.count(burst) > 0 ? old_end_.at(burst) : old->end;
    WriteCauses(ScopeId(burst.first), *old, bare, end);
    graph_->Mutable(slot).bursts.Erase(burst.second);
    bursts_.erase(burst);
    implicit_effects_[burst.first].erase(burst);
    // What hung on it must look again.
    auto children = children_.find(burst);
    if (children != children_.end()) {
      for (const BurstId& child : children->second) {
        auto at = bursts_.find(child);
        if (at != bursts_.end())
          MarkDirty(at->second.resource, {child.second.onset, child.second.onset});
      }
    }
    MarkDirty(slot, {old->earliest,
                     std::max(old->key.onset + rules_.MaxLag(old->cls), PlusGap(old->end))});
    SetParent(burst, std::nullopt);
    moved_.insert(burst);
  }
  for (const auto& [burst, slot] : AffectedEffects()) Relink(burst, slot);
  for (const auto& [burst, slot] : relink_) Relink(burst, slot);
  relink_.clear();
  UpdateTrees();
}

void Writer::Relink(BurstId id, ResourceId slot) {
  Warm(id);
  const BurstPtr before = FindBurst(graph_->graph(), slot, id.second);
  if (before == nullptr) return;
  uint64_t looked_at = 0;
  std::vector<CauseLink> causes = FindCauses(graph_->graph(), rules_, *this, *before, &looked_at);
  ++work_.effects_linked;
  work_.candidates_scored += static_cast<int64_t>(looked_at);
  const size_t found = causes.size();
  // What retention took from the graph is not refuted by that.
  for (const CauseLink& c : before->causes) {
    if (causes.size() < kMaxCauses && c.cause.onset < expired_until_ &&
        FindBurst(graph_->graph(), c.cause_resource, c.cause) == nullptr) {
      causes.push_back(c);
    }
  }
  if (causes.size() > found) {
    // Behind what is as likely: FindCauses knows better how to order equals.
    std::stable_sort(causes.begin(), causes.end(), [](const CauseLink& a, const CauseLink& b) {
      return Groups(a) != Groups(b) ? Groups(a) : a.confidence > b.confidence + 1e-9;
    });
  }
  const bool same = causes == before->causes;
  auto moved_home = old_end_.find(id);
  if (!same || moved_home != old_end_.end()) {
    auto after = std::make_shared<Burst>(*before);
    after->causes = std::move(causes);
    WriteCauses(ScopeId(id.first), *before, *after,
                moved_home == old_end_.end() ? before->end : moved_home->second);
    graph_->Mutable(slot).bursts.Put(after);
  }
  const BurstPtr now = FindBurst(graph_->graph(), slot, id.second);
  if (choosy_classes_.contains(now->cls)) implicit_effects_[id.first].insert(id);
  std::optional<BurstId> parent;
  for (const CauseLink& c : now->causes) {
    if (!Groups(c)) continue;
    parent = BurstId{id.first, c.cause};
    break;
  }
  SetParent(id, parent);
  if (root_.count(id) == 0) moved_.insert(id);
}

// C beside the effect, D for each of its causes.
void Writer::WriteCauses(ScopeId scope, const Burst& before, const Burst& after,
                         Timestamp old_end) {
  const std::string key = storage::keys::Episode(after.key);
  const bool homes_differ = old_end != after.end;
  auto names = [](const Burst& effect, const EpisodeKey& cause) {
    return std::any_of(effect.causes.begin(), effect.causes.end(),
                       [&](const CauseLink& l) { return l.cause == cause; });
  };
  for (const CauseLink& c : before.causes) {
    if (homes_differ || !names(after, c.cause))
      DeleteAtEnd(old_end, storage::RecordKind::kEffects, scope,
                  storage::keys::Effect({c.cause, after.key}));
  }
  if (!before.causes.empty() && (homes_differ || after.causes.empty())) {
    DeleteAtEnd(old_end, storage::RecordKind::kCauses, scope, key);
  }
  CountLinks(scope.value, old_end, -static_cast<int64_t>(before.causes.size()));
  CountLinks(scope.value, after.end, static_cast<int64_t>(after.causes.size()));
  if (after.causes.empty()) return;
  wants_commit_ = true;
  PutAtEnd(after.end, storage::RecordKind::kCauses, scope, key,
           records::EncodeCauses(after.causes));
  for (const CauseLink& c : after.causes) {
    if (!homes_differ && names(before, c.cause)) continue;
    PutAtEnd(after.end, storage::RecordKind::kEffects, scope,
             storage::keys::Effect({c.cause, after.key}), "");
  }
}

std::optional<Writer::BurstId> Writer::BestCauseOf(const BurstId& id) const {
  auto cut = cut_.find(id);
  if (cut != cut_.end()) return cut->second;
  auto parent = parent_.find(id);
  return parent == parent_.end() ? std::nullopt : std::optional<BurstId>(parent->second);
}

// Where best links run in a circle, its first burst is a root all the same. Each burst has one best
// link at most, so a circle is found from any of its members and no two share one.
void Writer::SetParent(BurstId child, std::optional<BurstId> parent) {
  if (parent.has_value()) Warm(*parent);
  if (cut_.empty() && BestCauseOf(child) == parent) return;
  if (!cut_.empty()) MendCircle(child);
  Hang(child, parent);
  if (!parent.has_value()) return;
  BurstId first = child;
  BurstPtr first_burst;
  for (BurstId at = *parent; at != child;) {
    auto next = parent_.find(at);
    if (next == parent_.end()) return;
    at = next->second;
  }
  for (BurstId at = child;;) {
    auto home = bursts_.find(at);
    const BurstPtr burst = home == bursts_.end()
                               ? nullptr
                               : FindBurst(graph_->graph(), home->second.resource, at.second);
    if (burst != nullptr &&
        (first_burst == nullptr || BeginsBefore(rules_, *burst, *first_burst))) {
      first = at;
      first_burst = burst;
    }
    at = parent_.at(at);
    if (at == child) break;
  }
  const BurstId best = parent_.at(first);
  Hang(first, std::nullopt);
  cut_[first] = best;
}

// Hangs the root of the circle that `member` is part of, if it is, on its best link again.
void Writer::MendCircle(const BurstId& member) {
  BurstId root = member;
  for (auto up = parent_.find(root); up != parent_.end(); up = parent_.find(root)) {
    root = up->second;
  }
  auto cut = cut_.find(root);
  if (cut == cut_.end()) return;
  bool inside = false;
  for (BurstId at = cut->second; !inside;) {
    inside = at == member;
    if (at == root) break;
    auto up = parent_.find(at);
    if (up == parent_.end()) break;
    at = up->second;
  }
  if (!inside) return;
  const BurstId best = cut->second;
  cut_.erase(cut);
  if (root != member) Hang(root, best);
}

void Writer::Hang(BurstId child, std::optional<BurstId> parent) {
  auto it = parent_.find(child);
  if (it != parent_.end()) {
    if (parent.has_value() && it->second == *parent) return;
    auto siblings = children_.find(it->second);
    if (siblings != children_.end()) {
      siblings->second.erase(child);
      if (siblings->second.empty()) {
        moved_.insert(it->second);  // a change without effects is no incident
        expired_root_.erase(it->second);
        children_.erase(siblings);
      }
    }
    parent_.erase(it);
  } else if (!parent.has_value()) {
    return;
  }
  moved_.insert(child);
  if (!parent.has_value()) return;
  parent_[child] = *parent;
  auto& siblings = children_[*parent];
  if (siblings.empty()) moved_.insert(*parent);
  siblings.insert(child);
}

Writer::BurstId Writer::RootOf(BurstId id) const {
  for (size_t steps = 0; steps < 1'000'000; ++steps) {
    auto it = parent_.find(id);
    if (it == parent_.end()) return id;
    // An anchor that has expired is still the anchor: expiry renames no incident.
    const bool gone = bursts_.count(it->second) == 0;
    if (gone && it->second.second.onset >= expired_until_) return id;
    id = it->second;
    if (!gone) continue;
    auto root = expired_root_.find(id);
    return root == expired_root_.end() ? id : root->second;
  }
  return id;
}

void Writer::UpdateTrees() {
  // Everything below what moved may belong to another root now.
  std::set<BurstId> affected;
  std::vector<BurstId> todo(moved_.begin(), moved_.end());
  while (!todo.empty()) {
    const BurstId id = todo.back();
    todo.pop_back();
    if (!affected.insert(id).second) continue;
    auto children = children_.find(id);
    if (children != children_.end())
      todo.insert(todo.end(), children->second.begin(), children->second.end());
  }
  for (const BurstId& id : affected) {
    std::optional<BurstId> to;
    auto home = bursts_.find(id);
    if (home != bursts_.end()) {
      const BurstPtr burst = FindBurst(graph_->graph(), home->second.resource, id.second);
      const bool failure = burst != nullptr && rules_.Class(burst->cls).IsFailure();
      auto children = children_.find(id);
      if (failure || children != children_.end()) to = RootOf(id);
    }
    auto known = root_.find(id);
    const std::optional<BurstId> from =
        known == root_.end() ? std::nullopt : std::optional<BurstId>(known->second);
    if (from != to) MoveMember(id, from, to);
  }
  // Those that are merged into others first: it is then known which ids these had.
  for (const bool merged : {true, false}) {
    for (const BurstId& root : changed_trees_) {
      if ((FindTree(incidents_, ScopeId(root.first), root.second) == nullptr) == merged)
        WriteTree(root);
    }
  }
  changed_trees_.clear();
}

// An incident's row. One whose root has found a cause of its own points to the tree it is part of
// now, so that its id stays good.
void Writer::WriteTree(BurstId root) {
  IncidentTree tree;
  tree.scope = ScopeId(root.first);
  tree.root = root.second;
  feed_.push_back('I');
  storage::keys::AppendU32(&feed_, tree.scope.value);
  storage::keys::AppendU64(&feed_, tree.id());
  fb::IncidentT row;
  row.anchor_onset = ToMicros(root.second.onset);
  row.anchor_hash = root.second.hash.value;
  if (const IncidentPtr known = FindTree(incidents_, tree.scope, tree.root)) {
    row.members = static_cast<uint32_t>(known->members.size());
    row.aliases = known->aliases;
  }
  if (row.members == 0 && bursts_.count(root) > 0) {
    const BurstId next = RootOf(root);
    IncidentTree heir;
    heir.scope = ScopeId(next.first);
    heir.root = next.second;
    if (next != root) {
      row.merged_into = heir.id();
      AddAlias(tree.id(), next);
    }
  } else {
    merged_.erase(tree.id());
  }
  if (row.members == 0 && row.merged_into == 0) {
    const IncidentPtr before = FindTree(published_.incidents, tree.scope, tree.root);
    DropIncident(tree.scope, tree.id(),
                 before == nullptr ? std::vector<uint64_t>() : before->aliases);
    return;
  }
  flatbuffers::FlatBufferBuilder builder;
  PutTable(storage::Table::kIncident, tree.scope, storage::keys::Incident(tree.id()),
           storage::EncodeTable(&builder, fb::Incident::Pack(builder, &row)));
}

// The ids under which a tree was known go on naming the tree that it is part of now.
void Writer::AddAlias(uint64_t old_id, BurstId heir) {
  const IncidentPtr tree = FindTree(incidents_, ScopeId(heir.first), heir.second);
  if (tree == nullptr) return;
  auto changed = std::make_shared<IncidentTree>(*tree);
  std::set<uint64_t> aliases(changed->aliases.begin(), changed->aliases.end());
  merged_[old_id] = changed->id();
  aliases.insert(old_id);
  for (auto& [id, into] : merged_) {
    if (into != old_id) continue;
    into = changed->id();
    aliases.insert(id);
  }
  aliases.erase(changed->id());
  changed->aliases.assign(aliases.begin(), aliases.end());
  own_trees_[heir] = changed;
  incidents_.Upsert(std::move(changed));
}

std::string Writer::MemberKeyOf(const BurstId& member, const BurstId& root) const {
  IncidentTree tree;
  tree.scope = ScopeId(root.first);
  tree.root = root.second;
  return storage::keys::Member({tree.id(), member.second});
}

void Writer::MoveMember(BurstId member, std::optional<BurstId> from, std::optional<BurstId> to) {
  auto change = [&](const BurstId& root, bool add) {
    const std::pair<ScopeId, EpisodeKey> key{ScopeId(root.first), root.second};
    auto [own, untouched] = own_trees_.try_emplace(root);
    std::shared_ptr<IncidentTree>& tree = own->second;
    if (untouched) {
      const IncidentPtr* known = incidents_.Find(key);
      if (known == nullptr && !add) {
        own_trees_.erase(own);
        return;
      }
      tree = known == nullptr ? std::make_shared<IncidentTree>()
                              : std::make_shared<IncidentTree>(**known);
      tree->scope = key.first;
      tree->root = key.second;
      incidents_.Upsert(tree);
    }
    auto home = bursts_.find(root);
    if (home != bursts_.end()) tree->root_resource = home->second.resource;
    auto member_home = bursts_.find(member);
    if (add) {
      tree->members.Upsert({member.second, member_home->second.resource});
    } else {
      // The slot may be gone from the index; the key alone tells members apart.
      std::vector<std::pair<EpisodeKey, ResourceId>> found;
      tree->members.ForEachFrom(std::make_pair(member.second, ResourceId(0)), [&](const auto& m) {
        if (m.first == member.second) found.push_back(m);
        return m.first == member.second;
      });
      for (const auto& m : found) tree->members.Erase(m);
    }
    if (tree->members.empty()) {
      incidents_.Erase(key);
      own_trees_.erase(own);
    }
    changed_trees_.insert(root);
  };
  // P: beside the member's own row.
  const Timestamp end = EndOf(member);
  const ScopeId scope(member.first);
  if (from.has_value()) {
    change(*from, false);
    DeleteAtEnd(end, storage::RecordKind::kMembers, scope, MemberKeyOf(member, *from));
  }
  if (to.has_value()) {
    change(*to, true);
    PutAtEnd(end, storage::RecordKind::kMembers, scope, MemberKeyOf(member, *to), "");
  }
  if (to.has_value()) {
    root_[member] = *to;
  } else {
    root_.erase(member);
  }
}

}  // namespace kg
