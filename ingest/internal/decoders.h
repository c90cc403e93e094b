#pragma once

#include "ingest/internal/context.h"
#include "ingest/internal/json.h"

// One function per wire format. Each emits mutations, counts what is of no use, or rejects the
// record with a reason. None throws.

namespace kg::ingest {

// Whatever `value` is: recognised by topic, else by content.
void DecodeValue(const json::value& value, Context& ctx);
void DecodeObjectValue(const json::object& value, Context& ctx);

// Kubernetes (k8s_object.cc, k8s_event.cc).
void DecodeKubernetes(const json::object& object, Context& ctx);  // by kind; lists and events too
// Notes the kind of a list, so that its elements may lack theirs; DecodeListEnd says that it has
// been read, so that an empty list counts as one.
void EnterList(const json::object& list, Context& ctx);
void DecodeListEnd(const json::object& list, Context& ctx);
void DecodeWatchFrame(const json::object& frame, Context& ctx);
void DecodeEvent(const json::object& event, Context& ctx);
bool IsEventShape(const json::object& object);

// Alerts (alerts.cc).
void DecodeAlertGroup(const json::object& webhook, Context& ctx);
void DecodeAlert(const json::object& alert, Context& ctx);
bool IsAlertGroup(const json::object& object);
bool IsAlertShape(const json::object& object);
// An alert as the predecessor's collectors publish it (shapes A, C, F).
void DecodeNormalizedAlert(const json::object& event, Context& ctx);

// The predecessor's topics (predecessor.cc, normalized_events.cc, logs.cc).
void DecodeResourceState(const json::object& value, Context& ctx);
void DecodeTopology(const json::object& value, Context& ctx);
void DecodePromTarget(const json::object& value, Context& ctx);
void DecodePromRule(const json::object& value, Context& ctx);
void DecodeCommand(const json::object& value, Context& ctx);
void DecodeTombstone(Context& ctx);
void DecodeNormalizedEvent(const json::object& value, Context& ctx);
void DecodeLog(const json::object& value, Context& ctx);

// Shared parts.
ObjectRef ReadReference(const json::object& reference);  // involvedObject, targetRef, …
void CollectFields(const json::object& object, const std::string& kind, const std::string& identity,
                   Context& ctx, std::vector<Field>* fields);
// Appends `base` and a member name to a path.
void AppendMember(std::string* path, absl::string_view name);
std::string HmacField(const Context& ctx, absl::string_view identity, absl::string_view path,
                      absl::string_view value);
// The severity that a log line shows by itself: DEBUG to FATAL, INFO where it shows none.
std::string InferLogSeverity(absl::string_view line);
std::string GroupOf(absl::string_view api_version);

// A time that decides what the record means. False (after Reject) when it is bad; absent leaves
// `out` as it is.
bool ReadTime(const json::object& object, absl::string_view key, const char* path, Context& ctx,
              std::optional<Timestamp>* out);

}  // namespace kg::ingest
