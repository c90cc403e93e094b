#include "query/findings.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kg::query {
namespace {

using storage::keys::Direction;

constexpr size_t kPodsLookedAt = 8;  // to learn whether labels are known, or what has started
// A number that no container declares may be served all the same: declaring is optional.
constexpr double kUndeclaredPort = 0.8;
// Where another port of the Service is fine, callers may well mean that one.
constexpr double kOneOfSeveralPorts = 0.75;
// Others of its kind were seen: the listing may still have been a part only.
constexpr double kNeverSeen = 0.85;

bool IsWorkload(const KindInfo& kind) {
  return !kind.pod_spec.empty() && kind.kind != "Pod";
}

// "spec.template.spec" -> "spec.template."
std::string TemplatePrefix(const KindInfo& kind) {
  return kind.pod_spec.substr(0, kind.pod_spec.rfind("spec"));
}

bool Matches(const std::map<std::string, std::string>& selector,
             const std::map<std::string, std::string>& labels) {
  return std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
    const auto label = labels.find(wanted.first);
    return label != labels.end() && label->second == wanted.second;
  });
}

// Of all that was told of an object at a time, what holds its specification.
bool TellsSpec(const RevisionRecord& r) {
  return !Under(r.fields, "spec").empty();
}

bool SameUnder(const Fields& a, const Fields& b, absl::string_view prefix) {
  const FieldRange x = Under(a, prefix), y = Under(b, prefix);
  return std::equal(x.begin(), x.end(), y.begin(), y.end());
}

}  // namespace

Findings::Findings(const View& view, const Describer& say, ScopeId scope, BudgetMeter* meter)
    : view_(view), say_(say), scope_(scope), meter_(meter) {}

const std::optional<Finding>& Findings::Of(ResourceId id) {
  auto [it, fresh] = found_.try_emplace(id);
  if (!fresh || !meter_->TakeNodes()) return it->second;
  std::optional<Finding> finding = Find(id);
  // Looking at it may have asked for others.
  return found_[id] = meter_->spent() ? std::nullopt : std::move(finding);
}

std::optional<Finding> Findings::Find(ResourceId id) {
  const Node* node = view_.graph().Find(id);
  if (node == nullptr || node->name == nullptr) return std::nullopt;
  if (node->AliveAt(view_.as_of()) == nullptr) return OfMissing(id);
  if (node->name->kind == "Service" && node->name->group.empty()) return OfService(id);
  const auto kind = view_.rules().KindByName(node->name->kind);
  if (kind.has_value() && IsWorkload(*kind)) return OfWorkload(id);
  return std::nullopt;
}

std::vector<ClassId> Findings::Possible(ResourceId id) const {
  const RuleBook& rules = view_.rules();
  const Node* node = view_.graph().Find(id);
  if (node == nullptr || node->name == nullptr) return {};
  if (node->AliveAt(view_.as_of()) == nullptr) return {rules.ClassByName("REF_MISSING")};
  if (node->name->kind == "Service" && node->name->group.empty())
    return {rules.ClassByName("SELECTOR_EMPTY"), rules.ClassByName("PORT_MISMATCH")};
  const auto kind = rules.KindByName(node->name->kind);
  if (kind.has_value() && IsWorkload(*kind)) return {rules.ClassByName("ZERO_REPLICAS")};
  return {};
}

