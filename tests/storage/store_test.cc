#include "storage/store.h"

#include <catch2/catch.hpp>

#include "tests/storage/support.h"

namespace kg::storage {
namespace {

TEST_CASE("a new store has an identity and nothing else") {
  TempDir dir;
  std::string id;
  {
    auto store = MustOpen(dir.Sub("db"), SmallOptions());
    CHECK(store->Health().ok());
    CHECK(store->Buckets().empty());
    CHECK(store->DataClock() == kBeginning);
    CHECK(store->OldestLive() == kBeginning);
    CHECK(store->GetSnapshot()->sequence() == 0);
    CHECK(store->Identity().format_version == NewestFormat());
    CHECK(store->Identity().epoch == 1);
    id = store->Identity().store_id;
    CHECK(id.size() == 32);
    REQUIRE(store->BeginEpoch().ok());
  }
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  CHECK(store->Identity().store_id == id);
  CHECK(store->Identity().epoch == 2);
}

TEST_CASE("one commit reaches permanent tables and buckets together, and survives reopening") {
  TempDir dir;
  {
    auto store = MustOpen(dir.Sub("db"), SmallOptions());
    store->AdvanceDataClock(kT0 + 90min);
    auto session = MustBegin(store.get(), {kT0, kT0 + 90min});
    session->Put(kScope, Table::kResource, "r1", "web");
    session->Put(session->BucketFor(kT0), kScope, RecordKind::kEpisode, "k", "early");
    session->Put(session->BucketFor(kT0 + 90min), kScope, RecordKind::kEpisode, "k", "late");
    CHECK(session->rows() == 3);
    const CommitInfo info = MustCommit(session.get());
    CHECK(info.sequence == 1);
    CHECK(info.turned_away == 0);
    CHECK(info.bytes > 0);
  }
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  CHECK(store->DataClock() == kT0 + 90min);
  CHECK(store->OldestLive() == kT0 + 90min - 24h);
  const auto snapshot = store->GetSnapshot();
  CHECK(snapshot->sequence() == 1);
  CHECK(Starts(snapshot->buckets()) == std::vector<Timestamp>{kT0, kT0 + 1h});
  CHECK(GetAt(*snapshot, kT0, "k") == "early");
  CHECK(GetAt(*snapshot, kT0 + 90min, "k") == "late");
  CHECK(*snapshot->Get(kScope, Table::kResource, "r1") == "web");
  CHECK(*snapshot->Get(ScopeId{8}, Table::kResource, "r1") == std::nullopt);
  CHECK(*snapshot->Get(kScope, Table::kAlias, "r1") == std::nullopt);
}

TEST_CASE("a session that is not committed writes nothing, an empty commit neither") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "k", "v");
  MustBegin(store.get(), {kT0})->Put(kScope, Table::kEdge, "gone", "x");
  auto session = MustBegin(store.get(), {});
  CHECK(MustCommit(session.get()).sequence == 1);
  CHECK(session->Commit().status().code() == absl::StatusCode::kFailedPrecondition);
  session->Put(kScope, Table::kEdge, "ignored", "x");
  CHECK(Collect(store->GetSnapshot()->Scan(kScope, Table::kEdge, "")).empty());
  CHECK(store->GetSnapshot()->sequence() == 1);
}

TEST_CASE("a scan shows the rows of its prefix, scope and kind, from a given key on") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  store->AdvanceDataClock(kT0);
  auto session = MustBegin(store.get(), {kT0});
  const BucketPtr bucket = session->BucketFor(kT0);
  for (const char* key : {"a1", "a2", "a\xff", "b1"}) {
    session->Put(bucket, kScope, RecordKind::kEpisode, key, key);
    session->Put(bucket, ScopeId{8}, RecordKind::kEpisode, key, "other scope");
    session->Put(bucket, kScope, RecordKind::kFeed, key, "other kind");
    session->Put(kScope, Table::kEdge, key, key);
  }
  MustCommit(session.get());
  for (const bool flushed : {false, true}) {
    if (flushed) REQUIRE(store->Flush().ok());
    const auto snapshot = store->GetSnapshot();
    CHECK(Collect(snapshot->Scan(bucket, kScope, RecordKind::kEpisode, "a")) ==
          Rows{{"a1", "a1"}, {"a2", "a2"}, {"a\xff", "a\xff"}});
    CHECK(Collect(snapshot->Scan(bucket, kScope, RecordKind::kEpisode, "a", "a2")) ==
          Rows{{"a2", "a2"}, {"a\xff", "a\xff"}});
    CHECK(Collect(snapshot->Scan(bucket, kScope, RecordKind::kEpisode, "")).size() == 4);
    CHECK(Collect(snapshot->Scan(bucket, kScope, RecordKind::kCauses, "")).empty());
    CHECK(Collect(snapshot->Scan(kScope, Table::kEdge, "", "a\xff")) ==
          Rows{{"a\xff", "a\xff"}, {"b1", "b1"}});
    CHECK(Collect(snapshot->Scan(nullptr, kScope, RecordKind::kEpisode, "")).empty());
  }
}

TEST_CASE("the last scope and an all-ones prefix have an end, too") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  auto session = MustBegin(store.get(), {});
  session->Put(ScopeId{0xffffffff}, Table::kEdge, "\xff\xff", "v");
  MustCommit(session.get());
  CHECK(Collect(store->GetSnapshot()->Scan(ScopeId{0xffffffff}, Table::kEdge, "\xff")).size() == 1);
}

TEST_CASE("a cursor outlives its snapshot and the store") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "k", "v");
  std::unique_ptr<Cursor> cursor;
  {
    const auto snapshot = store->GetSnapshot();
    cursor = snapshot->Scan(snapshot->buckets()[0], kScope, RecordKind::kEpisode, "");
  }
  store.reset();
  CHECK(OpenStatus(dir.Sub("db"), SmallOptions()).code() == absl::StatusCode::kUnavailable);
  CHECK(Collect(std::move(cursor)) == Rows{{"k", "v"}});
  CHECK(OpenStatus(dir.Sub("db"), SmallOptions()).ok());
}

}  // namespace
}  // namespace kg::storage
