#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/engine/rules/rules_testing.h"

namespace kg {
namespace {

double P(const char* cause, const char* effect, PathKind path) {
  return Rules().Prior(Id(cause), Id(effect), path).prior;
}

}  // namespace

TEST_CASE("pairs that everybody knows") {
  CHECK(P("CHANGE_IMAGE", "IMG_NOTFOUND", PathKind::kOwner) == Approx(.95));
  CHECK(P("OOM_KILLED", "CRASHLOOP", PathKind::kSelf) >= .95);
  CHECK(P("LOG_PANIC", "EXIT_ERROR", PathKind::kSelf) >= .88);
  CHECK(P("LOG_CONFIG", "EXIT_ERROR", PathKind::kSelf) >= .88);
  CHECK(P("EXIT_ERROR", "CRASHLOOP", PathKind::kSelf) >= .95);
  CHECK(P("IMG_NOTFOUND", "IMG_BACKOFF", PathKind::kSelf) >= .95);
  CHECK(P("NODE_NOTREADY", "EVICT_TAINT", PathKind::kNode) >= .9);
  CHECK(P("CHANGE_SELECTOR", "NO_READY_ENDPOINTS", PathKind::kSelf) >= .95);
  CHECK(P("NO_READY_ENDPOINTS", "LOG_CONN_REFUSED", PathKind::kCalls) >= .9);
  CHECK(P("EXIT_ERROR", "LOG_CONN_REFUSED", PathKind::kCalls) >= .75);
  CHECK(P("LOG_CONN_REFUSED", "EXIT_ERROR", PathKind::kSelf) >= .7);
  CHECK(P("CRASHLOOP", "NO_READY_ENDPOINTS", PathKind::kService) >= .9);
  CHECK(P("OOM_KILLED", "LOG_NO_HOST", PathKind::kDns) >= .85);
  CHECK(P("CREATE_QUOTA", "ALERT_REPLICAS_MISMATCH", PathKind::kOwner) >= .8);
  CHECK(P("CHANGE_CONFIG", "EXIT_ERROR", PathKind::kConfig) >= .7);
  CHECK(P("CHANGE_ENV", "LOG_CONFIG", PathKind::kOwner) >= .8);
}

TEST_CASE("a state explains its symptom better than the symptom explains it") {
  const std::vector<std::pair<const char*, const char*>> pairs = {
      {"OOM_KILLED", "CRASHLOOP"},
      {"EXIT_ERROR", "CRASHLOOP"},
      {"IMG_NOTFOUND", "IMG_BACKOFF"},
      {"LOG_PANIC", "EXIT_ERROR"},
      {"PROBE_LIVENESS", "PROBE_LIVENESS_KILL"},
      {"CRASHLOOP", "POD_NOT_READY"},
      {"ALERT_POD_CRASHLOOP", "ALERT_POD_NOT_READY"}};
  for (const auto& [cause, effect] : pairs) {
    INFO(cause << " -> " << effect);
    CHECK(P(cause, effect, PathKind::kSelf) > P(effect, cause, PathKind::kSelf));
  }
}

TEST_CASE("on one object no pair is likely both ways") {
  for (const ClassInfo& a : Rules().classes()) {
    for (const ClassInfo& b : Rules().classes()) {
      if (!(a.id < b.id)) continue;
      const double forth = Rules().Prior(a.id, b.id, PathKind::kSelf).prior;
      const double back = Rules().Prior(b.id, a.id, PathKind::kSelf).prior;
      INFO(a.name << " " << b.name << " " << forth << " " << back);
      REQUIRE(std::min(forth, back) <= .6);
    }
  }
}

TEST_CASE("a first appearance is a weaker cause than a change") {
  for (const char* effect : {"IMG_NOTFOUND", "CFG_REF_MISSING", "SCHED_NODE_AFFINITY"}) {
    INFO(effect);
    CHECK(P("CHANGE_CREATED", effect, PathKind::kOwner) >= .45);
    CHECK(P("CHANGE_CREATED", effect, PathKind::kOwner) <= .6);
  }
  CHECK(P("CHANGE_CREATED", "IMG_NOTFOUND", PathKind::kOwner) <
        P("CHANGE_IMAGE", "IMG_NOTFOUND", PathKind::kOwner));
}

TEST_CASE("lags are those of the row") {
  const PairPrior evict = Rules().Prior(Id("NODE_NOTREADY"), Id("EVICT_TAINT"), PathKind::kNode);
  CHECK(evict.lag_typical >= Duration(5min));  // pods tolerate 300 s
  CHECK(evict.lag_max >= Duration(8min));
  CHECK(evict.row > 0);
  CHECK(Rules().MaxLag(Id("CHANGE_CONFIG")) >= Duration(24h));
  CHECK(Rules().MaxLookBack(Id("CFG_REF_MISSING")) >= Duration(24h));
  CHECK(Rules().MaxLag(ClassId(4000)) == Duration(0));
}

TEST_CASE("unlisted pairs exist but stay small") {
  const PairPrior odd = Rules().Prior(Id("CHANGE_IMAGE"), Id("CRON_MISSED"), PathKind::kStorage);
  CHECK(odd.row == 0);
  CHECK(odd.prior > 0);
  CHECK(odd.prior <= .15);
  for (const ClassInfo& cause : Rules().classes()) {
    for (const ClassInfo& effect : Rules().classes()) {
      const PairPrior pair = Rules().Prior(cause.id, effect.id, PathKind::kOther);
      if (pair.row == 0) REQUIRE(pair.prior <= .15);
    }
  }
}

TEST_CASE("info and noise neither cause nor need a cause") {
  for (const ClassInfo& one : Rules().classes()) {
    if (one.category != Category::kInfo && one.category != Category::kNoise) continue;
    for (const ClassInfo& other : Rules().classes()) {
      for (int path = 0; path <= 10; ++path) {
        REQUIRE(Rules().Prior(one.id, other.id, static_cast<PathKind>(path)).prior == 0);
        REQUIRE(Rules().Prior(other.id, one.id, static_cast<PathKind>(path)).prior == 0);
      }
    }
  }
  for (const char* name : {"SANDBOX_CHANGED", "SCHED_NOISE", "NODE_NOISE", "SYNC_NOISE",
                           "KILL_STOP", "ALERT_NOISE", "LIFECYCLE", "SCALE"}) {
    INFO(name);
    const Category category = Rules().Class(Id(name)).category;
    CHECK((category == Category::kInfo || category == Category::kNoise));
  }
}

TEST_CASE("every failure class can be explained, and every state and change can explain") {
  for (const ClassInfo& info : Rules().classes()) {
    INFO(info.name);
    if (info.IsFailure()) CHECK(Rules().MaxLookBack(info.id) > Duration(0));
    if (info.category == Category::kChange || info.category == Category::kState) {
      CHECK(Rules().MaxLag(info.id) > Duration(0));
    }
  }
}

}  // namespace kg
