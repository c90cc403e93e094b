#include "server/compat_updates.h"

#include <boost/json.hpp>
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/ingest_run.h"
#include "server/json_text.h"
#include "server/problem.h"
#include "server/times.h"

namespace kg::server {
namespace {

namespace json = boost::json;

constexpr size_t kRejectionsShown = 50;

std::string Str(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? "" : std::string(text->data(), text->size());
}

const json::array& List(const json::object& object, const char* name) {
  static const auto* const empty = new json::array();
  const json::value* value = object.if_contains(name);
  const json::array* array = value == nullptr ? nullptr : value->if_array();
  return array == nullptr ? *empty : *array;
}

// Rewrites updates as lines of the topics that say the same, so that one set of decoders, with its
// redaction, reads both.
class Translator {
 public:
  Translator(const View& view, Timestamp now) : view_(view), now_(now) {}

  void Take(const json::object& update, const std::string& place) {
    at_ = Str(update, "timestamp");
    if (at_.empty()) at_ = FormatTime(now_);
    tenant_ = Str(update, "client_id");
    cluster_ = Str(update, "cluster");
    const json::array& resources = List(update, "resources");
    for (const json::value& r : resources) Remember(r);
    for (size_t i = 0; i < resources.size(); ++i) {
      Resource(resources[i], absl::StrCat(place, "resources[", i, "]"));
    }
    const json::array& edges = List(update, "edges");
    for (size_t i = 0; i < edges.size(); ++i) {
      Edge(edges[i], absl::StrCat(place, "edges[", i, "]"));
    }
    const json::array& events = List(update, "events");
    for (size_t i = 0; i < events.size(); ++i) {
      Event(events[i], absl::StrCat(place, "events[", i, "]"));
    }
  }

  void Reject(const std::string& place, const std::string& why) {
    ++rejected_;
    if (rejections_.size() < kRejectionsShown) {
      rejections_.push_back(json::object{{"at", place}, {"error", why}});
    }
  }

  const std::string& lines() const { return lines_; }
  json::array& rejections() { return rejections_; }
  int64_t rejected() const { return rejected_; }

 private:
  void Remember(const json::value& value) {
    const json::object* r = value.if_object();
    if (r == nullptr || Str(*r, "uid").empty() || Str(*r, "kind").empty()) return;
    names_[Str(*r, "uid")] = {Str(*r, "kind"), Str(*r, "namespace"), Str(*r, "name")};
  }

  void Resource(const json::value& value, const std::string& place) {
    const json::object* r = value.if_object();
    if (r == nullptr) return Reject(place, "must be an object");
    if (Str(*r, "kind").empty() || (Str(*r, "name").empty() && Str(*r, "uid").empty())) {
      return Reject(place, "needs 'kind', and 'name' or 'uid'");
    }
    json::object out = Head(*r);
    for (const char* name : {"kind", "uid", "namespace", "name"}) {
      if (const std::string text = Str(*r, name); !text.empty()) out[name] = text;
    }
    for (const char* name : {"labels", "status", "spec"}) {
      const json::value* part = r->if_contains(name);
      if (part != nullptr && part->is_object()) out[name] = *part;
    }
    Line("state.k8s.resource",
         absl::StrCat(absl::AsciiStrToLower(Str(*r, "kind")), ":", Str(*r, "uid")), std::move(out));
  }

  void Edge(const json::value& value, const std::string& place) {
    const json::object* e = value.if_object();
    if (e == nullptr) return Reject(place, "must be an object");
    const std::string from = Rid(Str(*e, "from")), to = Rid(Str(*e, "to"));
    if (from.empty() || to.empty()) {
      return Reject(place, absl::StrCat("'", from.empty() ? "from" : "to",
                                        "' names nothing that is known; give kind:namespace:name"));
    }
    json::object out = Head(*e);
    const std::string id = absl::StrCat("edge:", from, "->", to);
    out["id"] = id;
    out["from"] = from;
    out["to"] = to;
    out["type"] = Str(*e, "type");
    Line("state.k8s.topology", id, std::move(out));
  }

  void Event(const json::value& value, const std::string& place) {
    const json::object* e = value.if_object();
    if (e == nullptr) return Reject(place, "must be an object");
    if (absl::EqualsIgnoreCase(Str(*e, "action"), "DELETE")) {
      return Reject(place, "events can't be deleted; they expire");
    }
    const std::string id = Str(*e, "event_id");
    if (id.empty()) return Reject(place, "needs 'event_id'");
    const std::string uid = Str(*e, "subject_uid");
    const std::optional<Named> named = Find(uid);
    if (!named) {
      return Reject(place, absl::StrCat("'subject_uid' is '", uid,
                                        "', which is not known; send "
                                        "the resource before its events, or with them"));
    }
    json::object out = {
        {"event_id", id},
        {"etype", "k8s.event"},
        {"severity", Str(*e, "severity")},
        {"reason", Str(*e, "reason")},
        {"message", Str(*e, "message")},
        {"subject",
         json::object{
             {"kind", named->kind}, {"uid", uid}, {"ns", named->ns}, {"name", named->name}}}};
    const std::string time = Str(*e, "event_time");
    out["event_time"] = time.empty() ? at_ : time;
    if (!tenant_.empty()) out["client_id"] = tenant_;
    if (!cluster_.empty()) out["cluster"] = cluster_;
    Line("events.normalized", id, std::move(out));
  }

