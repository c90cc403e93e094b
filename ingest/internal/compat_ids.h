#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/mutation.h"

// How the predecessor and the collectors around it spell keys and ids.

namespace kg::ingest {

// The topics whose keys are read by rules of their own.
enum class TopicKind : uint8_t {
  kUnknown = 0,
  kResource,
  kTopology,
  kEvents,
  kLogs,
  kPromTargets,
  kPromRules,
  kCommands,
  kRegistry,
  kHeartbeat,
  kDeadLetters
};

struct TopicName {
  TopicKind kind = TopicKind::kUnknown;
  std::string tenant;  // of "<tenant>.state.k8s.resource"
};
TopicName ParseTopic(absl::string_view topic);

// A record key split into the tenant (may be empty) and what the topic itself keys by. Unlike
// upstream, an un-tenanted `cluster|job|…` or `kind::name` is not taken for a tenant.
struct RecordKey {
  std::string tenant;
  std::string raw;
};
RecordKey SplitKey(absl::string_view key, TopicKind topic);

// Every spelling of a resource: kind:uid, kind:ns:name, kind:name, kind::name. nullopt: no kind or
// no name.
std::optional<ObjectRef> ParseRid(absl::string_view rid);
// The ends of "edge:<rid>-><rid>".
struct EdgeEnds {
  ObjectRef from, to;
};
std::optional<EdgeEnds> ParseEdgeId(absl::string_view id);
// "mounts vol" is MOUNTS_VOL; empty is R_REL; "9x" is R_9X.
std::string RelationshipType(absl::string_view type);

bool LooksLikeUid(absl::string_view text);     // 8-4-4-4-12 hex digits
bool IsClusterScoped(absl::string_view kind);  // of the built-in kinds; in any case

// Ids that the collectors compute, so that what they sent is found again.
std::string VectorEventId(absl::string_view creation, absl::string_view uid,
                          absl::string_view reason);
std::string FallbackEventId(absl::string_view time, absl::string_view etype, absl::string_view ns,
                            absl::string_view name, absl::string_view reason);
std::string FallbackLogId(absl::string_view key, absl::string_view time, absl::string_view reason,
                          absl::string_view message);
std::string NormalizerEventId(absl::string_view uid, absl::string_view creation);

}  // namespace kg::ingest
