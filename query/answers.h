#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "query/budget.h"
#include "query/scope.h"
#include "storage/types.h"

// What questions are answered with: plain data, to be printed as tables or JSON elsewhere. `cls` is
// printed as "class", `ns` as "namespace". Times are UTC; kForever is "still", printed as null;
// enums are lower-case words, severities upper-case. Lists are in the order in which they are to be
// shown.

namespace kg::query {

inline constexpr int kSchemaVersion = 1;

// A list of which only a part is shown.
template <typename T>
struct Cut {
  uint64_t total = 0;
  std::vector<T> shown;
};

struct ResourceAnswer {
  std::string kind;
  std::string api_version;  // "v1", "apps/v1"; the bare group where its version is not known
  std::string ns;
  std::string name;
  std::string uid;  // of the life at that time, else of the last before it
  std::string cluster;
  bool exists = false;  // an object of that name was there at that time
  auto operator<=>(const ResourceAnswer&) const = default;
};

// One edge as a path or a list shows it. from and to follow the walk: where against_arrow is set,
// the stored edge runs from `to` to `from`.
struct PathStep {
  ResourceAnswer from;
  ResourceAnswer to;
  std::string type;
  bool against_arrow = false;
  Timestamp valid_from = kBeginning;
  Timestamp valid_to = kForever;
  bool heuristic = false;  // read out of text, not declared
  auto operator<=>(const PathStep&) const = default;
};

struct EpisodeAnswer {
  std::string id;        // the burst's handle, as `event/ID` takes it
  std::string event_id;  // the source's own id, where the row still stands
  std::string cls;
  std::string reason;
  Timestamp time;  // onset
  std::string message;
};

// ---- root cause

// What no episode says but a message names or the objects show.
struct FindingAnswer {
  // selector_empty, zero_replicas, port_mismatch, missing_object, refusing_object
  std::string kind;
  std::string text;
};

struct OnsetAnswer {
  Timestamp earliest;
  Timestamp latest;
};

struct ScoreParts {  // confidence = 0.3 temporal + 0.3 distance + 0.4 domain before calibration
  double temporal = 0;
  double distance = 0;
  double domain = 0;
  std::string effect;  // handle of the burst that was explained best
};

struct Evidence {
  std::string episode;  // handle; empty for what is no episode
  std::string role;     // "cause", "effect", "symptom", "change", "finding", …
  Timestamp time;
  std::string cls;
  std::string text;
};

struct Against {
  std::string text;
  std::string episode;  // handle; empty for what is no episode
};

struct Explained {
  ResourceAnswer resource;
  EpisodeAnswer episode;
};

struct CauseAnswer {
  int rank = 0;          // from 1
  std::string incident;  // empty: in none
  std::string category;  // change, state, symptom, finding
  ResourceAnswer resource;
  std::optional<EpisodeAnswer> episode;
  std::optional<FindingAnswer> finding;
  OnsetAnswer onset;
  double score = 0;       // ranks
  double confidence = 0;  // the probability that this is the cause
  std::optional<ScoreParts> parts;
  std::vector<PathStep> path;  // from the cause to the effect in `parts`
  std::vector<Evidence> evidence;
  std::vector<Against> against;
  Cut<Explained> explains;
  std::string lost_because;  // of a candidate only
};

struct AffectedAnswer {
  ResourceAnswer resource;
  std::string state;            // affected, at_risk
  int distance = 0;             // hops from the nearest origin
  std::vector<int> because_of;  // ranks of the origins that it depends on, rising
  double cost = 0;              // of the path: hop costs, hubs counted dearer
  double confidence = 0;  // of the chain of causes that leads here; 0: dependency and time only
  std::optional<EpisodeAnswer> episode;  // what shows that it is affected
  std::string severity;                  // of that episode; empty when at risk
  std::vector<PathStep> path;            // from the origin
};

struct Gap {
  std::string what;
  Timestamp from;
  Timestamp to;
};

struct RootCauseAnswer {
  Question question;
  std::string tenant;
  Timestamp as_of;
  std::string verdict;  // explained, partial, unknown, healthy
  std::vector<CauseAnswer> root_causes;
  std::vector<CauseAnswer> candidates;   // with lost_because
  std::vector<AffectedAnswer> affected;  // the first of them
  uint64_t affected_total = 0;
  std::vector<Gap> gaps;
  std::optional<Truncated> truncated;
};

// ---- incidents

struct IncidentMember {
  ResourceAnswer resource;
  EpisodeAnswer episode;
  std::string category;
  std::string severity;  // escalated
  Timestamp end = kForever;
};

struct IncidentAnswer {
  std::string id;
  std::vector<std::string> aliases;
  std::string status;  // open, resolved
  std::string severity;
  std::string title;
  Timestamp opened;
  Timestamp last_activity;
  std::optional<Timestamp> resolved;
  Cut<IncidentMember> members;
  std::vector<CauseAnswer> root_causes;
};

struct IncidentsAnswer {
  Timestamp as_of;
  std::vector<IncidentAnswer> incidents;  // open ones first, then by severity, newest first
  uint64_t total = 0;
  std::string next;  // cursor; empty: that was all
  std::optional<Truncated> truncated;
};

// ---- walks

struct BlastRadiusAnswer {
  ResourceAnswer of;  // the first origin
  Timestamp as_of;
  std::vector<AffectedAnswer> affected;
  uint64_t total = 0;
  std::optional<Truncated> truncated;
};

struct NeighbourAnswer {
  ResourceAnswer resource;
  int distance = 0;
  PathStep via;  // the last step of a shortest path to it
};

struct Neighbours {
  ResourceAnswer of;
  Timestamp as_of;
  std::vector<NeighbourAnswer> neighbours;  // by distance, then name
  std::vector<PathStep> edges;              // all between what is shown, along their arrows
  uint64_t total = 0;
  std::string next;
  std::optional<Truncated> truncated;
};

struct PathAnswer {
  ResourceAnswer from;
  ResourceAnswer to;
  Timestamp as_of;
  bool found = false;
  double cost = 0;
  std::vector<PathStep> steps;
  std::vector<std::string> why;  // a sentence per step
  std::optional<Truncated> truncated;
};

// ---- lists

struct EventAnswer {
  std::string id;  // handle
  std::string event_id;
  std::string etype;  // k8s.event, …
  ResourceAnswer resource;
  std::string cls;
  std::string category;  // change, state, symptom, info, noise
  std::string severity;  // escalated
  bool escalated = false;
  std::string reason;
  std::string message;
  std::string type;  // Normal, Warning, or empty
  std::string container;
  std::string emitter;
  Timestamp earliest;
  Timestamp time;            // onset
  Timestamp last;            // of the last occurrence known as of the view
  Timestamp end = kForever;  // kForever while it holds
  int64_t occurrences = 1;
  bool at_least = false;           // there may have been more
  std::vector<std::string> paths;  // changed fields, of a change
};

struct EventsAnswer {
  Timestamp as_of;
  std::vector<EventAnswer> events;  // newest last
  std::string next;                 // cursor to older ones
  std::optional<Truncated> truncated;
};

struct TimelineEntry {
  Timestamp time;
  std::string what;  // change, state, event, alert, log, appeared, vanished
  ResourceAnswer resource;
  std::string severity;
  std::string cls;
  std::string reason;
  std::string text;
  std::string episode;   // handle; empty for lives
  std::string incident;  // the incident it is part of
  Timestamp end = kForever;
  int64_t occurrences = 1;
  int distance = 0;  // hops from the object asked about
};

struct TimelineAnswer {
  std::optional<ResourceAnswer> of;
  Timestamp from, to;
  std::vector<TimelineEntry> entries;  // newest last
  std::string next;                    // cursor to older ones
  std::optional<Truncated> truncated;
};

// ---- one resource

struct FieldAnswer {
  std::string path;
  std::string value;
  bool hashed = false;  // the value is a keyed hash of something secret
  auto operator<=>(const FieldAnswer&) const = default;
};

struct FieldDelta {
  std::string path;
  std::optional<std::string> before;  // nullopt: was not there
  std::optional<std::string> after;
  auto operator<=>(const FieldDelta&) const = default;
};

struct LifeAnswer {
  std::string uid;
  Timestamp from;
  Timestamp to = kForever;
  bool sighted = false;  // `from` is the first sighting, not the creation
};

struct RevisionAnswer {
  std::string uid;
  Timestamp from;
  Timestamp to = kForever;
  Timestamp observed_from;
  Timestamp last_confirmed;
  int64_t generation = 0;
  std::vector<FieldDelta> changed;  // against the revision before it, of the same uid
};

struct EdgeGroup {
  std::string type;
  bool out = true;
  Cut<PathStep> edges;  // by the other end's name
};

struct ResourceDetail {
  ResourceAnswer resource;
  Timestamp as_of;
  std::vector<FieldAnswer> fields;  // as of the view
  std::vector<LifeAnswer> lives;
  std::vector<RevisionAnswer> revisions;   // newest last
  std::vector<EventAnswer> open_episodes;  // what holds
  std::vector<EdgeGroup> edges;
  std::vector<std::string> incidents;  // those it has a part in
  std::optional<Truncated> truncated;
};

// ---- diff, stats

struct ChangedResource {
  ResourceAnswer resource;
  std::vector<FieldDelta> fields;
};

struct DiffAnswer {
  Timestamp from, to;
  std::vector<ResourceAnswer> appeared;  // as of `to`
  std::vector<ResourceAnswer> vanished;  // as of `from`
  std::vector<ResourceAnswer> replaced;  // there at both times, but as another object
  std::vector<ChangedResource> changed;
  std::vector<PathStep> edges_opened;  // along their arrows
  std::vector<PathStep> edges_closed;
  std::vector<IncidentAnswer> incidents_opened;
  std::vector<IncidentAnswer> incidents_resolved;
  std::optional<Truncated> truncated;
};

struct BucketAnswer {
  Timestamp start, end;
  std::string state;
  uint64_t bytes = 0;
};

struct StatsAnswer {
  std::string tenant, cluster;  // of the scope asked about; empty: all
  int64_t resources = 0;
  int64_t resources_deleted = 0;
  int64_t stubs = 0;
  int64_t edges_open = 0;
  int64_t episodes = 0;
  int64_t occurrences = 0;
  int64_t links = 0;
  int64_t incidents_open = 0;
  int64_t incidents_resolved = 0;
  int64_t dead_letters = 0;
  std::map<std::string, int64_t> by_class;  // bursts
  std::vector<BucketAnswer> buckets;
  uint64_t disk_bytes = 0;
  uint32_t format_version = 0;  // of the data directory
  Timestamp oldest = kBeginning;
  Timestamp newest = kBeginning;
  std::vector<SourcePosition> positions;
  std::optional<Truncated> truncated;
};

}  // namespace kg::query
