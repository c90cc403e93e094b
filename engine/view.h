#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/episode.h"
#include "engine/graph.h"
#include "engine/mutation.h"
#include "engine/rules.h"

namespace kg {

// A tree of best links: a root burst and all that hang on it. Members include the root.
struct IncidentTree {
  ScopeId scope;
  EpisodeKey root;
  ResourceId root_resource;
  PersistentVector<std::pair<EpisodeKey, ResourceId>, std::less<>> members;
  std::vector<uint64_t>
      aliases;  // ids it had before, or had of its own before it was merged; ascending

  uint64_t id() const;  // hash of the root's key and scope
};
using IncidentPtr = std::shared_ptr<const IncidentTree>;

struct IncidentLess {
  static std::pair<ScopeId, EpisodeKey> Key(const IncidentPtr& i) { return {i->scope, i->root}; }
  static std::pair<ScopeId, EpisodeKey> Key(const std::pair<ScopeId, EpisodeKey>& k) { return k; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return Key(a) < Key(b);
  }
};
using IncidentIndex = PersistentVector<IncidentPtr, IncidentLess>;

IncidentPtr FindTree(const IncidentIndex& trees, ScopeId scope, EpisodeKey root);
IncidentPtr FindTreeById(const IncidentIndex& trees, ScopeId scope, uint64_t id);
void ForEachTreeOf(const IncidentIndex& trees, ScopeId scope,
                   const std::function<bool(const IncidentPtr&)>& fn);

struct ScopeDescription {
  ScopeId id;
  std::string tenant;
  std::string cluster;
};

// One state of a slot's object, as it was seen.
struct RevisionRecord {
  std::string uid;
  Interval valid;  // [first seen or created, next state or end of life)
  Timestamp observed_from;
  Timestamp last_confirmed;
  int64_t generation = 0;
  std::vector<Field> fields;
};

// A time of which rows are lost to damage on disk, and what was found.
struct DamagedTime {
  Interval when;
  std::string found;  // names the file
};

// What a database knew at one commit, asked as of one time. Reads need no lock and never block a
// writer; a view pins memory and a RocksDB snapshot, so let go of it soon. Thread-safe.
class View {
 public:
  virtual ~View() = default;

  // The moment that questions are about. Bursts that began later are not there yet, ends after it
  // are open, edges and objects are those valid then.
  virtual Timestamp as_of() const = 0;
  virtual Timestamp data_clock() const = 0;
  virtual Timestamp oldest() const = 0;  // start of retention
  virtual const Graph& graph() const = 0;
  // OK unless history that memory does not hold could not be read: answers may lack it then.
  virtual absl::Status status() const { return absl::OkStatus(); }
  // What was found damaged when the database was opened: answers about these times may lack rows.
  virtual std::vector<DamagedTime> damage() const { return {}; }
  // POTENTIAL_CAUSE edges stored in a scope.
  virtual int64_t Links(ScopeId scope) const = 0;
  virtual const RuleBook& rules() const = 0;
  // The tree whose root is this burst; nullptr: there is none.
  virtual IncidentPtr Tree(ScopeId scope, EpisodeKey root) const = 0;
  // The tree that has this id, or had it before it was merged; nullptr: there is none.
  virtual IncidentPtr TreeById(ScopeId scope, uint64_t id) const = 0;
  // All trees of a scope until fn returns false: those of the memory window by root, then those that
  // are read from the store, the newest first.
  virtual void ForEachTree(ScopeId scope,
                           const std::function<bool(const IncidentPtr&)>& fn) const = 0;
  std::vector<IncidentPtr> AllTrees() const;  // of all scopes
  // The commit up to which links and incidents are derived, and whether later facts wait.
  virtual bool derived_complete() const = 0;

  virtual std::vector<ScopeDescription> scopes() const = 0;
  // Empty members match the only or the default one; nullopt: no such scope.
  virtual std::optional<ScopeId> FindScope(const ScopeName& name) const = 0;

  // Never null for an id that the graph has.
  virtual std::shared_ptr<const SlotName> Name(ResourceId id) const = 0;
  virtual std::optional<ResourceId> Find(ScopeId scope, const ObjectRef& ref) const = 0;
  // All slots of a scope in [namespace "" = any] of [kind "" = any], by name; cluster-wide objects
  // have namespace "".
  virtual std::vector<ResourceId> List(ScopeId scope, const std::string& ns,
                                       const std::string& kind) const = 0;

  // The pods, Services and Deployments that resolve names for a scope, ascending: what RESOLVES_BY
  // implies that every other pod there depends on, without a stored edge.
  virtual std::vector<ResourceId> Resolvers(ScopeId scope) const = 0;

  // The whole record of a burst; nullopt when it has expired.
  virtual absl::StatusOr<std::optional<EpisodeRecord>> Episode(ScopeId scope,
                                                               EpisodeKey key) const = 0;
  // All episodes (normal ones too) of a scope that overlap `when`, by onset, until fn returns
  // false.
  virtual absl::Status ForEachEpisode(
      ScopeId scope, Interval when, const std::function<bool(const EpisodeRecord&)>& fn) const = 0;
  // Those of one resource.
  virtual absl::Status ForEachEpisodeOf(
      ScopeId scope, ResourceId resource, Interval when,
      const std::function<bool(const EpisodeRecord&)>& fn) const = 0;
  // Bursts of the event with this id, or with this other id; empty: unknown.
  virtual absl::StatusOr<std::vector<EpisodeKey>> FindEvent(ScopeId scope,
                                                            const std::string& event_id) const = 0;

  // States of an object that overlap `when`, by start.
  virtual absl::StatusOr<std::vector<RevisionRecord>> Revisions(ScopeId scope, ResourceId id,
                                                                Interval when) const = 0;
  virtual absl::StatusOr<std::vector<DeadLetter>> DeadLetters(ScopeId scope,
                                                              size_t limit) const = 0;
};

// The burst `key` on `resource`; nullptr when the graph does not hold it.
BurstPtr FindBurst(const Graph& graph, ResourceId resource, EpisodeKey key);

}  // namespace kg
