#include "server/render.h"

// Records as the decoders hand them on, for people who look at what could not be applied.

namespace kg::server {
namespace {

namespace json = boost::json;

json::value Of(const std::optional<Timestamp>& t) {
  return t ? RenderTime(*t) : json::value(nullptr);
}

json::value Of(const ObjectRef& ref) {
  return json::object{{"group", ref.group},
                      {"kind", ref.kind},
                      {"namespace", RenderOptional(ref.ns)},
                      {"name", RenderOptional(ref.name)},
                      {"uid", RenderOptional(ref.uid)}};
}

json::value Of(const std::vector<ObjectRef>& refs) {
  json::array out;
  for (const ObjectRef& ref : refs) out.push_back(Of(ref));
  return out;
}

json::value Of(const std::vector<Field>& fields) {
  json::object out;
  for (const Field& field : fields) out[field.path] = field.value;
  return out;
}

json::object Of(const ObjectRecord& r) {
  return {{"type", "object"},
          {"object", Of(r.ref)},
          {"deleted", r.presence == Presence::kDeleted},
          {"at", RenderTime(r.at)},
          {"created", Of(r.created)},
          {"deleting", Of(r.deleting)},
          {"generation", r.generation},
          {"fields", Of(r.fields)}};
}

json::object Of(const EdgeRecord& r) {
  return {{"type", "edge"},
          {"edge", r.type},
          {"from", Of(r.from)},
          {"to", Of(r.to)},
          {"deleted", r.presence == Presence::kDeleted},
          {"at", RenderTime(r.at)},
          {"asserter", r.asserter}};
}

json::object Of(const EventRecord& r) {
  return {{"type", "event"},
          {"id", r.event_id},
          {"etype", r.etype},
          {"object", Of(r.subject)},
          {"container", RenderOptional(r.container)},
          {"reason", r.reason},
          {"message", r.message},
          {"severity", RenderOptional(r.severity)},
          {"event_type", RenderOptional(r.type)},
          {"emitter", RenderOptional(r.emitter)},
          {"first", RenderTime(r.first)},
          {"last", RenderTime(r.last)},
          {"count", r.count}};
}

json::object Of(const AlertRecord& r) {
  return {{"type", "alert"},
          {"fingerprint", r.fingerprint},
          {"name", r.name},
          {"labels", Of(r.labels)},
          {"annotations", Of(r.annotations)},
          {"object", Of(r.subject)},
          {"severity", RenderOptional(r.severity)},
          {"message", r.message},
          {"firing", r.firing},
          {"starts_at", RenderTime(r.starts_at)},
          {"ends_at", Of(r.ends_at)},
          {"at", RenderTime(r.at)}};
}

json::object Of(const LogRecord& r) {
  return {{"type", "log"},
          {"object", Of(r.subject)},
          {"container", RenderOptional(r.container)},
          {"at", RenderTime(r.at)},
          {"severity", RenderOptional(r.severity)},
          {"line", r.line}};
}

json::object Of(const CompletenessRecord& r) {
  json::array namespaces;
  for (const std::string& ns : r.namespaces) namespaces.emplace_back(ns);
  return {{"type", "complete"},
          {"at", RenderTime(r.at)},
          {"namespaces", std::move(namespaces)},
          {"kinds", Of(r.kinds)},
          {"present", Of(r.present)}};
}

}  // namespace

json::value Render(const Mutation& mutation) {
  return std::visit([](const auto& record) { return json::value(Of(record)); }, mutation);
}

}  // namespace kg::server
