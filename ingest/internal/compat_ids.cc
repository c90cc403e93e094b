#include "ingest/internal/compat_ids.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/digest.h"

namespace kg::ingest {
namespace {

struct TopicRow {
  absl::string_view name;
  TopicKind kind;
};

constexpr std::array<TopicRow, 15> kTopics = {{
    {"state.k8s.resource", TopicKind::kResource},
    {"state.k8s.topology", TopicKind::kTopology},
    {"state.prom.targets", TopicKind::kPromTargets},
    {"state.prom.rules", TopicKind::kPromRules},
    {"graph.commands", TopicKind::kCommands},
    {"events.normalized", TopicKind::kEvents},
    {"alerts.enriched", TopicKind::kEvents},
    {"alerts.normalized", TopicKind::kEvents},
    {"alerts.raw", TopicKind::kEvents},
    {"raw.k8s.events", TopicKind::kEvents},
    {"logs.normalized", TopicKind::kLogs},
    {"cluster.registry", TopicKind::kRegistry},
    {"cluster.heartbeat", TopicKind::kHeartbeat},
    {"dlq.raw", TopicKind::kDeadLetters},
    {"dlq.normalized", TopicKind::kDeadLetters},
}};

constexpr std::array<absl::string_view, 30> kClusterScoped = {"node",
                                                              "namespace",
                                                              "persistentvolume",
                                                              "storageclass",
                                                              "clusterrole",
                                                              "clusterrolebinding",
                                                              "priorityclass",
                                                              "runtimeclass",
                                                              "ingressclass",
                                                              "gatewayclass",
                                                              "csidriver",
                                                              "csinode",
                                                              "volumeattachment",
                                                              "customresourcedefinition",
                                                              "apiservice",
                                                              "mutatingwebhookconfiguration",
                                                              "validatingwebhookconfiguration",
                                                              "validatingadmissionpolicy",
                                                              "certificatesigningrequest",
                                                              "flowschema",
                                                              "prioritylevelconfiguration",
                                                              "volumesnapshotclass",
                                                              "volumesnapshotcontent",
                                                              "clusterissuer",
                                                              "nodepool",
                                                              "nodeclaim",
                                                              "deviceclass",
                                                              "resourceslice",
                                                              "zone",
                                                              "region"};

constexpr std::array<absl::string_view, 12> kNamespaced = {
    "pod", "service", "deployment", "replicaset", "statefulset",           "daemonset",
    "job", "cronjob", "configmap",  "secret",     "persistentvolumeclaim", "ingress"};

bool IsTenantName(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

bool IsKindWord(absl::string_view word) {
  return std::find(kNamespaced.begin(), kNamespaced.end(), word) != kNamespaced.end() ||
         std::find(kClusterScoped.begin(), kClusterScoped.end(), word) != kClusterScoped.end();
}

// How many '|' a key of the topic holds by itself; one more is the legacy tenant form.
size_t OwnBars(TopicKind topic) {
  switch (topic) {
    case TopicKind::kPromTargets:
      return 4;
    case TopicKind::kPromRules:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

TopicName ParseTopic(absl::string_view topic) {
  for (const TopicRow& row : kTopics) {
    if (topic == row.name) return {row.kind, ""};
    if (absl::EndsWith(topic, row.name) && topic.size() > row.name.size() + 1 &&
        topic[topic.size() - row.name.size() - 1] == '.') {
      return {row.kind, std::string(topic.substr(0, topic.size() - row.name.size() - 1))};
    }
  }
  return {};
}

RecordKey SplitKey(absl::string_view key, TopicKind topic) {
  const size_t colons = key.find("::");
  if (colons != absl::string_view::npos) {
    const absl::string_view left = key.substr(0, colons), right = key.substr(colons + 2);
    const bool is_rid = IsKindWord(left) && !absl::StrContains(right, ":");
    if (IsTenantName(left) && !is_rid) return {std::string(left), std::string(right)};
  }
  const size_t bars = std::count(key.begin(), key.end(), '|');
  if (bars == OwnBars(topic) + 1) {
    const size_t bar = key.find('|');
    if (IsTenantName(key.substr(0, bar))) {
      return {std::string(key.substr(0, bar)), std::string(key.substr(bar + 1))};
    }
  }
  return {"", std::string(key)};
}

bool LooksLikeUid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

bool IsClusterScoped(absl::string_view kind) {
  const std::string lower = absl::AsciiStrToLower(kind);
  return std::find(kClusterScoped.begin(), kClusterScoped.end(), lower) != kClusterScoped.end();
}

std::optional<ObjectRef> ParseRid(absl::string_view rid) {
  const size_t first = rid.find(':');
  if (first == 0 || first == absl::string_view::npos || first + 1 == rid.size()) {
    return std::nullopt;
  }
  ObjectRef ref;
  ref.kind = std::string(rid.substr(0, first));
  const absl::string_view rest = rid.substr(first + 1);
  const size_t second = rest.find(':');
  if (second == absl::string_view::npos) {
    (LooksLikeUid(rest) ? ref.uid : ref.name) = std::string(rest);
    return ref;
  }
  // Names of cluster-scoped objects may hold colons (system:node), so only the spellings with an
  // empty or defaulted namespace are split off.
  const absl::string_view ns = rest.substr(0, second);
  if (IsClusterScoped(ref.kind) && !ns.empty() && ns != "default") {
    ref.name = std::string(rest);
    return ref;
  }
  ref.ns = std::string(ns);
  ref.name = std::string(rest.substr(second + 1));
  if (ref.name.empty()) return std::nullopt;
  return ref;
}

std::optional<EdgeEnds> ParseEdgeId(absl::string_view id) {
  if (absl::StartsWith(id, "edge:")) id.remove_prefix(5);
  const size_t arrow = id.find("->");
  if (arrow == absl::string_view::npos) return std::nullopt;
  std::optional<ObjectRef> from = ParseRid(id.substr(0, arrow));
  std::optional<ObjectRef> to = ParseRid(id.substr(arrow + 2));
  if (!from || !to) return std::nullopt;
  return EdgeEnds{*from, *to};
}

std::string RelationshipType(absl::string_view type) {
  std::string name;
  for (const char c : absl::StripAsciiWhitespace(type)) {
    name += absl::ascii_isalnum(c) ? absl::ascii_toupper(c) : '_';
  }
  if (name.empty()) return "R_REL";
  return absl::ascii_isalpha(name[0]) ? name : "R_" + name;
}

std::string VectorEventId(absl::string_view creation, absl::string_view uid,
                          absl::string_view reason) {
  return Sha1Hex(absl::StrCat(creation, uid, reason));
}

std::string FallbackEventId(absl::string_view time, absl::string_view etype, absl::string_view ns,
                            absl::string_view name, absl::string_view reason) {
  return Sha1Hex(absl::StrCat(time, "|", etype, "|", ns, "/", name, "|", reason));
}

std::string FallbackLogId(absl::string_view key, absl::string_view time, absl::string_view reason,
                          absl::string_view message) {
  return Sha1Hex(absl::StrCat(key, "|", time, "|", reason, "|", message.substr(0, 64)));
}

std::string NormalizerEventId(absl::string_view uid, absl::string_view creation) {
  return "evt-" + Sha256Hex(absl::StrCat(uid, ":", creation)).substr(0, 16);
}

}  // namespace kg::ingest
