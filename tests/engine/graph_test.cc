#include <catch2/catch.hpp>

#include "engine/graph.h"

namespace kg {
namespace {

TEST_CASE("a graph version does not see what comes after it") {
  GraphBuilder first(std::make_shared<Graph>());
  for (uint32_t i = 1; i <= 600; ++i)
    first.Mutable(ResourceId(i)).name = std::make_shared<SlotName>();
  first.Mutable(ResourceId(3)).out.Upsert({FromMicros(10), 4, 1, 0});
  const auto one = first.Publish();
  GraphBuilder second(one);
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

}  // namespace
}  // namespace kg
