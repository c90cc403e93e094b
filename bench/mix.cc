#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/cluster.h"
#include "bench/wire.h"

// The predecessor's day, message by message.

namespace kg::bench {
namespace {

constexpr int kRounds = 808;
constexpr Duration kRound = std::chrono::seconds(30);
constexpr size_t kObjects = 335;
constexpr size_t kEdges = 279;
constexpr size_t kTargets = 68;
constexpr size_t kLogs = 993;
constexpr uint64_t kEvents = 4517;
constexpr double kChanges = 1.0 / 500;  // states that say something new

struct Line {
  double share;
  const char* severity;
  const char* text;  // %d is a number that differs each time
};
// What applications say: mostly nothing that anybody would look at.
constexpr Line kLines[] = {
    {0.62, "INFO", "GET /api/v1/orders/%d 200 14ms"},
    {0.16, "INFO", "processed batch %d of 512 records"},
    {0.10, "DEBUG", "cache hit for key user:%d"},
    {0.06, "WARNING", "slow query took %d ms"},
    {0.03, "ERROR", "dial tcp 10.1.2.3:5432: connect: connection refused (attempt %d)"},
    {0.02, "ERROR", "context deadline exceeded while calling payments, request %d"},
    {0.01, "FATAL", "panic: runtime error: index out of range [%d] with length 3"},
};

class MixWriter {
 public:
  MixWriter(const std::string& path, double scale)
      : out_(path, std::ios::binary),
        rounds_(std::max(1, static_cast<int>(kRounds * scale))),
        events_(static_cast<uint64_t>(kEvents * scale)),
        cluster_(kObjects, 21),
        random_(22) {
    for (Mutation& m : cluster_.Objects(kStart)) {
      auto* object = std::get_if<ObjectRecord>(&m);
      if (object == nullptr || object->ref.kind == "ConfigMap") continue;  // nobody watches those
      if (object->ref.kind == "Pod") pods_.push_back(objects_.size());
      objects_.push_back(std::move(*object));
    }
    objects_.resize(std::min(objects_.size(), kObjects));
    restarts_.assign(objects_.size(), 0);
    MakeEdges();
  }

  MixCounts Write() {
    for (int r = 0; r < rounds_; ++r) {
      const Timestamp begin = kStart + kRound * r;
      const uint64_t events = events_ * (r + 1) / rounds_ - events_ * r / rounds_;
      for (size_t i = 0; i < kLogs; ++i) {
        const Timestamp at = begin + kRound / static_cast<int64_t>(kLogs) * static_cast<int64_t>(i);
        if (i < kObjects) State(i % objects_.size(), at);
        if (i < kEdges) Edge(i % edges_.size(), at);
        if (i < kTargets) Target(i, at);
        if (i < events) Event(at);
        Log(at);
      }
    }
    out_.close();
    Check(out_ ? absl::OkStatus() : absl::DataLossError("short write"), "writing the mix");
    return counts_;
  }

 private:
  void Put(const char* topic, Timestamp at, const std::string& key, const std::string& value) {
    const std::string line = KcatLine(topic, counts_.messages(), at, key, value);
    counts_.bytes += line.size();
    out_ << line;
  }

  void MakeEdges() {
    for (const ObjectRecord& o : objects_) {
      const std::string id = absl::StrCat("pod:", o.ref.ns, ":", o.ref.name);
      if (o.ref.kind != "Pod") continue;
      for (const Field& f : o.fields) {
        if (f.path == "spec.nodeName")
          edges_.push_back({id, absl::StrCat("node:", f.value), "RUNS_ON"});
        if (f.path == "metadata.labels.app") {
          edges_.push_back({absl::StrCat("service:", o.ref.ns, ":", f.value), id, "SELECTS"});
        }
      }
    }
    edges_.resize(std::min(edges_.size(), kEdges));
  }

  void State(size_t i, Timestamp at) {
    ++counts_.resources;
    if (random_.Chance(kChanges)) ++restarts_[i];
    std::string line = StateLine(objects_[i], at);
    if (restarts_[i] > 0) {
      const std::string none = "restartCount\\\":0";
      const size_t place = line.find(none);
      if (place != std::string::npos) {
        line.replace(place, none.size(), absl::StrCat("restartCount\\\":", restarts_[i]));
      }
    }
    counts_.bytes += line.size();
    out_ << line;
  }

