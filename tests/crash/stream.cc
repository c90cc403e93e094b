#include "tests/crash/stream.h"

#include "absl/strings/str_cat.h"

namespace kg::crash {
namespace {

using semantics::Alert;
using semantics::At;
using semantics::EdgeGone;
using semantics::EdgeSeen;
using semantics::Event;
using semantics::Listing;
using semantics::LogLine;
using semantics::Object;
using semantics::Random;
using semantics::Ref;
using semantics::Tombstone;

constexpr char kSource[] = "stream";
constexpr int64_t kLife = 70;  // batches for which a pod of one name lives

Timestamp TimeOf(int64_t i) {
  return At(10) + std::chrono::seconds(240) * i;
}

// One batch, as it is put together.
class Teller {
 public:
  Teller(uint64_t seed, int64_t number)
      : random_(seed * 1'000'003 + static_cast<uint64_t>(number)), i_(number) {}

  std::vector<Mutation> Tell() {
    if (i_ > 0 && i_ % 6 == 5) {  // nothing new
      Pod(static_cast<int64_t>(random_.Below(kPods)), i_ - 1);
      return std::move(told_);
    }
    const uint64_t records = 1 + random_.Below(6);
    for (uint64_t n = 0; n < records; ++n) One();
    return std::move(told_);
  }

 private:
  static constexpr int64_t kPods = 9;
  static constexpr int64_t kNodes = 3;

  // Instants that several records share, and some that come late.
  Timestamp Now() {
    return TimeOf(i_) + std::chrono::seconds(15) * static_cast<int64_t>(random_.Below(8));
  }
  Timestamp Late() {
    return Now() - std::chrono::minutes(1 + static_cast<int64_t>(random_.Below(40)));
  }
  int64_t Small(uint64_t n) { return static_cast<int64_t>(random_.Below(n)); }
  static int64_t LifeOf(int64_t pod, int64_t i) { return (i + pod * 11) / kLife; }
  static std::string PodName(int64_t pod) { return absl::StrCat("web-", pod); }
  static std::string Uid(int64_t pod, int64_t life) { return absl::StrCat("u-", pod, "-", life); }
  ObjectRef AnyPod() { return Ref("Pod", "shop", PodName(Small(kPods))); }
  ObjectRef AnyNode() { return Ref("Node", "", absl::StrCat("n-", Small(kNodes))); }
  ObjectRef Service() { return Ref("Service", "shop", absl::StrCat("s-", Small(3))); }

  void One() {
    switch (random_.Below(14)) {
      case 0:
      case 1:
      case 2:
        return Pod(Small(kPods), i_);
      case 3:
        return Other();
      case 4:
      case 5:
        return Edge();
      case 6:
      case 7:
      case 8:
        return Series();
      case 9:
        return Firing();
      case 10:
        told_.push_back(LogLine(AnyPod(), Now(),
                                random_.OneIn(2) ? "panic: index out of range"
                                                 : "ERROR dial tcp s-0.shop.svc:80: refused"));
        return;
      case 11:
        return Cause();
      case 12:
        return Deletion();
      default:
        return Odd();
    }
  }

  // The state of a pod as batch `as_of` knows it: it changes every few batches.
  void Pod(int64_t pod, int64_t as_of) {
    const int64_t life = LifeOf(pod, as_of), phase = (as_of + pod) / 7;
    Object o("Pod", "shop", PodName(pod), Uid(pod, life));
    o.SeenAt(as_of == i_ ? Now() : TimeOf(i_));
    o.Created(TimeOf(std::max<int64_t>(0, life * kLife - pod * 11)));
    o.On(absl::StrCat("n-", (pod + life) % kNodes));
    o.Set("metadata.labels.app", pod % 2 == 0 ? "a" : "b");
    o.Set("spec.volumes[v].configMap.name", "settings");
    o.Set("metadata.annotations.phase", absl::StrCat(phase));
    const std::string at = "status.containerStatuses[app].";
    if (phase % 3 == 1) o.Set(at + "state.waiting.reason", "CrashLoopBackOff");
    if (phase % 4 == 2) {
      o.Set(at + "lastState.terminated.reason", "OOMKilled");
      o.Set(at + "lastState.terminated.exitCode", "137", FieldKind::kNumber);
    }
    told_.push_back(o);
  }

  void Other() {
    const Timestamp at = Now();
    switch (random_.Below(4)) {
      case 0: {
        Object o("Node", "", absl::StrCat("n-", Small(kNodes)));
        const bool ready = (i_ / 9) % 2 == 0;
        o.SeenAt(at).Set("status.conditions[Ready].status", ready ? "True" : "False");
        o.Set("status.conditions[Ready].type", "Ready");
        told_.push_back(o);
        return;
      }
      case 1: {
        Object o("Service", "shop", absl::StrCat("s-", Small(3)));
        o.SeenAt(at).Set("spec.selector.app", (i_ / 20) % 2 == 0 ? "a" : "b");
        told_.push_back(o);
        return;
      }
      case 2: {
        Object o("ConfigMap", "shop", "settings");
        o.SeenAt(at).Set("data.k", absl::StrCat("mac:k0:0000000000000000000000000000000", i_ / 15),
                         FieldKind::kMac);
        told_.push_back(o);
        return;
      }
      default: {
        Object o("Deployment", "shop", "web", "d-1");
        o.SeenAt(at).Created(At(9)).Generation(1 + i_ / 25);
        o.Set("spec.template.spec.containers[app].image", absl::StrCat("web:", i_ / 25));
        o.Managed("helm", at - std::chrono::minutes(2));
        told_.push_back(o);
      }
    }
  }

