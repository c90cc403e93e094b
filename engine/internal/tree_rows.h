#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/episode.h"
#include "engine/view.h"
#include "storage/store.h"

// Trees as the store has them: table `incident` names each by its anchor, and beside the rows of a
// burst stands one that says which tree it is a member of. Readers of trees that memory has left.

namespace kg {

// A row of table `incident`.
struct StoredIncident {
  EpisodeKey root;
  uint32_t members = 0;
  uint64_t merged_into = 0;  // not 0: it is an id that this tree had before it was merged
  std::vector<uint64_t> aliases;
};
absl::StatusOr<StoredIncident> DecodeIncident(absl::string_view row);
absl::StatusOr<std::optional<StoredIncident>> ReadIncident(const storage::Snapshot& rows,
                                                           ScopeId scope, uint64_t id);

uint64_t IncidentIdOf(ScopeId scope, EpisodeKey root);

// The row of a burst, and where it stands: bucket nullptr is table `open`.
struct StoredBurst {
  EpisodeKey key;
  storage::BucketPtr bucket;
  EpisodeRecord record;
};
// nullopt: there is none, or it ended before `oldest`.
absl::StatusOr<std::optional<StoredBurst>> FindStoredBurst(const storage::Snapshot& rows,
                                                           ScopeId scope, EpisodeKey key,
                                                           Timestamp oldest);
absl::StatusOr<std::vector<CauseLink>> ReadCauses(const storage::Snapshot& rows, ScopeId scope,
                                                  const StoredBurst& burst);
// Does the row stand beside the burst that makes it a member of the tree with this id?
absl::StatusOr<bool> IsMember(const storage::Snapshot& rows, ScopeId scope, uint64_t id,
                              const StoredBurst& burst);

// The members that ended at or after `oldest`, with their rows.
absl::StatusOr<std::vector<StoredBurst>> ReadMembers(const storage::Snapshot& rows, ScopeId scope,
                                                     uint64_t id, Timestamp oldest);
// The tree with these members; nullptr when there are none.
IncidentPtr TreeOf(ScopeId scope, const StoredIncident& incident,
                   const std::vector<StoredBurst>& members);
// nullptr: there is no such tree.
absl::StatusOr<IncidentPtr> ReadTree(const storage::Snapshot& rows, ScopeId scope, EpisodeKey root,
                                     Timestamp oldest);

// Trees of which a member ended in a bucket, those of the newest buckets first, until fn returns
// false. Left out: those for which `skip` is true.
absl::Status ForEachStoredTree(const storage::Snapshot& rows, ScopeId scope, Timestamp oldest,
                               absl::FunctionRef<bool(EpisodeKey root)> skip,
                               absl::FunctionRef<bool(const IncidentPtr&)> fn);

}  // namespace kg
