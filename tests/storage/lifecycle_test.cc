#include <catch2/catch.hpp>

#include "tests/storage/support.h"

namespace kg::storage {
namespace {

using Times = std::vector<Timestamp>;

TEST_CASE("buckets appear on demand within retention, and never outside") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  // Before the data clock is known nothing is: the caller is to advance it first.
  CHECK(MustBegin(store.get(), {kT0})->BucketFor(kT0) == nullptr);
  CHECK(store->Buckets().empty());

  store->AdvanceDataClock(kT0);
  const Times times = {
      kT0,        kT0 - 24h, kT0 - 24h - Duration(1), kT0 + 2h, kT0 + 2h + Duration(1),
      kBeginning, kForever};
  auto session = MustBegin(store.get(), times);
  CHECK(session->BucketFor(kT0) != nullptr);
  CHECK(session->BucketFor(kT0 - 24h) != nullptr);
  // Expired, but in the bucket that its neighbour needed: writable, so that it can be deleted.
  CHECK(session->BucketFor(kT0 - 24h - Duration(1)) == nullptr);
  CHECK(session->BucketFor(kT0 + 2h) != nullptr);
  CHECK(session->BucketFor(kBeginning) == nullptr);
  CHECK(session->BucketFor(kForever) == nullptr);
  // Not among the times, and nobody else's bucket.
  CHECK(session->BucketFor(kT0 - 5h) == nullptr);
  CHECK(Starts(session->buckets()) == Times{kT0 - 24h, kT0, kT0 + 2h});
}

TEST_CASE("a far-future timestamp creates no bucket and moves nothing") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "k", "v");
  Times future;
  for (int i = 3; i < 1000; ++i) future.push_back(kT0 + i * 1h);
  auto session = MustBegin(store.get(), future);
  for (const Timestamp t : future) CHECK(session->BucketFor(t) == nullptr);
  session.reset();
  CHECK(store->Buckets().size() == 1);
  CHECK(store->DataClock() == kT0);
  CHECK(store->OldestLive() == kT0 - 24h);
}

TEST_CASE("the data clock never moves back, and is persisted with a commit") {
  TempDir dir;
  {
    auto store = MustOpen(dir.Sub("db"), SmallOptions());
    PutAt(store.get(), kT0 + 5min, "k", "v");
    store->AdvanceDataClock(kT0);
    CHECK(store->DataClock() == kT0 + 5min);
    store->AdvanceDataClock(kT0 + 50min);  // without a commit
  }
  CHECK(MustOpen(dir.Sub("db"), SmallOptions())->DataClock() == kT0 + 5min);
}

TEST_CASE("a bucket goes from pre-created to open to sealed to dropped") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0 + 10min, "k", "v");
  CHECK(InfoAt(*store, kT0).state == BucketState::kOpen);

  // The next one is made ahead.
  MaintenanceReport report = MustMaintain(store.get());
  CHECK(report.created == Times{kT0 + 1h});
  CHECK(InfoAt(*store, kT0 + 1h).state == BucketState::kPreCreated);
  CHECK(report.sealed.empty());
  report = MustMaintain(store.get());
  CHECK(report.created.empty());

  // Past: flushed.
  PutAt(store.get(), kT0 + 61min, "k", "v");
  CHECK(InfoAt(*store, kT0).bytes == 0);
  report = MustMaintain(store.get());
  CHECK(report.sealed == Times{kT0});
  CHECK(InfoAt(*store, kT0).state == BucketState::kSealed);
  CHECK(InfoAt(*store, kT0).bytes > 0);
  CHECK(InfoAt(*store, kT0 + 1h).state == BucketState::kOpen);

  // Exactly when the end of the bucket is retention old.
  store->AdvanceDataClock(kT0 + 25h - Duration(1));
  CHECK(MustMaintain(store.get()).dropped.empty());
  store->AdvanceDataClock(kT0 + 25h);
  CHECK(store->OldestLive() == kT0 + 1h);
  report = MustMaintain(store.get());
  CHECK(report.dropped == Times{kT0});
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 10min, "k") == "(no bucket)");
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 61min, "k") == "v");
}

