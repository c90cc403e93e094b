#include <catch2/catch.hpp>

#include "tests/semantics/fixture.h"

// One small object per edge that objects give: dated by the object, closed when it changes or goes.

namespace kg::semantics {
namespace {

struct Leaf {
  const char* path;
  const char* value;
};

struct Case {
  const char* edge;
  ObjectRef giver;
  std::vector<Leaf> leaves;
  ObjectRef from, to;
};

ObjectRef Pod() {
  return Ref("Pod", "shop", "web-0", "uid-giver");
}

std::vector<Case> Cases() {
  const ObjectRef pod = Pod(), name_only = Ref("Pod", "shop", "web-0");
  const auto of = [](const char* kind, const char* name) {
    return Ref(kind, "shop", name, "uid-giver");
  };
  const auto wide = [](const char* kind, const char* name) {
    return Ref(kind, "", name, "uid-giver");
  };
  std::vector<Case> out;
  const auto owner = [&](const ObjectRef& child, const char* kind, const char* group) {
    out.push_back({"CONTROLS",
                   child,
                   {{"metadata.ownerReferences[o].kind", kind},
                    {"metadata.ownerReferences[o].name", "o"},
                    {"metadata.ownerReferences[o].apiVersion", group},
                    {"metadata.ownerReferences[o].controller", "true"}},
                   Ref(kind, "shop", "o"),
                   child});
  };
  owner(pod, "ReplicaSet", "apps/v1");
  owner(pod, "StatefulSet", "apps/v1");
  owner(pod, "DaemonSet", "apps/v1");
  owner(pod, "Job", "batch/v1");
  owner(of("ReplicaSet", "r"), "Deployment", "apps/v1");
  owner(of("Job", "j"), "CronJob", "batch/v1");
  out.push_back({"RUNS_ON", pod, {{"spec.nodeName", "n-1"}}, pod, Ref("Node", "", "n-1")});
  out.push_back({"MOUNTS",
                 pod,
                 {{"spec.volumes[v].configMap.name", "c"}},
                 pod,
                 Ref("ConfigMap", "shop", "c")});
  out.push_back({"MOUNTS",
                 pod,
                 {{"spec.volumes[v].secret.secretName", "s"}},
                 pod,
                 Ref("Secret", "shop", "s")});
  out.push_back({"USES",
                 pod,
                 {{"spec.containers[a].envFrom[0].configMapRef.name", "c"}},
                 pod,
                 Ref("ConfigMap", "shop", "c")});
  out.push_back({"USES",
                 pod,
                 {{"spec.containers[a].env[X].valueFrom.secretKeyRef.name", "s"}},
                 pod,
                 Ref("Secret", "shop", "s")});
  out.push_back({"USES",
                 of("Deployment", "d"),
                 {{"spec.template.spec.containers[a].env[X].valueFrom.secretKeyRef.name", "s"}},
                 of("Deployment", "d"),
                 Ref("Secret", "shop", "s")});
  out.push_back({"MOUNTS_CLAIM",
                 pod,
                 {{"spec.volumes[v].persistentVolumeClaim.claimName", "pvc"}},
                 pod,
                 Ref("PersistentVolumeClaim", "shop", "pvc")});
  out.push_back({"USES_ACCOUNT",
                 pod,
                 {{"spec.serviceAccountName", "sa"}},
                 pod,
                 Ref("ServiceAccount", "shop", "sa")});
  out.push_back({"BOUND_TO",
                 of("PersistentVolumeClaim", "pvc"),
                 {{"spec.volumeName", "pv"}},
                 of("PersistentVolumeClaim", "pvc"),
                 Ref("PersistentVolume", "", "pv")});
  out.push_back({"BOUND_TO",
                 wide("PersistentVolume", "pv"),
                 {{"spec.claimRef.name", "pvc"}, {"spec.claimRef.namespace", "shop"}},
                 Ref("PersistentVolumeClaim", "shop", "pvc"),
                 wide("PersistentVolume", "pv")});
  out.push_back({"PROVISIONED_BY",
                 of("PersistentVolumeClaim", "pvc"),
                 {{"spec.storageClassName", "fast"}},
                 of("PersistentVolumeClaim", "pvc"),
                 Ref("StorageClass", "", "fast")});
  out.push_back({"PROVISIONED_BY",
                 wide("PersistentVolume", "pv"),
                 {{"spec.storageClassName", "fast"}},
                 wide("PersistentVolume", "pv"),
                 Ref("StorageClass", "", "fast")});
  out.push_back({"ROUTES",
                 of("Ingress", "i"),
                 {{"spec.rules[0].http.paths[0].backend.service.name", "web"}},
                 of("Ingress", "i"),
                 Ref("Service", "shop", "web")});
  out.push_back({"SCALES",
                 of("HorizontalPodAutoscaler", "h"),
                 {{"spec.scaleTargetRef.kind", "Deployment"}, {"spec.scaleTargetRef.name", "d"}},
                 of("HorizontalPodAutoscaler", "h"),
                 Ref("Deployment", "shop", "d")});
  out.push_back({"IN_ZONE",
                 wide("Node", "n-1"),
                 {{"metadata.labels[topology.kubernetes.io/zone]", "z"}},
                 wide("Node", "n-1"),
                 Ref("Zone", "", "z")});
  out.push_back({"CALLS",
                 pod,
                 {{"spec.containers[a].env[DB_HOST].value", "db"}},
                 pod,
                 Ref("Service", "shop", "db")});
  out.push_back({"CALLS",
                 pod,
                 {{"spec.containers[a].args[0]", "--upstream=http://api.infra:8080"}},
                 pod,
                 Ref("Service", "infra", "api")});
  out.push_back({"ROUTES_TO",
                 of("EndpointSlice", "web-x"),
                 {{"metadata.labels[kubernetes.io/service-name]", "web"},
                  {"endpoints[web-0].conditions.ready", "true"},
                  {"endpoints[web-0].targetRef.kind", "Pod"},
                  {"endpoints[web-0].targetRef.name", "web-0"}},
                 Ref("Service", "shop", "web"),
                 name_only});
  out.push_back({"ROUTES_TO",
                 of("Endpoints", "web"),
                 {{"subsets[0].addresses[10.0.0.1].ip", "10.0.0.1"},
                  {"subsets[0].addresses[10.0.0.1].targetRef.kind", "Pod"},
                  {"subsets[0].addresses[10.0.0.1].targetRef.name", "web-0"}},
                 Ref("Service", "shop", "web"),
                 name_only});
  return out;
}

Object Built(const Case& c, bool with_leaves, Timestamp at) {
  Object o = Object(c.giver.kind, c.giver.ns, c.giver.name, c.giver.uid).SeenAt(at).Created(At(9));
  o.Set("metadata.annotations.note", with_leaves ? "with" : "without");
  if (with_leaves) {
    for (const Leaf& l : c.leaves) o.Set(l.path, l.value);
  }
  return o;
}

TEST_CASE("edges that objects give are dated by them") {
  for (const Case& c : Cases()) {
    INFO(c.edge << " " << c.from.kind << " -> " << c.to.kind << " by " << c.giver.kind << " "
                << c.leaves[0].path);
    const auto intervals = [&](World& w) { return w.EdgeIntervals(c.edge, c.from, c.to); };
    {
      World w;
      w.Apply({Built(c, true, At(10))});
      CHECK(intervals(w) ==
            std::vector<Interval>{{At(9), kForever}});  // from the object's creation
      w.Apply({Built(c, false, At(11))});
      CHECK(intervals(w) == std::vector<Interval>{{At(9), At(11)}});
      w.Apply({Built(c, true, At(12))});
      CHECK(intervals(w) == std::vector<Interval>{{At(9), At(11)}, {At(12), kForever}});
      w.Apply({Tombstone(c.giver, At(13))});
      CHECK(intervals(w) == std::vector<Interval>{{At(9), At(11)}, {At(12), At(13)}});
      w.Reopen();
      CHECK(intervals(w) == std::vector<Interval>{{At(9), At(11)}, {At(12), At(13)}});
    }
  }
}

TEST_CASE("selectors join what they select while both hold") {
  const auto pod = [](const char* app, Timestamp at) {
    return Object("Pod", "shop", "web-0", "uid-pod")
        .SeenAt(at)
        .Created(At(9))
        .Set("metadata.labels.app", app);
  };
  struct Kind {
    const char* kind;
    const char* path;
    const char* edge;
  };
  for (const Kind& k : {Kind{"Service", "spec.selector.app", "SELECTS"},
                        Kind{"PodDisruptionBudget", "spec.selector.matchLabels.app", "GUARDS"},
                        Kind{"NetworkPolicy", "spec.podSelector.matchLabels.app", "APPLIES_TO"}}) {
    INFO(k.kind);
    const ObjectRef selector = Ref(k.kind, "shop", "s", "uid-s");
    const Object selecting =
        Object(k.kind, "shop", "s", "uid-s").SeenAt(At(10)).Created(At(9, 30)).Set(k.path, "a");
    const std::vector<Mutation> story = {
        pod("a", At(10)),
        selecting,
        pod("b", At(11)),
        pod("a", At(12)),
        Tombstone(selector, At(13)),
        Object("Pod", "infra", "web-0", "uid-x").SeenAt(At(10)).Set("metadata.labels.app", "a")};
    InEveryOrder(story, {}, [&](World& w) {
      CHECK(w.EdgeIntervals(k.edge, selector, Pod()) ==
            std::vector<Interval>{{At(9, 30), At(11)}, {At(12), At(13)}});
      CHECK(w.EdgeIntervals(k.edge, selector, Ref("Pod", "infra", "web-0")).empty());
    });
  }
}

TEST_CASE("quotas and limits hang on their namespace, wherever it was seen") {
  World w;
  w.Apply({Object("ResourceQuota", "shop", "compute", "uid-q").Created(At(9)),
           Object("LimitRange", "shop", "limits", "uid-l").Created(At(9))});
  CHECK(w.EdgeIntervals("HAS_QUOTA", Ref("Namespace", "", "shop"),
                        Ref("ResourceQuota", "shop", "compute"))
            .size() == 1);
  CHECK(w.EdgeIntervals("HAS_LIMITS", Ref("Namespace", "", "shop"),
                        Ref("LimitRange", "shop", "limits"))
            .size() == 1);
  CHECK(w.Lives(Ref("Namespace", "", "shop")).empty());  // referred to, never seen: a stub
}

TEST_CASE("a host that only a failure names is an edge while its object lives") {
  InEveryOrder({Object("Pod", "shop", "web-0", "uid-1").SeenAt(At(10)).Created(At(9)),
                Event("ev", Ref("Pod", "shop", "web-0", "uid-1"), "Unhealthy",
                      "Readiness probe failed: Get \"http://api:8080/\": connection refused",
                      At(10, 30), At(10, 30)),
                Tombstone(Ref("Pod", "shop", "web-0", "uid-1"), At(12))},
               {}, [](World& w) {
                 CHECK(w.EdgeIntervals("CALLS", Pod(), Ref("Service", "shop", "api")) ==
                       std::vector<Interval>{{At(9), At(12)}});
                 const auto v = w.view();
                 bool heuristic = false;
                 v->graph().ForEachEdge(w.Id(Pod()), storage::keys::Direction::kOut, At(11),
                                        [&](ResourceId, EdgeTypeId, uint16_t flags, Interval) {
                                          heuristic = heuristic || (flags & kEdgeHeuristic) != 0;
                                          return true;
                                        });
                 CHECK(heuristic);
               });
}

TEST_CASE("optional references say so") {
  World w;
  w.Apply({Object("Pod", "shop", "web-0", "uid-1")
               .Set("spec.volumes[v].configMap.name", "c")
               .Set("spec.volumes[v].configMap.optional", "true", FieldKind::kBool)});
  bool optional = false;
  const auto v = w.view();
  v->graph().ForEachEdge(w.Id(Pod()), storage::keys::Direction::kOut, At(11),
                         [&](ResourceId, EdgeTypeId, uint16_t flags, Interval) {
                           optional = optional || (flags & kEdgeOptional) != 0;
                           return true;
                         });
  CHECK(optional);
}

}  // namespace
}  // namespace kg::semantics
