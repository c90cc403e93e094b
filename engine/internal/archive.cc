#include "engine/internal/archive.h"

#include "absl/strings/str_cat.h"
#include "engine/episode.h"
#include "engine/records.h"

namespace kg {
namespace {

using storage::keys::ClosedEdgeKey;
using storage::keys::Direction;

// Within memory's window a node has all, and what the batch under way did to it must stand.
bool Lacks(const Node& node, Timestamp end, Timestamp oldest) {
  return end < node.complete_since && end >= oldest;
}

absl::Status ReadBursts(const storage::Snapshot& rows, const storage::BucketPtr& bucket,
                        const RuleBook& rules, Timestamp oldest, ResourceId id, Node* node) {
  const ScopeId scope = node->name->scope;
  const auto c = rows.Scan(bucket, scope, storage::RecordKind::kSubjectIndex,
                           storage::keys::SubjectPrefix(id));
  for (; c->Valid(); c->Next()) {
    const auto key = storage::keys::ParseSubject(c->key());
    if (!key.has_value()) return absl::DataLossError("the key of a subject row is damaged");
    if (key->burst.onset >= node->complete_since) break;
    const std::string episode = storage::keys::Episode(key->burst);
    auto row = rows.Get(bucket, scope, storage::RecordKind::kEpisode, episode);
    if (!row.ok()) return row.status();
    if (!row->has_value()) continue;
    auto record = records::DecodeEpisode(scope, **row);
    if (!record.ok()) return record.status();
    const bool watched =
        record->category == Category::kChange || rules.Class(record->cls).IsFailure();
    if (!watched || !Lacks(*node, record->end, oldest)) continue;
    if (node->bursts.Find(key->burst) != nullptr) continue;
    auto burst = std::make_shared<Burst>(BurstOf(key->burst, *record));
    auto causes = rows.Get(bucket, scope, storage::RecordKind::kCauses, episode);
    if (!causes.ok()) return causes.status();
    if (causes->has_value()) {
      auto links = records::DecodeCauses(**causes);
      if (!links.ok()) return links.status();
      burst->causes = *std::move(links);
    }
    node->bursts.Put(std::move(burst));
  }
  return c->status();
}

// What an edge is by all who assert it.
absl::StatusOr<uint16_t> FlagsOf(absl::string_view row) {
  auto edge = records::DecodeEdge(row);
  if (!edge.ok()) return edge.status();
  if (edge->claims.empty()) return uint16_t{0};
  uint16_t flags = edge->claims.begin()->second.flags;
  for (const auto& [asserter, claim] : edge->claims) flags &= claim.flags;
  return flags;
}

absl::Status ReadClosedEdges(const storage::Snapshot& rows, const storage::BucketPtr& bucket,
                             Timestamp oldest, ResourceId id, Direction direction, Node* node) {
  const ScopeId scope = node->name->scope;
  const bool out = direction == Direction::kOut;
  const auto c = rows.Scan(bucket, scope, storage::RecordKind::kClosedEdge,
                           storage::keys::ClosedEdgePrefix(id, direction));
  for (; c->Valid(); c->Next()) {
    const auto key = storage::keys::ParseClosedEdge(c->key());
    if (!key.has_value()) return absl::DataLossError("the key of a closed edge is damaged");
    if (key->valid_to >= node->complete_since) break;
    if (!Lacks(*node, key->valid_to, oldest)) continue;
    absl::StatusOr<uint16_t> flags = uint16_t{0};
    if (out) {
      flags = FlagsOf(c->value());
    } else {
      // The row of the other direction tells who asserts the edge.
      const ClosedEdgeKey there{key->other, Direction::kOut, key->valid_to, key->type,
                                id,         key->valid_from};
      auto row = rows.Get(bucket, scope, storage::RecordKind::kClosedEdge,
                          storage::keys::ClosedEdge(there));
      if (!row.ok()) return row.status();
      if (row->has_value()) flags = FlagsOf(**row);
    }
    if (!flags.ok()) return flags.status();
    (out ? node->out_closed : node->in_closed)
        .Upsert(
            ClosedEdge{key->valid_from, key->valid_to, key->other.value, key->type.value, *flags});
  }
  return c->status();
}

}  // namespace

absl::Status ReadHistory(const storage::Snapshot& rows, const RuleBook& rules, Timestamp oldest,
                         ResourceId id, Node* node) {
  if (node->name != nullptr) {
    for (const storage::BucketPtr& bucket : rows.buckets()) {
      // Rows stand in the bucket of their end.
      if (storage::BucketStart(bucket) >= node->complete_since) continue;
      auto status = ReadBursts(rows, bucket, rules, oldest, id, node);
      for (Direction d : {Direction::kOut, Direction::kIn}) {
        if (status.ok()) status = ReadClosedEdges(rows, bucket, oldest, id, d, node);
      }
      if (!status.ok()) return status;
    }
  }
  if (auto status = rows.status(); !status.ok()) return status;
  node->complete_since = kBeginning;
  return absl::OkStatus();
}

const Node* SnapshotArchive::Whole(ResourceId id, const Node& recent) {
  const absl::MutexLock lock(&mutex_);
  auto [it, fresh] = whole_.try_emplace(id);
  if (fresh) {
    auto node = std::make_unique<Node>(recent);
    const absl::Status status = ReadHistory(*rows_, rules_, oldest_, id, node.get());
    if (!status.ok()) status_ = status;
    it->second = std::move(node);
  }
  return it->second.get();
}

void SnapshotArchive::Note(const absl::Status& status) {
  if (status.ok()) return;
  const absl::MutexLock lock(&mutex_);
  status_ = status;
}

absl::Status SnapshotArchive::status() const {
  const absl::MutexLock lock(&mutex_);
  return status_;
}

}  // namespace kg