std::optional<Finding> Findings::OfService(ResourceId id) {
  const Fields& fields = FieldsOf(id);
  const std::map<std::string, std::string> selector = MapAt(fields, "spec.selector");
  if (selector.empty() || ValueAt(fields, "spec.type") == "ExternalName") return std::nullopt;
  const std::vector<ResourceId> pods = PodsBehind(id);
  if (!pods.empty()) return PortMismatch(id, pods);
  if (IsRouted(id) || !WorkloadsBehind(id).empty()) return std::nullopt;
  if (!LabelsOfPodsKnown(say_.Name(id).ns)) return std::nullopt;

  Finding f;
  f.resource = id;
  f.cls = view_.rules().ClassByName("SELECTOR_EMPTY");
  f.kind = "selector_empty";
  const Interval since = Since(id, "spec.selector");
  f.earliest = since.from;
  f.latest = since.to;
  // It ended with the last pod that it did select.
  view_.graph().Find(id, view_.oldest())->out_closed.ForEach([&](const ClosedEdge& e) {
    if (EdgeTypeId(e.type) != view_.rules().EdgeTypeByName("SELECTS")) return true;
    if (e.to > view_.as_of()) return true;
    f.earliest = std::max(f.earliest, e.to);
    return true;
  });
  f.latest = std::max(f.earliest, f.latest);
  f.text = absl::StrCat(ShortName(say_.Name(id)), " selects no pod: none has the labels ",
                        absl::StrJoin(selector, ", ", absl::PairFormatter("=")));
  return f;
}

std::optional<Finding> Findings::PortMismatch(ResourceId id, const std::vector<ResourceId>& pods) {
  std::set<std::string> names, numbers;
  bool ready = false;  // or nobody says
  for (size_t i = 0; i < pods.size() && i < kPodsLookedAt; ++i) {
    const Fields& pod = FieldsOf(pods[i]);
    if (pod.empty()) return std::nullopt;
    const absl::string_view says = ValueAt(pod, "status.conditions[Ready].status");
    ready = ready || says.empty() || says == "True";
    for (const char* list : {"spec.containers", "spec.initContainers"}) {
      for (const Field& f : Under(pod, absl::StrCat(list, "["))) {
        if (!absl::StrContains(f.path, "].ports[")) continue;
        if (absl::EndsWith(f.path, ".name")) names.insert(f.value);
        if (absl::EndsWith(f.path, ".containerPort")) numbers.insert(f.value);
      }
    }
  }
  if (!ready) return std::nullopt;  // then that is why nobody answers
  const Fields& service = FieldsOf(id);
  std::vector<std::string> wrong;
  bool by_name = false;
  size_t ports = 0;
  for (const std::string& key : ElementKeys(service, "spec.ports")) {
    const std::string at = absl::StrCat("spec.ports[", key, "]");
    std::string target(ValueAt(service, at + ".targetPort"));
    if (target.empty()) target = std::string(ValueAt(service, at + ".port"));
    if (target.empty()) continue;
    ++ports;
    int number = 0;
    const bool is_number = absl::SimpleAtoi(target, &number);
    if ((is_number ? numbers : names).count(target) > 0) continue;
    if (is_number && numbers.empty()) continue;  // they declare none, which is their right
    by_name = by_name || !is_number;
    wrong.push_back(target);
  }
  if (wrong.empty()) return std::nullopt;

  Finding f;
  f.resource = id;
  f.cls = view_.rules().ClassByName("PORT_MISMATCH");
  f.kind = "port_mismatch";
  const Interval since = Since(id, "spec.ports");
  f.earliest = since.from;
  f.latest = since.to;
  f.certainty = (by_name ? 1 : kUndeclaredPort) * (wrong.size() < ports ? kOneOfSeveralPorts : 1);
  std::set<std::string> declared = numbers;
  declared.insert(names.begin(), names.end());
  f.text = absl::StrCat(
      ShortName(say_.Name(id)), " sends to port ", absl::StrJoin(wrong, ", "),
      ", which none of its pods has",
      declared.empty() ? "" : absl::StrCat("; they have ", absl::StrJoin(declared, ", ")));
  return f;
}

std::optional<Finding> Findings::OfWorkload(ResourceId id) {
  if (ValueAt(FieldsOf(id), "spec.replicas") != "0") return std::nullopt;
  // A rollout leaves its old ReplicaSets empty: what counts is what controls them.
  if (say_.TopOwner(id, view_.as_of()) != id) return std::nullopt;
  Finding f;
  f.resource = id;
  f.cls = view_.rules().ClassByName("ZERO_REPLICAS");
  f.kind = "zero_replicas";
  const Interval since = Since(id, "spec.replicas");
  f.earliest = since.from;
  f.latest = since.to;
  f.text = absl::StrCat(ShortName(say_.Name(id)), " is scaled to zero");
  return f;
}

