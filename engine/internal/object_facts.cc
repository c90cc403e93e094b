#include "engine/internal/object_facts.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "engine/graph.h"
#include "engine/internal/hosts.h"

namespace kg {
namespace {

std::optional<Timestamp> ParseTime(absl::string_view text) {
  absl::Time t;
  std::string error;
  if (text.empty() || !absl::ParseTime(absl::RFC3339_full, text, &t, &error)) return std::nullopt;
  return FromMicros(absl::ToUnixMicros(t));
}

// Where a kind keeps its pod template; nullopt: it has none. "" is the pod itself.
std::optional<std::string> TemplatePrefix(absl::string_view kind) {
  if (kind == "Pod") return "";
  if (kind == "CronJob") return "spec.jobTemplate.spec.template.";
  for (absl::string_view k :
       {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"}) {
    if (kind == k) return "spec.template.";
  }
  return std::nullopt;
}

class Deriver {
 public:
  Deriver(const RuleBook& rules, const ObjectRef& object, const Fields& fields)
      : rules_(rules), object_(object), fields_(fields), template_(TemplatePrefix(object.kind)) {}

  ObjectFacts Run() {
    facts_.labels = MapAt(fields_, "metadata.labels");
    Owners();
    for (const EdgePath& rule : rules_.edge_paths()) ByPath(rule);
    ScrapedByTarget();
    Limits();
    Selector();
    Hosts();
    const bool going = Has(fields_, "metadata.deletionTimestamp");
    if (object_.kind == "Pod") PodStatus();
    if (!going) {
      Conditions();
      Phase();
    }
    Endpoints();
    return std::move(facts_);
  }

 private:
  void Add(absl::string_view type, ObjectRef other, bool reverse, uint16_t flags) {
    const EdgeTypeId id = rules_.EdgeTypeByName(type);
    if (id.value == 0 || (other.name.empty() && other.uid.empty())) return;
    facts_.references.push_back({id, std::move(other), reverse, flags, std::nullopt});
  }

  void Owners() {
    for (const std::string& key : ElementKeys(fields_, "metadata.ownerReferences")) {
      const std::string at = absl::StrCat("metadata.ownerReferences[", key, "]");
      ObjectRef owner;
      owner.kind = std::string(ValueAt(fields_, at + ".kind"));
      owner.name = std::string(ValueAt(fields_, at + ".name"));
      owner.uid = std::string(ValueAt(fields_, at + ".uid"));
      owner.ns = object_.ns;
      const absl::string_view version = ValueAt(fields_, at + ".apiVersion");
      if (!version.empty()) {
        owner.group_known = true;
        const size_t slash = version.find('/');
        if (slash != absl::string_view::npos) owner.group = std::string(version.substr(0, slash));
      }
      if (owner.kind.empty()) continue;
      const bool controller = ValueAt(fields_, at + ".controller") != "false";
      Add(controller ? "CONTROLS" : "OWNED_BY", owner, controller, 0);
    }
  }

  bool RuleIsForThisKind(const EdgePath& rule, std::string* prefix) const {
    for (absl::string_view kind : absl::StrSplit(rule.kinds, ',')) {
      if (kind == object_.kind) {
        *prefix = "";
        return true;
      }
      if (kind == "template" && template_.has_value()) {
        *prefix = *template_;
        return true;
      }
    }
    return false;
  }

  void ByPath(const EdgePath& rule) {
    std::string prefix;
    if (!RuleIsForThisKind(rule, &prefix)) return;
    const std::string pattern = absl::StrCat(prefix, rule.path);
    std::vector<std::string> elements;
    for (const Field& f :
         Under(fields_, absl::string_view(pattern).substr(0, pattern.find("[*]")))) {
      if (f.kind == FieldKind::kEmpty || !MatchPath(pattern, f.path, &elements)) continue;
      // Siblings differ in the last member; a bracket may hold dots of its own.
      const size_t last = f.path.rfind('.');
      const bool ends_in_bracket = f.path.back() == ']';
      const std::string beside = ends_in_bracket ? f.path : f.path.substr(0, last);
      ObjectRef other;
      other.kind = rule.to_kind;
      other.group = rule.to_group;
      other.group_known = true;
      other.name = f.value;
      if (!rule.to_kind.empty() && rule.to_kind[0] == '.') {  // the kind stands in a sibling field
        other.kind = std::string(ValueAt(fields_, beside + rule.to_kind));
        other.group_known = false;
      }
      if (rule.to_ns == EdgePath::Namespace::kSame) other.ns = object_.ns;
      if (rule.to_ns == EdgePath::Namespace::kField) {
        other.ns = std::string(ValueAt(fields_, absl::StrCat(beside, ".", rule.ns_path)));
        if (other.ns.empty()) other.ns = object_.ns;
      }
      uint16_t flags = 0;
      if (!rule.optional_path.empty() &&
          ValueAt(fields_, absl::StrCat(beside, ".", rule.optional_path)) == "true") {
        flags |= kEdgeOptional;
      }
      Add(rule.edge, other, rule.reverse, flags);
    }
  }

  // A Prometheus target or rule names what it watches by its labels.
  void ScrapedByTarget() {
    if (object_.kind != "PromTarget" && object_.kind != "PromRule") return;
    const auto labels = MapAt(fields_, "labels");
    auto label = [&](const char* name) {
      auto it = labels.find(name);
      return it == labels.end() ? std::string() : it->second;
    };
    const absl::string_view type = object_.kind == "PromTarget" ? "SCRAPES" : "SCOPES";
    const std::string ns = label("namespace");
    if (ns.empty()) return;
    std::string service = label("service");
    if (service.empty()) service = label("job");
    if (!service.empty()) Add(type, {"", true, "Service", ns, service, ""}, false, 0);
    if (!label("pod").empty()) Add(type, {"", true, "Pod", ns, label("pod"), ""}, false, 0);
    if (ValueAt(fields_, "health") == "down") {
      AddSignal("target", SignalPlace::kCondition, "", "TargetDown",
                absl::StrCat("PromTarget/Up=False ", ValueAt(fields_, "lastError")), true,
                std::nullopt);
    }
  }

  // What a namespace is held to.
  void Limits() {
    const ObjectRef ns{"", true, "Namespace", "", object_.ns, ""};
    if (object_.kind == "ResourceQuota") Add("HAS_QUOTA", ns, true, 0);
    if (object_.kind == "LimitRange") Add("HAS_LIMITS", ns, true, 0);
  }

  void Selector() {
    LabelSelector s;
    if (object_.kind == "Service") {
      s.equals = MapAt(fields_, "spec.selector");
      facts_.selects = rules_.EdgeTypeByName("SELECTS");
    } else if (object_.kind == "PodDisruptionBudget" || object_.kind == "NetworkPolicy") {
      const std::string at = object_.kind == "NetworkPolicy" ? "spec.podSelector" : "spec.selector";
      s.equals = MapAt(fields_, at + ".matchLabels");
      for (const std::string& key : ElementKeys(fields_, at + ".matchExpressions")) {
        const std::string e = absl::StrCat(at, ".matchExpressions[", key, "]");
        LabelSelector::Expression expression{std::string(ValueAt(fields_, e + ".key")),
                                             std::string(ValueAt(fields_, e + ".operator")),
                                             {}};
        for (const Field& f : Under(fields_, e + ".values[")) expression.values.push_back(f.value);
        s.expressions.push_back(std::move(expression));
      }
      s.when_empty = !Under(fields_, at).empty();
      facts_.selects =
          rules_.EdgeTypeByName(object_.kind == "NetworkPolicy" ? "APPLIES_TO" : "GUARDS");
    } else {
      return;
    }
    facts_.selector = std::move(s);
  }

  void Hosts() {
    // Of a ConfigMap only the hosts that its values name are kept.
    if (object_.kind == "ConfigMap") {
      for (const Field& f : Under(fields_, "hosts")) {
        const auto service =
            ServiceOfHost(absl::string_view(f.value).substr(0, f.value.find(':')), object_.ns);
        if (service.has_value()) Add("CALLS", *service, false, kEdgeHeuristic);
      }
    }
    if (!template_.has_value()) return;
    for (const Field& f : Under(fields_, absl::StrCat(*template_, "spec."))) {
      if (f.kind != FieldKind::kString) continue;
      const absl::string_view path = f.path;
      const size_t env = path.find(".env[");
      const bool is_env = env != absl::string_view::npos && absl::EndsWith(path, "].value");
      const bool is_arg = absl::StrContains(path, ".args[") || absl::StrContains(path, ".command[");
      if (!is_env && !is_arg) continue;
      const absl::string_view name =
          is_env ? path.substr(env + 5, path.size() - env - 5 - 7) : absl::string_view();
      for (const std::string& host : HostsInSetting(name, f.value)) {
        const auto service = ServiceOfHost(host, object_.ns);
        if (service.has_value()) Add("CALLS", *service, false, kEdgeHeuristic);
      }
    }
  }

  void AddSignal(std::string id, SignalPlace place, std::string container, std::string reason,
                 std::string message, bool holds, std::optional<Timestamp> since,
                 std::optional<Timestamp> not_before = std::nullopt) {
    const ClassId cls = rules_.Classify(place, reason, message, "");
    if (!rules_.Class(cls).IsFailure()) return;
    facts_.signals.push_back({std::move(id), place, cls, std::move(container), std::move(reason),
                              std::move(message), holds, since, not_before, std::nullopt});
  }

  void PodStatus() {
    const std::string reason(ValueAt(fields_, "status.reason"));
    if (!reason.empty()) {
      AddSignal(absl::StrCat("pod/", reason), SignalPlace::kPodStatus, "", reason,
                std::string(ValueAt(fields_, "status.message")), true, std::nullopt);
    }
    for (const char* list : {"status.containerStatuses", "status.initContainerStatuses",
                             "status.ephemeralContainerStatuses"}) {
      for (const std::string& name : ElementKeys(fields_, list)) {
        const std::string at = absl::StrCat(list, "[", name, "]");
        const Ends ends = EndsOf(at);
        Waiting(name, at + ".state.waiting", ends);
        Terminated(name, at + ".state.terminated", ends);
        Terminated(name, at + ".lastState.terminated", ends);
      }
    }
  }

  // What a container's status tells of the times at which it ended.
  struct Ends {
    std::optional<Timestamp> last;   // of the end in lastState
    std::optional<Timestamp> since;  // no end was before this
    bool several = false;            // there were others before the one in lastState
  };

  // A status keeps the last end of a container only. One that ended again and again may have done
  // so since its pod started; if it was not ready when it last ran, since its pod ceased to be
  // ready.
  Ends EndsOf(const std::string& at) const {
    Ends ends;
    const std::string before = at + ".lastState.terminated";
    ends.last = ParseTime(ValueAt(fields_, before + ".finishedAt"));
    ends.since = ParseTime(ValueAt(fields_, "status.startTime"));
    int64_t restarts = 0;
    ends.several = absl::SimpleAtoi(ValueAt(fields_, at + ".restartCount"), &restarts) &&
                   restarts > 1 && ends.last.has_value() && ends.since.has_value();
    const auto started = ParseTime(ValueAt(fields_, before + ".startedAt"));
    const auto down = ParseTime(ValueAt(fields_, "status.conditions[Ready].lastTransitionTime"));
    // A pod that was never ready has been so since its start, which says nothing of the container.
    if (ends.several && started.has_value() && down.has_value() &&
        *down<*started&& * down> * ends.since + 2s && ValueAt(fields_, at + ".ready") == "false" &&
        ValueAt(fields_, "status.conditions[Ready].status") == "False") {
      ends.since = down;
    }
    return ends;
  }

  void Waiting(const std::string& container, const std::string& at, const Ends& ends) {
    const std::string reason(ValueAt(fields_, at + ".reason"));
    if (reason.empty()) return;
    // A container waits to be started again from the moment it ended; for an image or a setting it
    // may wait only later.
    const bool after_end = reason == "CrashLoopBackOff" && ends.last.has_value();
    const auto since = after_end ? ends.last : std::nullopt;
    const auto not_before = ends.last.has_value() && !ends.several ? ends.last : ends.since;
    AddSignal(absl::StrCat("wait/", container, "/", reason), SignalPlace::kWaiting, container,
              reason, std::string(ValueAt(fields_, at + ".message")), true, since, not_before);
  }

  void Terminated(const std::string& container, const std::string& at, const Ends& ends) {
    const std::string reason(ValueAt(fields_, at + ".reason"));
    const auto finished = ParseTime(ValueAt(fields_, at + ".finishedAt"));
    const std::string code(ValueAt(fields_, at + ".exitCode"));
    if (!finished.has_value() || (reason.empty() && code.empty())) return;
    const bool one_of_many = ends.several && finished == ends.last;
    AddSignal(absl::StrCat("exit/", container, "/", reason, "/", ToMicros(*finished)),
              SignalPlace::kTerminated, container, reason,
              absl::StrCat("exit code ", code, ": ", ValueAt(fields_, at + ".message")), false,
              finished, one_of_many ? ends.since : std::nullopt);
  }

  void Conditions() {
    for (const std::string& type : ElementKeys(fields_, "status.conditions")) {
      const std::string at = absl::StrCat("status.conditions[", type, "]");
      const std::string status(ValueAt(fields_, at + ".status"));
      if (status.empty()) continue;
      const absl::string_view transition = ValueAt(fields_, at + ".lastTransitionTime");
      AddSignal(absl::StrCat("cond/", type, "/", status, "/", transition), SignalPlace::kCondition,
                "", std::string(ValueAt(fields_, at + ".reason")),
                absl::StrCat(object_.kind, "/", type, "=", status, " ",
                             ValueAt(fields_, at + ".message")),
                true, ParseTime(transition));
    }
  }

  void Phase() {
    const std::string phase(ValueAt(fields_, "status.phase"));
    if (phase.empty()) return;
    AddSignal(absl::StrCat("phase/", phase), SignalPlace::kCondition, "", "",
              absl::StrCat(object_.kind, "/Phase=", phase, " "), true, std::nullopt);
  }

  // EndpointSlice, and core/v1 Endpoints: which pods a Service really reaches.
  void Endpoints() {
    const bool slice = object_.kind == "EndpointSlice";
    if (!slice && object_.kind != "Endpoints") return;
    ObjectRef service{"", true, "Service", object_.ns, object_.name, ""};
    if (slice) {
      auto it = facts_.labels.find("kubernetes.io/service-name");
      if (it == facts_.labels.end()) return;
      service.name = it->second;
    }
    const size_t ready = slice ? SliceTargets(service) : EndpointsTargets(service);
    Add("ENDPOINTS_OF", service, false, 0);
    if (ready > 0) return;
    // When the pod or Service changed that made the controller write this state, if it told.
    const auto since = ParseTime(
        ValueAt(fields_, "metadata.annotations[endpoints.kubernetes.io/last-change-trigger-time]"));
    const ClassId cls = rules_.ClassByName("NO_READY_ENDPOINTS");
    facts_.signals.push_back({absl::StrCat("noready/", service.name), SignalPlace::kCondition, cls,
                              "", "NoReadyEndpoints", "no endpoint of the Service is ready", true,
                              since, std::nullopt, service});
  }

  size_t SliceTargets(const ObjectRef& service) {
    size_t ready = 0;
    for (const std::string& key : ElementKeys(fields_, "endpoints")) {
      const std::string at = absl::StrCat("endpoints[", key, "]");
      if (ValueAt(fields_, at + ".conditions.ready") == "false") continue;
      ++ready;
      Routes(service, at + ".targetRef");
    }
    return ready;
  }

  size_t EndpointsTargets(const ObjectRef& service) {
    size_t ready = 0;
    for (const std::string& subset : ElementKeys(fields_, "subsets")) {
      const std::string list = absl::StrCat("subsets[", subset, "].addresses");
      for (const std::string& key : ElementKeys(fields_, list)) {
        ++ready;
        Routes(service, absl::StrCat(list, "[", key, "].targetRef"));
      }
    }
    return ready;
  }

  void Routes(const ObjectRef& service, const std::string& target) {
    if (ValueAt(fields_, target + ".kind") != "Pod") return;
    const ObjectRef pod{
        "", true, "Pod", object_.ns, std::string(ValueAt(fields_, target + ".name")), ""};
    // The slice asserts an edge between two other objects: from the Service, to the Pod.
    facts_.references.push_back({rules_.EdgeTypeByName("ROUTES_TO"), pod, false, 0, service});
  }

  const RuleBook& rules_;
  const ObjectRef& object_;
  const Fields& fields_;
  const std::optional<std::string> template_;
  ObjectFacts facts_;
};

}  // namespace

bool LabelSelector::Matches(const std::map<std::string, std::string>& labels) const {
  if (equals.empty() && expressions.empty()) return when_empty;
  for (const auto& [key, value] : equals) {
    auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  return std::all_of(expressions.begin(), expressions.end(), [&](const Expression& e) {
    auto it = labels.find(e.key);
    const bool has = it != labels.end();
    const bool in =
        has && std::find(e.values.begin(), e.values.end(), it->second) != e.values.end();
    if (e.op == "In") return in;
    if (e.op == "NotIn") return !in;
    if (e.op == "Exists") return has;
    return e.op == "DoesNotExist" && !has;
  });
}

ObjectFacts DeriveFacts(const RuleBook& rules, const ObjectRef& object, const Fields& fields) {
  return Deriver(rules, object, fields).Run();
}

}  // namespace kg
