#include <algorithm>
#include <array>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/decoders.h"

// Kubernetes objects: lists, single objects, watch frames.

namespace kg::ingest {
namespace {

// Members that hold a time at which the cluster did something. Times of plans (notAfter,
// nextScheduleTime) are none.
constexpr std::array<absl::string_view, 20> kTimeMembers = {
    "creationTimestamp",  "time",
    "lastTransitionTime", "lastUpdateTime",
    "lastProbeTime",      "lastHeartbeatTime",
    "startedAt",          "finishedAt",
    "startTime",          "completionTime",
    "lastScheduleTime",   "lastSuccessfulTime",
    "renewTime",          "acquireTime",
    "firstTimestamp",     "lastTimestamp",
    "eventTime",          "lastObservedTime",
    "lastScaleTime",      "detectedAt"};

bool IsTimeMember(absl::string_view name) {
  return std::find(kTimeMembers.begin(), kTimeMembers.end(), name) != kTimeMembers.end();
}

// The newest time that `value` names, plausible ones only.
void NewestTime(const json::value& value, const SetState& set, std::optional<Timestamp>* newest) {
  if (const json::object* object = value.if_object()) {
    for (const auto& member : *object) {
      const json::string* text = member.value().if_string();
      if (text == nullptr) {
        if (member.value().is_structured()) NewestTime(member.value(), set, newest);
        continue;
      }
      if (text->size() < 20 || text->size() > 40 || !IsTimeMember(View(member.key()))) continue;
      const TimeReading reading = ParseTime(View(*text));
      if (reading.kind != TimeReading::Kind::kGood || !set.Plausible(reading.time)) continue;
      if (!*newest || **newest < reading.time) *newest = reading.time;
    }
  } else if (const json::array* list = value.if_array()) {
    for (const json::value& element : *list) {
      if (element.is_structured()) NewestTime(element, set, newest);
    }
  }
}

// Of an object: a specification holds plans, except a Lease's, which is all there is to it.
std::optional<Timestamp> OwnNewest(const json::object& object, const SetState& set) {
  std::optional<Timestamp> newest;
  for (const auto& member : object) {
    const bool plans = View(member.key()) == "spec" && Str(object, "kind") != "Lease";
    if (!plans) NewestTime(member.value(), set, &newest);
  }
  return newest;
}

std::vector<ManagedStamp> ReadManaged(const json::object& metadata) {
  std::vector<ManagedStamp> stamps;
  const json::array* list = FindArray(metadata, "managedFields");
  if (list == nullptr) return stamps;
  for (const json::value& element : *list) {
    const json::object* entry = element.if_object();
    if (entry == nullptr) continue;
    const TimeReading time = Time(*entry, "time");
    if (time.kind != TimeReading::Kind::kGood) continue;
    stamps.push_back({Text(*entry, "manager"), Text(*entry, "operation"), time.time});
  }
  std::sort(stamps.begin(), stamps.end(), [](const ManagedStamp& a, const ManagedStamp& b) {
    return std::tie(a.time, a.manager, a.operation) < std::tie(b.time, b.manager, b.operation);
  });
  return stamps;
}

bool CheckLabels(const json::object& metadata, Context& ctx) {
  const json::object* labels = FindObject(metadata, "labels");
  if (labels == nullptr || labels->size() <= ctx.limits().labels_per_object) return true;
  ++ctx.stats().limits["max_labels"];
  ctx.Reject(absl::StrCat("metadata.labels has ", labels->size(), " entries, at most ",
                          ctx.limits().labels_per_object, " are taken"));
  return false;
}

// Kind and name decide what the record is about: without them there is nothing to keep.
bool ReadIdentity(const json::object& object, const json::object& metadata, Context& ctx,
                  ObjectRef* ref) {
  const absl::string_view api_version = Has(object, "apiVersion")
                                            ? Str(object, "apiVersion")
                                            : absl::string_view(ctx.origin.list_api_version);
  ref->kind = Has(object, "kind") ? Text(object, "kind") : ctx.origin.list_kind;
  ref->group = GroupOf(api_version);
  ref->group_known = !api_version.empty();
  ref->ns = Text(metadata, "namespace");
  ref->name = Text(metadata, "name");
  ref->uid = Text(metadata, "uid");
  if (ref->uid == ref->name) ref->uid.clear();
  if (ref->kind.empty()) {
    ctx.Reject("kind is missing or no string; print the object with kubectl get -o json");
    return false;
  }
  if (ref->name.empty()) {
    ctx.Reject("metadata.name is missing or no string; an object needs a name");
    return false;
  }
  return true;
}

// Kinds that are answers of the API server, not state of the cluster.
bool IsNoState(absl::string_view kind, absl::string_view group) {
  return group == "metrics.k8s.io" || group == "authentication.k8s.io" ||
         group == "authorization.k8s.io" || kind == "APIResourceList" || kind == "APIGroupList" ||
         kind == "ComponentStatus";
}

void DecodeObject(const json::object& object, Context& ctx) {
  const json::object* metadata = FindObject(object, "metadata");
  if (metadata == nullptr) {
    ctx.Reject("metadata is missing or no object; this is no Kubernetes object");
    return;
  }
  ObjectRecord record;
  if (!ReadIdentity(object, *metadata, ctx, &record.ref) || !CheckLabels(*metadata, ctx)) return;
  if (IsNoState(record.ref.kind, record.ref.group)) return ctx.Ignore("object without state");
  if (!ReadTime(*metadata, "creationTimestamp", "metadata.creationTimestamp", ctx,
                &record.created) ||
      !ReadTime(*metadata, "deletionTimestamp", "metadata.deletionTimestamp", ctx,
                &record.deleting)) {
    return;
  }
  record.scope = ctx.Scope("", "");
  record.presence = ctx.origin.presence;
  record.generation = Int(*metadata, "generation").value_or(0);
  record.managed = ReadManaged(*metadata);
  const std::string identity =
      absl::StrCat(record.ref.kind, "/", record.ref.ns, "/", record.ref.name);
  CollectFields(object, record.ref.kind, identity, ctx, &record.fields);
  if (record.fields.size() > ctx.limits().fields_per_object) {
    ++ctx.stats().limits["max_fields"];
    ctx.Reject(absl::StrCat("the object has ", record.fields.size(), " fields, at most ",
                            ctx.limits().fields_per_object, " are taken"));
    return;
  }
  const std::optional<Timestamp> own = OwnNewest(object, ctx.set());
  if (own) ctx.set().Observe(*own);
  if (record.presence == Presence::kPresent) ctx.set().NotePresent(record.scope, record.ref);
  std::optional<uint64_t> version;
  if (uint64_t number = 0; absl::SimpleAtoi(Str(*metadata, "resourceVersion"), &number)) {
    version = number;
  }
  ctx.EmitUndated(std::move(record), own, version);
}

// "PodList" is a list of Pods, which then may lack a kind of their own.
std::string ElementKind(absl::string_view list_kind) {
  if (list_kind == "List" || !absl::EndsWith(list_kind, "List")) return "";
  return std::string(list_kind.substr(0, list_kind.size() - 4));
}

}  // namespace

std::string GroupOf(absl::string_view api_version) {
  const size_t slash = api_version.find('/');
  return slash == absl::string_view::npos ? "" : Text(api_version.substr(0, slash));
}

bool ReadTime(const json::object& object, absl::string_view key, const char* path, Context& ctx,
              std::optional<Timestamp>* out) {
  const TimeReading reading = Time(object, key);
  if (reading.kind == TimeReading::Kind::kGood) *out = reading.time;
  if (reading.kind != TimeReading::Kind::kBad) return true;
  ctx.Reject(absl::StrCat(path, " is no time between 1990 and 2200; RFC 3339 is expected"));
  return false;
}

ObjectRef ReadReference(const json::object& reference) {
  ObjectRef ref;
  const absl::string_view api_version = Str(reference, "apiVersion");
  ref.group_known = !api_version.empty();
  ref.group = GroupOf(api_version);
  ref.kind = Text(reference, "kind");
  ref.ns = Text(reference, Has(reference, "ns") ? "ns" : "namespace");
  ref.name = Text(reference, "name");
  ref.uid = Text(reference, "uid");
  if (ref.uid == ref.name) ref.uid.clear();
  return ref;
}

void EnterList(const json::object& list, Context& ctx) {
  ctx.origin.in_list = true;
  ctx.origin.list_kind = ElementKind(Str(list, "kind"));
  ctx.origin.list_api_version.clear();
  if (!ctx.origin.list_kind.empty()) ctx.origin.list_api_version = Text(list, "apiVersion");
}

void DecodeListEnd(const json::object& list, Context& ctx) {
  EnterList(list, ctx);
  if (ctx.origin.list_kind.empty() || ctx.origin.list_kind == "Event") return;
  ObjectRef kind;
  kind.kind = ctx.origin.list_kind;
  kind.group = GroupOf(ctx.origin.list_api_version);
  kind.group_known = true;
  ctx.set().NoteKind(kind);
}

void DecodeKubernetes(const json::object& object, Context& ctx) {
  const json::array* items = FindArray(object, "items");
  const absl::string_view kind =
      Has(object, "kind") ? Str(object, "kind") : absl::string_view(ctx.origin.list_kind);
  if (items != nullptr && (kind.empty() || absl::EndsWith(kind, "List"))) {
    DecodeListEnd(object, ctx);
    const Origin origin = ctx.origin;
    for (const json::value& item : *items) {
      if (ctx.failed()) return;
      ctx.origin = origin;
      if (const json::object* element = item.if_object()) {
        DecodeKubernetes(*element, ctx);
      } else {
        ctx.Reject("an element of items is no object");
      }
    }
    return;
  }
  if (kind == "Event" || (kind.empty() && IsEventShape(object))) return DecodeEvent(object, ctx);
  if (kind == "Status") return ctx.Ignore("API status");
  if (kind == "Config" && Has(object, "clusters")) {
    ctx.Reject("this is a kubeconfig, not data of a cluster; it was not read");
    return;
  }
  ctx.Took("kubernetes object");
  DecodeObject(object, ctx);
}

void DecodeWatchFrame(const json::object& frame, Context& ctx) {
  ctx.Took("watch frame");
  const absl::string_view type = Str(frame, "type");
  const json::object* object = FindObject(frame, "object");
  if (type == "ERROR") {
    ctx.set().NoteIncomplete();
    return ctx.Ignore("watch ERROR frame");
  }
  if (type == "BOOKMARK") return ctx.Ignore("watch BOOKMARK frame");
  if (object == nullptr) return ctx.Reject("object is missing in the watch frame");
  ctx.origin.frame = true;
  ctx.origin.presence = type == "DELETED" ? Presence::kDeleted : Presence::kPresent;
  // An event that the API server forgets has not un-happened.
  const bool is_event = Str(*object, "kind") == "Event" || IsEventShape(*object);
  if (is_event && ctx.origin.presence == Presence::kDeleted) return ctx.Ignore("expired event");
  DecodeKubernetes(*object, ctx);
}

}  // namespace kg::ingest
