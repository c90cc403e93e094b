#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/decoders.h"
#include "ingest/internal/digest.h"

// Alerts of Alertmanager and Prometheus, and as the predecessor's collectors repeat them.

namespace kg::ingest {
namespace {

using Labels = std::map<std::string, std::string>;

Labels ReadLabels(const json::object* object) {
  Labels labels;
  if (object == nullptr) return labels;
  for (const auto& member : *object) {
    if (member.value().is_structured() || member.value().is_null()) continue;
    labels[Text(View(member.key()))] = ScalarText(member.value());
  }
  return labels;
}

const std::string& Get(const Labels& labels, const char* name) {
  static const std::string kEmpty;
  const auto it = labels.find(name);
  return it == labels.end() ? kEmpty : it->second;
}

struct SubjectLabel {
  const char* label;
  const char* group;
  const char* kind;
};

// Which labels name what an alert is about, most telling first.
constexpr std::array<SubjectLabel, 14> kWorkloads = {{
    {"persistentvolumeclaim", "", "PersistentVolumeClaim"},
    {"persistentvolume", "", "PersistentVolume"},
    {"horizontalpodautoscaler", "autoscaling", "HorizontalPodAutoscaler"},
    {"hpa", "autoscaling", "HorizontalPodAutoscaler"},
    {"poddisruptionbudget", "policy", "PodDisruptionBudget"},
    {"deployment", "apps", "Deployment"},
    {"statefulset", "apps", "StatefulSet"},
    {"daemonset", "apps", "DaemonSet"},
    {"replicaset", "apps", "ReplicaSet"},
    {"job_name", "batch", "Job"},
    {"cronjob", "batch", "CronJob"},
    {"ingress", "networking.k8s.io", "Ingress"},
    {"resourcequota", "", "ResourceQuota"},
    {"endpoint_name", "", "Endpoints"},
}};

// Scrape jobs whose pod, service and instance labels describe the exporter, not the subject.
bool IsStateExporter(absl::string_view job) {
  return absl::StrContains(job, "kube-state-metrics");
}
bool IsNodeExporter(absl::string_view job) {
  return absl::StrContains(job, "node-exporter");
}
bool IsExporter(absl::string_view job) {
  return IsStateExporter(job) || IsNodeExporter(job) || absl::EndsWith(job, "-exporter") ||
         job == "kubelet" || job == "apiserver" || job == "prometheus";
}

ObjectRef Ref(const char* group, const char* kind, std::string ns, std::string name) {
  ObjectRef ref;
  ref.group = group;
  ref.group_known = true;
  ref.kind = kind;
  ref.ns = std::move(ns);
  ref.name = std::move(name);
  return ref;
}

std::string HostOfInstance(const std::string& instance) {
  const size_t colon = instance.rfind(':'), bracket = instance.rfind(']');
  if (colon == std::string::npos) return instance;
  if (bracket != std::string::npos && bracket > colon) return instance;
  return instance.substr(0, colon);
}

bool NameWorkload(const Labels& labels, const std::string& ns, ObjectRef* ref) {
  for (const SubjectLabel& row : kWorkloads) {
    const std::string& name = Get(labels, row.label);
    if (name.empty()) continue;
    *ref = Ref(row.group, row.kind, ns, name);
    if (absl::string_view(row.kind) == "PersistentVolume") ref->ns.clear();
    return true;
  }
  return false;
}

bool NamePod(const Labels& labels, const std::string& ns, absl::string_view job, ObjectRef* ref) {
  for (const char* label : {"pod", "pod_name"}) {
    const std::string& name = Get(labels, label);
    if (name.empty()) continue;
    // An exporter that tells of others attaches its own pod, unless the series carried one.
    const bool own = (IsStateExporter(job) && absl::StrContains(name, "kube-state-metrics")) ||
                     IsNodeExporter(job);
    if (own) continue;
    *ref = Ref("", "Pod", ns, name);
    if (LooksLikeUid(Get(labels, "uid"))) ref->uid = Get(labels, "uid");
    return true;
  }
  return false;
}

bool NameNode(const Labels& labels, absl::string_view job, ObjectRef* ref) {
  for (const char* label : {"node", "kubernetes_node", "nodename"}) {
    if (Get(labels, label).empty()) continue;
    *ref = Ref("", "Node", "", Get(labels, label));
    return true;
  }
  const bool on_node = IsNodeExporter(job) || job == "kubelet";
  if (!on_node || Get(labels, "instance").empty()) return false;
  *ref = Ref("", "Node", "", HostOfInstance(Get(labels, "instance")));
  return true;
}

// Kind empty: the labels name nothing.
ObjectRef SubjectOf(const Labels& sent) {
  // `exported_x` is what the series said before the scrape put the exporter's own x over it.
  Labels labels = sent;
  bool exported = false;
  for (const char* name : {"namespace", "pod", "node", "container", "service", "job"}) {
    const std::string& value = Get(sent, (std::string("exported_") + name).c_str());
    if (value.empty()) continue;
    exported = true;
    if (absl::string_view(name) != "job") labels[name] = value;
  }
  const std::string& job = Get(labels, "job");
  const std::string& ns = Get(labels, "namespace");
  ObjectRef ref;
  const bool workload_first = IsStateExporter(job) && !exported;
  if (workload_first && NameWorkload(labels, ns, &ref)) return ref;
  if (!Get(labels, "persistentvolumeclaim").empty() && NameWorkload(labels, ns, &ref)) return ref;
  if (NamePod(labels, ns, job, &ref)) return ref;
  if (NameWorkload(labels, ns, &ref)) return ref;
  const std::string& service = Get(labels, "service");
  const bool own_service = IsExporter(job) && !exported;
  if (!service.empty() && !own_service && Get(labels, "node").empty()) {
    return Ref("", "Service", ns, service);
  }
  if (NameNode(labels, job, &ref)) return ref;
  if (!service.empty() && !own_service) return Ref("", "Service", ns, service);
  if (!job.empty() && !ns.empty() && !IsExporter(job)) return Ref("", "Service", ns, job);
  if (!ns.empty() && !IsExporter(job)) return Ref("", "Namespace", "", ns);
  return ref;
}

std::string Upper(absl::string_view text) {
  return absl::AsciiStrToUpper(Text(text));
}

void FillFromLabels(const Labels& labels, const Labels& annotations, Context& ctx,
                    AlertRecord* record) {
  for (const auto& label : labels) {
    std::string value = label.second;
    ctx.redactor().Text(&value);
    record->labels.push_back({label.first, std::move(value), FieldKind::kString});
  }
  for (const auto& annotation : annotations) {
    std::string value = annotation.second;
    ctx.redactor().NamedValue(annotation.first, &value);
    record->annotations.push_back({annotation.first, std::move(value), FieldKind::kString});
  }
  record->name = Get(labels, "alertname");
  record->severity = Upper(Get(labels, "severity"));
  const std::string& summary = Get(annotations, "summary");
  record->message = ctx.Prose(summary.empty() ? Get(annotations, "description") : summary);
  record->subject = SubjectOf(labels);
}

std::string FingerprintOf(absl::string_view sent, const Labels& labels) {
  if (!sent.empty()) return Text(sent);
  return LabelFingerprint({labels.begin(), labels.end()});
}

// When the delivery was made: by the record, else now where it is being made, else no later than
// the newest time that it names.
void DateDelivery(std::optional<Timestamp> named, Context& ctx, AlertRecord* record) {
  if (named) {
    record->at = *named;
    record->at_source = TimeSource::kSource;
  } else if (ctx.options().received_live) {
    record->at = ctx.options().wall_now;
    record->at_source = TimeSource::kWallClock;
  } else if (const auto stamp = ctx.Stamp(std::nullopt)) {
    record->at = stamp->first;
    record->at_source = stamp->second;
  } else {
    record->at = record->starts_at;
    record->at_source = TimeSource::kMetadata;
  }
  record->at = std::max(record->at, record->starts_at);
  if (!record->firing && record->ends_at) record->at = std::max(record->at, *record->ends_at);
}

struct AlertTimes {
  std::optional<Timestamp> starts, ends, active;
};

bool ReadAlertTimes(const json::object& alert, Context& ctx, AlertTimes* times) {
  return ReadTime(alert, "startsAt", "startsAt", ctx, &times->starts) &&
         ReadTime(alert, "endsAt", "endsAt", ctx, &times->ends) &&
         ReadTime(alert, "activeAt", "activeAt", ctx, &times->active);
}

bool IsResolved(const json::object& alert, const AlertTimes& times, const Context& ctx) {
  const absl::string_view status = Str(alert, "status");
  if (!status.empty()) return absl::EqualsIgnoreCase(status, "resolved");
  // Alertmanager's own API says it by an end in the past.
  return times.ends && *times.ends <= ctx.options().wall_now;
}

// One alert with labels; `delivered` is the time of the delivery where the envelope names it.
void DecodeOne(const json::object& alert, const ScopeName& outer,
               std::optional<Timestamp> delivered, Context& ctx) {
  const Labels labels = ReadLabels(FindObject(alert, "labels"));
  if (labels.size() > ctx.limits().labels_per_object) {
    ++ctx.stats().limits["max_labels"];
    ctx.Reject(absl::StrCat("labels has ", labels.size(), " entries, at most ",
                            ctx.limits().labels_per_object, " are taken"));
    return;
  }
  if (Get(labels, "alertname").empty()) {
    ctx.Reject("labels.alertname is missing or no string; an alert needs a name", outer);
    return;
  }
  if (Str(alert, "state") == "pending") return ctx.Ignore("pending alert");
  AlertTimes times;
  if (!ReadAlertTimes(alert, ctx, &times)) return;
  if (!times.starts) times.starts = times.active;
  if (!times.starts) times.starts = delivered ? delivered : ctx.origin.envelope_time;
  if (!times.starts) {
    ctx.Reject("startsAt is missing; an alert needs the time it began", outer);
    return;
  }
  AlertRecord record;
  record.scope = outer;
  if (record.scope.cluster.empty()) record.scope.cluster = Get(labels, "cluster");
  FillFromLabels(labels, ReadLabels(FindObject(alert, "annotations")), ctx, &record);
  record.fingerprint = FingerprintOf(Str(alert, "fingerprint"), labels);
  record.firing = !IsResolved(alert, times, ctx);
  record.starts_at = *times.starts;
  record.active_at = times.active;
  if (!record.firing) record.ends_at = times.ends ? times.ends : delivered;
  DateDelivery(delivered, ctx, &record);
  ctx.Took("alert");
  ctx.Emit(std::move(record));
}

}  // namespace

bool IsAlertGroup(const json::object& object) {
  const json::array* alerts = FindArray(object, "alerts");
  if (alerts == nullptr) return false;
  return Has(object, "receiver") || Has(object, "groupLabels") || Has(object, "groupKey") ||
         (!alerts->empty() && (*alerts)[0].is_object() && Has((*alerts)[0].get_object(), "labels"));
}

bool IsAlertShape(const json::object& object) {
  const json::object* labels = FindObject(object, "labels");
  return labels != nullptr && (Has(*labels, "alertname") || Has(object, "generatorURL")) &&
         (Has(object, "startsAt") || Has(object, "activeAt") || Has(object, "annotations") ||
          Has(object, "generatorURL") || Has(object, "fingerprint"));
}

void DecodeAlertGroup(const json::object& webhook, Context& ctx) {
  const json::array* alerts = FindArray(webhook, "alerts");
  if (alerts == nullptr) return ctx.Reject("alerts is missing or no list");
  const ScopeName scope = ctx.Scope(Str(webhook, "client_id"), Str(webhook, "cluster"));
  std::optional<Timestamp> delivered;
  if (!ReadTime(webhook, "timestamp", "timestamp", ctx, &delivered)) return;
  if (Int(webhook, "truncatedAlerts").value_or(0) > 0) ctx.Ignore("alert cut off by max_alerts");
  for (const json::value& element : *alerts) {
    if (ctx.failed()) return;
    if (const json::object* alert = element.if_object()) {
      DecodeOne(*alert, scope, delivered, ctx);
    } else {
      ctx.Reject("an element of alerts is no object", scope);
    }
  }
}

void DecodeAlert(const json::object& alert, Context& ctx) {
  DecodeOne(alert, ctx.Scope(Str(alert, "client_id"), Str(alert, "cluster")), std::nullopt, ctx);
}

void DecodeNormalizedAlert(const json::object& event, Context& ctx) {
  std::optional<Timestamp> event_time;
  if (!ReadTime(event, "event_time", "event_time", ctx, &event_time)) return;
  const ScopeName scope = ctx.Scope(Str(event, "client_id"), Str(event, "cluster"));
  const json::object* inner = FindObject(event, "alerts");
  AlertTimes times;
  if (inner != nullptr && !ReadAlertTimes(*inner, ctx, &times)) return;
  if (!event_time) event_time = ctx.origin.envelope_time;
  if (!times.starts) times.starts = event_time;
  if (!times.starts) {
    return ctx.Reject("event_time is missing; an alert needs a time", scope);
  }
  Labels labels = ReadLabels(inner == nullptr ? nullptr : FindObject(*inner, "labels"));
  for (auto& common : ReadLabels(FindObject(event, "commonLabels"))) labels.insert(common);
  Labels annotations = ReadLabels(inner == nullptr ? nullptr : FindObject(*inner, "annotations"));
  for (auto& common : ReadLabels(FindObject(event, "commonAnnotations")))
    annotations.insert(common);
  AlertRecord record;
  record.scope = scope;
  if (record.scope.cluster.empty()) record.scope.cluster = Get(labels, "cluster");
  FillFromLabels(labels, annotations, ctx, &record);
  if (record.name.empty()) record.name = Text(event, "reason");
  if (record.name.empty()) return ctx.Reject("reason is missing; an alert needs a name", scope);
  if (!Str(event, "severity").empty()) record.severity = Upper(Str(event, "severity"));
  if (record.message.empty()) record.message = ctx.Prose(Str(event, "message"));
  const json::object* subject = FindObject(event, "subject");
  if (record.subject.kind.empty() && subject != nullptr && !Str(*subject, "name").empty()) {
    record.subject = ReadReference(*subject);
  }
  if (labels.empty()) {
    // No labels, no fingerprint: what identifies the alert is its name and its subject.
    labels = {{"alertname", record.name},
              {"kind", record.subject.kind},
              {"namespace", record.subject.ns},
              {"name", record.subject.name},
              {"uid", record.subject.uid}};
  }
  record.fingerprint = FingerprintOf(inner == nullptr ? "" : Str(*inner, "fingerprint"), labels);
  const absl::string_view status =
      inner != nullptr && Has(*inner, "status") ? Str(*inner, "status") : Str(event, "status");
  record.firing = !(absl::EqualsIgnoreCase(status, "resolved") ||
                    (status.empty() && absl::EndsWith(record.message, " is resolved")));
  record.starts_at = *times.starts;
  if (!record.firing) record.ends_at = times.ends ? times.ends : event_time;
  DateDelivery(event_time, ctx, &record);
  ctx.Took("alert");
  ctx.Emit(std::move(record));
}

}  // namespace kg::ingest
