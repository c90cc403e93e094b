#include "bench/report.h"

#include <catch2/catch.hpp>

namespace kg::bench {
namespace {

TEST_CASE("A rate must reach its share of the bound and its aim") {
  Figure f{"ingest", "steady", 50'000, "events/s", Better::kHigher, "fillbatch", 100'000, ""};
  f.aim = 60'000;
  f.must = 0.4;
  CHECK(f.ratio() == 0.5);
  CHECK(f.meets_must());
  CHECK_FALSE(f.meets_aim());
  f.must = 0.6;
  CHECK_FALSE(f.meets_must());
}

TEST_CASE("A time must stay below its share of the bound and its aim") {
  Figure f{"walk", "p99", 300, "us", Better::kLower, "CSR", 100, ""};
  f.aim = 300;
  f.must = 3;
  CHECK(f.meets_must());
  CHECK(f.meets_aim());
  f.value = 301;
  CHECK_FALSE(f.meets_must());
  CHECK_FALSE(f.meets_aim());
}

TEST_CASE("A must whose bound could not be measured does not hold") {
  Figure f{"ingest",        "against SQLite", 1e9, "events/s",
           Better::kHigher, "SQLite",         0,   "links differ"};
  f.must = 8;
  CHECK_FALSE(f.meets_must());
  f.better = Better::kLower;
  CHECK_FALSE(f.meets_must());
}

}  // namespace
}  // namespace kg::bench