  void Edge(size_t i, Timestamp at) {
    ++counts_.topology;
    const auto& [from, to, type] = edges_[i];
    const std::string id = absl::StrCat("edge:", from, "->", to);
    Put("state.k8s.topology", at, absl::StrCat("acme-1::", id),
        absl::StrCat(R"({"op":"UPSERT","at":")", TimeText(at),
                     R"(","client_id":"acme-1","cluster":"acme-eu","id":")", id, R"(","from":")",
                     from, R"(","to":")", to, R"(","type":")", type, "\"}"));
  }

  void Target(size_t i, Timestamp at) {
    ++counts_.targets;
    const ObjectRecord& pod = objects_[pods_[i % pods_.size()]];
    const std::string address = absl::StrCat("10.4.", i / 250, ".", i % 250, ":9090");
    Put("state.prom.targets", at, absl::StrCat("acme-1::acme-eu|app|", pod.ref.ns, "||", address),
        absl::StrCat(
            R"({"op":"UPSERT","at":")", TimeText(at),
            R"(","client_id":"acme-1","cluster":"acme-eu","labels":{"job":"app","namespace":")",
            pod.ref.ns, R"(","pod":")", pod.ref.name, R"(","instance":")", address,
            R"("},"scrapeUrl":"http://)", address, R"(/metrics","health":"up","lastScrape":")",
            TimeText(at), "\"}"));
  }

  void Event(Timestamp at) {
    ++counts_.events;
    EventMix mix;
    const EventRecord e = cluster_.Event(counts_.events, mix);
    const bool bad = e.type == "Warning";
    Put("events.normalized", at, e.event_id,
        absl::StrCat(R"({"event_id":")", e.event_id, R"(","event_time":")", TimeText(at),
                     R"(","client_id":"acme-1","etype":"k8s.event","severity":")",
                     bad ? "WARNING" : "NORMAL", R"(","reason":")", e.reason, R"(","message":")",
                     Escaped(e.message), R"(","subject":{"kind":")", e.subject.kind, R"(","uid":")",
                     e.subject.uid, R"(","ns":")", e.subject.ns, R"(","name":")", e.subject.name,
                     R"("},"type":")", e.type, R"(","count":1})"));
  }

  void Log(Timestamp at) {
    ++counts_.logs;
    const ObjectRecord& pod = objects_[pods_[random_.Below(pods_.size())]];
    double p = static_cast<double>(random_.Below(1'000'000)) / 1e6;
    size_t i = 0;
    while (i + 1 < std::size(kLines) && p >= kLines[i].share) p -= kLines[i++].share;
    std::string text = kLines[i].text;
    text.replace(text.find("%d"), 2, absl::StrCat(random_.Below(1'000'000)));
    Put("logs.normalized", at, absl::StrCat("acme-1::", pod.ref.uid),
        absl::StrCat(R"({"client_id":"acme-1","etype":"k8s.log","event_id":")",
                     absl::Hex(random_.Next(), absl::kZeroPad16), R"(","event_time":")",
                     TimeText(at), R"(","severity":")", kLines[i].severity, R"(","message":")",
                     text, R"(","subject":{"kind":"Pod","ns":")", pod.ref.ns, R"(","name":")",
                     pod.ref.name, R"("},"kubernetes":{"pod_uid":")", pod.ref.uid,
                     R"(","pod_name":")", pod.ref.name, R"(","pod_namespace":")", pod.ref.ns,
                     R"(","container_name":"app"},"stream":"stdout"})"));
  }

  static std::string Escaped(const std::string& text) {
    std::string out;
    for (char c : text) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    return out;
  }

  std::ofstream out_;
  const int rounds_;
  const uint64_t events_;
  Cluster cluster_;
  Random random_;
  std::vector<ObjectRecord> objects_;
  std::vector<int> restarts_;
  std::vector<size_t> pods_;
  std::vector<std::array<std::string, 3>> edges_;
  MixCounts counts_;
};

}  // namespace

MixCounts WriteMix(const std::string& path, double scale) {
  return MixWriter(path, scale).Write();
}

}  // namespace kg::bench
