#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/episode.h"
#include "engine/internal/slot.h"

// Rows to values and back. Each decoder verifies the bytes first: damage is DataLoss, never a
// crash.

namespace kg::records {

// As of format 2; rows of format 1 are read as well.
std::string EncodeEpisode(const EpisodeRecord& e);
absl::StatusOr<EpisodeRecord> DecodeEpisode(ScopeId scope, absl::string_view row);

// X: the bursts under an id that stand where it stands, by onset. Where the key is the hash of the bursts' own event id, the
// value need not name it. Rows of format 1 have keys of 16 bytes.
struct EventIdRow {
  EpisodeHash hash;
  std::vector<Interval> bursts;
};
std::string EncodeEventId(absl::string_view key, const EventIdRow& row);
absl::StatusOr<EventIdRow> DecodeEventId(absl::string_view key, absl::string_view row);

std::string EncodeCauses(const std::vector<CauseLink>& links);
absl::StatusOr<std::vector<CauseLink>> DecodeCauses(absl::string_view row);

// One stretch of a lane, with the state it showed.
struct RevisionRow {
  std::string uid;
  ObjectShape shape = ObjectShape::kFull;
  Stretch stretch;
  Fields fields;
  std::vector<ManagedStamp> managed;
  bool point = false;
  std::string sightings;  // StretchList::Sightings of the whole lane; of its newest stretch only
};
std::string EncodeRevision(const RevisionRow& row);
absl::StatusOr<RevisionRow> DecodeRevision(absl::string_view row);

// The newest stretch of each lane is part of the row; earlier ones are R rows.
std::string EncodeResource(const Slot& slot);
struct ResourceRow {
  SlotName name;
  std::map<std::string, Life> lives;
  Timestamp named_first, named_last;
  std::vector<Timestamp> deletions;
  std::vector<RevisionRow> newest;
  std::map<std::pair<ResourceId, std::string>, Timestamp> mentions;
};
absl::StatusOr<ResourceRow> DecodeResource(absl::string_view row);

using Claims = std::map<uint64_t, EdgeClaim>;  // by asserter
struct EdgeRow {
  Claims claims;
  std::vector<Stretch> topology;  // what the topology topic said of the edge
  std::string sightings;          // StretchList::Sightings of that
};
std::string EncodeEdge(const EdgeRow& row);
// `topology` nullptr or empty: nothing.
std::string EncodeEdge(const Claims& claims, const StretchList* topology);
absl::StatusOr<EdgeRow> DecodeEdge(absl::string_view row);

// T rows: a deletion of an edge (of any type where `type` is 0), or a complete listing of a kind.
struct HangingRow {
  bool listing = false;
  storage::keys::EdgeKey edge;
  SlotName what;  // of a listing; without a name
};
std::string EncodeEdgeDeletion(const storage::keys::EdgeKey& edge);
std::string EncodeListing(const SlotName& what);
absl::StatusOr<HangingRow> DecodeHanging(ScopeId scope, absl::string_view row);

std::string EncodeScope(const std::string& tenant, const std::string& cluster);
absl::StatusOr<std::pair<std::string, std::string>> DecodeScope(absl::string_view row);

std::string EncodePosition(const SourcePosition& p);
absl::StatusOr<SourcePosition> DecodePosition(absl::string_view row);

// What was handed to the engine, exactly. DataLoss when the bytes are damaged.
std::string EncodeMutation(const Mutation& m);
absl::StatusOr<Mutation> DecodeMutation(absl::string_view row);

std::string EncodeDeadLetter(const DeadLetter& d);
absl::StatusOr<DeadLetter> DecodeDeadLetter(ScopeId scope, absl::string_view row);

}  // namespace kg::records
