#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "tests/engine/rules/rules_testing.h"

namespace kg {

TEST_CASE("alerts by name") {
  const std::vector<std::pair<const char*, const char*>> alerts = {
      {"KubePodCrashLooping", "ALERT_POD_CRASHLOOP"},
      {"PodRestartingFrequently", "ALERT_POD_CRASHLOOP"},
      {"TestPodHighRestartRate", "ALERT_POD_CRASHLOOP"},
      {"KubePodNotReady", "ALERT_POD_NOT_READY"},
      {"PodNotReady", "ALERT_POD_NOT_READY"},
      {"KubeContainerWaiting", "ALERT_POD_NOT_READY"},
      {"KubeDeploymentReplicasMismatch", "ALERT_REPLICAS_MISMATCH"},
      {"DeploymentReplicasMismatch", "ALERT_REPLICAS_MISMATCH"},
      {"KubeStatefulSetReplicasMismatch", "ALERT_REPLICAS_MISMATCH"},
      {"KubeDeploymentRolloutStuck", "ALERT_ROLLOUT_STUCK"},
      {"KubeDeploymentGenerationMismatch", "ALERT_ROLLOUT_STUCK"},
      {"KubeNodeNotReady", "ALERT_NODE"},
      {"KubeletDown", "ALERT_NODE"},
      {"TargetDown", "ALERT_TARGET_DOWN"},
      {"ServiceDown", "ALERT_TARGET_DOWN"},
      {"HighErrorRate", "ALERT_ERROR_RATE"},
      {"CheckoutHigh5xx", "ALERT_ERROR_RATE"},
      {"DatabaseConnectionFailed", "ALERT_ERROR_RATE"},
      {"HighLatency", "ALERT_LATENCY"},
      {"ApiSlowResponses", "ALERT_LATENCY"},
      {"PodMemoryUsageHigh", "ALERT_SATURATION"},
      {"PodCPUThrottling", "ALERT_SATURATION"},
      {"CPUThrottlingHigh", "ALERT_SATURATION"},
      {"NodeCPUHighUsage", "ALERT_SATURATION"},
      {"HighConsumerLag", "ALERT_SATURATION"},
      {"SystemHighLoad", "ALERT_SATURATION"},
      {"ContainerOOMKilled", "ALERT_OOM"},
      {"KubeContainerOOMKilled", "ALERT_OOM"},
      {"KubeJobFailed", "ALERT_JOB_FAILED"},
      {"KubeJobNotCompleted", "ALERT_JOB_FAILED"},
      {"KubeHpaMaxedOut", "ALERT_HPA"},
      {"KubeHpaReplicasMismatch", "ALERT_HPA"},
      {"KubePersistentVolumeFillingUp", "ALERT_STORAGE"},
      {"PersistentVolumeClaimPending", "ALERT_STORAGE"},
      {"NodeFilesystemAlmostOutOfSpace", "ALERT_STORAGE"},
      {"DiskSpaceHigh", "ALERT_STORAGE"},
      {"KubeQuotaExceeded", "ALERT_QUOTA"},
      {"KubeMemoryOvercommit", "ALERT_QUOTA"},
      {"KubeAPIDown", "ALERT_CONTROL_PLANE"},
      {"KubeSchedulerDown", "ALERT_CONTROL_PLANE"},
      {"KubeControllerManagerDown", "ALERT_CONTROL_PLANE"},
      {"etcdMembersDown", "ALERT_CONTROL_PLANE"},
      {"NodeClockNotSynchronising", "ALERT_CLOCK"},
      {"KubeClientCertificateExpiration", "ALERT_CERT"},
      {"CoreDNSErrorsHigh", "ALERT_DNS"},
      {"NodeNetworkReceiveErrs", "ALERT_NETWORK"},
      {"PrometheusMissingRuleEvaluations", "ALERT_MONITORING"},
      {"Watchdog", "ALERT_NOISE"},
      {"InfoInhibitor", "ALERT_NOISE"},
      {"TestAlertAlwaysFiring", "ALERT_NOISE"},
      {"SomethingElse", "ALERT_OTHER"},
  };
  for (const auto& [name, cls] : alerts) {
    INFO(name);
    CHECK(NameOf(Rules().Classify(SignalPlace::kAlert, name, "", "")) == cls);
  }
}

TEST_CASE("how long alerts wait before they fire") {
  CHECK(Rules().AlertFor("KubePodCrashLooping") == Duration(15min));
  CHECK(Rules().AlertFor("KubeContainerWaiting") == Duration(1h));
  CHECK(Rules().AlertFor("KubeStatefulSetUpdateNotRolledOut") == Duration(15min));
  CHECK(Rules().AlertFor("KubeQuotaAlmostFull") == Duration(15min));
  CHECK(Rules().AlertFor("TargetDown") == Duration(10min));
  CHECK(Rules().AlertFor("KubeJobNotCompleted") == Duration(0s));
  CHECK(Rules().AlertFor("KubePersistentVolumeFillingUp") == Duration(0s));  // looks ahead
  CHECK_FALSE(Rules().AlertFor("HighErrorRate").has_value());
}

}  // namespace kg
