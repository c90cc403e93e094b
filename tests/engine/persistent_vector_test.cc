#include "engine/internal/persistent_vector.h"

#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace kg {
namespace {

using Entry = std::shared_ptr<std::pair<int, int>>;

struct EntryLess {
  static int Key(const Entry& e) { return e->first; }
  static int Key(int key) { return key; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return Key(a) < Key(b);
  }
};
using Entries = PersistentVector<Entry, EntryLess, 16>;
using Model = std::map<int, int>;

std::vector<std::pair<int, int>> All(const Entries& entries) {
  std::vector<std::pair<int, int>> out;
  entries.ForEach([&](const Entry& e) {
    out.push_back(*e);
    return true;
  });
  return out;
}

void CheckEqual(const Entries& entries, const Model& model) {
  REQUIRE(All(entries) == std::vector<std::pair<int, int>>(model.begin(), model.end()));
  REQUIRE(entries.size() == model.size());
  REQUIRE(entries.empty() == model.empty());
}

void CheckFrom(const Entries& entries, const Model& model, int key) {
  std::vector<std::pair<int, int>> up, down;
  entries.ForEachFrom(key, [&](const Entry& e) {
    up.push_back(*e);
    return true;
  });
  entries.ForEachBefore(key, [&](const Entry& e) {
    down.push_back(*e);
    return true;
  });
  const auto at = model.lower_bound(key);
  REQUIRE(up == std::vector<std::pair<int, int>>(at, model.end()));
  REQUIRE(down == std::vector<std::pair<int, int>>(std::make_reverse_iterator(at), model.rend()));
  const Entry* found = entries.Find(key);
  REQUIRE((found != nullptr) == (model.count(key) > 0));
}

}  // namespace

TEST_CASE("A persistent vector is a sorted map, and its copies stay what they were") {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const int range = seed % 3 == 0 ? 12 : 700;
    std::vector<std::pair<Entries, Model>> versions(1);
    for (int i = 0; i < 3000; ++i) {
      auto& [entries, model] = versions.back();
      const int key = seed % 4 == 1 ? i : static_cast<int>(random() % static_cast<uint32_t>(range));
      const bool mostly_erase = i / 1000 == 1;
      if (random() % 10 < (mostly_erase ? 3u : 8u)) {
        entries.Upsert(std::make_shared<std::pair<int, int>>(key, i));
        model[key] = i;
      } else {
        REQUIRE(entries.Erase(key) == (model.erase(key) > 0));
      }
      // Copies share until one of them changes; some of them go at once.
      if (random() % 100 == 0) versions.push_back(versions.back());
      if (random() % 300 == 0 && versions.size() > 1) versions.erase(versions.begin());
      if (i % 500 == 0) CheckFrom(versions.back().first, versions.back().second, key);
    }
    for (const auto& [entries, model] : versions) CheckEqual(entries, model);
  }
}

TEST_CASE("What is added at the end fills its chunks") {
  Entries entries;
  for (int i = 0; i < 1000; ++i) entries.Upsert(std::make_shared<std::pair<int, int>>(i, i));
  const Entries copy = entries;
  for (int i = 0; i < 1000; i += 2) REQUIRE(entries.Erase(i));
  CHECK(copy.size() == 1000);
  CHECK(entries.size() == 500);
  CHECK_FALSE(entries.Erase(0));
}

}  // namespace kg
