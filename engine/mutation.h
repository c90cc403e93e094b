#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "storage/types.h"

// What the database is told. A decoder turns bytes into these; Database::Apply folds them into
// facts. Nothing here holds a secret: decoders redact before they build one.

namespace kg {

// The tenant and cluster a record names; empty where it names none.
struct ScopeName {
  std::string tenant;
  std::string cluster;
  auto operator<=>(const ScopeName&) const = default;
};

// A reference as its source spelled it. kind is in any case ("pod", "Pod"); group is the API group
// without version ("apps", "" is core). Where a source names no group, group_known is false and the
// engine infers it from the kind. A uid equal to the name is no uid. Cluster-scoped kinds may carry
// a namespace by mistake ("default"); the engine drops it.
struct ObjectRef {
  std::string group;
  bool group_known = false;
  std::string kind;
  std::string ns;
  std::string name;
  std::string uid;
  auto operator<=>(const ObjectRef&) const = default;
};

enum class FieldKind : uint8_t {
  kString = 0,
  kNumber = 1,
  kBool = 2,
  kEmpty = 3,  // null, {} or []: the value is that text
  kMac = 4,    // the value is a keyed hash of something secret: "mac:<key id>:<32 hex digits>"
};

// One leaf of an object and where it stood. Paths read `spec.containers[app].env[DB_HOST].value`:
// members by dot, or in brackets when the name holds anything but letters, digits, '-' and '_'
// (`metadata.labels[app.kubernetes.io/name]`); elements of a list of objects by the first of name,
// type, key, ip, targetRef.name, containerPort, port that all have and that tells them apart, else
// by position (`[0]`).
struct Field {
  std::string path;
  std::string value;
  FieldKind kind = FieldKind::kString;
  auto operator<=>(const Field&) const = default;
};

// Where a time came from, best first (it decides nothing but is shown).
enum class TimeSource : uint8_t {
  kSource = 0,    // the record names it
  kMetadata = 1,  // derived from the object's own newest timestamp
  kInputSet = 2,  // the largest timestamp of the input set
  kGiven = 3,     // --at
  kEnvelope = 4,  // Kafka record time
  kWallClock = 5,
};

enum class Presence : uint8_t { kPresent, kDeleted };

// How much of an object a source sends; revisions are compared only within one shape.
enum class ObjectShape : uint8_t {
  kFull = 0,     // the Kubernetes object
  kSummary = 1,  // the predecessor's state.k8s.resource
  kBare = 2,     // no state at all: a tombstone
};

struct ManagedStamp {  // of metadata.managedFields only this is kept
  std::string manager;
  std::string operation;
  Timestamp time;
};

// An object's state was seen, or that it is gone. A deletion may name only a uid or only a name.
struct ObjectRecord {
  ScopeName scope;
  ObjectRef ref;
  Presence presence = Presence::kPresent;
  ObjectShape shape = ObjectShape::kFull;
  Timestamp at;  // when this state was seen to hold
  TimeSource at_source = TimeSource::kSource;
  std::optional<Timestamp> created;   // metadata.creationTimestamp
  std::optional<Timestamp> deleting;  // metadata.deletionTimestamp
  int64_t generation = 0;             // metadata.generation, 0 where absent
  std::vector<Field> fields;  // by path, ascending; without what `created` … `managed` hold,
                              // resourceVersion, uid, selfLink, managedFields and heartbeats
  std::vector<ManagedStamp> managed;  // newest last
};

// Somebody says that an edge is there, or is gone (the predecessor's topology topic, declared
// CALLS). Edges that follow from an object are derived from it and never sent.
struct EdgeRecord {
  ScopeName scope;
  std::string type;  // RUNS_ON, …; empty on a deletion that names only the ends
  ObjectRef from;
  ObjectRef to;
  Presence presence = Presence::kPresent;
  Timestamp at;
  TimeSource at_source = TimeSource::kSource;
  std::string asserter;  // "topology", "declared"
};

// A Kubernetes event or one that looks like it. Deliveries of one event_id are one episode.
struct EventRecord {
  ScopeName scope;
  std::string event_id;
  std::vector<std::string> other_ids;  // ids by which users may ask for it as well
  std::string etype = "k8s.event";
  ObjectRef subject;
  std::string container;  // from fieldPath spec.containers{x} / spec.initContainers{x}
  std::optional<ObjectRef> related;
  std::string reason;
  std::string message;   // redacted; without "(combined from similar events): "
  std::string severity;  // as sent, upper case; empty: the engine derives it from the class
  std::string type;      // Normal, Warning, or empty
  std::string emitter;   // component that reported it
  Timestamp first;
  Timestamp last;     // >= first
  int64_t count = 1;  // the source's own count, >= 1
  TimeSource at_source = TimeSource::kSource;
};

// One alert of Alertmanager or Prometheus, in one of its deliveries.
struct AlertRecord {
  ScopeName scope;
  std::string fingerprint;    // 16 hex digits; computed from the labels where the source gives none
  std::string name;           // alertname
  std::vector<Field> labels;  // path = label name
  std::vector<Field> annotations;  // redacted
  ObjectRef subject;     // by the label map of the ecosystem's convention; kind empty: none found
  std::string severity;  // upper case
  std::string message;   // summary, else description
  bool firing = true;
  Timestamp starts_at;
  std::optional<Timestamp> ends_at;    // of a resolved alert
  std::optional<Timestamp> active_at;  // true onset, where known
  Timestamp at;                        // when this delivery was made
  TimeSource at_source = TimeSource::kSource;
};

// One line of a container's log that passed the high-signal filter.
struct LogRecord {
  ScopeName scope;
  std::string event_id;  // may be empty
  ObjectRef subject;     // a pod
  std::string container;
  Timestamp at;
  TimeSource at_source = TimeSource::kSource;
  std::string severity;  // upper case, as inferred
  std::string line;      // redacted, at most 4 KiB
};

// "What is here is all there is": of these kinds, in these namespaces (empty: all), at that time,
// everything not in `present` was gone.
struct CompletenessRecord {
  ScopeName scope;
  Timestamp at;
  TimeSource at_source = TimeSource::kSource;
  std::vector<std::string> namespaces;
  std::vector<ObjectRef> kinds;  // group and kind only
  std::vector<ObjectRef> present;
};

using Mutation =
    std::variant<ObjectRecord, EdgeRecord, EventRecord, AlertRecord, LogRecord, CompletenessRecord>;

// How far a source has been read. `source` identifies content, never a path: a Kafka cluster and
// topic id, or a file's fingerprint. Durable with the next commit that writes rows or with Settle;
// until then what it covers is read again after a crash.
struct SourcePosition {
  std::string source;
  int32_t partition = 0;
  int64_t offset = 0;
  int32_t epoch = -1;
  std::string topic_id;
};

// A record that could not be decoded, or that decoded and could not be applied. Of the former the
// excerpt shows what it was, with every string value masked; of the latter `mutation` holds it
// whole, so that it can be applied later.
struct DeadLetter {
  ScopeName scope;
  std::string source;    // e.g. "file:/tmp/events.json", "http", or "apply" beside a mutation
  std::string position;  // e.g. "line 12", "document 3, byte 4711"
  uint64_t size_bytes = 0;
  std::string reason;  // names the field, the position and the fix
  std::string excerpt;
  Timestamp at;
  std::optional<Mutation> mutation;
  std::string read_with;  // how the source was read, as its reader writes it down for a retry
};

// A stored letter's name, 32 hex digits: equal for equal contents but for `at` and `read_with`, so
// that reading the same source again adds no letter. Within one scope.
std::string DeadLetterId(const DeadLetter& letter);

// A letter to be taken out of the store.
struct MendedLetter {
  ScopeId scope;
  std::string id;  // DeadLetterId
};

struct Batch {
  std::vector<Mutation> mutations;
  std::vector<SourcePosition> positions;
  std::vector<DeadLetter> dead_letters;
  // Taken out before anything else is folded: a mutation that is refused again is a letter again.
  // Ids that there are not are passed over.
  std::vector<MendedLetter> mended;
};

}  // namespace kg
