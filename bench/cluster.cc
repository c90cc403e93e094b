#include "bench/cluster.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kg::bench {
namespace {

constexpr size_t kPodsPerDeployment = 8;
constexpr size_t kPerDeployment =
    kPodsPerDeployment + 4;  // Deployment, ReplicaSet, Service, ConfigMap
constexpr size_t kPerNode = 50;
constexpr size_t kDeploymentsPerNamespace = 20;

std::string Uid(absl::string_view kind, size_t n) {
  const uint64_t h = storage::keys::StableHash(absl::StrCat(kind, n));
  const std::string hex =
      absl::StrCat(absl::Hex(h, absl::kZeroPad16), absl::Hex(~h, absl::kZeroPad16));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20, 12));
}

ObjectRecord Object(ObjectRef ref, Timestamp at, std::vector<Field> fields) {
  ObjectRecord r;
  r.ref = std::move(ref);
  r.at = at;
  r.created = kStart - 48h;
  r.generation = 1;
  std::sort(fields.begin(), fields.end());
  r.fields = std::move(fields);
  return r;
}

void AddOwner(const ObjectRef& owner, absl::string_view version, std::vector<Field>* fields) {
  const std::string at = absl::StrCat("metadata.ownerReferences[", owner.name, "].");
  fields->push_back({at + "apiVersion", std::string(version)});
  fields->push_back({at + "controller", "true", FieldKind::kBool});
  fields->push_back({at + "kind", owner.kind});
  fields->push_back({at + "name", owner.name});
  fields->push_back({at + "uid", owner.uid});
}

struct Saying {
  const char* reason;
  const char* message;
  bool warning;
};
constexpr Saying kNormal[] = {
    {"Scheduled", "Successfully assigned to a node", false},
    {"Pulled", "Container image \"registry.example.com/app:1.4.2\" already present on machine",
     false},
    {"Created", "Created container app", false},
    {"Started", "Started container app", false},
};
constexpr Saying kTrouble[] = {
    {"Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", true},
    {"BackOff", "Back-off restarting failed container app in pod", true},
    {"Unhealthy",
     "Liveness probe failed: Get \"http://10.1.2.3:8080/healthz\": context deadline exceeded",
     true},
    {"Failed",
     "Failed to pull image \"registry.example.com/app:1.4.3\": rpc error: code = NotFound", true},
    {"FailedMount",
     "MountVolume.SetUp failed for volume \"data\": timed out waiting for the condition", true},
    {"OOMKilled", "Container app was killed: out of memory", true},
};
constexpr Saying kNodeTrouble[] = {
    {"NodeNotReady", "Node status is now: NodeNotReady", true},
    {"OOMKilling", "Memory cgroup out of memory: Killed process 4711 (app)", true},
};

}  // namespace

Cluster::Cluster(size_t resources, uint64_t seed) : random_(seed) {
  nodes_ = std::max<size_t>(1, resources / kPerNode);
  deployments_ = std::max<size_t>(1, (resources - std::min(resources, nodes_)) / kPerDeployment);
  for (size_t d = 0; d < deployments_; ++d) {
    for (size_t i = 0; i < kPodsPerDeployment; ++i) pods_.push_back({d, random_.Below(nodes_)});
  }
}

size_t Cluster::size() const {
  return nodes_ + deployments_ * kPerDeployment;
}

std::string Cluster::Namespace(size_t deployment) const {
  return absl::StrCat("team-", deployment / kDeploymentsPerNamespace);
}

ObjectRef Cluster::Ref(const char* group, const char* kind, const std::string& ns,
                       const std::string& name) const {
  return {group, true, kind, ns, name, Uid(kind, storage::keys::StableHash(name))};
}

ObjectRef Cluster::PodRef(size_t pod) const {
  const size_t d = pods_[pod].deployment;
  return Ref("", "Pod", Namespace(d), absl::StrCat("app-", d, "-6b9c7d-", pod));
}

ObjectRef Cluster::NodeRef(size_t node) const {
  return Ref("", "Node", "", absl::StrCat("node-", node));
}

ObjectRef Cluster::DeploymentRef(size_t d) const {
  return Ref("apps", "Deployment", Namespace(d), absl::StrCat("app-", d));
}

