#include "storage/internal/bucket_map.h"

#include <catch2/catch.hpp>

#include "tests/storage/support.h"

namespace kg::storage::internal {
namespace {

constexpr Duration kHour = 1h;

TEST_CASE("bucket width is a 28th of the retention, rounded up to a whole width") {
  struct Row {
    Duration retention, width;
  };
  for (const Row& row :
       {Row{1h, 1h}, Row{24h, 1h}, Row{28h, 1h}, Row{29h, 2h}, Row{3 * 24h, 3h}, Row{4 * 24h, 4h},
        Row{5 * 24h, 6h}, Row{7 * 24h, 6h}, Row{8 * 24h, 8h}, Row{14 * 24h, 12h},
        Row{28 * 24h, 24h}, Row{30 * 24h, 48h}, Row{365 * 24h, 14 * 24h}}) {
    INFO(row.retention / 1h << " h");
    auto width = ChooseWidth(row.retention, Duration(0));
    REQUIRE(width.ok());
    CHECK(*width == row.width);
    CHECK(row.retention / *width <= 28);
  }
}

TEST_CASE("a configured width that needs too many buckets is refused with the numbers") {
  CHECK(*ChooseWidth(24h, 1h) == kHour);
  CHECK(*ChooseWidth(42h, 1h) == kHour);
  const absl::Status s = ChooseWidth(43h, 1h).status();
  CHECK(s.code() == absl::StatusCode::kInvalidArgument);
  CHECK(s.message() ==
        "buckets of 3600 s need 49 of them for a retention of 154800 s; at most 48 may live: make "
        "them "
        "wider");
  CHECK_FALSE(ChooseWidth(Duration(0), Duration(0)).ok());
  CHECK_FALSE(ChooseWidth(1h, -kHour).ok());
}

TEST_CASE("new buckets are aligned, and clipped by neighbours and by what was dropped") {
  const auto at = [](int minutes) { return kT0 + std::chrono::minutes(minutes); };
  // Empty store: the whole hour around the time; two times of one hour make one bucket.
  CHECK(PlanBuckets({}, {at(30), at(59)}, kHour, kBeginning).create ==
        std::vector<Interval>{{at(0), at(60)}});
  // A neighbour that ends inside the hour, one that begins in it.
  CHECK(PlanBuckets({{at(-60), at(10)}, {at(50), at(70)}}, {at(30)}, kHour, kBeginning).create ==
        std::vector<Interval>{{at(10), at(50)}});
  // Dropped until within the hour.
  CHECK(PlanBuckets({}, {at(30)}, kHour, at(20)).create == std::vector<Interval>{{at(20), at(60)}});
  CHECK(PlanBuckets({}, {at(19)}, kHour, at(20)).empty());
  // Nothing to do.
  CHECK(PlanBuckets({{at(0), at(60)}}, {at(0), at(59)}, kHour, kBeginning).empty());
}

TEST_CASE("times before 1970 and at the edges of time make no odd buckets") {
  const BucketPlan before = PlanBuckets({}, {FromMicros(-1)}, kHour, kBeginning);
  CHECK(before.create == std::vector<Interval>{{FromMicros(0) - 1h, FromMicros(0)}});
  CHECK(PlanBuckets({}, {kBeginning, kForever}, kHour, kBeginning).empty());
  CHECK(SaturatingSub(kBeginning, 1h) == kBeginning);
  CHECK(SaturatingAdd(kForever, 1h) == kForever);
}

TEST_CASE("at the limit a bucket is stretched instead of a 49th created") {
  std::vector<Interval> live;
  for (size_t i = 0; i < kMaxLiveBuckets; ++i) live.push_back({kT0 + i * 1h, kT0 + (i + 1) * 1h});
  const Timestamp end = live.back().to;
  const BucketPlan plan = PlanBuckets(live, {end + 90min, kT0 - 1s}, kHour, kBeginning);
  CHECK(plan.create.empty());
  // The last one covers the new time; before the first there is none to stretch.
  CHECK(plan.stretch == std::vector<Interval>{{end - 1h, end + 2h}});
}

}  // namespace
}  // namespace kg::storage::internal