TEST_CASE("a late row opens a sealed bucket again; a trickle does not seal it each time") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "k", "v");
  store->AdvanceDataClock(kT0 + 2h);
  CHECK(MustMaintain(store.get()).sealed == Times{kT0});

  PutAt(store.get(), kT0 + 1min, "late", "v");
  CHECK(InfoAt(*store, kT0).state == BucketState::kOpen);
  CHECK(MustMaintain(store.get()).sealed.empty());
  store->AdvanceDataClock(kT0 + 2h + 7min);  // an eighth of the width is 7.5 min
  CHECK(MustMaintain(store.get()).sealed.empty());
  store->AdvanceDataClock(kT0 + 2h + 8min);
  CHECK(MustMaintain(store.get()).sealed == Times{kT0});
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 1min, "late") == "v");
}

TEST_CASE("what was dropped is never created again, even with a longer retention") {
  TempDir dir;
  {
    auto store = MustOpen(dir.Sub("db"), SmallOptions());
    PutAt(store.get(), kT0, "k", "v");
    PutAt(store.get(), kT0 + 30h, "k", "v");
    CHECK(MustMaintain(store.get()).dropped == Times{kT0});
  }
  StoreOptions longer = SmallOptions();
  longer.retention = 96h;
  longer.bucket_width = 4h;
  auto store = MustOpen(dir.Sub("db"), longer);
  auto session = MustBegin(store.get(), {kT0, kT0 + 59min, kT0 + 1h});
  CHECK(session->BucketFor(kT0) == nullptr);
  CHECK(session->BucketFor(kT0 + 59min) == nullptr);
  // The aligned 4 h around it begin in what was dropped: clipped there.
  REQUIRE(session->BucketFor(kT0 + 1h) != nullptr);
  CHECK(BucketStart(session->BucketFor(kT0 + 1h)) == kT0 + 1h);
  CHECK(BucketEnd(session->BucketFor(kT0 + 1h)) == kT0 + 4h);
  session.reset();
  CHECK(store->OldestLive() == kT0 + 1h);
}

TEST_CASE("a cut ends the open bucket behind the clock and the newest row") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0 + 10min, "k", "v");

  SECTION("behind the clock") {
    store->AdvanceDataClock(kT0 + 20min);
    REQUIRE(store->CutOpenBucket().ok());
    CHECK(InfoAt(*store, kT0).end == kT0 + 20min + Duration(1));
  }
  SECTION("behind a row that is ahead of the clock, also after reopening") {
    auto session = MustBegin(store.get(), {kT0 + 40min});
    session->Put(session->BucketFor(kT0 + 40min), kScope, RecordKind::kEpisode, "ahead", "v");
    MustCommit(session.get());
    session.reset();
    if (GENERATE(false, true)) {
      store.reset();
      store = MustOpen(dir.Sub("db"), SmallOptions());
    }
    REQUIRE(store->CutOpenBucket().ok());
    CHECK(InfoAt(*store, kT0).end == kT0 + 40min + Duration(1));
  }
  const Timestamp cut = InfoAt(*store, kT0).end;
  CHECK(InfoAt(*store, cut).start == cut);
  CHECK(InfoAt(*store, cut).end == kT0 + 1h);

  // What comes after the cut goes to the rest, what is late to the first part.
  PutAt(store.get(), cut, "new", "v");
  PutAt(store.get(), kT0 + 5min, "late", "v");
  store.reset();
  store = MustOpen(dir.Sub("db"), SmallOptions());
  CHECK(Starts(store->GetSnapshot()->buckets()) == Times{kT0, cut});
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 5min, "late") == "v");
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 10min, "k") == "v");
  CHECK(GetAt(*store->GetSnapshot(), cut, "new") == "v");
}

TEST_CASE("a snapshot keeps the map it was taken with") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0 + 10min, "k", "v");
  const auto before = store->GetSnapshot();
  REQUIRE(store->CutOpenBucket().ok());
  PutAt(store.get(), kT0 + 30min, "k", "v");
  CHECK(before->buckets().size() == 1);
  CHECK(BucketEnd(before->buckets()[0]) == kT0 + 1h);
  CHECK(GetAt(*before, kT0 + 30min, "k") == "v");  // the row of 00:10, under the same key
  CHECK(store->GetSnapshot()->buckets().size() == 2);
}

