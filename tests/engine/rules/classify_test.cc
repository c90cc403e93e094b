#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/engine/rules/rules_testing.h"

namespace kg {
namespace {

struct Sample {
  SignalPlace place;
  const char* reason;
  const char* message;
  const char* cls;
};

constexpr SignalPlace kEv = SignalPlace::kEvent;
constexpr SignalPlace kW = SignalPlace::kWaiting;
constexpr SignalPlace kT = SignalPlace::kTerminated;
constexpr SignalPlace kPod = SignalPlace::kPodStatus;
constexpr SignalPlace kCond = SignalPlace::kCondition;

void Check(const std::vector<Sample>& samples) {
  for (const Sample& s : samples) {
    INFO(s.reason << ": " << s.message);
    CHECK(NameOf(Rules().Classify(s.place, s.reason, s.message, "Warning")) == s.cls);
  }
}

// One message for each row of the normaliser, in its order.
const std::vector<Sample>& Normaliser() {
  static const auto& samples = *new std::vector<Sample>{
      {kEv, "Failed", "Failed to pull image \"acme/app:1\": no matching manifest for linux/arm64",
       "IMG_PLATFORM"},
      {kEv, "Failed", "Failed to pull image \"acme/app:9\": manifest unknown", "IMG_NOTFOUND"},
      {kEv, "Failed",
       "Failed to pull image \"acme/app:9\": rpc error: code = NotFound desc = failed to pull and "
       "unpack image \"docker.io/acme/app:9\": docker.io/acme/app:9: not found",
       "IMG_NOTFOUND"},
      {kEv, "Failed",
       "Failed to pull image \"acme/app\": pull access denied, repository does not exist or may "
       "require authorization",
       "IMG_AUTH"},
      {kEv, "Failed", "Failed to pull image \"acme/app\": toomanyrequests: slow down",
       "IMG_RATELIMIT"},
      {kEv, "Failed",
       "Failed to pull image \"r.acme/app\": dial tcp: lookup r.acme on 10.0.0.2:53: server "
       "misbehaving",
       "IMG_DNS"},
      {kEv, "Failed", "Failed to pull image \"r.acme/app\": x509: certificate has expired",
       "IMG_TLS"},
      {kEv, "Failed", "Failed to pull image \"r.acme/app\": dial tcp 10.1.1.1:443: i/o timeout",
       "IMG_NET"},
      {kEv, "Failed", "Failed to pull image \"a/b\": write /x: no space left on device",
       "IMG_DISK"},
      {kEv, "InspectFailed",
       "Failed to apply default image tag \"a:b:c\": couldn't parse image name", "IMG_NAME"},
      {kEv, "ErrImageNeverPull",
       "Container image \"a/b:1\" is not present with pull policy of Never", "IMG_NEVER"},
      {kEv, "Failed", "Error: secret \"db-login\" not found", "CFG_REF_MISSING"},
      {kW, "CreateContainerConfigError", "couldn't find key url in ConfigMap shop/settings",
       "CFG_REF_MISSING"},
      {kEv, "FailedCreatePodSandBox",
       "runc create failed: container init was OOM-killed (memory limit too low?)",
       "CTR_OOM_START"},
      {kEv, "Failed",
       "Error: failed to create containerd task: exec: \"/bin/srv\": no such file or directory",
       "CTR_START_ERR"},
      {kT, "ContainerCannotRun", "exit=127 exec format error", "CTR_START_ERR"},
      {kEv, "FailedCreatePodSandBox", "failed to allocate for range 0: no IP addresses available",
       "SANDBOX_IPAM"},
      {kEv, "FailedCreatePodSandBox",
       "failed to setup network for sandbox: plugin type=\"bridge\" failed", "SANDBOX_CNI"},
      {kEv, "ContainerGCFailed",
       "rpc error: code = Unavailable desc = connection error: desc = \"dial unix "
       "/run/containerd/containerd.sock\"",
       "RUNTIME_DOWN"},
      {kEv, "FailedCreatePodSandBox", "something went wrong", "SANDBOX_OTHER"},
      {kEv, "FailedMount", "MountVolume.SetUp failed for volume \"c\": configmap \"c\" not found",
       "VOL_REF_MISSING"},
      {kEv, "FailedScheduling", "persistentvolumeclaim \"data\" not found", "VOL_PVC_MISSING"},
      {kEv, "FailedMount", "driver name csi.acme not found in the list of registered CSI drivers",
       "VOL_CSI_MISSING"},
      {kEv, "FailedMount", "failed to fetch token: Post https://10.0.0.1: EOF", "VOL_TOKEN_API"},
      {kEv, "FailedMount", "Unable to attach or mount volumes: unmounted volumes=[data]",
       "VOL_MOUNT_TIMEOUT"},
      {kEv, "FailedMount", "mount.nfs: access denied by server while mounting", "VOL_PERM"},
      {kEv, "FailedAttachVolume", "Multi-Attach error for volume \"pvc-1\"", "VOL_MULTI_ATTACH"},
      {kEv, "FailedAttachVolume", "AttachVolume.Attach failed: instance gone", "VOL_ATTACH_FAIL"},
      {kEv, "FailedMount", "MountVolume.MountDevice failed: bad superblock", "VOL_MOUNT_FAIL"},
      {kEv, "FailedScheduling",
       "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
       "SCHED_PVC_UNBOUND"},
      {kEv, "FailedScheduling",
       "0/3 nodes are available: 3 node(s) had volume node affinity conflict.",
       "SCHED_VOL_AFFINITY"},
      {kEv, "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", "SCHED_RESOURCES"},
      {kEv, "FailedScheduling",
       "0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: gpu}.", "SCHED_TAINT"},
      {kEv, "FailedScheduling",
       "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
       "SCHED_POD_AFFINITY"},
      {kEv, "FailedScheduling",
       "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
       "SCHED_NODE_AFFINITY"},
      {kEv, "FailedScheduling",
       "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.",
       "SCHED_SPREAD"},
      {kEv, "FailedScheduling",
       "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports.",
       "SCHED_PORT"},
      {kEv, "FailedScheduling", "0/3 nodes are available: 3 node(s) were unschedulable.",
       "SCHED_CORDON"},
      {kEv, "FailedScheduling", "0/3 nodes are available: 3 cannot allocate all claims.",
       "SCHED_DRA"},
      {kEv, "FailedScheduling", "skip schedule deleting pod: shop/web-0", "SCHED_NOISE"},
      {kEv, "FailedScheduling", "running PreBind plugin failed", "SCHED_OTHER"},
      {kEv, "FailedCreate",
       "Error creating: pods \"a\" is forbidden: exceeded quota: team, requested: cpu=2",
       "CREATE_QUOTA"},
      {kEv, "FailedCreate", "error looking up service account: serviceaccount \"bot\" not found",
       "CREATE_SA_MISSING"},
      {kEv, "FailedCreate", "Internal error: failed calling webhook \"a.b.c\": EOF",
       "CREATE_WEBHOOK_DOWN"},
      {kEv, "FailedCreate", "admission webhook \"policy.acme\" denied the request: no",
       "CREATE_WEBHOOK_DENY"},
      {kEv, "FailedCreate", "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"",
       "CREATE_PSA"},
      {kEv, "FailedCreate", "maximum memory usage per Container is 1Gi, but limit is 2Gi",
       "CREATE_LIMITRANGE"},
      {kEv, "FailedCreate",
       "unable to create new content in namespace x because it is being terminated",
       "CREATE_NS_TERM"},
      {kEv, "FailedCreate", "Error creating: Timeout", "CREATE_OTHER"},
      {kEv, "Killing", "Container app failed liveness probe, will be restarted",
       "PROBE_LIVENESS_KILL"},
      {kEv, "Unhealthy", "Readiness probe failed: Get x: malformed HTTP response", "PROBE_PROTO"},
      {kEv, "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500",
       "PROBE_LIVENESS"},
      {kEv, "Unhealthy", "Readiness probe failed: connection refused", "PROBE_READINESS"},
      {kEv, "Unhealthy", "Startup probe failed: x", "PROBE_STARTUP"},
      {kEv, "BackOff", "Back-off restarting failed container app in pod web-0", "CRASHLOOP"},
      {kW, "CrashLoopBackOff", "back-off 5m0s restarting failed container=app pod=web-0",
       "CRASHLOOP"},
      {kEv, "BackOff", "Back-off pulling image \"a/b:1\"", "IMG_BACKOFF"},
      {kEv, "Failed", "Error: ImagePullBackOff", "IMG_BACKOFF"},
      {kEv, "Preempted", "Preempted by shop/batch on node n1", "KILL_PREEMPT"},
      {kEv, "Killing", "Stopping container app", "KILL_STOP"},
      {kEv, "Evicted", "The node was low on resource: memory. Threshold quantity: 100Mi",
       "EVICT_MEMORY"},
      {kPod, "Evicted", "The node was low on resource: ephemeral-storage.", "EVICT_DISK"},
      {kEv, "Evicted", "The node was low on resource: pids.", "EVICT_PID"},
      {kEv, "Evicted",
       "Pod ephemeral local storage usage exceeds the total limit of containers 50Mi.",
       "EVICT_LIMIT"},
      {kEv, "TaintManagerEviction", "Marking for deletion Pod shop/web-0", "EVICT_TAINT"},
      {kEv, "EvictedByVPA", "Pod was evicted by VPA Updater", "EVICT_API"},
      {kEv, "NodeNotReady", "Node n1 status is now: NodeNotReady", "NODE_NOTREADY"},
      {kEv, "NodeReady", "Node n1 status is now: NodeReady", "NODE_READY"},
      {kEv, "Rebooted", "Node n1 has been rebooted", "NODE_REBOOT"},
      {kEv, "Shutdown", "Shutdown manager detected shutdown event", "NODE_SHUTDOWN"},
      {kEv, "Starting", "Starting kubelet.", "NODE_KUBELET_START"},
      {kEv, "SystemOOM", "System OOM encountered, victim process: java", "NODE_SYSTEM_OOM"},
      {kEv, "EvictionThresholdMet", "Attempting to reclaim ephemeral-storage", "NODE_PRESSURE"},
      {kEv, "NodeHasDiskPressure", "Node n1 status is now: NodeHasDiskPressure", "NODE_PRESSURE"},
      {kEv, "NodeNotSchedulable", "Node n1 status is now: NodeNotSchedulable", "NODE_CORDON"},
      {kEv, "ImageGCFailed", "wanted to free 3 bytes", "NODE_GC_FAIL"},
      {kEv, "NodeHasSufficientMemory", "Node n1 status is now: fine", "NODE_NOISE"},
      {kEv, "FailedBinding", "no persistent volumes available for this claim", "PVC_NO_PV"},
      {kEv, "ProvisioningFailed", "storageclass.storage.k8s.io \"fast\" not found",
       "PVC_SC_MISSING"},
      {kEv, "ProvisioningFailed", "quota of the provider reached", "PVC_PROVISION_FAIL"},
      {kEv, "WaitForFirstConsumer", "waiting for first consumer", "PVC_WAIT"},
      {kEv, "FailedPostStartHook", "PostStartHook failed", "HOOK_FAIL"},
      {kEv, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.",
       "SANDBOX_CHANGED"},
      {kEv, "FailedToUpdateEndpointSlices", "Error updating", "ENDPOINT_SYNC"},
      {kEv, "LeaderElection", "n1 became leader", "LEADER_CHANGE"},
      {kEv, "BackoffLimitExceeded", "Job has reached the specified backoff limit", "JOB_FAILED"},
      {kEv, "TooManyMissedTimes", "too many missed start times", "CRON_MISSED"},
      {kEv, "FailedGetPodsMetric", "no metrics returned", "HPA_METRIC"},
      {kCond, "ProgressDeadlineExceeded", "Deployment/Progressing=False timed out progressing",
       "ROLLOUT_STUCK"},
      {kEv, "ScalingReplicaSet", "Scaled up replica set a to 3", "CHANGE_ROLLOUT"},
      {kEv, "SyncLoadBalancerFailed", "Error syncing load balancer", "LB_FAIL"},
      {kEv, "NotTriggerScaleUp", "pod didn't trigger scale-up", "CA_NO_SCALEUP"},
      {kEv, "MissingClusterDNS", "kubelet does not have ClusterDNS IP configured", "DNS_CONFIG"},
      {kEv, "Scheduled", "Successfully assigned shop/web-0 to n1", "LIFECYCLE"},
  };
  return samples;
}

}  // namespace

TEST_CASE("every row of the normaliser is reached by a message of its own") {
  Check(Normaliser());
  std::set<std::string> reached;
  for (const Sample& s : Normaliser()) reached.insert(s.cls);
  CHECK(reached.size() == 88);
}

TEST_CASE("where two rows could match, the earlier or the more telling one does") {
  Check({
      // A pull error repeated inside the waiting message is better than "waiting".
      {kW, "ImagePullBackOff",
       "Back-off pulling image \"a/b:9\": ErrImagePull: failed to pull and unpack image: not found",
       "IMG_NOTFOUND"},
      {kW, "ImagePullBackOff", "Back-off pulling image \"a/b:9\"", "IMG_BACKOFF"},
      {kEv, "FailedMount", "persistentvolumeclaim \"d\" not found", "VOL_PVC_MISSING"},
      {kEv, "FailedMount", "secret \"d\" not found: permission denied", "VOL_REF_MISSING"},
      {kEv, "ContainerGCFailed", "disk trouble", "NODE_GC_FAIL"},
      {kEv, "FailedBinding", "waiting for something", "PVC_WAIT"},
      // The control plane's own taint is the background of every such message.
      {kEv, "FailedScheduling",
       "0/4 nodes are available: 1 node(s) had untolerated taint "
       "{node-role.kubernetes.io/control-plane: }, 3 node(s) didn't match Pod's node "
       "affinity/selector. preemption: 0/4 nodes are available: 4 Preemption is not helpful for "
       "scheduling.",
       "SCHED_NODE_AFFINITY"},
      {kEv, "FailedScheduling",
       "0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient memory.",
       "SCHED_RESOURCES"},
      {kEv, "FailedScheduling",
       "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) were unschedulable.",
       "SCHED_CORDON"},
      {kEv, "FailedScheduling",
       "0/1 nodes are available: 1 node(s) had untolerated taint "
       "{node-role.kubernetes.io/control-plane: }.",
       "SCHED_TAINT"},
      {kEv, "NodeNotReady", "Node is not ready", "POD_NOT_READY"},
      // A container that went over its own limit is no fault of the node.
      {kEv, "OOMKilling", "Memory cgroup out of memory: Killed process 12 (app)",
       "NODE_CGROUP_OOM"},
      {kEv, "OOMKilling", "Out of memory: Killed process 12 (app)", "NODE_SYSTEM_OOM"},
      {kEv, "TaintManagerEviction", "Cancelling deletion of Pod shop/web-0", "LIFECYCLE"},
      {kEv, "FailedMount", "(combined from similar events): configmap \"a\" not found",
       "VOL_REF_MISSING"},
  });
}

TEST_CASE("container states, pod reasons and what only pipelines send as events") {
  Check({
      {kT, "OOMKilled", "exit=137 ", "OOM_KILLED"},
      {kT, "Error", "exit=1 ", "EXIT_ERROR"},
      {kT, "Error", "exit=139 ", "EXIT_SEGFAULT"},
      {kT, "Error", "exit code 139: ", "EXIT_SEGFAULT"},
      {kT, "Completed", "exit code 0: ", "EXIT_OK"},
      {kT, "Error", "exit=134 ", "EXIT_ABORT"},
      {kT, "Error", "exit=137 ", "EXIT_SIGKILL"},
      {kT, "Error", "exit=143 ", "EXIT_SIGTERM"},
      {kT, "Error", "exit=127 ", "CTR_START_ERR"},
      {kT, "Error", "", "EXIT_ERROR"},
      {kT, "Completed", "exit=0 ", "EXIT_OK"},
      {kT, "", "exit=2 ", "EXIT_ERROR"},
      {kT, "ContainerStatusUnknown", "exit=137 The container could not be located", "EXIT_UNKNOWN"},
      {kT, "StartError", "exit=128 whatever", "CTR_START_ERR"},
      {kW, "CrashLoopBackOff", "", "CRASHLOOP"},
      {kW, "ImagePullBackOff", "", "IMG_BACKOFF"},
      {kW, "ErrImagePull", "rpc error: code = Unknown", "IMG_PULL_FAILED"},
      {kW, "CreateContainerConfigError", "container has runAsNonRoot and image will run as root",
       "CTR_SECURITY"},
      {kW, "CreateContainerConfigError", "odd", "CFG_CONTAINER"},
      {kW, "ContainerCreating", "", "CONTAINER_STARTING"},
      {kPod, "OutOfcpu", "", "POD_ADMISSION"},
      {kPod, "NodeLost", "", "POD_LOST"},
      {kEv, "OOMKilled", "Container killed", "OOM_KILLED"},
      {kEv, "CrashLoopBackOff", "", "CRASHLOOP"},
      {kEv, "ErrImagePull", "", "IMG_PULL_FAILED"},
      {kEv, "ImagePullBackOff", "", "IMG_BACKOFF"},
      {kEv, "Error", "", "EXIT_ERROR"},
      {kEv, "ConfigMapNotFound", "", "CFG_REF_MISSING"},
      {kEv, "MemoryPressure", "", "NODE_MEMORY_PRESSURE"},
      {kEv, "NodeAffinity", "", "SCHED_NODE_AFFINITY"},
      {kEv, "InsufficientResources", "", "SCHED_RESOURCES"},
      {kEv, "VolumeNotFound", "", "VOL_PVC_MISSING"},
  });
}

TEST_CASE("conditions go by kind, type and status") {
  Check({
      {kCond, "ContainersNotReady", "Pod/Ready=False containers with unready status: [app]",
       "POD_NOT_READY"},
      {kCond, "PodCompleted", "Pod/Ready=False ", "POD_COMPLETED"},
      {kCond, "PodCompleted", "Pod/ContainersReady=False ", "POD_COMPLETED"},
      {kCond, "", "Pod/Ready=True ", "CONDITION_OK"},
      {kCond, "", "Pod/Phase=Failed ", "POD_FAILED"},
      {kCond, "", "Pod/Phase=Running ", "CONDITION_OK"},
      {kCond, "", "Pod/Phase=Pending ", "CONDITION_OK"},
      {kCond, "", "PersistentVolumeClaim/Phase=Pending ", "PVC_PENDING"},
      {kCond, "", "PersistentVolumeClaim/Phase=Bound ", "CONDITION_OK"},
      {kCond, "", "Namespace/Phase=Active ", "CONDITION_OK"},
      {kCond, "TargetDown", "PromTarget/up=False ", "TARGET_DOWN"},
      {kCond, "Unschedulable",
       "Pod/PodScheduled=False 0/3 nodes are available: 3 Insufficient cpu.", "SCHED_RESOURCES"},
      {kCond, "SchedulingGated", "Pod/PodScheduled=False gated", "SCHED_GATED"},
      {kCond, "ContainersNotInitialized", "Pod/Initialized=False x", "INIT_NOT_DONE"},
      {kCond, "DeletionByTaintManager", "Pod/DisruptionTarget=True x", "EVICT_TAINT"},
      {kCond, "TerminationByKubelet",
       "Pod/DisruptionTarget=True The node was low on resource: memory.", "EVICT_MEMORY"},
      {kCond, "KubeletNotReady", "Node/Ready=False PLEG is not healthy", "NODE_NOTREADY"},
      {kCond, "NodeStatusUnknown", "Node/Ready=Unknown Kubelet stopped posting node status.",
       "NODE_NOTREADY"},
      {kCond, "NodeStatusUnknown", "Node/MemoryPressure=Unknown Kubelet stopped posting.",
       "CONDITION_OK"},
      {kCond, "KubeletHasInsufficientMemory", "Node/MemoryPressure=True x", "NODE_MEMORY_PRESSURE"},
      {kCond, "KubeletHasDiskPressure", "Node/DiskPressure=True x", "NODE_DISK_PRESSURE"},
      {kCond, "KubeletHasInsufficientPID", "Node/PIDPressure=True x", "NODE_PID_PRESSURE"},
      {kCond, "KubeletHasNoDiskPressure", "Node/DiskPressure=False x", "CONDITION_OK"},
      {kCond, "NoRouteCreated", "Node/NetworkUnavailable=True x", "NODE_NETWORK_UNAVAILABLE"},
      {kCond, "DockerHung", "Node/KernelDeadlock=True task blocked", "NODE_KERNEL"},
      {kCond, "KernelHasNoDeadlock", "Node/KernelDeadlock=False fine", "CONDITION_OK"},
      {kCond, "MinimumReplicasUnavailable", "Deployment/Available=False x",
       "DEPLOYMENT_UNAVAILABLE"},
      {kCond, "NewReplicaSetAvailable", "Deployment/Progressing=True x", "CONDITION_OK"},
      {kCond, "FailedCreate", "Deployment/ReplicaFailure=True pods is forbidden: exceeded quota: q",
       "CREATE_QUOTA"},
      {kCond, "BackoffLimitExceeded", "Job/Failed=True x", "JOB_FAILED"},
      {kCond, "", "Job/Complete=True ", "LIFECYCLE"},
      {kCond, "FailedGetResourceMetric", "HorizontalPodAutoscaler/ScalingActive=False x",
       "HPA_METRIC"},
      {kCond, "TooManyReplicas", "HorizontalPodAutoscaler/ScalingLimited=True x", "HPA_LIMITED"},
      {kCond, "FailedDiscoveryCheck", "APIService/Available=False x", "APISERVICE_DOWN"},
      {kCond, "SomeFinalizersRemain", "Namespace/NamespaceFinalizersRemaining=True x",
       "NAMESPACE_STUCK"},
      {kCond, "DoesNotExist", "Certificate/Ready=False x", "CERT_FAILED"},
      {kCond, "BackendNotFound", "HTTPRoute/ResolvedRefs=False x", "ROUTE_INVALID"},
      {kCond, "ArtifactFailed", "Kustomization/Ready=False x", "GITOPS_FAILED"},
      {kCond, "Broken", "Widget/Ready=False x", "OPERATOR_ERROR"},
      {kCond, "Fine", "Widget/Ready=True x", "CONDITION_OK"},
  });
}

TEST_CASE("what no rule knows falls back by place and type") {
  const auto name = [](SignalPlace place, const char* type) {
    return NameOf(Rules().Classify(place, "Zzz", "nothing to see", type));
  };
  CHECK(name(kEv, "Warning") == "UNKNOWN_WARNING");
  CHECK(name(kEv, "Normal") == "UNKNOWN_NORMAL");
  CHECK(name(kEv, "") == "UNKNOWN_NORMAL");
  CHECK(name(kW, "") == "UNKNOWN_STATUS");
  CHECK(name(SignalPlace::kLog, "") == "UNKNOWN_LOG");
  CHECK(name(SignalPlace::kAlert, "") == "ALERT_OTHER");
  CHECK(name(SignalPlace::kChange, "") == "CHANGE_OTHER");
  CHECK(NameOf(Rules().Classify(SignalPlace::kLog, "LOG_PANIC", "", "")) == "LOG_PANIC");
}

TEST_CASE("broken bytes and long messages classify like others") {
  std::string message = "configmap \"\xff\xfe\" not found ";
  message += std::string(100000, '\xc3');
  CHECK(NameOf(Rules().Classify(kEv, "FailedMount", message, "Warning")) == "VOL_REF_MISSING");
  CHECK(NameOf(Rules().Classify(kEv, std::string(5000, 'x'), "", "Normal")) == "UNKNOWN_NORMAL");
}

}  // namespace kg
