#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/decoders.h"

// Which decoder a parsed value is for.

namespace kg::ingest {
namespace {

bool IsWatchType(absl::string_view type) {
  return type == "ADDED" || type == "MODIFIED" || type == "DELETED" || type == "BOOKMARK" ||
         type == "ERROR";
}

// A log record may carry members named alike, of the application that wrote the line.
bool IsEnvelope(const json::object& object) {
  return !Str(object, "topic").empty() && !Has(object, "etype") &&
         (Has(object, "payload") || Has(object, "value") ||
          (Has(object, "key") && (Has(object, "offset") || object.size() <= 3)));
}

bool IsOp(const json::object& object) {
  return !Str(object, "op").empty();
}

void DecodeByTopic(const json::object& value, Context& ctx) {
  switch (ctx.origin.topic) {
    case TopicKind::kResource:
      return DecodeResourceState(value, ctx);
    case TopicKind::kTopology:
      return DecodeTopology(value, ctx);
    case TopicKind::kEvents:
      return DecodeNormalizedEvent(value, ctx);
    case TopicKind::kLogs:
      return DecodeLog(value, ctx);
    case TopicKind::kPromTargets:
      return DecodePromTarget(value, ctx);
    case TopicKind::kPromRules:
      return DecodePromRule(value, ctx);
    case TopicKind::kCommands:
      return DecodeCommand(value, ctx);
    case TopicKind::kRegistry:
      return ctx.Ignore("cluster registry record");
    case TopicKind::kHeartbeat:
      return ctx.Ignore("heartbeat");
    case TopicKind::kDeadLetters:
      return ctx.Ignore("predecessor's dead letter");
    case TopicKind::kUnknown:
      break;
  }
}

bool IsLogShape(const json::object& v) {
  if (Str(v, "etype") == "k8s.log" || Has(v, "log_id")) return true;
  const json::object* kubernetes = FindObject(v, "kubernetes");
  const bool pod = Has(v, "pod_name") || Has(v, "pod_uid") ||
                   (kubernetes != nullptr && Has(*kubernetes, "pod_name"));
  return pod && (Has(v, "message") || Has(v, "log")) && !Has(v, "reason");
}

bool IsNormalizedEvent(const json::object& v) {
  return Has(v, "etype") || Has(v, "event_type_abstract") || Has(v, "raw_event_id") ||
         Has(v, "involved_object_kind") || (Has(v, "event_id") && Has(v, "subject"));
}

// Bare values that carry no kind of their own; true when one was taken.
bool DecodeBare(const json::object& v, Context& ctx) {
  if (IsLogShape(v)) return DecodeLog(v, ctx), true;
  if (IsNormalizedEvent(v)) return DecodeNormalizedEvent(v, ctx), true;
  if (IsOp(v) && (Has(v, "from") || Has(v, "to"))) return DecodeTopology(v, ctx), true;
  if (Has(v, "nodes") && Has(v, "edges")) return DecodeTopology(v, ctx), true;
  if (Has(v, "scrapeUrl")) return DecodePromTarget(v, ctx), true;
  if (Has(v, "rule") && Has(v, "group")) return DecodePromRule(v, ctx), true;
  if (IsOp(v) && Has(v, "kind")) return DecodeResourceState(v, ctx), true;
  if (IsOp(v)) return DecodeCommand(v, ctx), true;
  if (IsAlertGroup(v)) return DecodeAlertGroup(v, ctx), true;
  if (IsAlertShape(v)) return DecodeAlert(v, ctx), true;
  if (Has(v, "original_message") && Has(v, "error")) {
    return ctx.Ignore("predecessor's dead letter"), true;
  }
  if (Has(v, "client_id") && (Has(v, "registered_at") || Has(v, "chart_version"))) {
    return ctx.Ignore("cluster registry record"), true;
  }
  if (Has(v, "client_id") && Has(v, "timestamp") && v.size() <= 4) {
    return ctx.Ignore("heartbeat"), true;
  }
  return false;
}

// The payload of a record: an object, or text that holds one.
void DecodePayload(const json::value& payload, Context& ctx) {
  if (payload.is_null()) return DecodeTombstone(ctx);
  const json::string* text = payload.if_string();
  if (text == nullptr) return DecodeValue(payload, ctx);
  if (text->empty()) return DecodeTombstone(ctx);
  json::error_code error;
  json::parse_options parse;
  parse.max_depth = ctx.limits().depth;
  parse.allow_invalid_utf8 = true;
  unsigned char scratch[16384];
  json::monotonic_resource memory(scratch, sizeof(scratch));
  const json::value value = json::parse(*text, error, &memory, parse);
  if (error) {
    ctx.Reject(absl::StrCat("the record's value is no JSON: ", error.message()));
    return;
  }
  DecodeValue(value, ctx);
}

std::optional<Timestamp> EnvelopeTime(const json::object& envelope) {
  for (const absl::string_view key : {"ts", "timestamp", "time"}) {
    const TimeReading reading = Time(envelope, key);
    if (reading.kind == TimeReading::Kind::kGood) return reading.time;
  }
  return std::nullopt;
}

void DecodeEnvelope(const json::object& envelope, Context& ctx) {
  const TopicName topic = ParseTopic(Str(envelope, "topic"));
  ctx.origin.from_topic = true;
  ctx.origin.topic = topic.kind;
  ctx.origin.envelope_time = EnvelopeTime(envelope);
  ctx.origin.key.reset();
  ctx.origin.tenant = topic.tenant;
  if (const json::value* key = Find(envelope, "key"); key != nullptr && key->is_string()) {
    ctx.origin.key = std::string(View(key->get_string()));
    RecordKey split = SplitKey(*ctx.origin.key, topic.kind);
    if (!split.tenant.empty()) ctx.origin.tenant = std::move(split.tenant);
    ctx.origin.raw_key = std::move(split.raw);
  }
  const json::value* payload = Find(envelope, "payload");
  if (payload == nullptr) payload = Find(envelope, "value");
  if (payload == nullptr) return DecodeTombstone(ctx);
  DecodePayload(*payload, ctx);
}

// Prometheus' and Alertmanager's API answers wrap what is of use in `data`.
bool DecodeApiAnswer(const json::object& v, Context& ctx) {
  if (Str(v, "status") != "success") return false;
  const json::value* data = Find(v, "data");
  if (data == nullptr) return false;
  const json::object* inner = data->if_object();
  const json::array* alerts = inner != nullptr ? FindArray(*inner, "alerts") : data->if_array();
  if (alerts == nullptr) return false;
  for (const json::value& alert : *alerts) DecodeValue(alert, ctx);
  return true;
}

}  // namespace

void DecodeObjectValue(const json::object& v, Context& ctx) {
  if (!ctx.origin.from_topic && IsEnvelope(v)) return DecodeEnvelope(v, ctx);
  if (IsWatchType(Str(v, "type")) && FindObject(v, "object") != nullptr) {
    return DecodeWatchFrame(v, ctx);
  }
  const bool kubernetes = Has(v, "apiVersion") && Has(v, "kind");
  if (kubernetes && !IsOp(v) && !Has(v, "etype")) return DecodeKubernetes(v, ctx);
  if (ctx.origin.topic != TopicKind::kUnknown) return DecodeByTopic(v, ctx);
  if (DecodeBare(v, ctx) || DecodeApiAnswer(v, ctx)) return;
  if (IsEventShape(v)) return DecodeEvent(v, ctx);
  const bool listed = ctx.origin.in_list && !ctx.origin.list_kind.empty();
  if (listed || Has(v, "kind") || Has(v, "apiVersion")) return DecodeKubernetes(v, ctx);
  if (FindArray(v, "items") != nullptr && Has(v, "metadata")) return DecodeKubernetes(v, ctx);
  ctx.Reject("the record is of no known format; see kgctl load --help for what is understood");
}

void DecodeValue(const json::value& value, Context& ctx) {
  if (const json::object* object = value.if_object()) return DecodeObjectValue(*object, ctx);
  if (const json::array* list = value.if_array()) {
    const Origin origin = ctx.origin;
    for (const json::value& element : *list) {
      if (ctx.failed()) return;
      ctx.origin = origin;
      DecodeValue(element, ctx);
    }
    return;
  }
  if (value.is_null() && ctx.origin.from_topic) return DecodeTombstone(ctx);
  ctx.Reject("a JSON object is expected here");
}

}  // namespace kg::ingest