TEST_CASE("a cut at the end of a bucket, or without one, does nothing") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  CHECK(store->CutOpenBucket().ok());
  PutAt(store.get(), kT0 + 1h - Duration(1), "k", "v");
  CHECK(store->CutOpenBucket().ok());
  CHECK(store->Buckets().size() == 1);
}

TEST_CASE("by size: the large open bucket is cut, the oldest ones go first") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.max_bytes = 2 << 20;
  options.rocksdb_options = {{"compression", "kNoCompression"}};
  auto store = MustOpen(dir.Sub("db"), options);
  const std::string value(64 << 10, 'x');
  for (int hour = 0; hour < 5; ++hour) {
    for (int i = 0; i < 10; ++i) {
      PutAt(store.get(), kT0 + hour * 1h + i * 1min, "k" + std::to_string(i), value);
    }
  }
  REQUIRE(store->Flush().ok());
  CHECK(store->DiskBytes() > options.max_bytes);
  const MaintenanceReport report = MustMaintain(store.get());
  // 640 kB per hour: two of five have to go, and the open one is above 1/8 of 2 MiB.
  CHECK(report.dropped == Times{kT0, kT0 + 1h});
  // Without the log: its flushed files wait for their deletion in the background.
  CHECK(std::stoull(store->Property("rocksdb.live-sst-files-size")) <= options.max_bytes);
  CHECK(store->OldestLive() == kT0 + 2h);
  CHECK(InfoAt(*store, kT0 + 4h).end == kT0 + 4h + 9min + Duration(1));
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 4h, "k0") == value);
}

TEST_CASE("by size: the bucket of the clock stays, however large") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.max_bytes = 64 << 10;
  auto store = MustOpen(dir.Sub("db"), options);
  std::string noise;
  for (uint32_t i = 0, x = 1; i < (256 << 10); ++i)
    noise.push_back((x = x * 1664525 + 1013904223) >> 24);
  PutAt(store.get(), kT0 + 10min, "k", noise);
  REQUIRE(store->Flush().ok());
  CHECK(MustMaintain(store.get()).dropped.empty());
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 10min, "k") == noise);
}

TEST_CASE("each bucket knows the first commit made while the clock stood in it") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "a", "v");            // 1
  PutAt(store.get(), kT0 + 1min, "b", "v");     // 2
  PutAt(store.get(), kT0 + 1h, "c", "v");       // 3
  PutAt(store.get(), kT0 + 2min, "late", "v");  // 4
  store.reset();
  store = MustOpen(dir.Sub("db"), SmallOptions());
  CHECK(InfoAt(*store, kT0).first_sequence == 1);
  CHECK(InfoAt(*store, kT0 + 1h).first_sequence == 3);
  CHECK(PutAt(store.get(), kT0 + 3min, "d", "v").sequence == 5);
}

TEST_CASE("at 48 live buckets a new time stretches the last one instead") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.retention = 42h;
  auto store = MustOpen(dir.Sub("db"), options);
  // Cuts use up what the retention leaves.
  for (int i = 0; i < 41; ++i) PutAt(store.get(), kT0 + i * 1h, "k", "v");
  for (int i = 0; i < 7; ++i) {
    PutAt(store.get(), kT0 + 40h + i * 1min, "k", "v");
    REQUIRE(store->CutOpenBucket().ok());
  }
  CHECK(store->Buckets().size() == 48);
  store->AdvanceDataClock(kT0 + 40h + 10min);
  CHECK(store->CutOpenBucket().code() == absl::StatusCode::kFailedPrecondition);
  PutAt(store.get(), kT0 + 41h + 10min, "new", "v");
  CHECK(store->Buckets().size() == 48);
  CHECK(store->Buckets().back().end == kT0 + 42h);
  store.reset();
  store = MustOpen(dir.Sub("db"), options);
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 41h + 10min, "new") == "v");
  CHECK(store->Buckets().size() == 48);
}

}  // namespace
}  // namespace kg::storage
