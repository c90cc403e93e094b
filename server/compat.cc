#include "server/compat.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "query/blast_radius.h"
#include "query/describe.h"
#include "query/incidents.h"
#include "query/neighbours.h"
#include "query/scope.h"
#include "server/compat_updates.h"
#include "server/json_text.h"
#include "server/problem.h"
#include "server/render.h"
#include "server/times.h"

namespace kg::server {
namespace {

namespace json = boost::json;

constexpr double kMinConfidence = 0.4;
constexpr int64_t kMaxHops = 3;
constexpr size_t kTimelineRows = 50;

HttpResponse Ok(const json::value& body) {
  HttpResponse response;
  response.body = ToJsonText(body, JsonLayout::kCompact);
  return response;
}

// What a request is about, and how it wants to see it.
struct Context {
  const View& view;
  const HttpRequest& request;
  query::Describer say;
  query::BudgetMeter meter;

  Context(const View& v, const HttpRequest& r, const AskOptions& options)
      : view(v), request(r), say(v), meter(options.budget) {}
};

// The scopes asked about: the one that tenant, client_id or cluster names, else all.
absl::StatusOr<std::vector<ScopeId>> ScopesOf(const Context& c) {
  const auto value = [&](const char* name) {
    const auto found = c.request.query.find(name);
    return found == c.request.query.end() ? std::string() : found->second;
  };
  const std::string tenant = value("tenant").empty() ? value("client_id") : value("tenant");
  if (!tenant.empty() || !value("cluster").empty()) {
    const auto scope = query::ResolveScope(c.view, {tenant, value("cluster")});
    if (!scope.ok()) return scope.status();
    return std::vector<ScopeId>{*scope};
  }
  std::vector<ScopeId> all;
  for (const ScopeDescription& scope : c.view.scopes()) all.push_back(scope.id);
  return all;
}

std::string Rid(const query::ResourceAnswer& r) {
  const std::string kind = absl::AsciiStrToLower(r.kind);
  if (!r.uid.empty()) return absl::StrCat(kind, ":", r.uid);
  return r.ns.empty() ? absl::StrCat(kind, ":", r.name)
                      : absl::StrCat(kind, ":", r.ns, ":", r.name);
}

json::object Brief(const query::ResourceAnswer& r) {
  json::object out = {{"rid", Rid(r)}, {"kind", r.kind}, {"name", r.name}};
  if (!r.ns.empty()) out["namespace"] = r.ns;
  return out;
}

json::object Subject(Context& c, ScopeId scope, ResourceId id) {
  json::object out = Brief(c.say.Resource(id));
  const std::map<std::string, std::string> labels = query::LabelsOf(c.view, scope, id, &c.meter);
  if (labels.empty()) return out;
  json::object rendered;
  for (const auto& [name, value] : labels) rendered[name] = value;
  out["labels"] = std::move(rendered);
  return out;
}

struct RcaRequest {
  std::string event_id;
  int64_t max_hops = kMaxHops;
  double min_confidence = kMinConfidence;
  std::optional<Duration> window;  // causes that began longer before the event are left out
};

absl::StatusOr<double> NumberOf(const json::object& body, const char* name, double fallback) {
  const json::value* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return fallback;
  boost::system::error_code error;
  const double number = value->to_number<double>(error);
  if (error || number < 0 || number > 1e6) {
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' must be a number, not negative"));
  }
  return number;
}

absl::StatusOr<RcaRequest> ReadRca(const std::string& text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    return absl::InvalidArgumentError("the body must be a JSON object with 'event_id'");
  }
  const json::object& body = value.get_object();
  RcaRequest out;
  const json::value* id = body.if_contains("event_id");
  if (id == nullptr || !id->is_string() || id->get_string().empty()) {
    return absl::InvalidArgumentError("'event_id' is missing");
  }
  out.event_id = std::string(id->get_string().c_str(), id->get_string().size());
  const absl::StatusOr<double> hops = NumberOf(body, "max_hops", kMaxHops);
  if (!hops.ok()) return hops.status();
  const absl::StatusOr<double> confidence = NumberOf(body, "min_confidence", kMinConfidence);
  if (!confidence.ok()) return confidence.status();
  const absl::StatusOr<double> minutes = NumberOf(body, "time_window_minutes", 0);
  if (!minutes.ok()) return minutes.status();
  out.max_hops = static_cast<int64_t>(*hops);
  out.min_confidence = *confidence;
  if (*minutes > 0) out.window = Duration(static_cast<int64_t>(*minutes * 60e6));
  return out;
}

struct FoundEvent {
  ScopeId scope;
  EpisodeRecord record;
};

absl::StatusOr<FoundEvent> FindEvent(const Context& c, const std::string& event_id) {
  const absl::StatusOr<std::vector<ScopeId>> scopes = ScopesOf(c);
  if (!scopes.ok()) return scopes.status();
  for (const ScopeId scope : *scopes) {
    std::vector<EpisodeKey> keys;
    if (const std::optional<EpisodeKey> handle = query::ParseEpisodeHandle(event_id)) {
      keys.push_back(*handle);
    } else {
      absl::StatusOr<std::vector<EpisodeKey>> found = c.view.FindEvent(scope, event_id);
      if (!found.ok()) return found.status();
      keys = *std::move(found);
    }
    std::sort(keys.begin(), keys.end());
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
      auto record = c.view.Episode(scope, *key);
      if (!record.ok()) return record.status();
      if (record->has_value()) return FoundEvent{scope, **std::move(record)};
    }
  }
  return absl::NotFoundError(
      absl::StrCat("no event has the id '", event_id, "'; it may be older than what is kept"));
}

