#include <catch2/catch.hpp>

#include "query/root_cause.h"
#include "tests/query/fake_view.h"

// When a whole scope may be called healthy although something failed in it.

namespace kg::query::testing {
namespace {

// One workload of two pods that have been there for a day.
struct Web {
  FakeWorld world;
  ResourceId set = world.Add("ReplicaSet", "shop", "web", Since(-86'400));
  ResourceId one = world.Add("Pod", "shop", "web-1", Since(-86'400));
  ResourceId two = world.Add("Pod", "shop", "web-2", Since(-86'400));

  Web() {
    world.Connect(set, "CONTROLS", one);
    world.Connect(set, "CONTROLS", two);
  }
  static std::vector<Incarnation> Since(int64_t from, int64_t to = 0) {
    return {{"", {T(from), to == 0 ? kForever : T(to)}, false}};
  }
  std::string Verdict(int64_t at, const std::string& object = "") const {
    Question q;
    q.all_namespaces = true;
    q.object = object;
    q.at = T(at);
    const auto answer = RootCause(*world.At(T(at)), q, Budget{});
    REQUIRE(answer.ok());
    return answer->verdict;
  }
};

TEST_CASE("a container that ended once and went on leaves a scope healthy") {
  Web web;
  web.world.Happen(web.one, "EXIT_ERROR", T(0), T(1));
  web.world.Happen(web.one, "LOG_EXCEPTION", T(0), T(1));
  CHECK(web.Verdict(900) == "healthy");
  CHECK(web.Verdict(900, "pod/web-1") != "healthy");
}

TEST_CASE("an error burst that lasts to the moment asked about is not over") {
  Web web;
  web.world.Happen(web.one, "LOG_HTTP_5XX", T(0), T(239));
  CHECK(web.Verdict(240) != "healthy");
  CHECK(web.Verdict(500) != "healthy");
  CHECK(web.Verdict(540) == "healthy");  // five minutes of silence
}

TEST_CASE("a crash loop of which only a short window was seen is not over") {
  Web web;
  web.world.Happen(web.one, "EXIT_ERROR", T(0), T(90));
  web.world.Happen(web.one, "CRASHLOOP", T(10), T(100));
  CHECK(web.Verdict(120) != "healthy");
}

TEST_CASE("what every replica went through was an outage however short") {
  Web web;
  web.world.Happen(web.one, "LOG_HTTP_5XX", T(0), T(200));
  CHECK(web.Verdict(1200) == "healthy");
  const EpisodeKey first = web.world.Happen(web.two, "LOG_EXCEPTION", T(0), T(200));
  const EpisodeKey second = web.world.Happen(web.one, "LOG_EXCEPTION", T(0), T(200));
  CHECK(first != second);
  CHECK(web.Verdict(1200) != "healthy");
}

TEST_CASE("a fatal failure that ended is no hiccup") {
  Web web;
  web.world.Happen(web.one, "LOG_PANIC", T(0), T(1));
  CHECK(web.Verdict(1200) != "healthy");
}

TEST_CASE("a failing rollout counts while old pods still serve") {
  Web web;
  const ResourceId fresh = web.world.Add("Pod", "shop", "web-3", Web::Since(-20));
  web.world.Connect(web.set, "CONTROLS", fresh);
  web.world.Happen(fresh, "IMG_NOTFOUND", T(0), kForever);
  web.world.Happen(fresh, "POD_NOT_READY", T(0), kForever);
  CHECK(web.Verdict(60) != "healthy");
  CHECK(web.Verdict(1200) != "healthy");
}

TEST_CASE("what a program complains of while it starts passes if it then goes on") {
  Web web;
  const ResourceId fresh = web.world.Add("Pod", "shop", "web-3", Web::Since(-5));
  SECTION("it goes on") {
    web.world.Happen(fresh, "LOG_CONN_REFUSED", T(0), T(60));
    CHECK(web.Verdict(1200, "pod/web-3") == "healthy");
  }
  SECTION("it gives up") {
    web.world.Happen(fresh, "LOG_CONN_REFUSED", T(0), T(60));
    const EpisodeKey refused = web.world.Happen(fresh, "LOG_ERROR", T(1), T(60));
    const EpisodeKey gave_up = web.world.Happen(fresh, "LOG_FATAL", T(61), T(61));
    web.world.Link(gave_up, refused, 0.8);
    CHECK(web.Verdict(1200, "pod/web-3") != "healthy");
  }
}

TEST_CASE("what a program complained of before it was taken away did not pass") {
  Web web;
  const ResourceId gone = web.world.Add("Pod", "shop", "web-4", Web::Since(-5, 90));
  web.world.Happen(gone, "LOG_CONN_REFUSED", T(0), T(80));
  CHECK(web.Verdict(1200, "pod/web-4") != "healthy");
}

}  // namespace
}  // namespace kg::query::testing
