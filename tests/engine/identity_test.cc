#include <catch2/catch.hpp>

#include "engine/internal/identity.h"
#include "tests/engine/rules/rules_testing.h"

namespace kg {
namespace {

constexpr char kUid[] = "5f0c0001-0000-4000-8000-00000000abcd";

ObjectRef Ref(const std::string& kind, const std::string& ns, const std::string& name,
              const std::string& uid = "") {
  ObjectRef r;
  r.kind = kind;
  r.ns = ns;
  r.name = name;
  r.uid = uid;
  return Canonical(Rules(), std::move(r));
}

ObjectRef Parsed(absl::string_view rid) {
  const auto ref = ParseRid(Rules(), rid);
  INFO(rid);
  REQUIRE(ref.has_value());
  return *ref;
}

TEST_CASE("every spelling of a resource names one slot") {
  Identity identity(Rules(), "", "");
  const ScopeId scope = identity.ScopeFor({});
  const ObjectRef pod = Ref("Pod", "shop", "cart-1", kUid);
  const ResourceId id = identity.Resolve(scope, pod);
  identity.BindUid(scope, kUid, id);
  for (const std::string& rid : {std::string("pod:") + kUid, std::string("Pod:") + kUid,
                                 std::string("POD:") + kUid, std::string("pod:shop:cart-1"),
                                 std::string("Pod:shop:cart-1"), std::string("pods:shop:cart-1")}) {
    INFO(rid);
    CHECK(identity.Find(scope, Parsed(rid)) == id);
  }
  const ResourceId node =
      identity.Resolve(scope, Ref("Node", "", "n3", "n3"));  // kubelet repeats the name
  for (const char* rid : {"node:n3", "node::n3", "node:default:n3", "Node:n3", "no:n3"}) {
    INFO(rid);
    CHECK(identity.Find(scope, Parsed(rid)) == node);
  }
  for (const char* bad : {"", "pod", ":x", "pod:", "pod::"}) {
    INFO(bad);
    CHECK_FALSE(ParseRid(Rules(), bad).has_value());
  }
}

TEST_CASE("a canonical reference") {
  CHECK(Ref("deploy", "shop", "web").kind == "Deployment");
  CHECK(Ref("deployments", "shop", "web").group == "apps");
  CHECK(Ref("Node", "default", "n3").ns.empty());      // cluster-scoped kinds have no namespace
  CHECK(Ref("Node", "", "n3", "n3").uid.empty());      // a uid equal to the name is none
  CHECK(Ref("Widget", "shop", "w").kind == "Widget");  // unknown kinds keep their spelling
  ObjectRef old = Ref("Ingress", "shop", "web");
  ObjectRef extensions;
  extensions.kind = "Ingress";
  extensions.group = "extensions";
  extensions.group_known = true;
  extensions.ns = "shop";
  extensions.name = "web";
  CHECK(Canonical(Rules(), extensions) == old);  // the group it was moved from
}

TEST_CASE("the same name in two clusters, two tenants, two groups") {
  Identity identity(Rules(), "", "");
  const ScopeId east = identity.ScopeFor({"t", "east"}), west = identity.ScopeFor({"t", "west"}),
                other = identity.ScopeFor({"u", "east"});
  CHECK(east != west);
  CHECK(east != other);
  const ObjectRef pod = Ref("Pod", "shop", "web-0");
  CHECK(identity.Resolve(east, pod) != identity.Resolve(west, pod));
  CHECK(identity.Resolve(east, pod) != identity.Resolve(other, pod));
  ObjectRef knative = Ref("Service", "shop", "web");
  knative.group = "serving.knative.dev";
  knative.group_known = true;
  CHECK(identity.Resolve(east, Canonical(Rules(), knative)) !=
        identity.Resolve(east, Ref("Service", "shop", "web")));
  CHECK(identity.FindScope({"t", "west"}) == west);
  CHECK(identity.FindScope({"", ""}) == east);
  CHECK_FALSE(identity.FindScope({"nobody", ""}).has_value());
}

TEST_CASE("records without names share the first that comes, until there are two") {
  Identity identity(Rules(), "", "");
  const ScopeId first = identity.ScopeFor({});
  CHECK(identity.ScopeFor({"t", "east"}) == first);
  CHECK(identity.ScopeFor({}) == first);
  CHECK(identity.ScopeFor({"t", ""}) == first);
  const ScopeId west = identity.ScopeFor({"t", "west"});
  CHECK(west != first);
  const ScopeId unassigned = identity.ScopeFor({"t", ""});
  CHECK(unassigned != first);
  CHECK(unassigned != west);
  CHECK(identity.scopes()[unassigned.value - 1].cluster == "unassigned");
  CHECK(identity.ScopeFor({"t", "east"}) == first);

  SECTION("what is restored binds as before") {
    Identity again(Rules(), "", "");
    for (const ScopeInfo& s : identity.scopes()) again.RestoreScope(s);
    CHECK(again.ScopeFor({"t", ""}) == unassigned);
    CHECK(again.ScopeFor({"t", "east"}) == first);
    CHECK(again.ScopeFor({"t", "west"}) == west);
  }
  SECTION("decided beforehand, nothing is unassigned") {
    Identity decided(Rules(), "t", "east");
    const ScopeId east = decided.ScopeFor({});
    CHECK(decided.ScopeFor({"t", "west"}) != east);
    CHECK(decided.ScopeFor({"u", "west"}) != east);
    CHECK(decided.ScopeFor({}) == east);
    CHECK(decided.ScopeFor({"t", "east"}) == east);
  }
}

TEST_CASE("a forgotten slot frees its name and its uids") {
  Identity identity(Rules(), "", "");
  const ScopeId scope = identity.ScopeFor({});
  const ObjectRef pod = Ref("Pod", "shop", "web-0", kUid);
  const ResourceId id = identity.Resolve(scope, pod);
  identity.BindUid(scope, kUid, id);
  CHECK(identity.Forget({id}).size() == 1);
  CHECK_FALSE(identity.Find(scope, pod).has_value());
  CHECK_FALSE(identity.Find(scope, Parsed(std::string("pod:") + kUid)).has_value());
  CHECK(identity.Resolve(scope, pod) != id);
  CHECK(identity.Name(id) == nullptr);  // views of before have it in their graph
}

}  // namespace
}  // namespace kg