json::array Causes(Context& c, const FoundEvent& event, const Burst& burst,
                   const RcaRequest& asked) {
  std::vector<const CauseLink*> links;
  for (const CauseLink& link : burst.causes) {
    const auto hops = static_cast<int64_t>(link.types.size());
    if (hops > asked.max_hops || link.confidence < asked.min_confidence) continue;
    if (asked.window && burst.key.onset - link.cause.onset > *asked.window) continue;
    links.push_back(&link);
  }
  std::stable_sort(links.begin(), links.end(), [](const CauseLink* a, const CauseLink* b) {
    return a->confidence > b->confidence;
  });
  json::array out;
  for (const CauseLink* link : links) {
    json::object cause;
    const auto record = c.view.Episode(event.scope, link->cause);
    if (record.ok() && record->has_value()) {
      const query::EventAnswer e = c.say.Event(**record);
      cause = {{"event_id", e.event_id},
               {"event_time", RenderTime(e.time)},
               {"reason", e.reason},
               {"message", e.message},
               {"severity", e.severity}};
    } else {
      cause = {{"event_id", query::EpisodeHandle(link->cause)},
               {"event_time", RenderTime(link->cause.onset)},
               {"reason", c.view.rules().Class(link->cause_class).name},
               {"message", ""},
               {"severity", ""}};
    }
    cause["confidence"] = link->confidence;
    cause["hops"] = link->types.size();
    cause["subject"] = Subject(c, event.scope, link->cause_resource);
    cause["temporal_score"] = link->temporal;
    cause["distance_score"] = link->distance;
    cause["domain_score"] = link->domain;
    out.push_back(std::move(cause));
  }
  return out;
}

json::array TimelineOf(const Context& c, const FoundEvent& event) {
  json::array out;
  const Interval window{event.record.onset - std::chrono::minutes(30),
                        event.record.onset + std::chrono::minutes(30)};
  c.view
      .ForEachEpisodeOf(event.scope, event.record.resource, window,
                        [&](const EpisodeRecord& record) {
                          const query::EventAnswer e = c.say.Event(record);
                          out.push_back(json::object{{"event_id", e.event_id},
                                                     {"event_time", RenderTime(e.time)},
                                                     {"reason", e.reason},
                                                     {"message", e.message},
                                                     {"severity", e.severity}});
                          return out.size() < kTimelineRows;
                        })
      .IgnoreError();
  return out;
}

json::value RelatedIncident(Context* c, const FoundEvent& event) {
  const IncidentPtr tree =
      query::TreeOf(c->view, event.scope, event.record.resource, event.record.key());
  if (tree == nullptr) return nullptr;
  const query::IncidentState state = query::StateOf(c->view, *tree, c->view.as_of(), &c->meter);
  if (!state.counts) return nullptr;
  return json::object{{"resource_id", Rid(c->say.Resource(tree->root_resource))},
                      {"window_start", RenderTime(state.opened)},
                      {"window_end", RenderTime(state.last_activity)},
                      {"event_count", state.members},
                      {"severity", query::SeverityWord(state.severity)},
                      {"incident_id", query::IncidentHandle(tree->id())},
                      {"status", state.open ? "open" : "resolved"}};
}

