#pragma once

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "engine/graph.h"
#include "storage/store.h"

namespace kg {

// Puts into `node` the bursts (with their links) and closed edges that ended in [oldest,
// node->complete_since), which it is said to lack, from the rows of its slot. It is complete then.
absl::Status ReadHistory(const storage::Snapshot& rows, const RuleBook& rules, Timestamp oldest,
                         ResourceId id, Node* node);

// The history of a version's nodes, read when asked for and kept. Thread-safe.
class SnapshotArchive : public NodeArchive {
 public:
  SnapshotArchive(std::shared_ptr<const storage::Snapshot> rows, const RuleBook& rules,
                  Timestamp oldest)
      : rows_(std::move(rows)), rules_(rules), oldest_(oldest) {}

  const Node* Whole(ResourceId id, const Node& recent) override;
  void Note(const absl::Status& status);
  // OK unless rows could not be read: what it gave is incomplete then.
  absl::Status status() const;

 private:
  const std::shared_ptr<const storage::Snapshot> rows_;
  const RuleBook& rules_;
  const Timestamp oldest_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<ResourceId, std::unique_ptr<const Node>> whole_;
  absl::Status status_;
};

}  // namespace kg