std::optional<Finding> Findings::OfMissing(ResourceId id) {
  const Node& node = *view_.graph().Find(id);
  const SlotName& name = *node.name;
  Finding f;
  f.resource = id;
  f.cls = view_.rules().ClassByName("REF_MISSING");
  f.kind = "missing_object";
  f.latest = view_.as_of();
  for (const Incarnation& life : node.incarnations) {
    if (life.alive.to > view_.as_of()) continue;
    f.deleted = true;
    f.earliest = f.latest = life.alive.to;
  }
  if (!f.deleted) {
    const auto& alive = NamespaceOf(name.ns).alive;
    const auto others = alive.find(name.kind);
    if (others == alive.end() || others->second.empty()) return std::nullopt;
    f.certainty = kNeverSeen;
  }
  f.text = absl::StrCat(ShortName(name), f.deleted ? " was deleted" : " does not exist");
  return f;
}

Interval Findings::Since(ResourceId id, const std::string& prefix) {
  const Incarnation* life = view_.graph().Find(id)->AliveAt(view_.as_of());
  Interval since{kBeginning, view_.as_of()};
  if (life != nullptr && !life->sighted) since.from = life->alive.from;
  const auto revisions = view_.Revisions(scope_, id, {since.from, JustAfter(view_.as_of())});
  if (!revisions.ok()) return since;
  const Fields& now = FieldsOf(id);
  for (auto r = revisions->rbegin(); r != revisions->rend(); ++r) {
    if ((life != nullptr && r->uid != life->uid) || !TellsSpec(*r)) continue;
    if (!meter_->TakeBytes(CostOf(*r))) break;
    if (!SameUnder(r->fields, now, prefix)) {
      since.from = std::max(since.from, r->last_confirmed);
      break;
    }
    since.to = std::min(since.to, r->valid.from);
  }
  since.to = std::max(since.from, since.to);
  return since;
}

const std::vector<ResourceId>& Findings::WorkloadsBehind(ResourceId service) {
  auto [it, fresh] = behind_.try_emplace(service);
  if (!fresh) return it->second;
  const std::map<std::string, std::string> selector = MapAt(FieldsOf(service), "spec.selector");
  std::vector<ResourceId> found;
  if (!selector.empty() && PodsBehind(service).empty()) {
    for (const auto& [name, ids] : NamespaceOf(say_.Name(service).ns).alive) {
      const auto kind = view_.rules().KindByName(name);
      if (!kind.has_value() || !IsWorkload(*kind)) continue;
      for (ResourceId id : ids) {
        if (say_.TopOwner(id, view_.as_of()) == id && Matches(selector, TemplateLabels(id)))
          found.push_back(id);
      }
    }
  }
  return behind_[service] = std::move(found);
}

std::vector<ResourceId> Findings::ServicesBefore(ResourceId workload) {
  std::vector<ResourceId> out;
  const auto& alive = NamespaceOf(say_.Name(workload).ns).alive;
  const auto services = alive.find("Service");
  if (services == alive.end()) return out;
  const std::map<std::string, std::string> labels = TemplateLabels(workload);
  if (labels.empty()) return out;
  for (ResourceId s : services->second) {
    const auto selector = MapAt(FieldsOf(s), "spec.selector");
    if (!selector.empty() && Matches(selector, labels)) out.push_back(s);
  }
  return out;
}

std::map<std::string, std::string> Findings::TemplateLabels(ResourceId workload) {
  const auto kind = view_.rules().KindByName(say_.Name(workload).kind);
  if (!kind.has_value() || !IsWorkload(*kind)) return {};
  return MapAt(FieldsOf(workload), absl::StrCat(TemplatePrefix(*kind), "metadata.labels"));
}

