#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "ingest/internal/decoders.h"

// Events of core/v1 and events.k8s.io/v1, also as kubernetes-event-exporter sends them.

namespace kg::ingest {
namespace {

constexpr absl::string_view kCombined = "(combined from similar events): ";

// The container of "spec.containers{app}".
std::string ContainerOf(absl::string_view field_path) {
  const size_t open = field_path.find('{'), close = field_path.rfind('}');
  if (open == absl::string_view::npos || close == absl::string_view::npos || close < open)
    return "";
  if (!absl::StrContains(absl::AsciiStrToLower(field_path.substr(0, open)), "containers"))
    return "";
  return Text(field_path.substr(open + 1, close - open - 1));
}

struct EventTimes {
  std::optional<Timestamp> first, last, event, created, observed;
  std::optional<Timestamp> old_first, old_last;
};

bool ReadTimes(const json::object& event, const json::object& metadata, Context& ctx,
               EventTimes* times) {
  const json::object* series = FindObject(event, "series");
  return ReadTime(event, "firstTimestamp", "firstTimestamp", ctx, &times->first) &&
         ReadTime(event, "lastTimestamp", "lastTimestamp", ctx, &times->last) &&
         ReadTime(event, "eventTime", "eventTime", ctx, &times->event) &&
         ReadTime(event, "deprecatedFirstTimestamp", "deprecatedFirstTimestamp", ctx,
                  &times->old_first) &&
         ReadTime(event, "deprecatedLastTimestamp", "deprecatedLastTimestamp", ctx,
                  &times->old_last) &&
         ReadTime(metadata, "creationTimestamp", "metadata.creationTimestamp", ctx,
                  &times->created) &&
         (series == nullptr ||
          ReadTime(*series, "lastObservedTime", "series.lastObservedTime", ctx, &times->observed));
}

// Sets first and last; false when the event names no time at all.
bool DateEvent(const EventTimes& times, Context& ctx, EventRecord* record) {
  for (const auto* t : {&times.first, &times.old_first, &times.event, &times.created, &times.last,
                        &times.old_last, &times.observed}) {
    if (*t) {
      record->first = record->last = **t;
      break;
    }
  }
  for (const auto* t : {&times.observed, &times.last, &times.old_last, &times.event}) {
    if (*t && **t > record->last) record->last = **t;
  }
  if (record->first != Timestamp{}) return true;
  if (ctx.origin.envelope_time) {
    record->first = record->last = *ctx.origin.envelope_time;
    record->at_source = TimeSource::kEnvelope;
    return true;
  }
  return false;
}

int64_t CountOf(const json::object& event) {
  int64_t count = std::max<int64_t>(1, Int(event, "count").value_or(1));
  count = std::max(count, Int(event, "deprecatedCount").value_or(1));
  if (const json::object* series = FindObject(event, "series")) {
    count = std::max(count, Int(*series, "count").value_or(1));
  }
  return count;
}

std::string EmitterOf(const json::object& event) {
  for (const absl::string_view key : {"reportingController", "reportingComponent"}) {
    const std::string name = Text(event, key);
    if (!name.empty()) return name;
  }
  for (const absl::string_view key : {"source", "deprecatedSource"}) {
    const json::object* source = FindObject(event, key);
    if (source != nullptr && !Str(*source, "component").empty()) return Text(*source, "component");
  }
  return "";
}

void SetIds(const json::object& event, const json::object& metadata, Context& ctx,
            EventRecord* record) {
  const std::string uid = Text(metadata, "uid");
  const absl::string_view creation = Str(metadata, "creationTimestamp");
  if (!uid.empty()) {
    record->event_id = uid;
    if (!creation.empty()) {
      record->other_ids.push_back(VectorEventId(creation, uid, record->reason));
      record->other_ids.push_back(NormalizerEventId(uid, creation));
    }
    return;
  }
  record->event_id = Text(event, "event_id");
  if (record->event_id.empty()) record->event_id = Text(ctx.origin.raw_key);
  if (!record->event_id.empty()) return;
  // A name of an Event object is unique in its namespace while it lives.
  const std::string name = Text(metadata, "name");
  record->event_id = FallbackEventId(FormatTime(record->first), record->etype, record->subject.ns,
                                     record->subject.name, record->reason);
  if (!name.empty()) record->other_ids.push_back(name);
}

}  // namespace

bool IsEventShape(const json::object& object) {
  const json::object* about = FindObject(object, "involvedObject");
  if (about == nullptr) about = FindObject(object, "regarding");
  return about != nullptr &&
         (Has(object, "reason") || Has(object, "message") || Has(object, "note"));
}

void DecodeEvent(const json::object& event, Context& ctx) {
  ctx.Took("kubernetes event");
  static const json::object kNone;
  const json::object* metadata = FindObject(event, "metadata");
  if (metadata == nullptr) metadata = &kNone;
  const json::object* about = FindObject(event, "involvedObject");
  if (about == nullptr) about = FindObject(event, "regarding");
  if (about == nullptr) {
    ctx.Reject(
        "involvedObject (or regarding) is missing or no object; an event is about something");
    return;
  }
  EventRecord record;
  record.scope = ctx.Scope(Str(event, "client_id"), Str(event, "clusterName"));
  record.subject = ReadReference(*about);
  if (record.subject.kind.empty() || record.subject.name.empty()) {
    ctx.Reject("involvedObject needs kind and name", record.scope);
    return;
  }
  record.container = ContainerOf(Str(*about, "fieldPath"));
  if (const json::object* related = FindObject(event, "related")) {
    ObjectRef ref = ReadReference(*related);
    if (!ref.kind.empty() && !ref.name.empty()) record.related = std::move(ref);
  }
  record.reason = Text(event, "reason");
  if (record.reason.empty()) record.reason = "Unknown";
  const absl::string_view message =
      Has(event, "message") ? Str(event, "message") : Str(event, "note");
  record.message = ctx.Prose(absl::StripPrefix(message, kCombined));
  record.type = Text(event, "type");
  record.emitter = EmitterOf(event);
  record.count = CountOf(event);
  EventTimes times;
  if (!ReadTimes(event, *metadata, ctx, &times)) return;
  if (!DateEvent(times, ctx, &record)) {
    ctx.Reject(
        "the event names no time; one of firstTimestamp, eventTime or "
        "metadata.creationTimestamp is needed",
        record.scope);
    return;
  }
  SetIds(event, *metadata, ctx, &record);
  ctx.EmitEvent(std::move(record));
}

}  // namespace kg::ingest