  // In order, as most sources tell of edges.
  Timestamp InOrder() {
    return TimeOf(i_) + std::chrono::seconds(10) * static_cast<int64_t>(told_.size());
  }

  void Edge() {
    const Timestamp at = InOrder();
    const bool calls = random_.OneIn(2);
    const ObjectRef to = calls ? Service() : AnyNode();
    const std::string type = calls ? "CALLS" : "RUNS_ON";
    if (random_.OneIn(3)) {
      told_.push_back(EdgeGone(random_.OneIn(2) ? "" : type, AnyPod(), to, at));
    } else {
      told_.push_back(EdgeSeen(type, AnyPod(), to, at));
    }
  }

  // One id for a while, with a count that grows.
  void Series() {
    static const char* kReasons[][2] = {
        {"BackOff", "Back-off restarting failed container app"},
        {"Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"},
        {"FailedMount", "MountVolume.SetUp failed for volume \"v\" : configmap \"gone\" not found"},
        {"Scheduled", "Successfully assigned"}};
    const auto& reason = kReasons[random_.Below(4)];
    const int64_t pod = Small(kPods), since = i_ / 5 * 5;
    const std::string id = absl::StrCat("ev-", pod, "-", reason[0], "-", since);
    told_.push_back(Event(id, Ref("Pod", "shop", PodName(pod)), reason[0], reason[1], TimeOf(since),
                          Now(), 1 + i_ - since));
  }

  void Firing() {
    const int64_t which = Small(3);
    const Timestamp starts = TimeOf(i_ / 12 * 12);
    const bool over = i_ % 12 >= 8;
    const ObjectRef about = which == 0   ? Service()
                            : which == 1 ? AnyNode()
                                         : Ref("Pod", "shop", PodName(which));
    static const char* kNames[] = {"HighErrorRate", "KubeNodeNotReady", "KubePodCrashLooping"};
    told_.push_back(Alert(
        absl::StrCat("00000000000000a", which), kNames[which],
        which == 0   ? Ref("Service", "shop", "s-0")
        : which == 1 ? Ref("Node", "", "n-0")
                     : about,
        starts, Now(), over ? std::optional<Timestamp>(TimeOf(i_ / 12 * 12 + 8)) : std::nullopt));
  }

  // What explains failures that were told before.
  void Cause() {
    const Timestamp at = Late();
    told_.push_back(Event(absl::StrCat("oom-", i_), AnyNode(), "SystemOOM",
                          "System OOM encountered, victim process: app", at, at));
  }

  void Deletion() {
    const int64_t pod = Small(kPods);
    if (random_.OneIn(2)) {  // of the life before this one, or of nothing
      const int64_t life = LifeOf(pod, i_);
      if (life > 0)
        told_.push_back(Tombstone(Ref("Pod", "shop", PodName(pod), Uid(pod, life - 1)), Now()));
      return;
    }
    std::vector<ObjectRef> present;
    for (int64_t p = 0; p < kPods; ++p) {
      if (p == pod && (i_ / 10) % 3 == 0) continue;
      present.push_back(Ref("Pod", "shop", PodName(p), Uid(p, LifeOf(p, i_))));
    }
    told_.push_back(Listing("Pod", "shop", present, Now()));
  }

  void Odd() {
    switch (random_.Below(3)) {
      case 0: {  // from a clock that is wrong: becomes a dead letter
        const Timestamp at = TimeOf(i_) + std::chrono::hours(900);
        told_.push_back(Event(absl::StrCat("future-", i_), AnyPod(), "BackOff", "x", at, at));
        return;
      }
      case 1: {  // of another cluster
        Object o("Pod", "shop", PodName(Small(kPods)), absl::StrCat("other-", i_ / 30));
        o.SeenAt(Now()).Set("metadata.annotations.phase", absl::StrCat(i_ / 4));
        Mutation m = o;
        std::get<ObjectRecord>(m).scope = {"t", "d"};
        told_.push_back(m);
        return;
      }
      default: {  // known by a uid alone until a record tells both
        const int64_t pod = Small(kPods);
        ObjectRef ref;
        ref.kind = "Pod";
        ref.uid = Uid(pod, LifeOf(pod, i_));
        told_.push_back(EdgeSeen("CALLS", ref, Service(), InOrder()));
      }
    }
  }

  Random random_;
  const int64_t i_;
  std::vector<Mutation> told_;
};

}  // namespace

Batch Stream::Number(int64_t i) const {
  Batch batch;
  batch.mutations = Teller(seed_, i).Tell();
  batch.positions.push_back({kSource, 0, i, -1, ""});
  return batch;
}

Timestamp Stream::WallAt(int64_t i) const {
  return TimeOf(i) + std::chrono::minutes(3);
}

int64_t Stream::NextOf(const Database& db) {
  const auto position = db.Position(kSource, 0);
  return position.has_value() ? position->offset + 1 : 0;
}

DatabaseOptions StreamOptions(const Timestamp* now) {
  DatabaseOptions o;
  o.retention = std::chrono::hours(8);
  o.sync = false;  // the kernel outlives the process, and the kill is of the process
  o.block_cache_bytes = 1 << 20;
  o.write_buffer_bytes = 256 << 10;
  o.default_tenant = "t";
  o.default_cluster = "c";
  o.rocksdb_options = {{"level0_file_num_compaction_trigger", "2"}};
  o.now = [now] { return *now; };
  return o;
}

}  // namespace kg::crash
