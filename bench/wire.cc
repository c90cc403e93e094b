#include "bench/wire.h"

#include <cctype>
#include <ctime>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/setup.h"

namespace kg::bench {
namespace {

std::string SecondsText(Timestamp t) {
  const time_t second = ToMicros(t) / 1'000'000;
  tm utc;
  gmtime_r(&second, &utc);
  char text[32];
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
  return text;
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

}  // namespace

std::string TimeText(Timestamp t) {
  return absl::StrFormat("%s.%06dZ", SecondsText(t), ToMicros(t) % 1'000'000);
}

std::string EventLine(const EventRecord& e) {
  const std::string time = absl::StrCat(SecondsText(e.first), "Z");
  return absl::StrFormat(
      R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"%s.%s","namespace":"%s","uid":"%s"},)"
      R"("involvedObject":{"kind":"%s","namespace":"%s","name":"%s","uid":"%s"},"reason":"%s","message":"%s",)"
      R"("type":"%s","source":{"component":"%s"},"firstTimestamp":"%s","lastTimestamp":"%s","count":%d})"
      "\n",
      e.subject.name, e.event_id.substr(0, 16), e.subject.ns, e.event_id, e.subject.kind,
      e.subject.ns, e.subject.name, e.subject.uid, e.reason, absl::CEscape(e.message), e.type,
      e.emitter, time, time, e.count);
}

std::string KcatLine(const std::string& topic, uint64_t offset, Timestamp at,
                     const std::string& key, const std::string& value) {
  return absl::StrCat("{\"topic\":\"", topic, "\",\"partition\":0,\"offset\":", offset,
                      ",\"tstype\":\"create\",\"ts\":", ToMicros(at) / 1000,
                      ",\"broker\":1,\"key\":", Quoted(key), ",\"payload\":", Quoted(value), "}\n");
}

std::string StateLine(const ObjectRecord& object, Timestamp at) {
  std::string labels, owner, node, phase, selector, replicas;
  for (const Field& f : object.fields) {
    if (absl::StartsWith(f.path, "metadata.labels.")) {
      absl::StrAppend(&labels, labels.empty() ? "" : ",", Quoted(f.path.substr(16)), ":",
                      Quoted(f.value));
    } else if (absl::StartsWith(f.path, "spec.selector.")) {
      absl::StrAppend(&selector, selector.empty() ? "" : ",", Quoted(f.path.substr(14)), ":",
                      Quoted(f.value));
    } else if (absl::StartsWith(f.path, "metadata.ownerReferences[") &&
               absl::EndsWith(f.path, "].kind")) {
      const std::string name = f.path.substr(25, f.path.size() - 25 - 6);
      owner = absl::StrCat("{\"kind\":", Quoted(f.value), ",\"name\":", Quoted(name), "}");
    } else if (f.path == "spec.nodeName") {
      node = f.value;
    } else if (f.path == "status.phase") {
      phase = f.value;
    } else if (f.path == "spec.replicas") {
      replicas = f.value;
    }
  }
  std::string v = absl::StrCat("{\"op\":\"UPSERT\",\"at\":\"", TimeText(at),
                               "\",\"client_id\":\"acme-1\",\"cluster\":\"acme-eu\",\"kind\":",
                               Quoted(object.ref.kind), ",\"uid\":", Quoted(object.ref.uid));
  if (!object.ref.ns.empty()) absl::StrAppend(&v, ",\"namespace\":", Quoted(object.ref.ns));
  absl::StrAppend(&v, ",\"name\":", Quoted(object.ref.name));
  if (!labels.empty()) absl::StrAppend(&v, ",\"labels\":{", labels, "}");
  if (!owner.empty()) absl::StrAppend(&v, ",\"ownerRefs\":[", owner, "]");
  if (!node.empty()) absl::StrAppend(&v, ",\"node\":", Quoted(node));
  if (!selector.empty()) absl::StrAppend(&v, ",\"serviceSelector\":{", selector, "}");
  if (!replicas.empty()) absl::StrAppend(&v, ",\"replicas\":", replicas);
  if (!phase.empty()) {
    absl::StrAppend(&v, ",\"status\":{\"phase\":", Quoted(phase),
                    ",\"restartCount\":0,\"containerReady\":true}");
  }
  if (object.ref.kind == "Node") absl::StrAppend(&v, ",\"status\":{\"ready\":true}");
  v.push_back('}');
  std::string kind = object.ref.kind;
  for (char& c : kind) c = static_cast<char>(std::tolower(c));
  return KcatLine("state.k8s.resource", static_cast<uint64_t>(ToMicros(at)), at,
                  absl::StrCat("acme-1::", kind, ":", object.ref.uid), v);
}

void WriteEvents(const std::string& path, uint64_t events) {
  Cluster cluster(kResources, 1);
  EventMix mix;
  mix.spacing = Spacing(events);
  std::ofstream out(path);
  for (uint64_t i = 0; i < events; ++i) out << EventLine(cluster.Event(i, mix));
}

uint64_t WriteStates(const std::string& path, int from, int to) {
  const Cluster cluster(kResources, 4);
  uint64_t lines = 0;
  std::ofstream out(path);
  for (int second = from; second < to; ++second) {
    const Timestamp at = kStart + 1s * second;
    for (const Mutation& m : cluster.Objects(at)) {
      const auto* object = std::get_if<ObjectRecord>(&m);
      if (object == nullptr) continue;
      out << StateLine(*object, at);
      ++lines;
    }
  }
  return lines;
}

}  // namespace kg::bench