HttpResponse Rca(Context* c, const RcaRequest& asked) {
  const absl::StatusOr<FoundEvent> event = FindEvent(*c, asked.event_id);
  if (!event.ok()) return ProblemOf(event.status());
  const query::EventAnswer e = c->say.Event(event->record);
  json::object body = {
      {"event_id", e.event_id}, {"event_time", RenderTime(e.time)},
      {"reason", e.reason},     {"message", e.message},
      {"severity", e.severity}, {"subject", Subject(*c, event->scope, event->record.resource)}};
  const BurstPtr burst = FindBurst(c->view.graph(), event->record.resource, event->record.key());
  body["potential_causes"] = burst == nullptr ? json::array() : Causes(*c, *event, *burst, asked);
  if (json::value incident = RelatedIncident(c, *event); !incident.is_null()) {
    body["related_incident"] = std::move(incident);
  }
  query::BlastRadiusQuestion blast;
  blast.origins.push_back({event->record.resource, 1, event->record.onset});
  blast.window = {event->record.onset - std::chrono::hours(1), c->view.as_of() + Duration(1)};
  json::array radius;
  for (const query::AffectedAnswer& a :
       query::FindBlastRadius(c->view, blast, &c->meter).affected) {
    json::object row = Brief(a.resource);
    row["state"] = a.state;
    row["distance"] = a.distance;
    radius.push_back(std::move(row));
  }
  body["blast_radius"] = std::move(radius);
  body["timeline"] = TimelineOf(*c, *event);
  return Ok(body);
}

struct FoundObject {
  ScopeId scope;
  ResourceId id;
};

// By uid, or any spelling of a rid.
absl::StatusOr<FoundObject> FindObject(const Context& c, const std::string& text) {
  const absl::StatusOr<std::vector<ScopeId>> scopes = ScopesOf(c);
  if (!scopes.ok()) return scopes.status();
  for (const ScopeId scope : *scopes) {
    ObjectRef by_uid;
    by_uid.uid = text;
    if (const std::optional<ResourceId> id = c.view.Find(scope, by_uid))
      return FoundObject{scope, *id};
    const auto target = query::ResolveObject(c.view, scope, text, "");
    if (target.ok() && target->resource) return FoundObject{scope, *target->resource};
  }
  return absl::NotFoundError(
      absl::StrCat("nothing is known by '", text, "'; give a uid, or kind:namespace:name"));
}

HttpResponse Resource(Context* c, const std::string& text) {
  const absl::StatusOr<FoundObject> found = FindObject(*c, text);
  if (!found.ok()) return ProblemOf(found.status());
  const query::ResourceAnswer r = c->say.Resource(found->id);
  json::object body = Subject(*c, found->scope, found->id);
  body["uid"] = RenderOptional(r.uid);
  body["api_version"] = RenderOptional(r.api_version);
  body["cluster"] = RenderOptional(r.cluster);
  body["exists"] = r.exists;
  json::object relationships;
  query::NeighboursQuestion question;
  question.of = found->id;
  const auto around = query::FindNeighbours(c->view, question, &c->meter);
  if (!around.ok()) return ProblemOf(around.status());
  for (const query::NeighbourAnswer& n : around->neighbours) {
    const std::string name =
        absl::StrCat(absl::AsciiStrToLower(n.via.type), n.via.against_arrow ? "_by" : "");
    json::value& list = relationships[name];
    if (list.is_null()) list = json::array();
    list.get_array().push_back(Brief(n.resource));
  }
  body["relationships"] = std::move(relationships);
  int64_t total = 0, warnings = 0, errors = 0;
  const absl::Status read = c->view.ForEachEpisodeOf(
      found->scope, found->id, {c->view.oldest(), c->view.as_of() + Duration(1)},
      [&](const EpisodeRecord& e) {
        ++total;
        if (e.severity == Severity::kWarning) ++warnings;
        if (e.severity >= Severity::kError) ++errors;
        return c->meter.TakeBytes(query::CostOf(e));
      });
  if (!read.ok()) return ProblemOf(read);
  body["event_count"] = json::object{{"total", total}, {"error", errors}, {"warning", warnings}};
  return Ok(body);
}

HttpResponse Topology(Context* c, const std::string& text) {
  const absl::StatusOr<FoundObject> found = FindObject(*c, text);
  if (!found.ok()) return ProblemOf(found.status());
  query::NeighboursQuestion question;
  question.of = found->id;
  question.hops = 2;
  question.page.limit = 1000;
  const auto around = query::FindNeighbours(c->view, question, &c->meter);
  if (!around.ok()) return ProblemOf(around.status());
  json::array nodes = {Brief(around->of)};
  for (const query::NeighbourAnswer& n : around->neighbours) nodes.push_back(Brief(n.resource));
  json::array edges;
  for (const query::PathStep& e : around->edges) {
    edges.push_back(json::object{{"from", Rid(e.from)},
                                 {"to", Rid(e.to)},
                                 {"type", e.type},
                                 {"valid_from", RenderTime(e.valid_from)}});
  }
  return Ok(json::object{
      {"resource", Brief(around->of)},
      {"nodes", std::move(nodes)},
      {"edges", std::move(edges)},
      {"truncated", around->truncated ? Render(*around->truncated) : json::value(nullptr)}});
}

