#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/graph.h"
#include "engine/internal/object_facts.h"
#include "engine/internal/stretches.h"
#include "engine/mutation.h"

// What is known of one slot, and what follows from it.

namespace kg {

// An edge between known slots that a state asserts.
struct ResolvedReference {
  storage::keys::EdgeKey edge;
  uint16_t flags = 0;
};

// One state of an object, decoded once and shared.
struct SeenState {
  Fields fields;
  ObjectFacts facts;
  std::vector<ResolvedReference> references;
  uint64_t template_hash = 0;  // of its pod template, 0 without one
};

// What was said about one uid. Each member folds by minimum or maximum, so order is no matter.
struct Life {
  Timestamp created = kBeginning;  // kBeginning: unknown
  Timestamp first_seen = kForever;
  Timestamp last_seen = kBeginning;
  Timestamp deleted = kForever;   // a deletion that named this uid
  Timestamp deleting = kForever;  // metadata.deletionTimestamp
  Timestamp unlisted = kForever;  // of a complete listing without it; outlives the listing itself

  bool operator==(const Life&) const = default;
};

// Times at which all there was of one kind was told, by namespace ("": everywhere); ascending.
using Listings = std::map<std::string, std::vector<Timestamp>>;

// The states that one source shape showed of one uid.
struct Lane {
  std::string uid;
  ObjectShape shape = ObjectShape::kFull;
  StretchList seen;
  std::map<uint64_t, std::vector<ManagedStamp>> managed;  // by state, as first seen
};

// What a change from one state to another was; nullopt: nothing that counts as one. `keep`: only
// paths that begin so.
struct ObjectChange {
  std::vector<ClassId> classes;    // most telling first
  std::vector<std::string> texts;  // "path: before -> after", what tells most first
  std::string summary;
};
std::optional<ObjectChange> ChangeBetween(const RuleBook& rules, absl::string_view kind,
                                          const Fields& before, const Fields& after,
                                          absl::string_view keep = "");

struct Slot {
  ResourceId id;
  std::shared_ptr<const SlotName> name;
  std::map<std::string, Life> lives;  // by uid
  Timestamp named_first = kForever;   // sightings without a uid
  Timestamp named_last = kBeginning;
  std::vector<Timestamp> deletions;    // by name alone; ascending
  const Listings* listings = nullptr;  // of its kind; not owned
  std::vector<Lane> lanes;
  absl::flat_hash_map<uint64_t, std::shared_ptr<const SeenState>> states;
  // Services that failure texts of this object named, and when first, by the uid of the life.
  std::map<std::pair<ResourceId, std::string>, Timestamp> mentions;
  // The newest time at which anything spoke of it. Not stored: after a restart it is the data
  // clock, so that a slot is at worst forgotten one retention later.
  Timestamp referenced = kBeginning;

  // ChangeBetween of neighbouring states, kept because history is unfolded again at every change of
  // the slot. What it holds follows from `states`; the writer's one thread fills it.
  mutable absl::flat_hash_map<std::pair<uint64_t, uint64_t>,
                              std::shared_ptr<const std::optional<ObjectChange>>>
      changes;

  Lane& LaneFor(const std::string& uid, ObjectShape shape);
};

// A run of an episode that follows from an object's states.
struct DerivedRun {
  Timestamp earliest;
  Timestamp onset;  // latest
  Timestamp end;    // kForever while it holds

  auto operator<=>(const DerivedRun&) const = default;
};

struct DerivedEpisode {
  std::string event_id;
  std::string etype;               // k8s.status, k8s.change
  std::optional<ObjectRef> about;  // nullopt: the slot itself
  ClassId cls;
  std::vector<ClassId> more_classes;
  std::string uid;
  std::string container;
  std::string reason;
  std::string message;
  std::vector<std::string> paths;
  std::vector<DerivedRun> runs;  // by onset, at least the episode gap apart

  bool operator==(const DerivedEpisode&) const = default;
};

// Labels or a selector, and when they held.
struct Facet {
  Interval when;
  std::shared_ptr<const SeenState> state;
};

struct EdgeClaim {
  std::vector<Interval> intervals;  // disjoint, by start
  uint16_t flags = 0;

  bool operator==(const EdgeClaim&) const = default;
};

// Everything that follows from one slot's records, as a pure function of them.
struct SlotHistory {
  std::vector<Incarnation> incarnations;
  std::map<storage::keys::EdgeKey, EdgeClaim> edges;
  std::map<std::string, DerivedEpisode> episodes;  // by event id
  std::vector<Facet> facets;                       // by start
};

SlotHistory Unfold(const Slot& slot, const RuleBook& rules);

// Takes over the stamps that may date a change (not those of managers that write status or what the
// cluster itself decides).
void LearnStamps(const std::vector<ManagedStamp>& stamps, std::vector<ManagedStamp>* known);
// Would LearnStamps change nothing?
bool KnowsStamps(const std::vector<ManagedStamp>& stamps, const std::vector<ManagedStamp>& known);

std::vector<Incarnation> Incarnations(const Slot& slot);
// Was there a complete listing, with it or without, in (after, until]?
bool ListedWithin(const Slot& slot, Timestamp after, Timestamp until);

// Sorts, joins what touches or overlaps, drops what is empty.
void Normalize(std::vector<Interval>* intervals);
// Joins runs that are less than the episode gap apart.
void MergeRuns(std::vector<DerivedRun>* runs);

}  // namespace kg
