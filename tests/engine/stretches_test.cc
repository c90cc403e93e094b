#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

#include "engine/internal/stretches.h"

namespace kg {
namespace {

struct Sighting {
  Timestamp at;
  uint64_t state;
  int64_t rank;
};

Timestamp T(int s) {
  return FromMicros(1'700'000'000'000'000) + std::chrono::seconds(s);
}

// Run-length encoding of the sorted set: of one instant's sightings the largest (rank, state)
// counts.
std::vector<Stretch> Naive(const std::vector<Sighting>& seen) {
  std::map<Timestamp, std::pair<int64_t, uint64_t>> best;
  for (const Sighting& s : seen) {
    auto [it, fresh] = best.try_emplace(s.at, s.rank, s.state);
    if (!fresh) it->second = std::max(it->second, std::make_pair(s.rank, s.state));
  }
  std::vector<Stretch> out;
  for (const auto& [at, what] : best) {
    if (!out.empty() && out.back().state == what.second) {
      out.back().last = at;
    } else {
      out.push_back({at, at, what.second, what.first});
    }
  }
  return out;
}

bool SameBounds(const std::vector<Stretch>& a, const std::vector<Stretch>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Stretch& x, const Stretch& y) {
    return x.first == y.first && x.last == y.last && x.state == y.state;
  });
}

TEST_CASE("stretches are the run-length encoding of the set, whatever the order") {
  for (uint32_t seed = 1; seed <= 3000; ++seed) {
    std::mt19937 random(seed);
    std::vector<Sighting> seen;
    const int n = 1 + static_cast<int>(random() % 40);  // within the exact sightings that are kept
    for (int i = 0; i < n; ++i) {
      seen.push_back({T(static_cast<int>(random() % 30)), 1 + random() % 3,
                      static_cast<int64_t>(random() % 3)});
    }
    StretchList list;
    for (const Sighting& s : seen) list.Insert(s.at, s.state, s.rank, T(30));
    INFO("seed " << seed);
    REQUIRE(SameBounds(list.stretches(), Naive(seen)));
  }
}

TEST_CASE("the last ten minutes are exact, however many sightings they hold") {
  StretchList list;
  std::vector<Sighting> seen;
  for (int i = 0; i < 590; ++i) {
    seen.push_back({T(i), 1, 0});
    list.Insert(T(i), 1, 0, T(i));
  }
  for (int i : {10, 300, 580}) {
    seen.erase(
        std::remove_if(seen.begin(), seen.end(), [&](const Sighting& s) { return s.at == T(i); }),
        seen.end());
    seen.push_back({T(i), 2, 1});
    CHECK(list.Insert(T(i), 2, 1, T(590)) == StretchList::Outcome::kChanged);
  }
  CHECK(SameBounds(list.stretches(), Naive(seen)));
}

TEST_CASE("what contradicts a stretch where nothing exact is known changes nothing") {
  StretchList list;
  for (int i = 0; i < 7200; i += 10) list.Insert(T(i), 1, 0, T(i));
  CHECK(list.Insert(T(15), 2, 9, T(7200)) == StretchList::Outcome::kPoint);
  REQUIRE(list.stretches().size() == 1);
  CHECK(list.stretches()[0].first == T(0));
  CHECK(list.stretches()[0].last == T(7190));
  SECTION("but an earlier one extends what is known") {
    CHECK(list.Insert(T(-60), 1, 0, T(7200)) == StretchList::Outcome::kChanged);
    CHECK(list.stretches()[0].first == T(-60));
  }
}

TEST_CASE("a list that is restored with its sightings goes on as if nothing had been") {
  for (uint32_t seed = 1; seed <= 1000; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    StretchList list;
    const int n = static_cast<int>(random() % 150);
    Timestamp clock = T(0);
    for (int i = 0; i < n; ++i) {
      const Timestamp at = T(10 * i - static_cast<int>(random() % 200));
      clock = std::max(clock, at);
      const uint64_t state = 1 + random() % 2;
      const auto rank = static_cast<int64_t>(random() % 3);
      list.Insert(at, state, rank, clock);
      if (random() % 10 > 0) continue;
      StretchList restored;
      REQUIRE(restored.Restore(list.stretches(), list.Sightings()));
      REQUIRE(restored.Sightings() == list.Sightings());
      list = restored;
    }
    StretchList undisturbed;
    random.seed(seed);
    clock = T(0);
    (void)random();
    for (int i = 0; i < n; ++i) {
      const Timestamp at = T(10 * i - static_cast<int>(random() % 200));
      clock = std::max(clock, at);
      const uint64_t state = 1 + random() % 2;
      const auto rank = static_cast<int64_t>(random() % 3);
      undisturbed.Insert(at, state, rank, clock);
      (void)random();
    }
    CHECK(list.stretches() == undisturbed.stretches());
  }
}

TEST_CASE("damaged sightings are found") {
  StretchList list;
  list.Insert(T(0), 1, 0, T(0));
  const std::string packed = list.Sightings();
  CHECK_FALSE(list.Restore({{T(0), T(0), 1, 0}}, packed.substr(0, packed.size() - 1)));
  CHECK_FALSE(list.Restore({{T(0), T(0), 1, 0}}, packed + "x"));
}

TEST_CASE("after a restart whole stretches are known, and late contradictions are points") {
  StretchList list;
  REQUIRE(list.Restore({{T(0), T(100), 1, 0}, {T(200), T(300), 2, 0}}, ""));
  CHECK(list.Insert(T(50), 2, 9, T(300)) == StretchList::Outcome::kPoint);
  CHECK(list.Insert(T(150), 1, 0, T(300)) == StretchList::Outcome::kConfirmed);
  CHECK(list.stretches()[0].last == T(150));
  CHECK(list.Insert(T(400), 1, 0, T(400)) == StretchList::Outcome::kChanged);
  CHECK(list.stretches().size() == 3);
}

TEST_CASE("one list takes over what another was told") {
  for (uint32_t seed = 1; seed <= 1000; ++seed) {
    std::mt19937 random(seed);
    std::vector<Sighting> seen;
    StretchList a, b;
    const int n = static_cast<int>(random() % 30);
    for (int i = 0; i < n; ++i) {
      const Sighting s{T(static_cast<int>(random() % 30)), 1 + random() % 2, 0};
      seen.push_back(s);
      (random() % 2 == 0 ? a : b).Insert(s.at, s.state, s.rank, T(30));
    }
    a.Absorb(b, T(30));
    INFO("seed " << seed);
    REQUIRE(SameBounds(a.stretches(), Naive(seen)));
  }
}

}  // namespace
}  // namespace kg
