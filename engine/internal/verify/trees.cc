#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/verify/checker.h"
#include "engine/links.h"
#include "engine/view.h"
#include "schemas/records_generated.h"
#include "storage/records.h"

// Incidents: the trees that best links make, their members' rows and their own.

namespace kg::verify {

using storage::Table;
namespace keys = storage::keys;

namespace {

uint64_t IncidentId(ScopeId scope, const keys::EpisodeKey& root) {
  IncidentTree tree;
  tree.scope = scope;
  tree.root = root;
  return tree.id();
}

Burst BareBurst(const keys::EpisodeKey& key, ClassId cls) {
  Burst b;
  b.key = key;
  b.cls = cls;
  return b;
}

std::string IncidentText(uint64_t id) {
  return absl::StrCat("incident ", absl::Hex(id, absl::kZeroPad16));
}

}  // namespace

// Where best links run in a circle, its first burst is the root.
void Checker::CutCircles() {
  std::vector<uint32_t> seen(bursts_.size(), kNone);  // by the walk that passed
  for (uint32_t start = 0; start < bursts_.size(); ++start) {
    uint32_t at = start;
    while (at != kNone && seen[at] == kNone) {
      seen[at] = start;
      at = bursts_[at].parent;
    }
    if (at == kNone || seen[at] != start) continue;
    uint32_t first = at;
    for (uint32_t member = bursts_[at].parent; member != at; member = bursts_[member].parent) {
      if (BeginsBefore(rules_, BareBurst(bursts_[member].key(), bursts_[member].cls),
                       BareBurst(bursts_[first].key(), bursts_[first].cls)))
        first = member;
    }
    bursts_[first].parent = kNone;
  }
}

uint32_t Checker::RootOf(uint32_t burst) const {
  while (bursts_[burst].parent != kNone) burst = bursts_[burst].parent;
  return burst;
}

void Checker::CheckTrees() {
  CutCircles();
  for (BurstSeen& b : bursts_) {
    if (b.parent != kNone && !b.expired) bursts_[b.parent].has_children = true;
  }
  // The permanent rows first: they name the anchors of trees whose roots have expired.
  const Place place{Table::kIncident, nullptr};
  struct Row {
    uint32_t members = 0;
    bool merged = false;
  };
  absl::flat_hash_map<uint64_t, Row> rows;
  for (ScopeId scope : scopes_) {
    ForEachRow(Table::kIncident, scope, "", [&](absl::string_view key, absl::string_view value) {
      findings_.Count('i', place);
      const auto id = keys::ParseIncident(key);
      auto row = storage::DecodeTable<fb::Incident>(value);
      const Fix gone = Delete(Table::kIncident, scope, std::string(key));
      if (!id.has_value() || !row.ok()) {
        findings_.Row(FindingKind::kDamaged, place, scope, 'i',
                      id.has_value() ? IncidentText(*id) : "a damaged key",
                      "what the incident is anchored in can't be read", {gone});
        return;
      }
      const keys::EpisodeKey anchor{FromMicros((*row)->anchor_onset()),
                                    EpisodeHash((*row)->anchor_hash())};
      if (IncidentId(scope, anchor) != *id) {
        findings_.Row(FindingKind::kDisagrees, place, scope, 'i', IncidentText(*id),
                      absl::StrCat("its id is not that of its anchor, ", KeyText(anchor)), {gone});
        return;
      }
      rows[*id] = {(*row)->members(), (*row)->merged_into() != 0};
      anchors_[*id] = {scope, anchor.onset};
    });
  }
  absl::flat_hash_map<uint64_t, std::pair<uint32_t, uint32_t>> trees;  // id -> root, members
  for (uint32_t i = 0; i < bursts_.size(); ++i) {
    const BurstSeen& b = bursts_[i];
    if (b.expired || !b.watched() || !(b.failure || b.has_children)) continue;
    const uint32_t root = RootOf(i);
    if (bursts_[root].parent_expired) continue;
    auto& tree = trees[IncidentId(ScopeId(b.scope), bursts_[root].key())];
    tree.first = root;
    ++tree.second;
  }
  absl::flat_hash_map<uint64_t, uint32_t> listed;  // members' rows
  for (HomeIndex home = 0; home < homes_.size(); ++home) {
    for (ScopeId scope : scopes_) {
      ForEachRow(home, scope, 'P', [&](absl::string_view key, absl::string_view) {
        const auto k = keys::ParseMember(key);
        if (k.has_value()) ++listed[k->incident];
      });
    }
  }
  // Expiry takes members from the rows of incidents in a commit of its own.
  const bool settled = state_.dropped_until <= expired_until_;
  for (const auto& [id, tree] : trees) {
    const BurstSeen& root = bursts_[tree.first];
    const ScopeId scope(root.scope);
    auto row = rows.find(id);
    fb::IncidentT now;
    now.anchor_onset = ToMicros(root.onset);
    now.anchor_hash = root.hash.value;
    now.members = tree.second;
    flatbuffers::FlatBufferBuilder builder;
    const Fix put = Put(Table::kIncident, scope, keys::Incident(id),
                        storage::EncodeTable(&builder, fb::Incident::Pack(builder, &now)));
    if (row == rows.end() || row->second.merged) {
      findings_.Row(FindingKind::kMissing, place, scope, 'i', IncidentText(id),
                    absl::StrCat("failures make an incident that has no row, its root is ",
                                 KeyText(root.key())),
                    {put});
    } else if (row->second.members < tree.second ||
               (row->second.members > std::max(tree.second, listed[id]) && settled)) {
      findings_.Row(
          FindingKind::kDisagrees, place, scope, 'i', IncidentText(id),
          absl::StrCat("it counts ", row->second.members, " members, there are ", tree.second),
          {put});
    }
  }
  for (const auto& [id, row] : rows) {
    const auto& [scope, onset] = anchors_.at(id);
    if (row.merged || trees.contains(id) || onset < oldest_) continue;
    findings_.Row(FindingKind::kStray, place, scope, 'i', IncidentText(id),
                  "no failure is part of it",
                  {Delete(Table::kIncident, scope, keys::Incident(id))});
  }
  for (HomeIndex home = 0; home < homes_.size(); ++home) {
    for (ScopeId scope : scopes_) CheckMembers(home, scope);
  }
}

void Checker::CheckMembers(HomeIndex home, ScopeId scope) {
  absl::flat_hash_set<std::string> asked;
  for (uint32_t i = 0; i < bursts_.size(); ++i) {
    const BurstSeen& b = bursts_[i];
    if (b.home != home || b.scope != scope.value || b.expired) continue;
    if (!b.watched() || !(b.failure || b.has_children)) continue;
    const BurstSeen& root = bursts_[RootOf(i)];
    if (root.parent_expired) continue;
    asked.insert(keys::Member({IncidentId(scope, root.key()), b.key()}));
  }
  ForEachRow(home, scope, 'P', [&](absl::string_view key, absl::string_view) {
    findings_.Count('P', homes_[home]);
    if (asked.erase(key) > 0) return;
    const auto k = keys::ParseMember(key);
    const Fix gone = Delete(home, scope, 'P', std::string(key));
    if (!k.has_value()) {
      findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'P', "a damaged key",
                    "the key can't be read", {gone});
      return;
    }
    const std::string where = absl::StrCat(IncidentText(k->incident), " ", KeyText(k->burst));
    const uint32_t burst = Find(scope, k->burst);
    if (burst == kNone || bursts_[burst].home != home) {
      findings_.Row(FindingKind::kStray, homes_[home], scope, 'P', where, "the member is gone",
                    {gone});
      return;
    }
    if (bursts_[burst].expired) return;
    const auto anchor = anchors_.find(k->incident);
    // Expiry renames no incident, though the root that named it is gone.
    const bool of_expired_root = bursts_[RootOf(burst)].parent_expired &&
                                 anchor != anchors_.end() && anchor->second.second < oldest_;
    if (of_expired_root) return;
    findings_.Row(FindingKind::kStray, homes_[home], scope, 'P', where,
                  "its best links lead to another incident", {gone});
  });
  for (const std::string& key : asked) {
    const auto k = keys::ParseMember(key);
    findings_.Row(FindingKind::kMissing, homes_[home], scope, 'P',
                  absl::StrCat(IncidentText(k->incident), " ", KeyText(k->burst)),
                  "its best links make it part of this incident, which does not list it",
                  {Put(home, scope, 'P', key, "")});
  }
}

}  // namespace kg::verify
