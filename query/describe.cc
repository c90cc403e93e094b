#include "query/describe.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "query/severity.h"

namespace kg::query {
namespace {

using storage::keys::Direction;

constexpr int kMaxOwners = 8;

const SlotName& NoName() {
  static const auto* none = new SlotName;
  return *none;
}

// The version in which each group is served by every supported cluster.
const std::map<std::string, std::string>& GroupVersions() {
  static const auto* versions = new std::map<std::string, std::string>{
      {"", "v1"},
      {"admissionregistration.k8s.io", "v1"},
      {"apiextensions.k8s.io", "v1"},
      {"apiregistration.k8s.io", "v1"},
      {"apps", "v1"},
      {"autoscaling", "v2"},
      {"autoscaling.k8s.io", "v1"},
      {"batch", "v1"},
      {"cert-manager.io", "v1"},
      {"certificates.k8s.io", "v1"},
      {"coordination.k8s.io", "v1"},
      {"discovery.k8s.io", "v1"},
      {"events.k8s.io", "v1"},
      {"flowcontrol.apiserver.k8s.io", "v1"},
      {"gateway.networking.k8s.io", "v1"},
      {"metrics.k8s.io", "v1beta1"},
      {"monitoring.coreos.com", "v1"},
      {"networking.k8s.io", "v1"},
      {"node.k8s.io", "v1"},
      {"policy", "v1"},
      {"rbac.authorization.k8s.io", "v1"},
      {"resource.k8s.io", "v1"},
      {"scheduling.k8s.io", "v1"},
      {"storage.k8s.io", "v1"},
  };
  return *versions;
}

const std::set<std::string>& KindsThatAreNoObjects() {
  static const auto* kinds = new std::set<std::string>{"ExternalHost", "NodeGroup", "PromTarget",
                                                       "Registry",     "Rule",      "Zone"};
  return *kinds;
}

}  // namespace

const char* CategoryWord(Category category) {
  switch (category) {
    case Category::kChange:
      return "change";
    case Category::kState:
      return "state";
    case Category::kSymptom:
      return "symptom";
    case Category::kInfo:
      return "info";
    case Category::kNoise:
      return "noise";
  }
  return "info";
}

const char* SeverityWord(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
    case Severity::kFatal:
      return "FATAL";
  }
  return "INFO";
}

std::optional<Severity> ParseSeverity(absl::string_view text) {
  const std::string upper = absl::AsciiStrToUpper(text);
  for (Severity s : {Severity::kInfo, Severity::kWarning, Severity::kError, Severity::kFatal}) {
    if (upper == SeverityWord(s)) return s;
  }
  if (upper == "CRITICAL") return Severity::kFatal;
  return std::nullopt;
}

std::string ShortName(const SlotName& name) {
  if (name.ns.empty()) return absl::StrCat(name.kind, " ", name.name);
  return absl::StrCat(name.kind, " ", name.ns, "/", name.name);
}

std::string ApiVersion(absl::string_view group, absl::string_view kind) {
  if (group.empty() && KindsThatAreNoObjects().count(std::string(kind)) != 0) return "";
  const auto version = GroupVersions().find(std::string(group));
  if (version == GroupVersions().end()) return std::string(group);
  return group.empty() ? version->second : absl::StrCat(group, "/", version->second);
}

bool NameLess(const SlotName& a, const SlotName& b) {
  return std::tie(a.kind, a.ns, a.name, a.group) < std::tie(b.kind, b.ns, b.name, b.group);
}

Describer::Describer(const View& view)
    : view_(view), controls_(view.rules().EdgeTypeByName("CONTROLS")) {
  for (const ScopeDescription& s : view.scopes()) clusters_[s.id] = s.cluster;
}

const SlotName& Describer::Name(ResourceId id) const {
  const Node* node = view_.graph().Find(id);
  return node != nullptr && node->name != nullptr ? *node->name : NoName();
}

const ResourceAnswer& Describer::Resource(ResourceId id) const {
  const auto [told, fresh] = told_.try_emplace(id);
  if (fresh) told->second = Resource(id, view_.as_of());
  return told->second;
}

ResourceAnswer Describer::Resource(ResourceId id, Timestamp at) const {
  const SlotName& name = Name(id);
  ResourceAnswer answer;
  answer.kind = name.kind;
  answer.api_version = ApiVersion(name.group, name.kind);
  answer.ns = name.ns;
  answer.name = name.name;
  const auto cluster = clusters_.find(name.scope);
  if (cluster != clusters_.end()) answer.cluster = cluster->second;
  const Node* node = view_.graph().Find(id);
  if (node == nullptr) return answer;
  if (const Incarnation* life = node->AliveAt(at)) {
    answer.exists = true;
    answer.uid = life->uid;
    return answer;
  }
  for (const Incarnation& life : node->incarnations) {
    if (life.alive.from <= at) answer.uid = life.uid;
  }
  return answer;
}

