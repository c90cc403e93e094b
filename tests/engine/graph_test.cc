#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "engine/graph.h"

namespace kg {
namespace {

TEST_CASE("a graph version does not see what comes after it") {
  GraphBuilder first{Graph()};
  for (uint32_t i = 1; i <= 600; ++i)
    first.Mutable(ResourceId(i)).name = std::make_shared<SlotName>();
  first.Mutable(ResourceId(3)).out.Upsert({FromMicros(10), 4, 1, 0});
  const auto one = first.Publish();
  GraphBuilder second(*one);
  second.Mutable(ResourceId(3)).out.Erase(OpenEdge{{}, 4, 1, 0});
  second.Mutable(ResourceId(3)).out_closed.Upsert({FromMicros(10), FromMicros(20), 4, 1, 0});
  second.Remove(ResourceId(599));
  const auto two = second.Publish();
  const auto count = [](const Graph& g, int64_t at) {
    int n = 0;
    g.ForEachEdge(ResourceId(3), storage::keys::Direction::kOut, FromMicros(at),
                  [&](ResourceId, EdgeTypeId, uint16_t, Interval) { return ++n > 0; });
    return n;
  };
  CHECK(count(*one, 9) == 0);
  CHECK(count(*one, 10) == 1);
  CHECK(count(*one, 100) == 1);
  CHECK(count(*two, 10) == 1);
  CHECK(count(*two, 19) == 1);
  CHECK(count(*two, 20) == 0);  // half-open
  CHECK(one->Find(ResourceId(599)) != nullptr);
  CHECK(two->Find(ResourceId(599)) == nullptr);
  CHECK(two->Find(ResourceId(100'000)) == nullptr);
}

// Against looking at every burst: short and lasting ones, ends at the very edges, removals.
TEST_CASE("bursts of a span are those that looking at all of them finds") {
  const char* given = std::getenv("KG_SEED");
  const uint64_t seed = given == nullptr ? 20260302 : std::strtoull(given, nullptr, 10);
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto minutes = [&](int most) {
    return std::chrono::minutes(std::uniform_int_distribution<int>(0, most)(random));
  };
  for (int round = 0; round < 200; ++round) {
    Bursts bursts;
    std::map<EpisodeKey, BurstPtr> all;
    for (uint64_t i = 0; i < 60; ++i) {
      auto b = std::make_shared<Burst>();
      b->key = {FromMicros(0) + minutes(600), EpisodeHash(1 + i % 40)};
      b->end = i % 11 == 0 ? kForever : b->key.onset + minutes(i % 3 == 0 ? 400 : 60);
      bursts.Put(b);
      all[b->key] = b;
      if (i % 7 == 0) {
        const EpisodeKey gone = all.begin()->first;
        bursts.Erase(gone);
        all.erase(gone);
      }
    }
    const Timestamp from = FromMicros(0) + minutes(700);
    const Interval when{from, from + minutes(200)};
    std::vector<BurstPtr> found, wanted;
    bursts.ForEachIn(when, [&](const BurstPtr& b) {
      found.push_back(b);
      return true;
    });
    for (const auto& [key, b] : all) {
      if (key.onset < when.to && b->end >= when.from) wanted.push_back(b);
    }
    CHECK(found == wanted);
    found.clear();
    bursts.ForEachBefore({when.to, EpisodeHash(0)}, when.from, [&](const BurstPtr& b) {
      found.push_back(b);
      return true;
    });
    std::sort(found.begin(), found.end(), BurstLess());
    CHECK(found == wanted);
  }
}

}  // namespace
}  // namespace kg
