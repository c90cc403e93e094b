#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "ingest/internal/decoders.h"

// events.normalized in the shapes that its collectors write: alerts (A, C, F) go to the alert
// decoder, raw Event objects (D) to the Event decoder; B and E are read here.

namespace kg::ingest {
namespace {

bool IsNormalizerShape(const json::object& v) {
  return Has(v, "event_type_abstract") || Has(v, "raw_event_id") ||
         Has(v, "involved_object_kind") || absl::StartsWith(Str(v, "event_id"), "evt-");
}

// The flat record of the Python normalizer.
ObjectRef FlatSubject(const json::object& v) {
  ObjectRef ref;
  ref.kind = Text(v, "involved_object_kind");
  ref.ns = Text(v, "namespace");
  ref.name = Text(v, "involved_object_name");
  const auto fall_back = [&](const char* key, const char* kind) {
    if (!ref.name.empty() || Str(v, key).empty()) return;
    ref.name = Text(v, key);
    ref.kind = kind;
  };
  fall_back("pod_name", "Pod");
  fall_back("service", "Service");
  fall_back("node", "Node");
  if (ref.kind == "Node") ref.ns.clear();
  return ref;
}

// The times of shape B: event_time is the first occurrence; the Event's own fields came along.
bool ReadEventTimes(const json::object& v, Context& ctx, EventRecord* record) {
  std::optional<Timestamp> named, first, last, stamp;
  if (!ReadTime(v, "event_time", "event_time", ctx, &named) ||
      !ReadTime(v, "firstTimestamp", "firstTimestamp", ctx, &first) ||
      !ReadTime(v, "lastTimestamp", "lastTimestamp", ctx, &last) ||
      !ReadTime(v, "timestamp", "timestamp", ctx, &stamp)) {
    return false;
  }
  const std::optional<Timestamp> when = named ? named : stamp;
  if (!when && !first && !last && !ctx.origin.envelope_time) {
    ctx.Reject("event_time is missing; an event needs a time", record->scope);
    return false;
  }
  if (!when && !first && !last) record->at_source = TimeSource::kEnvelope;
  record->first = first ? *first : when ? *when : last ? *last : *ctx.origin.envelope_time;
  record->last = std::max(record->first, last ? *last : when ? *when : record->first);
  return true;
}

void SetIds(const json::object& v, Context& ctx, EventRecord* record) {
  record->event_id = Text(v, "event_id");
  if (record->event_id.empty()) record->event_id = Text(ctx.origin.raw_key);
  const json::object* metadata = FindObject(v, "metadata");
  const std::string uid = metadata == nullptr ? "" : Text(*metadata, "uid");
  for (const std::string& id : {uid, Text(v, "raw_event_id")}) {
    if (id.empty() || id == record->event_id) continue;
    // The Event's own uid joins what other collectors send of it.
    if (!record->event_id.empty()) record->other_ids.push_back(record->event_id);
    record->event_id = id;
    break;
  }
  if (record->event_id.empty()) {
    record->event_id = FallbackEventId(FormatTime(record->first), record->etype, record->subject.ns,
                                       record->subject.name, record->reason);
  }
  // Where the object had no uid, that collector put the Event's in its place.
  if (record->subject.uid == uid) record->subject.uid.clear();
}

void DecodeEventShape(const json::object& v, Context& ctx) {
  ctx.Took("normalized event");
  EventRecord record;
  record.scope =
      ctx.Scope(Str(v, "client_id"), Str(v, Has(v, "cluster") ? "cluster" : "cluster_name"));
  record.etype = Has(v, "etype") ? Text(v, "etype") : std::string("k8s.event");
  const json::object* subject = FindObject(v, "subject");
  const json::object* about = FindObject(v, "involvedObject");
  if (subject != nullptr && !Str(*subject, "name").empty()) {
    record.subject = ReadReference(*subject);
  } else if (about != nullptr) {
    record.subject = ReadReference(*about);
  } else {
    record.subject = FlatSubject(v);
    if (subject != nullptr && record.subject.name.empty()) record.subject = ReadReference(*subject);
  }
  const bool named = !record.subject.name.empty() || !record.subject.uid.empty();
  if (record.subject.kind.empty() || !named) {
    ctx.Reject("subject needs a kind and a name or uid", record.scope);
    return;
  }
  if (about != nullptr) {
    const ObjectRef full = ReadReference(*about);
    if (full.name == record.subject.name && full.group_known) {
      record.subject.group = full.group;
      record.subject.group_known = true;
    }
    const absl::string_view path = Str(*about, "fieldPath");
    const size_t open = path.find("ontainers{");
    if (open != absl::string_view::npos && absl::EndsWith(path, "}")) {
      record.container = Text(path.substr(open + 10, path.size() - open - 11));
    }
  }
  record.reason = Text(v, "reason");
  if (record.reason.empty()) record.reason = Text(v, "event_type_abstract");
  if (record.reason.empty()) record.reason = "Unknown";
  record.message =
      ctx.Prose(absl::StripPrefix(Str(v, "message"), "(combined from similar events): "));
  record.severity = absl::AsciiStrToUpper(Text(v, "severity"));
  record.type = Text(v, "type");
  if (const json::object* source = FindObject(v, "source"))
    record.emitter = Text(*source, "component");
  record.count = std::max<int64_t>(1, Int(v, "count").value_or(1));
  if (!ReadEventTimes(v, ctx, &record)) return;
  SetIds(v, ctx, &record);
  ctx.EmitEvent(std::move(record));
}

bool IsEmptySubject(const json::object& v) {
  const json::object* subject = FindObject(v, "subject");
  if (subject == nullptr) return true;
  for (const char* key : {"kind", "name", "uid", "ns", "namespace"}) {
    if (!Str(*subject, key).empty()) return false;
  }
  return true;
}

}  // namespace

void DecodeNormalizedEvent(const json::object& v, Context& ctx) {
  const absl::string_view etype = Str(v, "etype");
  if (absl::EqualsIgnoreCase(etype, "prom.alert")) return DecodeNormalizedAlert(v, ctx);
  if (absl::EqualsIgnoreCase(etype, "k8s.log")) return DecodeLog(v, ctx);
  if (IsAlertGroup(v)) return DecodeAlertGroup(v, ctx);
  if (IsAlertShape(v)) return DecodeAlert(v, ctx);
  if ((etype.empty() || IsEmptySubject(v)) && IsEventShape(v) && !IsNormalizerShape(v)) {
    return DecodeEvent(v, ctx);
  }
  DecodeEventShape(v, ctx);
}

}  // namespace kg::ingest
