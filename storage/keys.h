#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "storage/types.h"

// Row keys, as they stand behind the scope (and, in a bucket, behind the kind byte). Fixed width,
// big endian, so that byte order is the order of the values; times are sign-flipped for the same
// reason. This is the only place that lays out or reads a key; storage/README.md says which
// question each order serves. Parsers return nullopt on a key of another length: damage, never an
// assertion.

namespace kg::storage::keys {

// XXH3-128 of an event id, or of the source and payload of a dead letter.
using Hash128 = std::array<uint8_t, 16>;

EpisodeHash HashEventId(absl::string_view event_id);
Hash128 Hash128Of(absl::string_view text);
// 0 for an empty uid; else never 0.
UidTag TagOfUid(absl::string_view uid);
// XXH3-64, for state hashes and the like. Stable across processes and versions.
uint64_t StableHash(absl::string_view bytes);

void AppendU16(std::string* out, uint16_t v);
void AppendU32(std::string* out, uint32_t v);
void AppendU64(std::string* out, uint64_t v);
void AppendTime(std::string* out, Timestamp t);

enum class Direction : uint8_t { kOut = 0, kIn = 1 };

struct EpisodeKey {  // E, C and, behind S's resource, the tail of S
  Timestamp onset;
  EpisodeHash hash;
  auto operator<=>(const EpisodeKey&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const EpisodeKey& k) {
    return H::combine(std::move(h), ToMicros(k.onset), k.hash);
  }
};

struct SubjectKey {
  ResourceId resource;
  EpisodeKey burst;
  auto operator<=>(const SubjectKey&) const = default;
};

struct EffectKey {  // D
  EpisodeKey cause;
  EpisodeKey effect;
  auto operator<=>(const EffectKey&) const = default;
};

struct MemberKey {  // P
  uint64_t incident = 0;
  EpisodeKey burst;
  auto operator<=>(const MemberKey&) const = default;
};

struct ClosedEdgeKey {  // H
  ResourceId resource;
  Direction direction = Direction::kOut;
  Timestamp valid_to;
  EdgeTypeId type;
  ResourceId other;
  Timestamp valid_from;
  auto operator<=>(const ClosedEdgeKey&) const = default;
};

struct RevisionKey {  // R; valid_from == valid_to is a point observation
  ResourceId resource;
  Timestamp valid_to;
  Timestamp valid_from;
  uint32_t lane = 0;  // tells the uid and the source's shape apart, which may share both times
  auto operator<=>(const RevisionKey&) const = default;
};

struct EdgeKey {  // table edge
  ResourceId from;
  EdgeTypeId type;
  ResourceId to;
  auto operator<=>(const EdgeKey&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const EdgeKey& k) {
    return H::combine(std::move(h), k.from, k.type, k.to);
  }
};

std::string Episode(const EpisodeKey& k);                   // 16 bytes
std::string Subject(const SubjectKey& k);                   // 20
std::string SubjectPrefix(ResourceId resource);             // 4
std::string SubjectFrom(ResourceId resource, Timestamp t);  // 12, first possible key at t
std::string EpisodeFrom(Timestamp t);                       // 8
std::string EventId(EpisodeHash h);                         // 8, X
std::string EventId(const Hash128& h);                      // 16, L; X as of format 1
std::string Effect(const EffectKey& k);                     // 32
std::string EffectPrefix(const EpisodeKey& cause);          // 16
std::string Member(const MemberKey& k);                     // 24
std::string MemberPrefix(uint64_t incident);                // 8
std::string ClosedEdge(const ClosedEdgeKey& k);             // 27
std::string ClosedEdgePrefix(ResourceId resource, Direction direction);                    // 5
std::string ClosedEdgeFrom(ResourceId resource, Direction direction, Timestamp valid_to);  // 13
std::string Revision(const RevisionKey& k);                                                // 24
std::string RevisionPrefix(ResourceId resource);                                           // 4
std::string RevisionFrom(ResourceId resource, Timestamp valid_to);                         // 12
std::string HangingDelete(const Hash128& what, Timestamp at);                              // 24
std::string HangingDeletePrefix(const Hash128& what);                                      // 16
std::string Feed(uint64_t sequence, uint32_t index);                                       // 12
std::string Resource(ResourceId id);                                                       // 4
std::string Edge(const EdgeKey& k);                                                        // 10
std::string EdgePrefix(ResourceId from);                                                   // 4
std::string Incident(uint64_t id);                                                         // 8

std::optional<EpisodeKey> ParseEpisode(absl::string_view key);
std::optional<SubjectKey> ParseSubject(absl::string_view key);
std::optional<EffectKey> ParseEffect(absl::string_view key);
std::optional<MemberKey> ParseMember(absl::string_view key);
std::optional<ClosedEdgeKey> ParseClosedEdge(absl::string_view key);
std::optional<RevisionKey> ParseRevision(absl::string_view key);
std::optional<ResourceId> ParseResource(absl::string_view key);
std::optional<EdgeKey> ParseEdge(absl::string_view key);
std::optional<uint64_t> ParseIncident(absl::string_view key);

}  // namespace kg::storage::keys
