#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/decoders.h"

// The predecessor's state topics: resources, topology, Prometheus targets and rules, commands.

namespace kg::ingest {
namespace {

bool IsDelete(const json::object& value) {
  return absl::EqualsIgnoreCase(Str(value, "op"), "DELETE");
}

// Emits with the record's own time, else by the rules for undated ones.
template <typename Record>
void EmitAt(Record record, std::optional<Timestamp> at, Context& ctx) {
  if (!at) return ctx.EmitUndated(std::move(record));
  record.at = *at;
  ctx.Emit(std::move(record));
}

// Builds the fields of a summary under the paths that the full object has.
class SummaryFields {
 public:
  SummaryFields(Context& ctx, std::vector<Field>* fields) : ctx_(ctx), fields_(*fields) {}

  void Put(std::string path, absl::string_view value) {
    if (value.empty()) return;
    std::string text = Text(value);
    if (text.size() >= 8) ctx_.redactor().Text(&text);
    fields_.push_back({Text(path), std::move(text), FieldKind::kString});
  }
  void PutValue(std::string path, const json::value* value) {
    if (value == nullptr || value->is_null() || value->is_structured()) return;
    if (value->is_string()) return Put(std::move(path), View(value->get_string()));
    fields_.push_back(
        {Text(path), ScalarText(*value), value->is_bool() ? FieldKind::kBool : FieldKind::kNumber});
  }
  void PutMap(const std::string& base, const json::object* map) {
    if (map == nullptr) return;
    for (const auto& member : *map) {
      std::string path = base;
      AppendMember(&path, View(member.key()));
      PutValue(std::move(path), &member.value());
    }
  }
  // A part of the object as it stands, by the general rules for objects.
  void PutTree(const char* name, const json::value* value, const std::string& kind) {
    if (value == nullptr || !value->is_object()) return;
    json::object wrapped;
    wrapped[name] = *value;
    std::vector<Field> fields;
    CollectFields(wrapped, kind, "", ctx_, &fields);
    std::move(fields.begin(), fields.end(), std::back_inserter(fields_));
  }
  void Sort() {
    std::sort(fields_.begin(), fields_.end());
    const auto same = [](const Field& a, const Field& b) { return a.path == b.path; };
    fields_.erase(std::unique(fields_.begin(), fields_.end(), same), fields_.end());
  }