HttpResponse IncidentsOf(Context* c, const std::string& text) {
  const absl::StatusOr<FoundObject> found = FindObject(*c, text);
  if (!found.ok()) return ProblemOf(found.status());
  query::IncidentsQuestion question;
  question.scope = found->scope;
  question.of = found->id;
  question.window = {c->view.oldest(), c->view.as_of() + Duration(1)};
  const auto answer = query::ListIncidents(c->view, question, &c->meter);
  if (!answer.ok()) return ProblemOf(answer.status());
  json::array out;
  for (const query::IncidentAnswer& i : answer->incidents) {
    json::object row = Render(i).as_object();
    row["resource_id"] = Rid(c->say.Resource(found->id));
    row["window_start"] = RenderTime(i.opened);
    row["window_end"] = RenderTime(i.last_activity);
    row["event_count"] = i.members.total;
    out.push_back(std::move(row));
  }
  return Ok(out);
}

HttpResponse GraphStats(Context* c, const Database& database, Timestamp now) {
  const absl::StatusOr<DatabaseStats> stats = database.Stats();
  if (!stats.ok()) return ProblemOf(stats.status());
  std::map<std::string, int64_t> kinds, edge_types, severities;
  const Graph& graph = c->view.graph();
  for (uint32_t i = 1; i < graph.end_id(); ++i) {
    const Node* node = graph.Find(ResourceId(i));
    if (node == nullptr || node->name == nullptr) continue;
    if (node->AliveAt(c->view.as_of()) != nullptr) ++kinds[node->name->kind];
    node->out.ForEach([&](const OpenEdge& e) {
      ++edge_types[c->view.rules().EdgeType(EdgeTypeId(e.type)).name];
      return true;
    });
  }
  Timestamp oldest = kForever, newest = kBeginning;
  for (const ScopeDescription& scope : c->view.scopes()) {
    const absl::Status read = c->view.ForEachEpisode(
        scope.id, {c->view.oldest(), c->view.as_of() + Duration(1)}, [&](const EpisodeRecord& e) {
          ++severities[query::SeverityWord(e.severity)];
          oldest = std::min(oldest, e.onset);
          newest = std::max(newest, e.onset);
          return c->meter.TakeBytes(query::CostOf(e));
        });
    if (!read.ok()) return ProblemOf(read);
  }
  const auto counts = [](const std::map<std::string, int64_t>& from) {
    json::object out;
    for (const auto& [name, count] : from) out[name] = count;
    return out;
  };
  return Ok(json::object{{"timestamp", RenderTime(now)},
                         {"resources", stats->resources},
                         {"episodic_events", stats->episodes},
                         {"incidents", c->view.AllTrees().size()},
                         {"edges", stats->edges_open + stats->links},
                         {"resources_by_kind", counts(kinds)},
                         {"edges_by_type", counts(edge_types)},
                         {"events_by_severity", counts(severities)},
                         {"oldest_event", RenderTime(oldest)},
                         {"newest_event", RenderTime(newest)}});
}

// What stands behind `prefix`; nullopt when the path does not begin with it or nothing follows.
std::optional<std::string> Behind(const std::string& path, const char* prefix) {
  if (!absl::StartsWith(path, prefix) || path.size() == std::string(prefix).size()) {
    return std::nullopt;
  }
  return path.substr(std::string(prefix).size());
}

std::optional<HttpResponse> HandleRead(const Database& database, const HttpRequest& request,
                                       const AskOptions& options) {
  const Timestamp now = WallNow(options);
  const std::shared_ptr<const View> view = database.GetView(now);
  Context c(*view, request, options);
  if (request.path == "/api/v1/graph/stats") return GraphStats(&c, database, now);
  if (const auto id = Behind(request.path, "/api/v1/rca/")) {
    RcaRequest asked;
    asked.event_id = *id;
    return Rca(&c, asked);
  }
  if (const auto id = Behind(request.path, "/api/v1/graph/resource/")) return Resource(&c, *id);
  if (const auto id = Behind(request.path, "/api/v1/graph/topology/")) return Topology(&c, *id);
  if (const auto id = Behind(request.path, "/api/v1/incidents/")) return IncidentsOf(&c, *id);
  return std::nullopt;
}

}  // namespace

std::optional<HttpResponse> HandleCompat(Database* database, const HttpRequest& request,
                                         const AskOptions& options) {
  if (request.method == "GET" || request.method == "HEAD") {
    return HandleRead(*database, request, options);
  }
  if (request.method != "POST") return std::nullopt;
  if (request.path == "/api/v1/rca") {
    const absl::StatusOr<RcaRequest> asked = ReadRca(request.body);
    if (!asked.ok()) return ProblemOf(asked.status());
    const std::shared_ptr<const View> view = database->GetView(WallNow(options));
    Context c(*view, request, options);
    return Rca(&c, *asked);
  }
  if (request.path == "/api/v1/updates" || request.path == "/api/v1/updates/batch") {
    return HandleUpdates(database, request, options);
  }
  return std::nullopt;
}

}  // namespace kg::server
