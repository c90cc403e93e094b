#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/engine/rules/rules_testing.h"

namespace kg {
namespace {

std::vector<std::string> Classes(const char* kind, const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const ClassId id : Rules().ClassifyChange(kind, paths)) names.push_back(NameOf(id));
  return names;
}

std::string First(const char* kind, const char* path) {
  const auto names = Classes(kind, {path});
  return names.empty() ? "" : names.front();
}

}  // namespace

TEST_CASE("a pod template's fields tell what changed, whoever holds it") {
  CHECK(First("Deployment", "spec.template.spec.containers[app].image") == "CHANGE_IMAGE");
  CHECK(First("CronJob", "spec.jobTemplate.spec.template.spec.containers[app].image") ==
        "CHANGE_IMAGE");
  CHECK(First("Pod", "spec.containers[app].image") == "CHANGE_IMAGE");
  CHECK(First("StatefulSet", "spec.template.spec.initContainers[m].image") == "CHANGE_IMAGE");
  CHECK(First("Deployment", "spec.template.spec.containers[app].command[0]") == "CHANGE_COMMAND");
  CHECK(First("Deployment", "spec.template.spec.containers[app].args") == "CHANGE_COMMAND");
  CHECK(First("Deployment", "spec.template.spec.containers[app].env[DB_HOST].value") ==
        "CHANGE_ENV");
  CHECK(First("Deployment", "spec.template.spec.containers[app].envFrom[0].secretRef.name") ==
        "CHANGE_ENV");
  CHECK(First("Deployment", "spec.template.spec.containers[app].livenessProbe.httpGet.port") ==
        "CHANGE_PROBE");
  CHECK(First("Deployment", "spec.template.spec.containers[app].resources.limits.memory") ==
        "CHANGE_LIMITS");
  CHECK(First("Deployment", "spec.template.spec.containers[app].resources.requests.cpu") ==
        "CHANGE_REQUESTS");
  CHECK(First("Deployment", "spec.template.spec.nodeSelector.disk") == "CHANGE_SCHEDULING");
  CHECK(First("Deployment", "spec.template.spec.volumes[data].configMap.name") == "CHANGE_VOLUMES");
  CHECK(First("Deployment", "spec.template.spec.serviceAccountName") == "CHANGE_SECURITY");
  CHECK(First("Deployment", "spec.template.spec.containers[app].ports[http].containerPort") ==
        "CHANGE_PORTS");
  CHECK(First("Deployment", "spec.template.spec.restartPolicy") == "CHANGE_TEMPLATE");
  CHECK(First("Deployment",
              "spec.template.metadata.annotations[kubectl.kubernetes.io/restartedAt]") ==
        "CHANGE_RESTART");
}

TEST_CASE("the most telling change comes first, each once") {
  CHECK(Classes("Deployment", {"metadata.generation", "spec.replicas = 3",
                               "spec.template.spec.containers[b].env[A].value",
                               "spec.template.spec.containers[a].image",
                               "spec.template.spec.containers[b].image"}) ==
        std::vector<std::string>{"CHANGE_IMAGE", "CHANGE_ENV", "CHANGE_REPLICAS", "CHANGE_NONE"});
  CHECK(Classes("Deployment", {}).empty());
}

TEST_CASE("replicas: by hand, to zero, and by the controller") {
  CHECK(First("Deployment", "spec.replicas") == "CHANGE_REPLICAS");
  CHECK(First("Deployment", "spec.replicas = 5") == "CHANGE_REPLICAS");
  CHECK(First("StatefulSet", "spec.replicas = 0") == "CHANGE_SCALED_TO_ZERO");
  CHECK(First("ReplicaSet", "spec.replicas = 0") == "CHANGE_SCALE");
}

TEST_CASE("changes of what others need") {
  CHECK(First("Service", "spec.selector.app") == "CHANGE_SELECTOR");
  CHECK(First("Service", "spec.ports[http].targetPort") == "CHANGE_SERVICE_PORT");
  CHECK(First("ConfigMap", "data[app.yaml]") == "CHANGE_CONFIG");
  CHECK(First("ConfigMap", "data.level") == "CHANGE_CONFIG");
  CHECK(First("Secret", "data.password") == "CHANGE_SECRET");
  CHECK(First("Secret", "@deleted") == "OBJECT_DELETED");
  CHECK(First("NetworkPolicy", "@created") == "CHANGE_NETPOL");
  CHECK(First("NetworkPolicy", "spec.ingress") == "CHANGE_NETPOL");
  CHECK(First("ResourceQuota", "spec.hard.pods") == "CHANGE_QUOTA");
  CHECK(First("LimitRange", "spec.limits[0].max.cpu") == "CHANGE_LIMITRANGE");
  CHECK(First("RoleBinding", "subjects[bot].name") == "CHANGE_RBAC");
  CHECK(First("ClusterRole", "@deleted") == "CHANGE_RBAC");
  CHECK(First("ValidatingWebhookConfiguration", "webhooks[a].failurePolicy") == "CHANGE_WEBHOOK");
  CHECK(First("DestinationRule", "spec.host") == "CHANGE_MESH");
  CHECK(First("VirtualService", "spec.http[0].fault.abort.httpStatus") == "CHANGE_CHAOS");
  CHECK(First("NetworkChaos", "@created") == "CHANGE_CHAOS");
  CHECK(First("Ingress", "spec.rules[0].host") == "CHANGE_INGRESS");
  CHECK(First("Node", "spec.taints[dedicated].effect") == "CHANGE_NODE_TAINT");
  CHECK(First("Node", "spec.unschedulable") == "CHANGE_CORDON");
  CHECK(First("Node", "metadata.labels[disk]") == "CHANGE_NODE_LABEL");
  CHECK(First("Namespace", "metadata.labels[pod-security.kubernetes.io/enforce]") ==
        "CHANGE_POD_SECURITY");
  CHECK(First("HorizontalPodAutoscaler", "spec.maxReplicas") == "CHANGE_HPA");
  CHECK(First("PersistentVolumeClaim", "spec.storageClassName") == "CHANGE_STORAGE");
  CHECK(First("CustomResourceDefinition", "spec.versions[v1].served") == "CHANGE_OPERATOR");
  CHECK(First("Widget", "spec.size") == "CHANGE_OTHER");
  CHECK(First("Deployment", "@created") == "CHANGE_CREATED");
  CHECK(First("Deployment", "@deleted") == "OBJECT_DELETED");
  CHECK(First("Deployment", "metadata.labels.team") == "CHANGE_LABELS");
}

TEST_CASE("bookkeeping is no change") {
  for (const char* path : {"metadata.resourceVersion", "metadata.generation", "status.replicas",
                           "metadata.annotations[deployment.kubernetes.io/revision]",
                           "metadata.managedFields", "status"}) {
    INFO(path);
    const auto ids = Rules().ClassifyChange("Deployment", std::vector<std::string>{path});
    REQUIRE(ids.size() == 1);
    CHECK(Rules().Class(ids[0]).category == Category::kInfo);
  }
  CHECK(First("EndpointSlice", "endpoints[0].conditions.ready") == "CHANGE_NONE");
  CHECK(First("Pod", "@created") == "LIFECYCLE");
  CHECK(First("Pod", "spec.nodeName") == "LIFECYCLE");
}

}  // namespace kg