 private:
  Context& ctx_;
  std::vector<Field>& fields_;
};

void PutOwners(const json::object& value, SummaryFields* fields) {
  const json::array* owners = FindArray(value, "ownerRefs");
  if (owners == nullptr) return;
  for (const json::value& element : *owners) {
    const json::object* owner = element.if_object();
    if (owner == nullptr) continue;
    // Two spellings of the members are in circulation.
    const absl::string_view kind = Str(*owner, Has(*owner, "kind") ? "kind" : "Kind");
    const absl::string_view name = Str(*owner, Has(*owner, "name") ? "name" : "Name");
    if (name.empty() || kind.empty()) continue;
    const std::string base = absl::StrCat("metadata.ownerReferences[", name, "]");
    fields->Put(base + ".kind", kind);
    fields->Put(base + ".name", name);
  }
}

void PutStatus(const json::object& value, const std::string& kind, SummaryFields* fields) {
  const json::object* status = FindObject(value, "status");
  if (status == nullptr) return;
  if (kind == "Node") {
    if (const json::value* ready = Find(*status, "ready"); ready != nullptr && ready->is_bool()) {
      fields->Put("status.conditions[Ready].status", ready->get_bool() ? "True" : "False");
      fields->Put("status.conditions[Ready].type", "Ready");
    }
    return;
  }
  struct Renamed {
    const char* kind;
    const char* from;
    const char* to;
  };
  static constexpr std::array<Renamed, 4> kRenamed = {{
      {"DaemonSet", "desired", "desiredNumberScheduled"},
      {"DaemonSet", "ready", "numberReady"},
      {"DaemonSet", "available", "numberAvailable"},
      {"Job", "completion", "completionTime"},
  }};
  for (const auto& member : *status) {
    absl::string_view name = View(member.key());
    for (const Renamed& row : kRenamed) {
      if (kind == row.kind && name == row.from) name = row.to;
    }
    std::string path = "status";
    AppendMember(&path, name);
    fields->PutValue(std::move(path), &member.value());
  }
}

void PutSummary(const json::object& value, const std::string& kind, Context& ctx,
                std::vector<Field>* out) {
  SummaryFields fields(ctx, out);
  // Close to what there will be: thousands of records wait together to be applied.
  size_t expected = 6;
  for (const char* map : {"labels", "serviceSelector", "status"}) {
    if (const json::object* members = FindObject(value, map)) expected += members->size();
  }
  out->reserve(expected);
  fields.PutMap("metadata.labels", FindObject(value, "labels"));
  PutOwners(value, &fields);
  fields.Put("spec.nodeName", Str(value, "node"));
  fields.Put("status.podIP", Str(value, "podIP"));
  fields.Put("image", Str(value, "image"));
  fields.PutMap("spec.selector", FindObject(value, "serviceSelector"));
  fields.PutValue("spec.replicas", Find(value, "replicas"));
  if (const json::array* ips = FindArray(value, "serviceIPs"); ips != nullptr && !ips->empty()) {
    fields.PutValue("spec.clusterIP", &(*ips)[0]);
  }
  PutStatus(value, kind, &fields);
  fields.PutTree("spec", Find(value, "spec"), kind);
  fields.Sort();
}

// "pod:5f0c…" of a tombstone. Unlike elsewhere what follows the kind is a uid.
bool ReadResourceKey(absl::string_view raw, ObjectRef* ref) {
  const size_t colon = raw.find(':');
  if (colon == 0 || colon == absl::string_view::npos || colon + 1 == raw.size()) return false;
  const absl::string_view rest = raw.substr(colon + 1);
  if (rest.find(':') == absl::string_view::npos) {
    ref->kind = Text(raw.substr(0, colon));
    ref->uid = Text(rest);
    return true;
  }
  const std::optional<ObjectRef> parsed = ParseRid(raw);
  if (parsed) *ref = *parsed;
  return parsed.has_value();
}

void EmitBareDelete(ObjectRef ref, const ScopeName& scope, std::optional<Timestamp> at,
                    Context& ctx) {
  ObjectRecord record;
  record.scope = scope;
  record.ref = std::move(ref);
  record.presence = Presence::kDeleted;
  record.shape = ObjectShape::kBare;
  EmitAt(std::move(record), at, ctx);
}

ObjectRef PrometheusRef(const char* kind, std::string name) {
  ObjectRef ref;
  ref.group = "prometheus";
  ref.group_known = true;
  ref.kind = kind;
  ref.name = std::move(name);
  return ref;
}

std::string TargetId(const json::object& value, const Context& ctx) {
  if (!ctx.origin.raw_key.empty()) return Text(ctx.origin.raw_key);
  std::string id = Text(value, "cluster");
  const json::object* labels = FindObject(value, "labels");
  for (const char* name : {"job", "namespace", "service", "instance"}) {
    absl::StrAppend(&id, "|", labels == nullptr ? "" : Text(*labels, name));
  }
  return id;
}

void TopologyTombstone(Context& ctx) {
  const std::optional<EdgeEnds> ends = ParseEdgeId(Text(ctx.origin.raw_key));
  if (!ends) return ctx.Reject("the key of a topology tombstone must read edge:FROM->TO");
  EdgeRecord record;
  record.scope = ctx.Scope("", "");
  record.from = ends->from;
  record.to = ends->to;
  record.presence = Presence::kDeleted;
  record.asserter = "topology";
  ctx.EmitUndated(std::move(record));
}

}  // namespace

void DecodeResourceState(const json::object& value, Context& ctx) {
  ctx.Took("state.k8s.resource");
  ObjectRecord record;
  record.scope = ctx.Scope(Str(value, "client_id"), Str(value, "cluster"));
  record.shape = ObjectShape::kSummary;
  record.presence = IsDelete(value) ? Presence::kDeleted : Presence::kPresent;
  record.ref.kind = Text(value, "kind");
  record.ref.ns = Text(value, Has(value, "namespace") ? "namespace" : "ns");
  record.ref.name = Text(value, "name");
  record.ref.uid = Text(value, "uid");
  if (record.ref.uid == record.ref.name) record.ref.uid.clear();
  if (record.ref.name.empty() && record.ref.uid.empty()) {
    ObjectRef from_key;
    if (ReadResourceKey(ctx.origin.raw_key, &from_key)) record.ref = std::move(from_key);
  }
  const bool named = !record.ref.name.empty() || !record.ref.uid.empty();
  if (record.ref.kind.empty() || !named) {
    ctx.Reject("kind and name (or uid) are needed in a resource record", record.scope);
    return;
  }
  std::optional<Timestamp> at;
  if (!ReadTime(value, "at", "at", ctx, &at)) return;
  if (record.presence == Presence::kDeleted) {
    return EmitBareDelete(std::move(record.ref), record.scope, at, ctx);
  }
  const json::object* labels = FindObject(value, "labels");
  if (labels != nullptr && labels->size() > ctx.limits().labels_per_object) {
    ++ctx.stats().limits["max_labels"];
    ctx.Reject(absl::StrCat("labels has ", labels->size(), " entries, at most ",
                            ctx.limits().labels_per_object, " are taken"),
               record.scope);
    return;
  }
  PutSummary(value, record.ref.kind, ctx, &record.fields);
  ctx.set().NotePresent(record.scope, record.ref);
  EmitAt(std::move(record), at, ctx);
}

void DecodeTopology(const json::object& value, Context& ctx) {
  if (Has(value, "nodes") && Has(value, "edges")) return ctx.Ignore("whole-topology snapshot");
  ctx.Took("state.k8s.topology");
  EdgeRecord record;
  record.scope = ctx.Scope(Str(value, "client_id"), Str(value, "cluster"));
  record.asserter = "topology";
  record.presence = IsDelete(value) ? Presence::kDeleted : Presence::kPresent;
  std::optional<ObjectRef> from = ParseRid(Text(value, "from"));
  std::optional<ObjectRef> to = ParseRid(Text(value, "to"));
  if (!from || !to) {
    const std::string id = Has(value, "id") ? Text(value, "id") : Text(ctx.origin.raw_key);
    const std::optional<EdgeEnds> ends = ParseEdgeId(id);
    if (!ends) {
      ctx.Reject("from and to must read kind:namespace:name or kind:name", record.scope);
      return;
    }
    from = ends->from;
    to = ends->to;
  }
  record.from = *std::move(from);
  record.to = *std::move(to);
  const bool typed = !Str(value, "type").empty() || record.presence == Presence::kPresent;
  if (typed) record.type = RelationshipType(Text(value, "type"));
  std::optional<Timestamp> at;
  if (!ReadTime(value, "at", "at", ctx, &at)) return;
  EmitAt(std::move(record), at, ctx);
}

void DecodePromTarget(const json::object& value, Context& ctx) {
  ctx.Took("state.prom.targets");
  ObjectRecord record;
  record.scope = ctx.Scope(Str(value, "client_id"), Str(value, "cluster"));
  record.shape = ObjectShape::kSummary;
  record.ref = PrometheusRef("PromTarget", TargetId(value, ctx));
  std::optional<Timestamp> at;
  if (!ReadTime(value, "at", "at", ctx, &at)) return;
  if (IsDelete(value)) return EmitBareDelete(std::move(record.ref), record.scope, at, ctx);
  SummaryFields fields(ctx, &record.fields);
  fields.PutMap("labels", FindObject(value, "labels"));
  fields.Put("scrapeUrl", Str(value, "scrapeUrl"));
  fields.Put("health", Str(value, "health"));
  fields.Put("lastError", Str(value, "lastError"));
  fields.Sort();
  EmitAt(std::move(record), at, ctx);
}

void DecodePromRule(const json::object& value, Context& ctx) {
  ctx.Took("state.prom.rules");
  ObjectRecord record;
  record.scope = ctx.Scope(Str(value, "client_id"), Str(value, "cluster"));
  record.shape = ObjectShape::kSummary;
  std::string name = Text(value, "rule");
  if (const json::object* rule = FindObject(value, "rule")) name = Text(*rule, "name");
  const std::string group = Text(value, "group");
  std::string key = Text(ctx.origin.raw_key);
  if (key.empty()) key = absl::StrCat(group, "|", name);
  if (name.empty()) {
    ctx.Reject("rule is missing or no string; a rule needs a name", record.scope);
    return;
  }
  record.ref = PrometheusRef("PromRule", std::move(key));
  std::optional<Timestamp> at;
  if (!ReadTime(value, "at", "at", ctx, &at)) return;
  if (IsDelete(value)) return EmitBareDelete(std::move(record.ref), record.scope, at, ctx);
  SummaryFields fields(ctx, &record.fields);
  fields.Put("group", group);
  fields.Put("rule", name);
  fields.Put("type", absl::AsciiStrToLower(Text(value, "type")));
  fields.Put("expr", Str(value, "expr"));
  fields.PutMap("labels", FindObject(value, "labels"));
  fields.PutMap("annotations", FindObject(value, "annotations"));
  fields.Sort();
  EmitAt(std::move(record), at, ctx);
}

void DecodeCommand(const json::object& value, Context& ctx) {
  ctx.Ignore(absl::EqualsIgnoreCase(Str(value, "op"), "ENSURE_SCHEMA") ? "ENSURE_SCHEMA command"
                                                                       : "unknown command");
}

void DecodeTombstone(Context& ctx) {
  if (!ctx.origin.key || ctx.origin.raw_key.empty())
    return ctx.Ignore("record without key and value");
  const ScopeName scope = ctx.Scope("", "");
  const std::string raw = Text(ctx.origin.raw_key);
  TopicKind topic = ctx.origin.topic;
  if (topic == TopicKind::kUnknown && absl::StartsWith(raw, "edge:")) topic = TopicKind::kTopology;
  switch (topic) {
    case TopicKind::kTopology:
      return TopologyTombstone(ctx);
    case TopicKind::kPromTargets:
      return EmitBareDelete(PrometheusRef("PromTarget", raw), scope, std::nullopt, ctx);
    case TopicKind::kPromRules:
      return EmitBareDelete(PrometheusRef("PromRule", raw), scope, std::nullopt, ctx);
    case TopicKind::kResource:
      break;
    case TopicKind::kUnknown:
      if (raw.find(':') != std::string::npos) break;
      return ctx.Ignore("tombstone of an unknown topic");
    default:
      return ctx.Ignore("tombstone of a topic without state");
  }
  ObjectRef ref;
  if (!ReadResourceKey(raw, &ref)) {
    return ctx.Reject("the key of a resource tombstone must read kind:uid", scope);
  }
  EmitBareDelete(std::move(ref), scope, std::nullopt, ctx);
}

}  // namespace kg::ingest