PathStep Describer::Step(const Arrow& arrow, bool against) const {
  PathStep step;
  step.from = Resource(against ? arrow.to : arrow.from);
  step.to = Resource(against ? arrow.from : arrow.to);
  step.type = view_.rules().EdgeType(arrow.type).name;
  step.against_arrow = against;
  const Interval valid = Masked(arrow.valid, view_.as_of());
  step.valid_from = valid.from;
  step.valid_to = valid.to;
  step.heuristic = (arrow.flags & kEdgeHeuristic) != 0;
  return step;
}

std::vector<PathStep> Describer::LinkPath(const CauseLink& link, Timestamp at) const {
  std::vector<PathStep> steps;
  for (size_t i = 0; i < link.types.size() && i + 1 < link.path.size(); ++i) {
    const bool against = i < link.against_arrow.size() && link.against_arrow[i];
    const ResourceId from = link.path[against ? i + 1 : i];
    const ResourceId to = link.path[against ? i : i + 1];
    Arrow arrow{from, to, link.types[i], 0, Interval{}};
    const EdgeTypeId wanted = link.types[i];
    view_.graph().ForEachEdge(
        from, Direction::kOut, at,
        [&](ResourceId other, EdgeTypeId type, uint16_t flags, Interval valid) {
          if (other != to || type != wanted) return true;
          arrow.flags = flags;
          arrow.valid = valid;
          return false;
        });
    steps.push_back(Step(arrow, against));
  }
  return steps;
}

EventAnswer Describer::Event(const EpisodeRecord& record) const {
  const Timestamp as_of = view_.as_of();
  const EpisodeRecord seen = AsOf(record, as_of);
  const Escalation escalation = Escalate(seen);
  EventAnswer e;
  e.id = EpisodeHandle(seen.key());
  e.event_id = seen.event_id;
  e.etype = seen.etype;
  e.resource = Resource(seen.resource);
  e.cls = view_.rules().Class(seen.cls).name;
  e.category = CategoryWord(seen.category);
  e.severity = SeverityWord(escalation.severity);
  e.escalated = escalation.escalated;
  e.reason = seen.reason;
  e.message = seen.message;
  e.type = seen.type;
  e.container = seen.container;
  e.emitter = seen.emitter;
  e.earliest = seen.earliest;
  e.time = seen.onset;
  e.last = LastOccurrence(seen);
  e.end = seen.end;
  e.occurrences = seen.Occurrences(&e.at_least);
  e.paths = seen.paths;
  return e;
}

EpisodeAnswer Describer::Episode(const EpisodeRecord& record) const {
  EpisodeAnswer e;
  e.id = EpisodeHandle(record.key());
  e.event_id = record.event_id;
  e.cls = view_.rules().Class(record.cls).name;
  e.reason = record.reason;
  e.time = record.onset;
  e.message = record.message;
  return e;
}

EpisodeAnswer Describer::Episode(const Burst& burst) const {
  const auto record = view_.Episode(Name(burst.resource).scope, burst.key);
  if (record.ok() && record->has_value()) return Episode(**record);
  EpisodeAnswer e;
  e.id = EpisodeHandle(burst.key);
  e.cls = view_.rules().Class(burst.cls).name;
  e.time = burst.key.onset;
  return e;
}

ResourceId Describer::TopOwner(ResourceId id, Timestamp at) const {
  for (int i = 0; i < kMaxOwners; ++i) {
    std::optional<ResourceId> owner;
    view_.graph().ForEachEdge(id, Direction::kIn, at,
                              [&](ResourceId other, EdgeTypeId type, uint16_t, Interval) {
                                if (type != controls_ || other == id) return true;
                                if (!owner || NameLess(Name(other), Name(*owner))) owner = other;
                                return true;
                              });
    if (!owner) return id;
    id = *owner;
  }
  return id;
}

ResourceAnswer Describe(const View& view, ResourceId id) {
  return Describer(view).Resource(id);
}

uint64_t CostOf(const EpisodeRecord& record) {
  return sizeof(record) + record.message.size() + record.event_id.size() +
         record.points.size() * sizeof(SeriesPoint);
}

uint64_t CostOf(const RevisionRecord& record) {
  uint64_t bytes = sizeof(record);
  for (const Field& f : record.fields) bytes += sizeof(f) + f.path.size() + f.value.size();
  return bytes;
}

}  // namespace kg::query
