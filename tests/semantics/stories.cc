#include "tests/semantics/stories.h"

#include "absl/strings/str_cat.h"

namespace kg::semantics {
namespace {

class Teller {
 public:
  Teller(uint64_t seed, const StoryLimits& limits) : random_(seed), limits_(limits) {}

  std::vector<Mutation> Tell() {
    std::vector<Mutation> out;
    const int n = 3 + static_cast<int>(random_.Below(static_cast<uint64_t>(limits_.records)));
    for (int i = 0; i < n; ++i) {
      out.push_back(One());
      // Sources repeat themselves.
      if (!limits_.across_restart && random_.OneIn(12))
        out.push_back(out[random_.Below(out.size())]);
    }
    return out;
  }

 private:
  Mutation One() {
    switch (random_.Below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return SomePod();
      case 4:
        return OtherObject();
      case 5:
        return Deletion();
      case 6:
      case 7:
        return SomeEdge();
      case 8:
      case 9:
      case 10:
      case 11:
        return SomeEvent();
      case 12:
      case 13:
        return SomeAlert();
      case 14:
        return SomeLog();
      default:
        return random_.OneIn(3) ? SomeListing() : SomeLog();
    }
  }

  // Coarse, so that instants coincide.
  Timestamp Time() {
    return At(10) + std::chrono::seconds(30) *
                        static_cast<int64_t>(random_.Below(random_.OneIn(3) ? 40 : 360));
  }
  int Small(int n) { return static_cast<int>(random_.Below(static_cast<uint64_t>(n))); }
  ScopeName Scope() { return random_.OneIn(4) ? ScopeName{"t", "d"} : ScopeName{}; }
  std::string Namespace() { return random_.OneIn(4) ? "infra" : "shop"; }
  template <typename R>
  Mutation In(R record) {
    record.scope = Scope();
    return record;
  }
  // Uids hold the scope and the name: no two objects share one.
  static std::string Uid(const ScopeName& scope, const ObjectRef& ref, int life) {
    return absl::StrCat("u", scope.cluster, "-", ref.kind, "-", ref.ns, "-", ref.name, "-", life);
  }
  static Timestamp CreatedAt(int life) { return At(9) + std::chrono::minutes(50) * life; }

  ObjectRef PodRef() { return Ref("Pod", Namespace(), absl::StrCat("p-", Small(3))); }
  ObjectRef AnyRef() {
    switch (Small(8)) {
      case 0:
        return Ref("Node", "", absl::StrCat("n-", Small(2)));
      case 1:
        return Ref("Service", Namespace(), "s-0");
      case 2:
        return Ref("Deployment", Namespace(), "d-0");
      case 3:
        return Ref("ConfigMap", Namespace(), "c-0");
      default:
        return PodRef();
    }
  }
  // By name, or by name and uid as well.
  ObjectRef Named(const ScopeName& scope, ObjectRef ref) {
    if (random_.OneIn(3)) ref.uid = Uid(scope, ref, Small(3));
    return ref;
  }
  // As Named, or by uid alone.
  ObjectRef Any(const ScopeName& scope, ObjectRef ref) {
    ref = Named(scope, std::move(ref));
    if (!ref.uid.empty() && random_.OneIn(2)) {
      ref.name.clear();
      ref.ns.clear();
    }
    return ref;
  }

  Mutation Finish(Object o, const ScopeName& scope) {
    Mutation m = o;
    std::get<ObjectRecord>(m).scope = scope;
    if (random_.OneIn(6)) std::get<ObjectRecord>(m).shape = ObjectShape::kSummary;
    return m;
  }