bool Findings::HasStarted(ResourceId id) {
  auto [it, fresh] = started_.try_emplace(id, false);
  if (!fresh) return it->second;
  std::vector<ResourceId> pods;
  std::vector<ResourceId> todo = {id};
  std::set<ResourceId> seen = {id};
  const EdgeTypeId controls = view_.rules().EdgeTypeByName("CONTROLS");
  while (!todo.empty() && pods.size() < kPodsLookedAt) {
    const ResourceId at = todo.back();
    todo.pop_back();
    if (say_.Name(at).kind == "Pod") pods.push_back(at);
    view_.graph().ForEachEdge(at, Direction::kOut, view_.as_of(),
                              [&](ResourceId other, EdgeTypeId type, uint16_t, Interval) {
                                if (type == controls && seen.insert(other).second)
                                  todo.push_back(other);
                                return meter_->TakeEdges();
                              });
  }
  bool started = false;
  for (ResourceId pod : pods) {
    for (const Field& f : Under(FieldsOf(pod), "status.containerStatuses[")) {
      started = started || absl::StrContains(f.path, ".state.running.") ||
                absl::StrContains(f.path, "tate.terminated.");
    }
  }
  return started_[id] = started;
}

const Fields& Findings::FieldsOf(ResourceId id) {
  auto [it, fresh] = fields_.try_emplace(id);
  if (!fresh) return it->second;
  const Timestamp at = view_.as_of();
  auto revisions = view_.Revisions(scope_, id, {at, at == kForever ? at : at + Duration(1)});
  if (!revisions.ok()) return it->second;
  const auto newest = std::find_if(revisions->rbegin(), revisions->rend(), TellsSpec);
  if (newest != revisions->rend() && meter_->TakeBytes(CostOf(*newest)))
    it->second = std::move(newest->fields);
  return it->second;
}

const Findings::Namespace& Findings::NamespaceOf(const std::string& ns) {
  auto [it, fresh] = namespaces_.try_emplace(ns);
  if (!fresh) return it->second;
  // By name, as the view lists them.
  for (ResourceId id : view_.List(scope_, ns, "")) {
    if (!meter_->TakeNodes()) break;
    const Node* node = view_.graph().Find(id);
    if (node->name->ns != ns) continue;
    const Incarnation* life = node->AliveAt(view_.as_of());
    if (life != nullptr && !life->sighted) it->second.alive[node->name->kind].push_back(id);
  }
  return it->second;
}

bool Findings::LabelsOfPodsKnown(const std::string& ns) {
  auto [it, fresh] = labels_known_.try_emplace(ns, false);
  if (!fresh) return it->second;
  const auto& alive = NamespaceOf(ns).alive;
  const auto pods = alive.find("Pod");
  if (pods == alive.end()) return false;
  for (size_t i = 0; i < pods->second.size() && i < kPodsLookedAt; ++i) {
    if (!Under(FieldsOf(pods->second[i]), "metadata.labels").empty()) it->second = true;
  }
  return it->second;
}

std::vector<ResourceId> Findings::PodsBehind(ResourceId service) const {
  std::vector<ResourceId> pods;
  const EdgeTypeId selects = view_.rules().EdgeTypeByName("SELECTS");
  view_.graph().ForEachEdge(
      service, Direction::kOut, view_.as_of(),
      [&](ResourceId other, EdgeTypeId type, uint16_t, Interval) {
        const Node* pod = view_.graph().Find(other);
        if (type == selects && pod != nullptr && pod->AliveAt(view_.as_of()) != nullptr)
          pods.push_back(other);
        return meter_->TakeEdges();
      });
  std::sort(pods.begin(), pods.end(),
            [&](ResourceId a, ResourceId b) { return NameLess(say_.Name(a), say_.Name(b)); });
  return pods;
}

bool Findings::IsRouted(ResourceId service) const {
  bool routed = false;
  const EdgeTypeId routes = view_.rules().EdgeTypeByName("ROUTES_TO");
  view_.graph().ForEachEdge(service, Direction::kOut, view_.as_of(),
                            [&](ResourceId, EdgeTypeId type, uint16_t, Interval) {
                              routed = type == routes;
                              return !routed;
                            });
  return routed;
}

}  // namespace kg::query