std::vector<Mutation> Cluster::Objects(Timestamp at) const {
  std::vector<Mutation> out;
  for (size_t n = 0; n < nodes_; ++n) {
    out.push_back(Object(
        NodeRef(n), at,
        {{"metadata.labels.zone", absl::StrCat("z", n % 3)}, {"status.capacity.cpu", "16"}}));
  }
  for (size_t d = 0; d < deployments_; ++d) {
    const std::string ns = Namespace(d), app = absl::StrCat("app-", d);
    const ObjectRef set = Ref("apps", "ReplicaSet", ns, app + "-6b9c7d");
    std::vector<Field> template_fields = {
        {"spec.replicas", "8", FieldKind::kNumber},
        {"spec.template.metadata.labels.app", app},
        {"spec.template.spec.containers[app].envFrom[0].configMapRef.name", app},
        {"spec.template.spec.containers[app].image", "registry.example.com/app:1.4.2"}};
    out.push_back(Object(DeploymentRef(d), at, template_fields));
    AddOwner(DeploymentRef(d), "apps/v1", &template_fields);
    out.push_back(Object(set, at, template_fields));
    out.push_back(Object(Ref("", "Service", ns, app), at,
                         {{"spec.selector.app", app}, {"spec.type", "ClusterIP"}}));
    out.push_back(Object(Ref("", "ConfigMap", ns, app), at, {{"data.mode", "production"}}));
    for (size_t i = 0; i < kPodsPerDeployment; ++i) {
      const size_t pod = d * kPodsPerDeployment + i;
      std::vector<Field> fields = {{"metadata.labels.app", app},
                                   {"spec.containers[app].image", "registry.example.com/app:1.4.2"},
                                   {"spec.nodeName", NodeRef(pods_[pod].node).name},
                                   {"status.phase", "Running"}};
      AddOwner(set, "apps/v1", &fields);
      out.push_back(Object(PodRef(pod), at, std::move(fields)));
      if (i >= kPodsPerDeployment / 4) continue;
      EdgeRecord call;
      call.type = "CALLS";
      call.from = PodRef(pod);
      const size_t callee = (d + 1 + i * 7) % deployments_;
      call.to = Ref("", "Service", Namespace(callee), absl::StrCat("app-", callee));
      call.at = at;
      call.asserter = "declared";
      out.push_back(std::move(call));
    }
  }
  return out;
}

void Cluster::Say(EventRecord* e, size_t pod, size_t what) {
  const Saying& s = kTrouble[what % std::size(kTrouble)];
  e->subject = PodRef(pod);
  e->reason = s.reason;
  e->message = s.message;
  e->type = "Warning";
  e->container = "app";
  e->emitter = "kubelet";
}

EventRecord Cluster::Event(uint64_t n, const EventMix& mix) {
  EventRecord e;
  const Timestamp at = kStart + mix.spacing * static_cast<int64_t>(n);
  e.first = e.last = at;
  e.event_id = Uid("event", n);
  if (at >= hot_until_) {
    hot_.clear();
    for (int i = 0; i < 6; ++i) hot_.push_back(random_.Below(deployments_));
    hot_node_ = random_.Below(nodes_);
    hot_until_ = at + std::chrono::minutes(5 + random_.Below(10));
  }
  if (!random_.Chance(mix.failures)) {
    const Saying& s = kNormal[random_.Below(std::size(kNormal))];
    e.subject = PodRef(random_.Below(pods_.size()));
    e.reason = s.reason;
    e.message = s.message;
    e.type = "Normal";
    e.emitter = "kubelet";
    return e;
  }
  const bool hot = random_.Chance(0.7);
  if (random_.Chance(0.05)) {
    const Saying& s = kNodeTrouble[random_.Below(std::size(kNodeTrouble))];
    e.subject = NodeRef(hot ? hot_node_ : random_.Below(nodes_));
    e.reason = s.reason;
    e.message = s.message;
    e.type = "Warning";
    e.emitter = "kubelet";
    return e;
  }
  const size_t pod = hot ? hot_[random_.Below(hot_.size())] * kPodsPerDeployment +
                               random_.Below(kPodsPerDeployment)
                         : random_.Below(pods_.size());
  Say(&e, pod, random_.Next());
  return e;
}

EventRecord Cluster::Warning(uint64_t n, Timestamp at, size_t among) {
  EventRecord e;
  e.first = e.last = at;
  e.event_id = Uid("storm", n);
  Say(&e, random_.Below(std::min(among, pods_.size())), random_.Next());
  return e;
}

}  // namespace kg::bench