  Object Start(const ScopeName& scope, const ObjectRef& ref) {
    const int life = Small(3);
    const bool with_uid = !random_.OneIn(10);
    Object o(ref.kind, ref.ns, ref.name, with_uid ? Uid(scope, ref, life) : "");
    const Timestamp created = CreatedAt(life);
    const Timestamp seen = std::max(created, Time());
    o.SeenAt(seen);
    if (with_uid && !random_.OneIn(4)) o.Created(created);
    if (random_.OneIn(2)) o.Generation(1 + Small(3));
    if (random_.OneIn(3))
      o.Managed(random_.OneIn(3) ? "kubelet" : "helm", seen - std::chrono::minutes(Small(20)));
    if (limits_.across_restart) o.Set("metadata.annotations.seen", absl::StrCat(++unique_));
    return o;
  }

  Mutation SomePod() {
    const ScopeName scope = Scope();
    const ObjectRef ref = PodRef();
    Object o = Start(scope, ref);
    o.On(absl::StrCat("n-", Small(2)));
    o.Set("metadata.labels.app", random_.OneIn(3) ? "b" : "a");
    if (random_.OneIn(2)) o.Set("spec.volumes[v].configMap.name", "c-0");
    if (random_.OneIn(4)) o.Set("spec.containers[app].env[DB_HOST].value", "s-0");
    const std::string at = "status.containerStatuses[app].";
    if (random_.OneIn(2))
      o.Set(at + "state.waiting.reason", random_.OneIn(2) ? "CrashLoopBackOff" : "ErrImagePull");
    if (random_.OneIn(3)) {
      o.Set(at + "lastState.terminated.reason", "OOMKilled");
      o.Set(at + "lastState.terminated.exitCode", "137", FieldKind::kNumber);
      o.Set(at + "lastState.terminated.finishedAt",
            absl::StrCat("2023-11-15T10:", 10 + Small(3) * 7, ":00Z"));
    }
    if (random_.OneIn(3)) {
      o.Set("status.conditions[Ready].status", "False");
      o.Set("status.conditions[Ready].type", "Ready");
      o.Set("status.conditions[Ready].lastTransitionTime",
            absl::StrCat("2023-11-15T10:", 10 + Small(5) * 9, ":30Z"));
    }
    if (random_.OneIn(12)) o.Gone();
    return Finish(o, scope);
  }

  Mutation OtherObject() {
    const ScopeName scope = Scope();
    switch (Small(5)) {
      case 0: {
        Object o = Start(scope, Ref("Node", "", absl::StrCat("n-", Small(2))));
        o.Set("status.conditions[Ready].status", random_.OneIn(2) ? "False" : "True");
        if (random_.OneIn(3)) o.Set("spec.unschedulable", "true", FieldKind::kBool);
        return Finish(o, scope);
      }
      case 1: {
        Object o = Start(scope, Ref("Service", Namespace(), "s-0"));
        o.Set("spec.selector.app", random_.OneIn(2) ? "a" : "b");
        return Finish(o, scope);
      }
      case 2: {
        Object o = Start(scope, Ref("ConfigMap", Namespace(), "c-0"));
        o.Set("data.k",
              absl::StrCat("mac:k", Small(2), ":0000000000000000000000000000000", Small(3)),
              FieldKind::kMac);
        return Finish(o, scope);
      }
      case 3: {
        const std::string ns = Namespace();
        Object o = Start(scope, Ref("ReplicaSet", ns, absl::StrCat("r-", Small(2))));
        o.Set("metadata.ownerReferences[d-0].kind", "Deployment");
        o.Set("metadata.ownerReferences[d-0].name", "d-0");
        o.Set("metadata.ownerReferences[d-0].apiVersion", "apps/v1");
        o.Set("spec.template.spec.containers[app].image", absl::StrCat("app:", Small(3)));
        return Finish(o, scope);
      }
      default: {
        Object o = Start(scope, Ref("Deployment", Namespace(), "d-0"));
        o.Set("spec.template.spec.containers[app].image", absl::StrCat("app:", Small(3)));
        if (random_.OneIn(2)) o.Set("spec.replicas", absl::StrCat(Small(3)), FieldKind::kNumber);
        return Finish(o, scope);
      }
    }
  }

