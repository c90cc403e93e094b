#include "server/render.h"

#include "server/render_parts.h"
#include "server/times.h"

// The contract: root causes, incidents, blast radius, stats, and what they are made of.

namespace kg::server {

namespace json = boost::json;

json::value RenderTime(Timestamp t) {
  return RenderOptional(FormatTime(t));
}

json::value RenderOptional(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value Render(const query::ResourceAnswer& a) {
  return json::object{{"kind", a.kind},
                      {"api_version", RenderOptional(a.api_version)},
                      {"namespace", RenderOptional(a.ns)},
                      {"name", a.name},
                      {"uid", RenderOptional(a.uid)},
                      {"cluster", RenderOptional(a.cluster)},
                      {"exists", a.exists}};
}

json::value Render(const query::PathStep& a) {
  return json::object{{"from", Render(a.from)},
                      {"to", Render(a.to)},
                      {"type", a.type},
                      {"against_arrow", a.against_arrow},
                      {"valid_from", RenderTime(a.valid_from)},
                      {"valid_to", RenderTime(a.valid_to)},
                      {"heuristic", a.heuristic}};
}

json::value Render(const query::EpisodeAnswer& a) {
  return json::object{{"id", a.id},           {"class", a.cls},
                      {"reason", a.reason},   {"time", RenderTime(a.time)},
                      {"message", a.message}, {"event_id", RenderOptional(a.event_id)}};
}

json::value Render(const query::Truncated& a) {
  return json::object{{"limit", a.limit}, {"where", a.where}, {"seen", a.seen}};
}

json::value Render(const query::FindingAnswer& a) {
  return json::object{{"kind", a.kind}, {"text", a.text}};
}

json::value Render(const query::ScoreParts& a) {
  return json::object{{"temporal", a.temporal},
                      {"distance", a.distance},
                      {"domain", a.domain},
                      {"effect", RenderOptional(a.effect)}};
}

json::value Render(const query::Evidence& a) {
  return json::object{{"episode", RenderOptional(a.episode)},
                      {"role", a.role},
                      {"time", RenderTime(a.time)},
                      {"class", RenderOptional(a.cls)},
                      {"text", a.text}};
}

json::value Render(const query::Against& a) {
  return json::object{{"text", a.text}, {"episode", RenderOptional(a.episode)}};
}

json::value Render(const query::Gap& a) {
  return json::object{{"what", a.what}, {"from", RenderTime(a.from)}, {"to", RenderTime(a.to)}};
}

namespace {

std::string SelectorText(const std::vector<query::LabelRequirement>& labels) {
  std::string out;
  for (const query::LabelRequirement& r : labels) {
    const bool in = r.is == query::LabelRequirement::Is::kIn;
    if (!out.empty()) out += ',';
    if (r.values.empty()) {
      out += in ? r.key : "!" + r.key;
    } else if (r.values.size() == 1) {
      out += r.key + (in ? "=" : "!=") + r.values.front();
    } else {
      out += r.key + (in ? " in (" : " notin (");
      for (size_t i = 0; i < r.values.size(); ++i) out += (i == 0 ? "" : ",") + r.values[i];
      out += ')';
    }
  }
  return out;
}

}  // namespace

json::value Render(const query::Question& a) {
  return json::object{{"object", RenderOptional(a.object)},
                      {"namespace", RenderOptional(a.ns)},
                      {"all_namespaces", a.all_namespaces},
                      {"at", RenderTime(a.at)},
                      {"since", FormatDuration(a.since)},
                      {"tenant", RenderOptional(a.scope.tenant)},
                      {"cluster", RenderOptional(a.scope.cluster)},
                      {"labels", RenderOptional(SelectorText(a.labels))}};
}

namespace {

json::object RenderCause(const query::CauseAnswer& a) {
  return json::object{{"rank", a.rank},
                      {"incident", RenderOptional(a.incident)},
                      {"category", a.category},
                      {"resource", Render(a.resource)},
                      {"episode", RenderOrNull(a.episode)},
                      {"finding", a.finding ? Render(*a.finding) : json::value(nullptr)},
                      {"onset", json::object{{"earliest", RenderTime(a.onset.earliest)},
                                             {"latest", RenderTime(a.onset.latest)}}},
                      {"score", a.score},
                      {"confidence", a.confidence},
                      {"parts", a.parts ? Render(*a.parts) : json::value(nullptr)},
                      {"path", RenderAll(a.path)},
                      {"evidence", RenderAll(a.evidence)},
                      {"against", RenderAll(a.against)},
                      {"explains", RenderCut(a.explains)}};
}

json::object RenderAffected(const query::AffectedAnswer& a) {
  json::array because(a.because_of.begin(), a.because_of.end());
  return json::object{{"resource", Render(a.resource)},
                      {"state", a.state},
                      {"distance", a.distance},
                      {"because_of", std::move(because)},
                      {"cost", a.cost},
                      {"confidence", a.confidence},
                      {"severity", RenderOptional(a.severity)},
                      {"episode", RenderOrNull(a.episode)}};
}

}  // namespace

json::value Render(const query::BucketAnswer& a) {
  return json::object{{"start", RenderTime(a.start)},
                      {"end", RenderTime(a.end)},
                      {"state", a.state},
                      {"bytes", a.bytes}};
}

json::value Render(const SourcePosition& a) {
  return json::object{{"source", a.source},
                      {"partition", a.partition},
                      {"offset", a.offset},
                      {"epoch", a.epoch},
                      {"topic_id", RenderOptional(a.topic_id)}};
}

json::value Render(const query::CauseAnswer& a) {
  return RenderCause(a);
}

json::value Render(const query::AffectedAnswer& a) {
  return RenderAffected(a);
}

json::value Render(const query::Explained& a) {
  return json::object{{"resource", Render(a.resource)}, {"episode", Render(a.episode)}};
}

json::value Render(const query::IncidentMember& a) {
  return json::object{{"resource", Render(a.resource)},
                      {"episode", Render(a.episode)},
                      {"category", a.category},
                      {"severity", RenderOptional(a.severity)},
                      {"end", RenderTime(a.end)}};
}

json::value Render(const query::RootCauseAnswer& a) {
  json::array candidates;
  for (const query::CauseAnswer& c : a.candidates) {
    json::object candidate = RenderCause(c);
    candidate["lost_because"] = RenderOptional(c.lost_because);
    candidates.push_back(std::move(candidate));
  }
  return json::object{{"schema_version", query::kSchemaVersion},
                      {"question", Render(a.question)},
                      {"tenant", RenderOptional(a.tenant)},
                      {"as_of", RenderTime(a.as_of)},
                      {"verdict", a.verdict},
                      {"root_causes", RenderAll(a.root_causes)},
                      {"candidates", std::move(candidates)},
                      {"affected", RenderAll(a.affected)},
                      {"gaps", RenderAll(a.gaps)},
                      {"truncated", RenderOrNull(a.truncated)},
                      {"affected_total", a.affected_total}};
}

json::value Render(const query::IncidentAnswer& a) {
  json::array aliases;
  for (const std::string& alias : a.aliases) aliases.emplace_back(alias);
  return json::object{{"id", a.id},
                      {"aliases", std::move(aliases)},
                      {"status", a.status},
                      {"severity", RenderOptional(a.severity)},
                      {"title", a.title},
                      {"opened", RenderTime(a.opened)},
                      {"last_activity", RenderTime(a.last_activity)},
                      {"resolved", a.resolved ? RenderTime(*a.resolved) : json::value(nullptr)},
                      {"members", RenderCut(a.members)},
                      {"root_causes", RenderAll(a.root_causes)}};
}

json::value Render(const query::IncidentsAnswer& a) {
  return json::object{{"incidents", RenderAll(a.incidents)},
                      {"as_of", RenderTime(a.as_of)},
                      {"total", a.total},
                      {"next", RenderOptional(a.next)},
                      {"truncated", RenderOrNull(a.truncated)}};
}

json::value Render(const query::BlastRadiusAnswer& a) {
  json::array affected;
  for (const query::AffectedAnswer& row : a.affected) {
    json::object object = RenderAffected(row);
    object["path"] = RenderAll(row.path);
    affected.push_back(std::move(object));
  }
  return json::object{{"of", Render(a.of)},
                      {"affected", std::move(affected)},
                      {"truncated", RenderOrNull(a.truncated)},
                      {"as_of", RenderTime(a.as_of)},
                      {"total", a.total}};
}

json::value Render(const query::StatsAnswer& a) {
  json::object by_class;
  for (const auto& [name, count] : a.by_class) by_class[name] = count;
  return json::object{
      {"scope",
       json::object{{"tenant", RenderOptional(a.tenant)}, {"cluster", RenderOptional(a.cluster)}}},
      {"resources", a.resources},
      {"resources_deleted", a.resources_deleted},
      {"stubs", a.stubs},
      {"edges_open", a.edges_open},
      {"episodes", a.episodes},
      {"occurrences", a.occurrences},
      {"links", a.links},
      {"incidents", json::object{{"open", a.incidents_open}, {"resolved", a.incidents_resolved}}},
      {"dead_letters", a.dead_letters},
      {"by_class", std::move(by_class)},
      {"buckets", RenderAll(a.buckets)},
      {"disk_bytes", a.disk_bytes},
      {"format", a.format_version},
      {"oldest", RenderTime(a.oldest)},
      {"newest", RenderTime(a.newest)},
      {"positions", RenderAll(a.positions)},
      {"truncated", RenderOrNull(a.truncated)}};
}

}  // namespace kg::server
