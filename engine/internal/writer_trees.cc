#include <algorithm>

#include "engine/internal/rows.h"
#include "engine/internal/writer.h"
#include "engine/links.h"

// Trees that are over leave memory as wholes and come back as wholes: what touches a burst that
// ended before the memory window reads the tree it is part of first. So memory knows all of a tree
// or nothing, and holds what the window holds however long retention is.

namespace kg {
namespace {

std::optional<EpisodeKey> BestCause(const std::vector<CauseLink>& causes) {
  for (const CauseLink& c : causes) {
    if (Groups(c)) return c.cause;
  }
  return std::nullopt;
}

}  // namespace

void Writer::Warm(const BurstId& id) {
  if (id.second.onset >= trees_since_ || bursts_.contains(id)) return;
  const ScopeId scope(id.first);
  auto found = FindStoredBurst(*published_.snapshot, scope, id.second, expired_until_);
  NoteHistory(found.status());
  if (!found.ok() || !found->has_value()) return;  // expired, or of this batch
  const StoredBurst& burst = **found;
  const bool watched =
      burst.record.category == Category::kChange || rules_.Class(burst.record.cls).IsFailure();
  if (!watched || FindSlot(burst.record.resource) == nullptr) return;
  const std::optional<BurstId> root = StoredRootOf(id, burst);
  if (root.has_value()) LoadTree(*root);
  if (!bursts_.contains(id)) Adopt(id, burst);
}

// The tree is named after one of those that best links lead to, most often the last. Where one of
// them has expired the way ends, and the bucket is searched.
std::optional<Writer::BurstId> Writer::StoredRootOf(const BurstId& id, const StoredBurst& burst) {
  const storage::Snapshot& s = *published_.snapshot;
  const ScopeId scope(id.first);
  std::set<EpisodeKey> seen;
  std::optional<StoredBurst> at = burst;
  while (at.has_value() && seen.insert(at->key).second) {
    auto member = IsMember(s, scope, IncidentIdOf(scope, at->key), burst);
    auto causes = ReadCauses(s, scope, *at);
    NoteHistory(member.status());
    NoteHistory(causes.status());
    if (!member.ok() || !causes.ok()) return std::nullopt;
    if (*member) return BurstId{id.first, at->key};
    const std::optional<EpisodeKey> best = BestCause(*causes);
    if (!best.has_value()) break;
    auto next = FindStoredBurst(s, scope, *best, expired_until_);
    NoteHistory(next.status());
    if (!next.ok()) return std::nullopt;
    at = *std::move(next);
  }
  if (burst.record.category == Category::kChange || burst.bucket == nullptr) return std::nullopt;
  std::optional<uint64_t> incident;
  NoteHistory(ForEachRow(s.Scan(burst.bucket, scope, storage::RecordKind::kMembers, ""),
                         [&](absl::string_view bytes, absl::string_view) {
                           const auto key = storage::keys::ParseMember(bytes);
                           if (key.has_value() && key->burst == burst.key) incident = key->incident;
                           return absl::OkStatus();
                         }));
  if (!incident.has_value()) return std::nullopt;
  auto row = ReadIncident(s, scope, *incident);
  NoteHistory(row.status());
  if (!row.ok() || !row->has_value()) return std::nullopt;
  return BurstId{id.first, (*row)->root};
}

// With members that this expiry is about to take.
void Writer::LoadTree(BurstId root) {
  const ScopeId scope(root.first);
  const uint64_t id = IncidentIdOf(scope, root.second);
  auto incident = ReadIncident(*published_.snapshot, scope, id);
  auto members = ReadMembers(*published_.snapshot, scope, id, kBeginning);
  NoteHistory(incident.status());
  NoteHistory(members.status());
  if (!incident.ok() || !members.ok() || !incident->has_value()) return;
  const IncidentPtr tree = TreeOf(scope, **incident, *members);
  if (tree == nullptr) return;
  incidents_.Upsert(tree);
  for (uint64_t alias : tree->aliases) merged_[alias] = id;
  for (const StoredBurst& m : *members) {
    const BurstId member{root.first, m.key};
    Adopt(member, m);
    root_[member] = root;
  }
  for (const StoredBurst& m : *members) HangLoaded({root.first, m.key}, m, root);
}

void Writer::Adopt(const BurstId& id, const StoredBurst& burst) {
  bursts_[id] = {burst.record.resource, burst.record.end};
  if (choosy_classes_.contains(burst.record.cls)) implicit_effects_[id.first].insert(id);
}

void Writer::HangLoaded(const BurstId& id, const StoredBurst& burst, const BurstId& root) {
  auto causes = ReadCauses(*published_.snapshot, ScopeId(id.first), burst);
  NoteHistory(causes.status());
  if (!causes.ok()) return;
  const std::optional<EpisodeKey> best = BestCause(*causes);
  if (!best.has_value()) return;
  const BurstId parent{id.first, *best};
  const bool here = bursts_.contains(parent);
  if (id == root) {
    if (here) cut_[id] = parent;
    return;
  }
  parent_[id] = parent;
  children_[parent].insert(id);
  if (!here) expired_root_[parent] = root;
}

void Writer::ForgetTrees() {
  trees_since_ = std::max(trees_since_, spans_since_);
  std::vector<IncidentPtr> over;
  incidents_.ForEach([&](const IncidentPtr& tree) {
    bool all_over = stale_trees_.count({tree->scope.value, tree->root}) == 0;
    tree->members.ForEach([&](const auto& member) {
      auto home = bursts_.find({tree->scope.value, member.first});
      all_over = all_over && home != bursts_.end() && home->second.end < trees_since_;
      return all_over;
    });
    if (all_over) over.push_back(tree);
    return true;
  });
  for (const IncidentPtr& tree : over) {
    tree->members.ForEach([&](const auto& member) {
      ForgetBurst({tree->scope.value, member.first});
      return true;
    });
    for (uint64_t alias : tree->aliases) merged_.erase(alias);
    incidents_.Erase(std::make_pair(tree->scope, tree->root));
  }
  // Changes that explain nothing.
  std::vector<BurstId> alone;
  for (const auto& [id, home] : bursts_) {
    if (home.end < trees_since_ && !root_.contains(id) && !children_.contains(id))
      alone.push_back(id);
  }
  for (const BurstId& id : alone) ForgetBurst(id);
}

void Writer::ForgetBurst(const BurstId& id) {
  bursts_.erase(id);
  root_.erase(id);
  cut_.erase(id);
  children_.erase(id);
  implicit_effects_[id.first].erase(id);
  auto parent = parent_.find(id);
  if (parent == parent_.end()) return;
  if (!bursts_.contains(parent->second)) {
    expired_root_.erase(parent->second);
    children_.erase(parent->second);
  }
  parent_.erase(parent);
}

// Those that memory has left, of the classes that depend on what no stored edge leads to.
void Writer::ImplicitEffectsBefore(uint32_t scope, Interval when,
                                   std::vector<std::pair<BurstId, ResourceId>>* out) {
  const storage::Snapshot& s = *published_.snapshot;
  const std::string from = storage::keys::Episode({when.from, EpisodeHash(0)});
  for (const storage::BucketPtr& b : s.buckets()) {
    if (storage::BucketEnd(b) <= when.from || storage::BucketStart(b) >= trees_since_) continue;
    const auto c = s.Scan(b, ScopeId(scope), storage::RecordKind::kEpisode, "", from);
    for (; c->Valid(); c->Next()) {
      const auto key = storage::keys::ParseEpisode(c->key());
      if (!key.has_value()) NoteHistory(absl::DataLossError("the key of an episode is damaged"));
      if (!key.has_value() || key->onset > when.to) break;
      auto record = records::DecodeEpisode(ScopeId(scope), c->value());
      NoteHistory(record.status());
      if (!record.ok() || !choosy_classes_.contains(record->cls)) continue;
      if (record->end >= expired_until_ && !bursts_.contains({scope, *key}))
        out->push_back({{scope, *key}, record->resource});
    }
    NoteHistory(c->status());
  }
}

// Trees outside memory that expiry takes from: those that go whole leave no row, of the others
// memory is told, and they go on like any. What can't be read goes with its bucket all the same and
// must not stop writing; rows of incidents that it leaves behind are found at the next open.
void Writer::ExpireColdTrees(Timestamp oldest) {
  const storage::Snapshot& s = *published_.snapshot;
  const absl::Status before = history_;
  for (const ScopeInfo& scope : identity_->scopes()) {
    for (const storage::BucketPtr& b : s.buckets()) {
      if (storage::BucketStart(b) >= std::min(oldest, trees_since_)) break;
      std::map<uint64_t, std::vector<EpisodeKey>> trees;
      NoteHistory(ForEachRow(s.Scan(b, scope.id, storage::RecordKind::kMembers, ""),
                             [&](absl::string_view bytes, absl::string_view) {
                               const auto key = storage::keys::ParseMember(bytes);
                               if (key.has_value()) trees[key->incident].push_back(key->burst);
                               return absl::OkStatus();
                             }));
      for (const auto& [id, members] : trees) {
        if (bursts_.contains({scope.id.value, members.front()})) continue;
        auto row = ReadIncident(s, scope.id, id);
        NoteHistory(row.status());
        if (!row.ok() || !row->has_value()) continue;
        if (storage::BucketEnd(b) <= oldest && (*row)->members == members.size()) {
          DropIncident(scope.id, id, (*row)->aliases);
        } else {
          LoadTree({scope.id.value, (*row)->root});
        }
      }
    }
  }
  history_ = before;
}

// Its row, and those of the ids it had before.
void Writer::DropIncident(ScopeId scope, uint64_t id, const std::vector<uint64_t>& aliases) {
  DeleteTable(storage::Table::kIncident, scope, storage::keys::Incident(id));
  for (uint64_t alias : aliases) {
    auto merged = merged_.find(alias);
    if (merged != merged_.end() && merged->second != id) continue;
    DeleteTable(storage::Table::kIncident, scope, storage::keys::Incident(alias));
    if (merged != merged_.end()) merged_.erase(merged);
  }
}

}  // namespace kg
