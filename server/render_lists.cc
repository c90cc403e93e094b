#include "server/render.h"
#include "server/render_parts.h"
#include "server/times.h"

// Walks, lists, one resource, and what changed.

namespace kg::server {

namespace json = boost::json;

namespace {

json::value TextOrNull(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

json::array Texts(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

}  // namespace

json::value Render(const query::NeighbourAnswer& a) {
  return json::object{
      {"resource", Render(a.resource)}, {"distance", a.distance}, {"via", Render(a.via)}};
}

json::value Render(const query::TimelineEntry& a) {
  return json::object{{"time", RenderTime(a.time)},
                      {"what", a.what},
                      {"resource", Render(a.resource)},
                      {"severity", RenderOptional(a.severity)},
                      {"class", RenderOptional(a.cls)},
                      {"reason", RenderOptional(a.reason)},
                      {"text", a.text},
                      {"episode", RenderOptional(a.episode)},
                      {"incident", RenderOptional(a.incident)},
                      {"end", RenderTime(a.end)},
                      {"occurrences", a.occurrences},
                      {"distance", a.distance}};
}

json::value Render(const query::FieldAnswer& a) {
  return json::object{{"path", a.path}, {"value", a.value}, {"hashed", a.hashed}};
}

json::value Render(const query::FieldDelta& a) {
  return json::object{
      {"path", a.path}, {"before", TextOrNull(a.before)}, {"after", TextOrNull(a.after)}};
}

json::value Render(const query::LifeAnswer& a) {
  return json::object{{"uid", RenderOptional(a.uid)},
                      {"from", RenderTime(a.from)},
                      {"to", RenderTime(a.to)},
                      {"sighted", a.sighted}};
}

json::value Render(const query::RevisionAnswer& a) {
  return json::object{{"uid", RenderOptional(a.uid)},
                      {"from", RenderTime(a.from)},
                      {"to", RenderTime(a.to)},
                      {"observed_from", RenderTime(a.observed_from)},
                      {"last_confirmed", RenderTime(a.last_confirmed)},
                      {"generation", a.generation},
                      {"changed", RenderAll(a.changed)}};
}

json::value Render(const query::EdgeGroup& a) {
  return json::object{
      {"type", a.type}, {"direction", a.out ? "out" : "in"}, {"edges", RenderCut(a.edges)}};
}

json::value Render(const query::ChangedResource& a) {
  return json::object{{"resource", Render(a.resource)}, {"fields", RenderAll(a.fields)}};
}

json::value Render(const query::Neighbours& a) {
  return json::object{{"of", Render(a.of)},
                      {"neighbours", RenderAll(a.neighbours)},
                      {"edges", RenderAll(a.edges)},
                      {"truncated", RenderOrNull(a.truncated)},
                      {"as_of", RenderTime(a.as_of)},
                      {"total", a.total},
                      {"next", RenderOptional(a.next)}};
}

json::value Render(const query::PathAnswer& a) {
  return json::object{{"from", Render(a.from)},
                      {"to", Render(a.to)},
                      {"found", a.found},
                      {"cost", a.cost},
                      {"steps", RenderAll(a.steps)},
                      {"why", Texts(a.why)},
                      {"truncated", RenderOrNull(a.truncated)},
                      {"as_of", RenderTime(a.as_of)}};
}

json::value Render(const query::EventAnswer& a) {
  return json::object{{"id", a.id},
                      {"event_id", RenderOptional(a.event_id)},
                      {"etype", a.etype},
                      {"resource", Render(a.resource)},
                      {"class", a.cls},
                      {"category", a.category},
                      {"severity", RenderOptional(a.severity)},
                      {"escalated", a.escalated},
                      {"reason", a.reason},
                      {"message", a.message},
                      {"type", RenderOptional(a.type)},
                      {"container", RenderOptional(a.container)},
                      {"emitter", RenderOptional(a.emitter)},
                      {"earliest", RenderTime(a.earliest)},
                      {"time", RenderTime(a.time)},
                      {"last", RenderTime(a.last)},
                      {"end", RenderTime(a.end)},
                      {"occurrences", a.occurrences},
                      {"at_least", a.at_least},
                      {"paths", Texts(a.paths)}};
}

json::value Render(const query::EventsAnswer& a) {
  return json::object{{"events", RenderAll(a.events)},
                      {"as_of", RenderTime(a.as_of)},
                      {"next", RenderOptional(a.next)},
                      {"truncated", RenderOrNull(a.truncated)}};
}

json::value Render(const query::TimelineAnswer& a) {
  return json::object{{"of", RenderOrNull(a.of)},       {"from", RenderTime(a.from)},
                      {"to", RenderTime(a.to)},         {"entries", RenderAll(a.entries)},
                      {"next", RenderOptional(a.next)}, {"truncated", RenderOrNull(a.truncated)}};
}

json::value Render(const query::ResourceDetail& a) {
  return json::object{
      {"resource", Render(a.resource)},        {"as_of", RenderTime(a.as_of)},
      {"fields", RenderAll(a.fields)},         {"lives", RenderAll(a.lives)},
      {"revisions", RenderAll(a.revisions)},   {"open_episodes", RenderAll(a.open_episodes)},
      {"edges", RenderAll(a.edges)},           {"incidents", Texts(a.incidents)},
      {"truncated", RenderOrNull(a.truncated)}};
}

json::value Render(const query::DiffAnswer& a) {
  return json::object{{"from", RenderTime(a.from)},
                      {"to", RenderTime(a.to)},
                      {"appeared", RenderAll(a.appeared)},
                      {"vanished", RenderAll(a.vanished)},
                      {"replaced", RenderAll(a.replaced)},
                      {"changed", RenderAll(a.changed)},
                      {"edges_opened", RenderAll(a.edges_opened)},
                      {"edges_closed", RenderAll(a.edges_closed)},
                      {"incidents_opened", RenderAll(a.incidents_opened)},
                      {"incidents_resolved", RenderAll(a.incidents_resolved)},
                      {"truncated", RenderOrNull(a.truncated)}};
}

}  // namespace kg::server
