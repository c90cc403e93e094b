#include "engine/internal/tree_rows.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/rows.h"
#include "engine/records.h"
#include "schemas/records_generated.h"
#include "storage/records.h"

namespace kg {
namespace {

using storage::RecordKind;
using storage::Table;

absl::StatusOr<std::optional<std::string>> Read(const storage::Snapshot& rows, ScopeId scope,
                                                const storage::BucketPtr& bucket, RecordKind kind,
                                                const std::string& key) {
  if (bucket != nullptr) return rows.Get(bucket, scope, kind, key);
  return rows.Get(scope, Table::kOpen, absl::StrCat(std::string(1, static_cast<char>(kind)), key));
}

// nullopt: gone, or it ended before `oldest`.
absl::StatusOr<std::optional<StoredBurst>> ReadBurst(const storage::Snapshot& rows, ScopeId scope,
                                                     EpisodeKey key, storage::BucketPtr bucket,
                                                     Timestamp oldest) {
  auto row = Read(rows, scope, bucket, RecordKind::kEpisode, storage::keys::Episode(key));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::optional<StoredBurst>();
  auto record = records::DecodeEpisode(scope, **row);
  if (!record.ok()) return record.status();
  if (record->end < oldest) return std::optional<StoredBurst>();
  return std::optional<StoredBurst>(StoredBurst{key, std::move(bucket), *std::move(record)});
}

}  // namespace

uint64_t IncidentIdOf(ScopeId scope, EpisodeKey root) {
  IncidentTree tree;
  tree.scope = scope;
  tree.root = root;
  return tree.id();
}

absl::StatusOr<StoredIncident> DecodeIncident(absl::string_view bytes) {
  auto row = storage::DecodeTable<fb::Incident>(bytes);
  if (!row.ok()) return absl::DataLossError("an incident row is damaged");
  StoredIncident out;
  out.root = {FromMicros((*row)->anchor_onset()), EpisodeHash((*row)->anchor_hash())};
  out.members = (*row)->members();
  out.merged_into = (*row)->merged_into();
  if ((*row)->aliases() != nullptr)
    out.aliases.assign((*row)->aliases()->begin(), (*row)->aliases()->end());
  return out;
}

absl::StatusOr<std::optional<StoredIncident>> ReadIncident(const storage::Snapshot& rows,
                                                           ScopeId scope, uint64_t id) {
  auto row = rows.Get(scope, Table::kIncident, storage::keys::Incident(id));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::optional<StoredIncident>();
  auto incident = DecodeIncident(**row);
  if (!incident.ok()) return incident.status();
  return std::optional<StoredIncident>(*std::move(incident));
}

absl::StatusOr<std::optional<StoredBurst>> FindStoredBurst(const storage::Snapshot& rows,
                                                           ScopeId scope, EpisodeKey key,
                                                           Timestamp oldest) {
  auto found = ReadBurst(rows, scope, key, nullptr, oldest);
  for (const storage::BucketPtr& b : rows.buckets()) {
    if (!found.ok() || found->has_value()) return found;
    // It stands in the bucket of its end.
    if (storage::BucketEnd(b) <= key.onset) continue;
    found = ReadBurst(rows, scope, key, b, oldest);
  }
  return found;
}

absl::StatusOr<std::vector<CauseLink>> ReadCauses(const storage::Snapshot& rows, ScopeId scope,
                                                  const StoredBurst& burst) {
  auto row =
      Read(rows, scope, burst.bucket, RecordKind::kCauses, storage::keys::Episode(burst.key));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::vector<CauseLink>();
  return records::DecodeCauses(**row);
}

absl::StatusOr<bool> IsMember(const storage::Snapshot& rows, ScopeId scope, uint64_t id,
                              const StoredBurst& burst) {
  auto row =
      Read(rows, scope, burst.bucket, RecordKind::kMembers, storage::keys::Member({id, burst.key}));
  if (!row.ok()) return row.status();
  return row->has_value();
}

absl::StatusOr<std::vector<StoredBurst>> ReadMembers(const storage::Snapshot& rows, ScopeId scope,
                                                     uint64_t id, Timestamp oldest) {
  std::vector<StoredBurst> members;
  storage::BucketPtr bucket;
  auto member = [&](absl::string_view bytes, absl::string_view) -> absl::Status {
    const auto key = storage::keys::ParseMember(bytes);
    if (!key.has_value()) return absl::DataLossError("the key of a member is damaged");
    auto burst = ReadBurst(rows, scope, key->burst, bucket, oldest);
    if (!burst.ok()) return burst.status();
    if (burst->has_value()) members.push_back(**std::move(burst));
    return absl::OkStatus();
  };
  const std::string prefix = storage::keys::MemberPrefix(id);
  auto status = ForEachRow(
      rows.Scan(scope, Table::kOpen, absl::StrCat("P", prefix)),
      [&](absl::string_view key, absl::string_view value) { return member(key.substr(1), value); });
  for (const storage::BucketPtr& b : rows.buckets()) {
    if (!status.ok()) return status;
    if (storage::BucketEnd(b) <= oldest) continue;
    bucket = b;
    status = ForEachRow(rows.Scan(b, scope, RecordKind::kMembers, prefix), member);
  }
  if (!status.ok()) return status;
  return members;
}

IncidentPtr TreeOf(ScopeId scope, const StoredIncident& incident,
                   const std::vector<StoredBurst>& members) {
  if (members.empty()) return nullptr;
  auto tree = std::make_shared<IncidentTree>();
  tree->scope = scope;
  tree->root = incident.root;
  tree->aliases = incident.aliases;
  for (const StoredBurst& m : members) {
    tree->members.Upsert({m.key, m.record.resource});
    if (m.key == incident.root) tree->root_resource = m.record.resource;
  }
  return tree;
}

absl::StatusOr<IncidentPtr> ReadTree(const storage::Snapshot& rows, ScopeId scope, EpisodeKey root,
                                     Timestamp oldest) {
  const uint64_t id = IncidentIdOf(scope, root);
  auto incident = ReadIncident(rows, scope, id);
  if (!incident.ok()) return incident.status();
  if (!incident->has_value() || (*incident)->merged_into != 0) return IncidentPtr();
  auto members = ReadMembers(rows, scope, id, oldest);
  if (!members.ok()) return members.status();
  return TreeOf(scope, **incident, *members);
}

absl::Status ForEachStoredTree(const storage::Snapshot& rows, ScopeId scope, Timestamp oldest,
                               absl::FunctionRef<bool(EpisodeKey root)> skip,
                               absl::FunctionRef<bool(const IncidentPtr&)> fn) {
  absl::flat_hash_set<uint64_t> told;  // of those that have members in several buckets
  const auto& buckets = rows.buckets();
  for (auto b = buckets.rbegin(); b != buckets.rend(); ++b) {
    if (storage::BucketEnd(*b) <= oldest) break;
    const auto c = rows.Scan(*b, scope, RecordKind::kMembers, "");
    while (c->Valid()) {
      auto key = storage::keys::ParseMember(c->key());
      if (!key.has_value()) return absl::DataLossError("the key of a member is damaged");
      const uint64_t id = key->incident;
      std::vector<EpisodeKey> here;
      for (; c->Valid() && key.has_value() && key->incident == id; c->Next()) {
        key = storage::keys::ParseMember(c->key());
        if (!key.has_value() || key->incident != id) break;
        here.push_back(key->burst);
      }
      auto incident = ReadIncident(rows, scope, id);
      if (!incident.ok()) return incident.status();
      if (!incident->has_value() || skip((*incident)->root) || told.contains(id)) continue;
      absl::StatusOr<std::vector<StoredBurst>> members = std::vector<StoredBurst>();
      if ((*incident)->members == here.size()) {
        for (const EpisodeKey& k : here) {
          auto burst = ReadBurst(rows, scope, k, *b, oldest);
          if (!burst.ok()) return burst.status();
          if (burst->has_value()) members->push_back(**std::move(burst));
        }
      } else {
        told.insert(id);
        members = ReadMembers(rows, scope, id, oldest);
        if (!members.ok()) return members.status();
      }
      const IncidentPtr tree = TreeOf(scope, **incident, *members);
      if (tree != nullptr && !fn(tree)) return absl::OkStatus();
    }
    if (auto status = c->status(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace kg