  struct Named {
    std::string kind, ns, name;
  };

  std::optional<Named> Find(const std::string& uid) const {
    if (uid.empty()) return std::nullopt;
    if (const auto found = names_.find(uid); found != names_.end()) return found->second;
    const std::optional<ScopeId> scope = view_.FindScope({tenant_, cluster_});
    if (!scope) return std::nullopt;
    ObjectRef ref;
    ref.uid = uid;
    const std::optional<ResourceId> id = view_.Find(*scope, ref);
    if (!id) return std::nullopt;
    const std::shared_ptr<const SlotName> name = view_.Name(*id);
    if (name == nullptr || name->kind.empty()) return std::nullopt;
    return Named{name->kind, name->ns, name->name};
  }

  // A rid as it is; of a uid, the rid of the object that has it.
  std::string Rid(const std::string& text) const {
    if (text.find(':') != std::string::npos) return text;
    const std::optional<Named> named = Find(text);
    if (!named) return "";
    return absl::StrCat(absl::AsciiStrToLower(named->kind), ":", named->ns,
                        named->ns.empty() ? "" : ":", named->name);
  }

  json::object Head(const json::object& from) const {
    const bool gone = absl::EqualsIgnoreCase(Str(from, "action"), "DELETE");
    json::object out = {{"op", gone ? "DELETE" : "UPSERT"}, {"at", at_}};
    if (!tenant_.empty()) out["client_id"] = tenant_;
    if (!cluster_.empty()) out["cluster"] = cluster_;
    return out;
  }

  void Line(const char* topic, const std::string& key, json::object value) {
    const std::string full = tenant_.empty() ? key : absl::StrCat(tenant_, "::", key);
    const json::object line = {{"topic", topic}, {"key", full}, {"value", std::move(value)}};
    absl::StrAppend(&lines_, ToJsonText(line, JsonLayout::kCompact), "\n");
  }

  const View& view_;
  const Timestamp now_;
  std::string at_, tenant_, cluster_;
  std::map<std::string, Named> names_;
  std::string lines_;
  json::array rejections_;
  int64_t rejected_ = 0;
};

// The updates of a body: one, a list, or {"updates": [...]}.
bool TakeAll(const json::value& body, Translator* translator) {
  const json::array* list = body.if_array();
  if (const json::object* object = body.if_object()) {
    const json::value* updates = object->if_contains("updates");
    if (updates == nullptr) {
      translator->Take(*object, "");
      return true;
    }
    list = updates->if_array();
  }
  if (list == nullptr) return false;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string place = absl::StrCat("updates[", i, "]");
    const json::object* update = (*list)[i].if_object();
    if (update == nullptr) {
      translator->Reject(place, "must be an object");
    } else {
      translator->Take(*update, place + ".");
    }
  }
  return true;
}

}  // namespace

HttpResponse HandleUpdates(Database* database, const HttpRequest& request,
                           const AskOptions& options) {
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  const Timestamp now = WallNow(options);
  const std::shared_ptr<const View> view = database->GetView();
  Translator translator(*view, now);
  if (error || !TakeAll(body, &translator)) {
    return Problem(400, "invalid_request",
                   "the body must be JSON: an update with resources, edges or events, or a list");
  }
  ingest::MacKey key;
  const ingest::DecodeOptions decode = DecodeOptionsFor(*database, now, &key);
  ApplySink sink(database, ApplySink::Options());
  if (!translator.lines().empty()) {
    const auto decoded = ingest::DecodeBody(translator.lines(), decode, "http", &sink);
    const absl::Status finished = sink.Finish();
    if (!decoded.ok()) return ProblemOf(decoded.status());
    if (!finished.ok()) return ProblemOf(finished);
  }
  const IngestReport& report = sink.report();
  for (const std::string& problem : report.problems) {
    translator.rejections().push_back(json::object{{"at", nullptr}, {"error", problem}});
  }
  const int64_t rejected = translator.rejected() + report.refused + report.dead_letters;
  HttpResponse response;
  response.body = ToJsonText(json::object{{"status", rejected == 0 ? "ok" : "partial"},
                                          {"accepted", report.applied + report.unchanged},
                                          {"rejected", rejected},
                                          {"errors", std::move(translator.rejections())}},
                             JsonLayout::kCompact);
  return response;
}

}  // namespace kg::server
