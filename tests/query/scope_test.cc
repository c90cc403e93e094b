#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "query/describe.h"
#include "query/page.h"
#include "query/scope.h"
#include "query/severity.h"
#include "query/text.h"
#include "tests/query/fake_view.h"

namespace kg::query {
namespace {

using testing::FakeWorld;
using testing::T;

TEST_CASE("Every spelling of an object names the same slot") {
  FakeWorld world;
  const ResourceId pod = world.Add("Pod", "shop", "cart-7d9c", {{"u-1", {T(0), kForever}, false}});
  const ResourceId deployment = world.Add("Deployment", "shop", "cart");
  const ResourceId node = world.Add("Node", "", "n3");
  const auto view = world.At(T(0));
  const auto find = [&](const char* text, const char* ns) {
    const auto target = ResolveObject(*view, FakeWorld::kScope, text, ns);
    INFO(text << ": " << target.status().ToString());
    REQUIRE(target.ok());
    REQUIRE(target->resource);
    return *target->resource;
  };
  for (const char* text : {"pod/cart-7d9c", "po/cart-7d9c", "pods/cart-7d9c", "Pod/cart-7d9c",
                           "pod cart-7d9c", "pod:u-1", "pod:shop:cart-7d9c", "POD:cart-7d9c"}) {
    CHECK(find(text, "shop") == pod);
    CHECK(find(text, "") == pod);
  }
  for (const char* text : {"deploy/cart", "deployments/cart", "deployments.apps/cart"}) {
    CHECK(find(text, "shop") == deployment);
  }
  for (const char* text : {"node/n3", "no/n3", "node:n3", "node::n3", "node:default:n3"}) {
    CHECK(find(text, "shop") == node);
  }
}

TEST_CASE("What is not there is not found, with what is near") {
  FakeWorld world;
  world.Add("Pod", "shop", "cart-7d9c");
  world.Add("Pod", "a", "web");
  world.Add("Pod", "b", "web");
  const auto view = world.At(T(0));
  const auto fail = [&](const char* text, const char* ns) {
    return ResolveObject(*view, FakeWorld::kScope, text, ns).status();
  };
  CHECK(absl::IsNotFound(fail("pod/cart-7d9d", "shop")));
  CHECK(absl::StrContains(fail("pod/cart-7d9d", "shop").message(), "cart-7d9c -n shop"));
  CHECK(absl::StrContains(fail("pod/cart", "shop").message(), "cart-7d9c"));
  CHECK(absl::StrContains(fail("pod/cart-7d9c", "other").message(),
                          "there is pod/cart-7d9c -n shop"));
  CHECK(absl::IsNotFound(fail("pood/cart", "shop")));
  CHECK(absl::StrContains(fail("pood/cart", "shop").message(), "near it: pod"));
  CHECK(absl::IsInvalidArgument(fail("pod/web", "")));
  CHECK(absl::StrContains(fail("pod/web", "").message(), "-n a and pod/web -n b"));
  CHECK(absl::IsInvalidArgument(fail("cart", "shop")));
  CHECK(absl::IsInvalidArgument(fail("pod/", "shop")));
  CHECK(absl::IsInvalidArgument(fail("incident/xyz", "shop")));
  CHECK(absl::IsNotFound(fail("incident/0000000000000000", "shop")));
  CHECK(absl::IsNotFound(fail("event/nothing", "shop")));
  CHECK(absl::IsNotFound(ResolveScope(*view, {"nobody", ""}).status()));
  CHECK(ResolveScope(*view, {"", ""}).ok());
}

TEST_CASE("Events and incidents are found by the ids that answers print") {
  FakeWorld world;
  const ResourceId pod = world.Add("Pod", "shop", "cart");
  const EpisodeKey key = world.Happen(pod, "OOM_KILLED", T(5), kForever);
  world.Record(key).other_ids = {"abc"};
  const auto view = world.At(T(10));
  const std::string id = EpisodeHandle(key);
  CHECK(ParseEpisodeHandle(id) == key);
  for (const std::string& text :
       {"event/" + id, std::string("event/abc"), "event/" + world.Record(key).event_id}) {
    const auto target = ResolveObject(*view, FakeWorld::kScope, text, "");
    REQUIRE(target.ok());
    CHECK(target->episode == key);
  }
  std::string incident;
  for (const IncidentPtr& i : view->AllTrees()) incident = IncidentHandle(i->id());
  const auto target = ResolveObject(*view, FakeWorld::kScope, "incident/" + incident, "");
  REQUIRE(target.ok());
  CHECK(target->incident->root == key);
  CHECK(absl::IsNotFound(
      ResolveObject(*world.At(T(4)), FakeWorld::kScope, "incident/" + incident, "").status()));
  CHECK(absl::IsNotFound(
      ResolveObject(*world.At(T(4)), FakeWorld::kScope, "event/abc", "").status()));
}

TEST_CASE("Label selectors read as kubectl's do") {
  const std::map<std::string, std::string> labels = {{"app", "web"}, {"tier", "front"}};
  const auto matches = [&](const char* text) {
    const auto selector = ParseLabelSelector(text);
    REQUIRE(selector.ok());
    return Matches(*selector, labels);
  };
  for (const char* text : {"", "app=web", "app==web", "app!=db", "app", "!old", "app in (web,db)",
                           "tier notin (back)", "app=web, tier=front", "missing!=x"}) {
    INFO(text);
    CHECK(matches(text));
  }
  for (const char* text :
       {"app=db", "app!=web", "!app", "app in (db)", "app notin (web)", "missing"}) {
    INFO(text);
    CHECK_FALSE(matches(text));
  }
  for (const char* text : {"=x", "app in web", "app like (x)", "a b", ",", "app in (x"}) {
    INFO(text);
    CHECK(absl::IsInvalidArgument(ParseLabelSelector(text).status()));
  }
}

EpisodeRecord Series(Severity severity, std::vector<std::pair<int, int>> seconds_and_counts) {
  EpisodeRecord r;
  r.severity = severity;
  r.onset = r.earliest = T(seconds_and_counts.front().first);
  r.end = kForever;
  uint64_t delivery = 0;
  for (const auto& s : seconds_and_counts) r.AddPoint(T(s.first), ++delivery, s.second);
  return r;
}

TEST_CASE("Repetition within five minutes raises a severity one step, by what lies before only") {
  const auto at = [](const EpisodeRecord& r, Timestamp t) { return Escalate(AsOf(r, t)).severity; };
  const EpisodeRecord four = Series(Severity::kWarning, {{0, 1}, {60, 2}, {120, 3}, {180, 4}});
  CHECK(at(four, T(179)) == Severity::kWarning);
  CHECK(at(four, T(180)) == Severity::kError);
  const EpisodeRecord slow = Series(Severity::kWarning, {{0, 1}, {300, 2}, {600, 3}, {900, 4}});
  CHECK(at(slow, T(1000)) == Severity::kWarning);
  const EpisodeRecord counted = Series(Severity::kError, {{0, 1}, {120, 40}});
  CHECK(at(counted, T(200)) == Severity::kFatal);
  CHECK(at(counted, T(100)) == Severity::kError);
  // A count over four hours says nothing of any five minutes.
  CHECK(at(Series(Severity::kWarning, {{0, 1}, {14'400, 40}}), T(20'000)) == Severity::kWarning);
  const EpisodeRecord info = Series(Severity::kInfo, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}});
  CHECK(at(info, T(10)) == Severity::kInfo);
  CHECK_FALSE(Escalate(info).escalated);
}

TEST_CASE("Times and names are written for people") {
  CHECK(TimeText(T(0)) == "2026-03-02T10:00:00Z");
  CHECK(TimeText(T(0) + Duration(5)) == "2026-03-02T10:00:00.000005Z");
  CHECK(TimeText(kForever) == "-");
  CHECK(Inner("The image changed.") == "the image changed");
  CHECK(Inner("OOM.") == "OOM");
  CHECK(ApiVersion("apps", "Deployment") == "apps/v1");
  CHECK(ApiVersion("", "Pod") == "v1");
  CHECK(ApiVersion("", "Zone").empty());
  CHECK(ApiVersion("acme.io", "Widget") == "acme.io");
}

TEST_CASE("A cursor comes back as it was, and only to its own list") {
  const std::string cursor = EncodeCursor("events", {"1", "", "x/y"});
  const auto parts = DecodeCursor("events", cursor, 3);
  REQUIRE(parts.ok());
  CHECK(*parts == std::vector<std::string>{"1", "", "x/y"});
  CHECK_FALSE(DecodeCursor("incidents", cursor, 3).ok());
  CHECK_FALSE(DecodeCursor("events", cursor, 2).ok());
  CHECK_FALSE(DecodeCursor("events", "%%", 3).ok());
}

}  // namespace
}  // namespace kg::query