  Mutation Deletion() {
    const ScopeName scope = Scope();
    ObjectRef ref = Any(scope, AnyRef());
    Mutation m = Tombstone(ref, Time());
    std::get<ObjectRecord>(m).scope = scope;
    return m;
  }

  Mutation SomeEdge() {
    const ScopeName scope = Scope();
    const bool calls = random_.OneIn(2);
    const ObjectRef from = Any(scope, PodRef());
    const ObjectRef to = Any(scope, calls ? Ref("Service", Namespace(), "s-0")
                                          : Ref("Node", "", absl::StrCat("n-", Small(2))));
    const std::string type = calls ? "CALLS" : "RUNS_ON";
    const bool gone = random_.OneIn(3);
    Timestamp at = Time();
    if (limits_.across_restart) at += std::chrono::milliseconds(++unique_);
    EdgeRecord r = std::get<EdgeRecord>(gone ? EdgeGone(random_.OneIn(2) ? "" : type, from, to, at)
                                             : EdgeSeen(type, from, to, at));
    r.scope = scope;
    return r;
  }

  Mutation SomeEvent() {
    struct Kind {
      const char* object;
      const char* reason;
      const char* message;
    };
    static const Kind kKinds[] = {
        {"Pod", "BackOff", "Back-off restarting failed container app"},
        {"Pod", "FailedMount",
         "MountVolume.SetUp failed for volume \"v\" : configmap \"c-0\" not found"},
        {"Pod", "Unhealthy", "Readiness probe failed: dial tcp: lookup s-0.shop.svc: no such host"},
        {"Pod", "Failed", "Failed to pull image \"app:1\": not found"},
        {"Pod", "Pulled", "Container image already present"},
        {"Node", "SystemOOM", "System OOM encountered, victim process: app"},
        {"Node", "NodeNotReady", "Node n-0 status is now: NodeNotReady"},
        {"Deployment", "FailedCreate", "exceeded quota: compute, requested: pods=1"},
    };
    const ScopeName scope = Scope();
    const Kind& kind = kKinds[Small(8)];
    const std::string ns = Namespace();
    ObjectRef subject =
        std::string(kind.object) == "Pod"    ? Ref("Pod", ns, absl::StrCat("p-", Small(3)))
        : std::string(kind.object) == "Node" ? Ref("Node", "", absl::StrCat("n-", Small(2)))
                                             : Ref("Deployment", ns, "d-0");
    // The id follows from what it is about, as a source's own id does.
    const int number = Small(2);
    const std::string id =
        absl::StrCat("ev-", subject.ns, "-", subject.name, "-", kind.reason, "-", number);
    const std::string named = subject.name;
    if (number == 1) subject.uid = Uid(scope, subject, 1);
    const Timestamp first = Time();
    const Timestamp last = random_.OneIn(2) ? first : first + std::chrono::seconds(30) * Small(60);
    EventRecord r = std::get<EventRecord>(Event(id, subject, kind.reason, kind.message, first, last,
                                                first == last ? 1 : 1 + Small(20)));
    if (std::string(kind.reason) == "Pulled") r.type = "Normal";
    r.scope = scope;
    return r;
  }

  Mutation SomeAlert() {
    static const char* kNames[] = {"KubePodCrashLooping", "KubePodNotReady", "KubeNodeNotReady",
                                   "HighErrorRate"};
    const int which = Small(4);
    const ObjectRef subject = which == 2   ? Ref("Node", "", "n-0")
                              : which == 3 ? Ref("Service", "shop", "s-0")
                                           : Ref("Pod", "shop", absl::StrCat("p-", which));
    const Timestamp starts = Time();
    const bool resolved = random_.OneIn(2);
    const Timestamp at = starts + std::chrono::minutes(Small(50));
    AlertRecord r = std::get<AlertRecord>(
        Alert(absl::StrCat("00000000000000f", which), kNames[which], subject, starts, at,
              resolved ? std::optional<Timestamp>(at) : std::nullopt));
    r.scope = Scope();
    return r;
  }

