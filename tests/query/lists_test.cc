#include <catch2/catch.hpp>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "query/diff.h"
#include "query/events.h"
#include "query/incidents.h"
#include "query/resource.h"
#include "query/stats.h"
#include "query/timeline.h"
#include "tests/query/fake_view.h"

namespace kg::query {
namespace {

using testing::FakeWorld;
using testing::T;

const Interval kAll{T(-100'000), T(100'000)};

// A rollout with a wrong image: the change, the pod's failure and its echo, the alert.
struct Rollout {
  FakeWorld world;
  ResourceId deployment = world.Add("Deployment", "shop", "checkout");
  ResourceId set = world.Add("ReplicaSet", "shop", "checkout-5d");
  ResourceId pod = world.Add("Pod", "shop", "checkout-5d-x", {{"uid-1", {T(0), T(900)}, false}});
  ResourceId other = world.Add("Pod", "infra", "dns-1", {{"uid-2", {T(-500), kForever}, true}});
  EpisodeKey change, pull, backoff, blip;

  Rollout() {
    world.Connect(deployment, "CONTROLS", set);
    world.Connect(set, "CONTROLS", pod, {T(0), T(900)});
    change = world.Happen(deployment, "CHANGE_IMAGE", T(-5), T(-5));
    pull = world.Happen(pod, "IMG_NOTFOUND", T(10), T(600), "ErrImagePull", "no such tag");
    backoff = world.Happen(pod, "IMG_BACKOFF", T(30), T(600), "ImagePullBackOff");
    blip = world.Happen(other, "PROBE_READINESS", T(100), T(110), "Unhealthy");
    world.Happen(other, "UNKNOWN_NORMAL", T(40), T(40), "Scheduled");
    world.Happen(other, "SYNC_NOISE", T(41), T(41), "Sync");
    world.Link(pull, change, 0.9, {"CONTROLS", "CONTROLS"}, {deployment, set, pod});
    world.Link(backoff, pull, 0.95);
  }
};

std::vector<std::string> Reasons(const EventsAnswer& a) {
  std::vector<std::string> reasons;
  for (const EventAnswer& e : a.events) reasons.push_back(e.reason);
  return reasons;
}

TEST_CASE("Events are listed newest last, filtered, and as of the view") {
  Rollout r;
  const auto view = r.world.At(T(1000));
  EventsQuestion q{FakeWorld::kScope, {}, kAll, {}, {}};
  BudgetMeter meter(Budget{});
  const auto ask = [&] { return *ListEvents(*view, q, &meter); };
  CHECK(Reasons(ask()) == std::vector<std::string>{"CHANGE_IMAGE", "ErrImagePull",
                                                   "ImagePullBackOff", "Scheduled", "Sync",
                                                   "Unhealthy"});
  q.filter.ns = "infra";
  CHECK(Reasons(ask()) == std::vector<std::string>{"Scheduled", "Sync", "Unhealthy"});
  q.filter = {};
  q.filter.kind = "deploy";
  CHECK(Reasons(ask()) == std::vector<std::string>{"CHANGE_IMAGE"});
  q.filter = {};
  q.filter.min_severity = Severity::kError;
  CHECK(Reasons(ask()) == std::vector<std::string>{"ErrImagePull"});
  q.filter = {};
  q.filter.classes = {"img_backoff"};
  CHECK(Reasons(ask()) == std::vector<std::string>{"ImagePullBackOff"});
  q.filter.classes = {"IMG_BACKOF"};
  const auto wrong = ListEvents(*view, q, &meter);
  CHECK(absl::IsInvalidArgument(wrong.status()));
  CHECK(absl::StrContains(wrong.status().message(), "IMG_BACKOFF"));
  q.filter = {};
  q.of = r.pod;
  CHECK(Reasons(ask()).size() == 2);
  const auto early = r.world.At(T(20));
  const auto seen = *ListEvents(*early, q, &meter);
  REQUIRE(seen.events.size() == 1);
  CHECK(seen.events[0].end == kForever);
}

TEST_CASE("Pages of events go back to the oldest without loss, whatever their size") {
  std::mt19937_64 random(testing::Seed());
  INFO("KG_SEED=" << testing::Seed());
  FakeWorld world;
  std::vector<ResourceId> pods;
  for (int i = 0; i < 5; ++i) pods.push_back(world.Add("Pod", "shop", absl::StrCat("p", i)));
  for (int i = 0; i < 200; ++i) {
    const Timestamp onset = T(static_cast<int64_t>(random() % 400'000) - 400'000);
    const Timestamp end =
        random() % 4 == 0 ? kForever : onset + std::chrono::seconds(random() % 90'000);
    world.Happen(pods[random() % 5], random() % 2 == 0 ? "OOM_KILLED" : "CRASHLOOP", onset, end);
  }
  const auto view = world.At(T(0));
  EventsQuestion q{FakeWorld::kScope, {}, {T(-300'000), T(1)}, {}, {1000, ""}};
  BudgetMeter all_meter(Budget{});
  const auto all = *ListEvents(*view, q, &all_meter);
  CHECK(all.next.empty());
  std::vector<std::string> ids;
  q.page.limit = 7;
  do {
    BudgetMeter meter(Budget{});
    const auto page = *ListEvents(*view, q, &meter);
    for (auto e = page.events.rbegin(); e != page.events.rend(); ++e) ids.push_back(e->id);
    q.page.after = page.next;
  } while (!q.page.after.empty());
  std::reverse(ids.begin(), ids.end());
  std::vector<std::string> expected;
  for (const EventAnswer& e : all.events) expected.push_back(e.id);
  CHECK((ids == expected));
  size_t plain = 0;
  CHECK(view->ForEachEpisode(FakeWorld::kScope, q.window,
                             [&](const EpisodeRecord&) { return ++plain > 0; })
            .ok());
  CHECK(ids.size() == plain);
}

TEST_CASE("An incident is open while a failure holds and resolved once it has been quiet") {
  Rollout r;
  const auto incidents = [&](Timestamp at) {
    const auto view = r.world.At(at);
    BudgetMeter meter(Budget{});
    return ListIncidents(*view, {FakeWorld::kScope, "", {}, {}, {}, kAll, 20, {}, {}}, &meter)
        ->incidents;
  };
  CHECK(incidents(T(0)).empty());  // a change alone is none
  auto now = incidents(T(20));
  REQUIRE(now.size() == 1);
  CHECK(now[0].status == "open");
  CHECK(now[0].severity == "ERROR");
  CHECK(now[0].opened == T(-5));
  CHECK(now[0].members.total == 2);
  CHECK(now[0].title == "ErrImagePull on Deployment shop/checkout after a change: another image");
  CHECK_FALSE(now[0].resolved);
  REQUIRE(now[0].root_causes.size() == 1);
  CHECK(now[0].root_causes[0].resource.name == "checkout");
  CHECK(now[0].root_causes[0].category == "change");
  CHECK(now[0].root_causes[0].path.size() == 2);
  CHECK(incidents(T(610))[0].status == "open");
  auto later = incidents(T(600 + 1300));
  REQUIRE(later.size() == 1);  // the passing WARNING of another pod is none
  CHECK(later[0].status == "resolved");
  CHECK(later[0].resolved == T(600));
  CHECK(later[0].id == now[0].id);
  CHECK(incidents(T(105)).size() == 2);  // but it was one while it held
}

TEST_CASE("A title names the failure that tells most, and what it comes from") {
  FakeWorld world;
  const ResourceId node = world.Add("Node", "", "n1");
  const ResourceId set = world.Add("StatefulSet", "shop", "db");
  const ResourceId pod = world.Add("Pod", "shop", "db-0");
  world.Connect(set, "CONTROLS", pod);
  const auto title = [&] {
    const auto view = world.At(T(100));
    BudgetMeter meter(Budget{});
    return ListIncidents(*view, {FakeWorld::kScope, "", {}, {}, {}, kAll, 20, {}, {}}, &meter)
        ->incidents.at(0)
        .title;
  };
  const EpisodeKey loop = world.Happen(pod, "CRASHLOOP", T(5), kForever, "CrashLoopBackOff");
  CHECK(title() == "CrashLoopBackOff on StatefulSet shop/db");
  const EpisodeKey killed = world.Happen(pod, "OOM_KILLED", T(4), T(4), "OOMKilled");
  world.Link(loop, killed, 0.9);
  CHECK(title() == "OOMKilled on StatefulSet shop/db and 1 more");
  const EpisodeKey down = world.Happen(node, "NODE_SYSTEM_OOM", T(0), T(1), "SystemOOM");
  world.Link(killed, down, 0.9, {"RUNS_ON"}, {node, pod});
  CHECK(title().substr(0, 17) == "SystemOOM on Node");
}

TEST_CASE("Incidents are ordered, paged and narrowed") {
  FakeWorld world;
  std::vector<ResourceId> pods;
  for (int i = 0; i < 9; ++i) {
    pods.push_back(world.Add("Pod", i % 2 == 0 ? "a" : "b", absl::StrCat("p", i)));
    world.Happen(pods.back(), i % 3 == 0 ? "CRASHLOOP" : "POD_NOT_READY", T(i),
                 i < 4 ? kForever : T(i + 1));
    if (i >= 4) world.Happen(pods.back(), "OOM_KILLED", T(i), T(i + 1));
  }
  const auto view = world.At(T(5000));
  IncidentsQuestion q{FakeWorld::kScope, "", {}, {}, {}, kAll, 20, {}, {3, ""}};
  std::vector<std::string> seen;
  for (int page = 0; page < 10; ++page) {
    BudgetMeter meter(Budget{});
    const auto answer = *ListIncidents(*view, q, &meter);
    for (const auto& i : answer.incidents) seen.push_back(i.status + " " + i.severity);
    q.page.after = answer.next;
    if (answer.next.empty()) {
      CHECK(answer.total == seen.size());
      break;
    }
  }
  REQUIRE(seen.size() >= 9);
  CHECK(seen[0] == "open ERROR");
  CHECK(seen[3] == "open WARNING");
  CHECK(seen.back() == "resolved ERROR");
  q.page = {};
  q.ns = "b";
  q.open = true;
  BudgetMeter meter(Budget{});
  CHECK(ListIncidents(*view, q, &meter)->total == 2);
}

TEST_CASE("A timeline tells lives, failures and their incident in order") {
  Rollout r;
  const auto view = r.world.At(T(1000));
  BudgetMeter meter(Budget{});
  const auto answer = *Timeline(*view, {FakeWorld::kScope, r.pod, true, kAll, {}, {}}, &meter);
  std::vector<std::string> told;
  for (const TimelineEntry& e : answer.entries)
    told.push_back(e.what + " " + e.resource.name + " " + e.cls);
  // The set was gone from the pod by then: the edge ended with it.
  CHECK(told ==
        std::vector<std::string>{"appeared checkout-5d-x ", "event checkout-5d-x IMG_NOTFOUND",
                                 "event checkout-5d-x IMG_BACKOFF", "vanished checkout-5d-x "});
  CHECK_FALSE(answer.entries[1].incident.empty());
  CHECK(answer.entries[1].incident == answer.entries[2].incident);
  const auto whole = *Timeline(*view, {FakeWorld::kScope, {}, false, kAll, {}, {}}, &meter);
  REQUIRE(whole.entries.size() == 5);  // without noise
  CHECK(whole.entries[0].what == "change");
  CHECK(whole.entries[4].incident.empty());
}

TEST_CASE("A resource shows its state, lives, revisions and edges as of the time asked") {
  Rollout r;
  RevisionRecord one;
  one.uid = "uid-1";
  one.valid = {T(0), T(50)};
  one.observed_from = T(0);
  one.last_confirmed = T(49);
  one.fields = {{"metadata.labels.app", "checkout", FieldKind::kString},
                {"spec.image", "a:1", FieldKind::kString},
                {"token", "mac:k1:aa", FieldKind::kMac}};
  RevisionRecord two = one;
  two.valid = {T(50), kForever};
  two.fields = {{"metadata.labels.app", "checkout", FieldKind::kString},
                {"spec.image", "a:2", FieldKind::kString},
                {"spec.more", "yes", FieldKind::kString},
                {"token", "mac:k2:bb", FieldKind::kMac}};
  r.world.Revise(r.pod, one);
  r.world.Revise(r.pod, two);
  const auto view = r.world.At(T(100));
  BudgetMeter meter(Budget{});
  const auto detail = *ShowResource(*view, {FakeWorld::kScope, r.pod, kAll}, &meter);
  CHECK(detail.resource.exists);
  CHECK(detail.resource.uid == "uid-1");
  CHECK(detail.resource.api_version == "v1");
  REQUIRE(detail.revisions.size() == 2);
  CHECK(detail.revisions[1].changed ==
        std::vector<FieldDelta>{{"spec.image", "a:1", "a:2"}, {"spec.more", std::nullopt, "yes"}});
  CHECK(detail.fields.size() == 4);
  CHECK(detail.open_episodes.size() == 2);
  REQUIRE(detail.lives.size() == 1);
  CHECK(detail.lives[0].to == kForever);
  REQUIRE(detail.edges.size() == 1);
  CHECK(detail.edges[0].type == "CONTROLS");
  CHECK_FALSE(detail.edges[0].out);
  CHECK(detail.incidents.size() == 1);
  const auto before = r.world.At(T(20));
  CHECK(ShowResource(*before, {FakeWorld::kScope, r.pod, kAll}, &meter)->revisions.size() == 1);
  const auto after = r.world.At(T(950));
  const auto gone = *ShowResource(*after, {FakeWorld::kScope, r.pod, kAll}, &meter);
  CHECK_FALSE(gone.resource.exists);
  CHECK(gone.resource.uid == "uid-1");

  const auto diff = *Diff(*view, {FakeWorld::kScope, T(10), T(60), "", {}, 100}, &meter);
  REQUIRE(diff.changed.size() == 1);
  CHECK(diff.changed[0].fields.size() == 2);
  CHECK(diff.incidents_opened.empty());  // the pull had failed by then
  CHECK(diff.edges_opened.empty());
  const auto first = *Diff(*view, {FakeWorld::kScope, T(-10), T(60), "shop", {}, 100}, &meter);
  REQUIRE(first.appeared.size() == 1);
  CHECK(first.edges_opened.size() == 1);
  CHECK(first.incidents_opened.size() == 1);
  const auto late = r.world.At(T(5000));
  const auto last = *Diff(*late, {FakeWorld::kScope, T(60), T(5000), "", {}, 100}, &meter);
  CHECK(last.vanished.size() == 1);
  CHECK(last.edges_closed.size() == 1);
  CHECK(last.incidents_resolved.size() == 1);
  CHECK(absl::IsInvalidArgument(
      Diff(*late, {FakeWorld::kScope, T(6), T(6), "", {}, 1}, &meter).status()));
}

TEST_CASE("Stats count what was read and say when they did not read all") {
  Rollout r;
  const auto view = r.world.At(T(1000));
  DatabaseStats stats;
  stats.dead_letters = 3;
  BudgetMeter meter(Budget{});
  const auto answer = *Stats(*view, stats, FakeWorld::kScope, &meter);
  CHECK(answer.resources == 3);
  CHECK(answer.resources_deleted == 1);
  CHECK(answer.edges_open == 1);
  CHECK(answer.episodes == 6);
  CHECK(answer.links == 2);
  CHECK(answer.incidents_open == 1);
  CHECK(answer.by_class.at("IMG_NOTFOUND") == 1);
  CHECK(answer.dead_letters == 3);
  CHECK_FALSE(answer.truncated);
  Budget small;
  small.bytes = 1;
  BudgetMeter tight(small);
  CHECK(Stats(*view, stats, {}, &tight)->truncated->limit == "bytes");
}

}  // namespace
}  // namespace kg::query
