#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "tests/engine/rules/rules_testing.h"

namespace kg {
namespace {

const EdgeTypeInfo& Edge(const char* name) {
  return Rules().EdgeType(Rules().EdgeTypeByName(name));
}

const EdgePath* PathOf(const char* kind, const char* path) {
  for (const EdgePath& p : Rules().edge_paths()) {
    if (p.kinds == kind && p.path == path) return &p;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("failure travels along an edge the way it should") {
  CHECK(Edge("CONTROLS").travels == Travels::kBoth);
  CHECK(Edge("CONTROLS").path == PathKind::kOwner);
  CHECK(Edge("RUNS_ON").travels == Travels::kToFrom);
  CHECK(Edge("RUNS_ON").path == PathKind::kNode);
  CHECK(Edge("SELECTS").travels == Travels::kToFrom);
  CHECK(Edge("ROUTES_TO").path == PathKind::kService);
  CHECK(Edge("CALLS").path == PathKind::kCalls);
  CHECK(Edge("CALLS").travels == Travels::kToFrom);
  CHECK(Edge("APPLIES_TO").travels == Travels::kFromTo);
  CHECK(Edge("GUARDS").hop_cost > Edge("CALLS").hop_cost);
  CHECK(Edge("SCALES").path == PathKind::kScaling);
  for (const char* name : {"MOUNTS", "USES", "USES_ACCOUNT", "MOUNTS_CLAIM", "BOUND_TO",
                           "PROVISIONED_BY", "ROUTES", "IN_ZONE", "HAS_QUOTA", "HAS_LIMITS",
                           "IN_NAMESPACE", "RESOLVES_BY", "SCRAPES", "SCOPES", "OWNED_BY"}) {
    INFO(name);
    CHECK(Rules().EdgeTypeByName(name).value != 0);
  }
}

TEST_CASE("edges for some effects only") {
  const auto& dns = Edge("RESOLVES_BY").only_effects;
  CHECK(std::count(dns.begin(), dns.end(), Id("LOG_NO_HOST")) == 1);
  CHECK(std::count(dns.begin(), dns.end(), Id("CRASHLOOP")) == 0);
  const auto& ns = Edge("IN_NAMESPACE").only_effects;
  CHECK(std::count(ns.begin(), ns.end(), Id("CREATE_QUOTA")) == 1);
  CHECK(std::count(ns.begin(), ns.end(), Id("LOG_TIMEOUT")) == 0);
  CHECK(Edge("RUNS_ON").only_effects.empty());
}

TEST_CASE("an edge nobody knows travels none") {
  CHECK(Rules().EdgeTypeByName("NO_SUCH").value == 0);
  CHECK(Rules().EdgeType(EdgeTypeId(1030)).travels == Travels::kNone);
}

TEST_CASE("fields that give edges") {
  const EdgePath* cm = PathOf("template", "spec.volumes[*].configMap.name");
  REQUIRE(cm != nullptr);
  CHECK(cm->edge == "MOUNTS");
  CHECK(cm->to_kind == "ConfigMap");
  CHECK(cm->optional_path == "optional");
  CHECK(cm->to_ns == EdgePath::Namespace::kSame);

  const EdgePath* hpa = PathOf("HorizontalPodAutoscaler", "spec.scaleTargetRef.name");
  REQUIRE(hpa != nullptr);
  CHECK(hpa->to_kind == ".kind");
  CHECK(hpa->to_group_path == "apiVersion");

  const EdgePath* pv = PathOf("PersistentVolume", "spec.claimRef.name");
  REQUIRE(pv != nullptr);
  CHECK(pv->reverse);
  CHECK(pv->to_ns == EdgePath::Namespace::kField);
  CHECK(pv->ns_path == "namespace");

  REQUIRE(PathOf("Node", "metadata.labels[topology.kubernetes.io/zone]") != nullptr);
  REQUIRE(PathOf("Ingress", "spec.rules[*].http.paths[*].backend.service.name") != nullptr);
  REQUIRE(PathOf("Ingress", "spec.tls[*].secretName") != nullptr);
}

TEST_CASE("kinds by any name kubectl takes") {
  const auto deploy = Rules().KindByName("deploy");
  REQUIRE(deploy.has_value());
  CHECK(deploy->kind == "Deployment");
  CHECK(deploy->group == "apps");
  CHECK(deploy->namespaced);
  CHECK(deploy->pod_spec == "spec.template.spec");
  for (const char* name :
       {"po",  "svc", "cm",  "ns",   "no",         "rs",     "sts", "ds", "pvc", "pv",
        "ing", "hpa", "Pod", "pods", "REPLICASET", "netpol", "cj",  "sa", "sc",  "crd"}) {
    INFO(name);
    CHECK(Rules().KindByName(name).has_value());
  }
  CHECK_FALSE(Rules().KindByName("node")->namespaced);
  CHECK(Rules().KindByName("service")->group.empty());
  CHECK(Rules().KindByName("cronjob")->pod_spec == "spec.jobTemplate.spec.template.spec");
  CHECK_FALSE(Rules().KindByName("widget").has_value());
}

}  // namespace kg