  Mutation SomeLog() {
    static const char* kLines[] = {"panic: runtime error: index out of range",
                                   "ERROR dial tcp s-0.shop.svc:80: connection refused",
                                   "FATAL out of memory"};
    LogRecord r = std::get<LogRecord>(LogLine(PodRef(), Time(), kLines[Small(3)]));
    r.scope = Scope();
    return r;
  }

  Mutation SomeListing() {
    const ScopeName scope = Scope();
    const std::string ns = random_.OneIn(2) ? "" : Namespace();
    std::vector<ObjectRef> present;
    for (const char* n : {"shop", "infra"}) {
      if (!ns.empty() && ns != n) continue;
      for (int i = 0; i < 3; ++i) {
        if (random_.OneIn(2)) continue;
        ObjectRef ref = Ref("Pod", n, absl::StrCat("p-", i));
        if (!random_.OneIn(4)) ref.uid = Uid(scope, ref, Small(3));
        present.push_back(ref);
      }
    }
    CompletenessRecord r = std::get<CompletenessRecord>(Listing("Pod", ns, present, Time()));
    r.scope = scope;
    return r;
  }

  Random random_;
  const StoryLimits limits_;
  int unique_ = 0;
};

std::string Text(const ObjectRef& r) {
  return absl::StrCat(r.kind, "/", r.ns, "/", r.name, r.uid.empty() ? "" : "#", r.uid);
}

std::string Clock(Timestamp t) {
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(t - kDay0).count();
  return absl::StrCat(ms / 3'600'000, ":", ms / 60'000 % 60, ":", ms / 1000 % 60,
                      ms % 1000 == 0 ? "" : absl::StrCat(".", ms % 1000));
}

struct Describer {
  std::string operator()(const ObjectRecord& r) const {
    std::string fields;
    for (const Field& f : r.fields) absl::StrAppend(&fields, " ", f.path, "=", f.value);
    for (const ManagedStamp& s : r.managed)
      absl::StrAppend(&fields, " by ", s.manager, "@", Clock(s.time));
    return absl::StrCat(r.presence == Presence::kDeleted ? "gone " : "object ", Text(r.ref), " at ",
                        Clock(r.at), " shape ", static_cast<int>(r.shape), " gen ", r.generation,
                        r.created.has_value() ? absl::StrCat(" created ", Clock(*r.created)) : "",
                        fields);
  }
  std::string operator()(const EdgeRecord& r) const {
    return absl::StrCat(r.presence == Presence::kDeleted ? "edge gone " : "edge ", Text(r.from),
                        " -[", r.type, "]-> ", Text(r.to), " at ", Clock(r.at));
  }
  std::string operator()(const EventRecord& r) const {
    return absl::StrCat("event ", r.event_id, " ", Text(r.subject), " ", r.reason, " ",
                        Clock(r.first), "..", Clock(r.last), " x", r.count);
  }
  std::string operator()(const AlertRecord& r) const {
    return absl::StrCat("alert ", r.fingerprint, " ", Clock(r.starts_at), " at ", Clock(r.at),
                        r.firing ? " firing" : " resolved");
  }
  std::string operator()(const LogRecord& r) const {
    return absl::StrCat("log ", Text(r.subject), " ", Clock(r.at), " ", r.line);
  }
  std::string operator()(const CompletenessRecord& r) const {
    std::string present;
    for (const ObjectRef& p : r.present) absl::StrAppend(&present, " ", Text(p));
    return absl::StrCat("listing at ", Clock(r.at), " of ",
                        r.namespaces.empty() ? "all" : r.namespaces[0], ":", present);
  }
};

}  // namespace

std::vector<Mutation> RandomStory(uint64_t seed, const StoryLimits& limits) {
  return Teller(seed, limits).Tell();
}

std::string Describe(const Mutation& m) {
  const ScopeName scope = std::visit([](const auto& r) { return r.scope; }, m);
  return absl::StrCat(scope.cluster.empty() ? "" : scope.cluster + ": ",
                      std::visit(Describer{}, m));
}

}  // namespace kg::semantics
