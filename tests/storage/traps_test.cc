// Traps of RocksDB 7.8 that cost others their data or their evening, each by name.

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "schemas/manifest_generated.h"
#include "storage/records.h"
#include "tests/storage/support.h"

namespace kg::storage {
namespace {

namespace fs = std::filesystem;

uint64_t BytesOf(const std::string& dir, const std::string& extension) {
  uint64_t bytes = 0;
  for (const auto& file : fs::directory_iterator(dir)) {
    std::error_code gone;
    if (file.path().extension() == extension) bytes += file.file_size(gone);
  }
  return bytes;
}

size_t CountOf(const std::string& dir, const std::string& extension) {
  size_t count = 0;
  for (const auto& file : fs::directory_iterator(dir))
    count += file.path().extension() == extension;
  return count;
}

TEST_CASE("trap: a batch into a dropped bucket leaves that row out and nothing else") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "k", "v");
  BucketPtr stale = store->GetSnapshot()->buckets()[0];
  PutAt(store.get(), kT0 + 30h, "k", "v");
  CHECK(MustMaintain(store.get()).dropped.size() == 1);

  auto session = MustBegin(store.get(), {kT0, kT0 + 30h});
  CHECK(session->BucketFor(kT0) == nullptr);
  session->Put(kScope, Table::kResource, "first", "v");
  session->Put(stale, kScope, RecordKind::kEpisode, "late", "v");
  session->Delete(stale, kScope, RecordKind::kEpisode, "late");
  session->Put(nullptr, kScope, RecordKind::kEpisode, "late", "v");
  session->Put(kScope, Table::kResource, "last", "v");
  CHECK(session->rows() == 2);
  CHECK(MustCommit(session.get()).turned_away == 3);
  session.reset();
  stale.reset();

  // The whole rest is there, and writing goes on, also after a restart.
  for (int round = 0; round < 2; ++round) {
    CHECK(store->Health().ok());
    CHECK(store->GetSnapshot()->Get(kScope, Table::kResource, "first")->has_value());
    CHECK(store->GetSnapshot()->Get(kScope, Table::kResource, "last")->has_value());
    PutAt(store.get(), kT0 + 30h, "k" + std::to_string(round), "v");
    store.reset();
    store = MustOpen(dir.Sub("db"), SmallOptions());
  }
}

TEST_CASE("trap: late rows race with the drop of their bucket") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  store->AdvanceDataClock(kT0);
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  std::thread dropper([&] {
    while (!done) failures += !store->Maintain().ok();
  });
  uint64_t committed = 0;
  for (int i = 0; i < 400; ++i) {
    const Timestamp now = kT0 + i * 10min;
    store->AdvanceDataClock(now);
    const Timestamp late = now - 24h + 1min;  // its bucket is about to go
    auto session = store->BeginWrite({now, late});
    if (!session.ok()) break;
    for (const Timestamp t : {now, late}) {
      (*session)->Put((*session)->BucketFor(t), kScope, RecordKind::kEpisode, std::to_string(i),
                      "v");
    }
    committed += (*session)->Commit().ok();
  }
  done = true;
  dropper.join();
  CHECK(committed == 400);
  CHECK(failures == 0);
  CHECK(store->Health().ok());
  CHECK(store->Buckets().size() <= 30);
  CHECK(store->GetSnapshot()->sequence() == 400);
}

TEST_CASE("trap: creating and dropping costs by the number of families, which stays bounded") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.retention = 42h;
  auto store = MustOpen(dir.Sub("db"), options);
  std::vector<Timestamp> times;
  for (int i = 0; i < 42; ++i) times.push_back(kT0 + i * 1h);
  store->AdvanceDataClock(times.back());
  // 42 in one call, for the price of one: the options file is written once per call, not per
  // family.
  CHECK(MustBegin(store.get(), times)->buckets().size() == 42);
  size_t most = 0;
  for (int i = 42; i < 80; ++i) {
    PutAt(store.get(), kT0 + i * 1h, "k", "v");
    MustMaintain(store.get());
    most = std::max(most, store->Buckets().size());
  }
  CHECK(most <= 45);
}

TEST_CASE("trap: a cold bucket pins the log") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.max_wal_bytes = 1 << 20;
  options.write_buffer_bytes = 64 << 20;  // so that only the limit of the log can cause a flush
  auto store = MustOpen(dir.Sub("db"), options);
  store->AdvanceDataClock(kT0 + 10h);
  {
    std::vector<Timestamp> times;
    for (int i = 0; i < 10; ++i) times.push_back(kT0 + i * 1h);
    auto session = MustBegin(store.get(), times);
    for (const Timestamp t : times) {
      session->Put(session->BucketFor(t), kScope, RecordKind::kEpisode, "one row", "v");
    }
    session->Put(kScope, Table::kSystem, "cold", "v");
    MustCommit(session.get());
  }
  // The flushes run beside the writer, so on a busy machine the log shrinks late: write on until
  // then.
  const std::string value(16 << 10, 'x');
  uint64_t log_bytes = 0;
  for (uint64_t written = 0; written < 16 << 20 || (log_bytes > 4 << 20 && written < 1 << 30);
       written += value.size()) {
    PutAt(store.get(), kT0 + 10h, "hot" + std::to_string(written), value);
    log_bytes = BytesOf(dir.Sub("db"), ".log");
  }
  CHECK(log_bytes <= 4 << 20);
  CHECK(InfoAt(*store, kT0).bytes > 0);  // flushed for its one row
  CHECK(GetAt(*store->GetSnapshot(), kT0, "one row") == "v");
}

TEST_CASE("trap: the last reference to a dropped bucket") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  for (int i = 0; i < 100; ++i)
    PutAt(store.get(), kT0, "k" + std::to_string(i), std::string(1000, 'x'));
  REQUIRE(store->Flush().ok());
  PutAt(store.get(), kT0, "unflushed", "v");
  auto snapshot = store->GetSnapshot();
  const BucketPtr bucket = snapshot->buckets()[0];
  std::unique_ptr<Cursor> walking = snapshot->Scan(bucket, kScope, RecordKind::kEpisode, "");
  walking->Next();

  PutAt(store.get(), kT0 + 30h, "k", "v");
  CHECK(MustMaintain(store.get()).dropped.size() == 1);
  REQUIRE(store->Flush().ok());
  MustMaintain(store.get());

  // A walk that had begun and one that begins now both see all of it: also after the sweep.
  CHECK(Collect(std::move(walking)).size() == 100);
  CHECK(Collect(snapshot->Scan(bucket, kScope, RecordKind::kEpisode, "")).size() == 101);
  CHECK(GetAt(*snapshot, kT0, "unflushed") == "v");
  CHECK(store->GetSnapshot()->buckets().front() != bucket);
}

TEST_CASE("trap: files of a drop that raced with a compaction stay behind") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "k", "v");
  REQUIRE(store->Flush().ok());
  PutAt(store.get(), kT0 + 30h, "k", "v");
  REQUIRE(store->Flush().ok());
  // The image of such a file: a table that no version knows, under a number of the past.
  std::string table;
  for (const auto& file : fs::directory_iterator(dir.Sub("db"))) {
    if (file.path().extension() == ".sst") table = file.path().string();
  }
  const std::string orphan = dir.Sub("db") + "/000001.sst";
  fs::copy_file(table, orphan);

  const MaintenanceReport report = MustMaintain(store.get());
  CHECK(report.dropped.size() == 1);
  CHECK(report.orphan_files_removed >= 1);
  CHECK_FALSE(fs::exists(orphan));
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 30h, "k") == "v");
}

TEST_CASE("trap: rotating under compaction leaves no files without an owner") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.retention = 2h;
  options.write_buffer_bytes = 1 << 20;
  options.rocksdb_options = {{"level0_file_num_compaction_trigger", "2"}};
  auto store = MustOpen(dir.Sub("db"), options);
  const std::string value(4000, 'x');
  for (int hour = 0; hour < 12; ++hour) {
    for (int i = 0; i < 200; ++i) {
      PutAt(store.get(), kT0 + hour * 1h, std::to_string(i * 7919 % 1000), value);
    }
    MustMaintain(store.get());
  }
  CHECK(store->Buckets().size() <= 5);
  store.reset();
  const size_t files = CountOf(dir.Sub("db"), ".sst");
  // Opening would remove what has no owner; it finds nothing to remove (it may add by its own
  // flush).
  store = MustOpen(dir.Sub("db"), options);
  CHECK(CountOf(dir.Sub("db"), ".sst") >= files);
}

TEST_CASE("trap: iterators over buckets without one snapshot") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  store->AdvanceDataClock(kT0 + 1h);
  const std::vector<Timestamp> homes = {kT0, kT0 + 1h};
  // One row that moves between two buckets, each time in one batch: a reader sees it exactly once.
  const auto move_to = [&](int round) {
    auto session = MustBegin(store.get(), homes);
    const BucketPtr to = session->BucketFor(homes[round % 2]);
    const BucketPtr from = session->BucketFor(homes[(round + 1) % 2]);
    session->Delete(from, kScope, RecordKind::kRevision, "row");
    session->Put(to, kScope, RecordKind::kRevision, "row", std::to_string(round));
    MustCommit(session.get());
  };
  move_to(0);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0}, reads{0};
  std::thread reader([&] {
    while (!done || reads < 50) {
      const auto snapshot = store->GetSnapshot();
      int seen = 0;
      uint64_t value = 0;
      for (const BucketPtr& bucket : snapshot->buckets()) {
        auto cursor = snapshot->Scan(bucket, kScope, RecordKind::kRevision, "");
        for (; cursor->Valid(); cursor->Next()) {
          ++seen;
          value = std::stoull(std::string(cursor->value()));
        }
      }
      // The round is the commit before: the sequence of a snapshot is that of what it shows.
      wrong += seen != 1 || value + 1 != snapshot->sequence();
      ++reads;
    }
  });
  for (int round = 1; round < 2000; ++round) move_to(round);
  done = true;
  reader.join();
  CHECK(wrong == 0);
}

TEST_CASE("trap: a FlatBuffer read from a table file is misaligned") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  store->AdvanceDataClock(kT0);
  auto session = MustBegin(store.get(), {kT0});
  const BucketPtr bucket = session->BucketFor(kT0);
  for (int i = 0; i < 64; ++i) {
    flatbuffers::FlatBufferBuilder b;
    // Keys of growing length: in the file the values begin at every residue.
    session->Put(bucket, kScope, RecordKind::kRevision, std::string(i + 1, 'k'),
                 EncodeTable(&b, fb::CreateBucketRow(b, i, i + 1, 1, 1ull << i)));
  }
  MustCommit(session.get());
  REQUIRE(store->Flush().ok());
  auto cursor = store->GetSnapshot()->Scan(bucket, kScope, RecordKind::kRevision, "");
  int rows = 0, misaligned = 0;
  for (; cursor->Valid(); cursor->Next(), ++rows) {
    misaligned += reinterpret_cast<uintptr_t>(cursor->value().data()) % 8 != 0;
    auto row = DecodeTable<fb::BucketRow>(cursor->value());
    REQUIRE(row.ok());
    CHECK((*row)->first_sequence() == 1ull << rows);
  }
  CHECK(rows == 64);
  CHECK(misaligned > 0);  // else this test shows nothing
}

TEST_CASE("trap: a sweep during a checkpoint") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.retention = 2h;
  auto store = MustOpen(dir.Sub("db"), options);
  PutAt(store.get(), kT0, "k", "v");
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  std::thread rolling([&] {
    for (int i = 0; !done; ++i) {
      const Timestamp t = kT0 + i * 1h;
      store->AdvanceDataClock(t);
      auto session = store->BeginWrite({t});
      if (!session.ok()) break;
      (*session)->Put((*session)->BucketFor(t), kScope, RecordKind::kEpisode, "k",
                      std::to_string(i));
      (*session)->Put(kScope, Table::kResource, "last", std::to_string(i));
      failures += !(*session)->Commit().ok();
      session->reset();
      failures += !store->Maintain().ok();
    }
  });
  for (int i = 0; i < 15; ++i)
    failures += !store->Checkpoint(dir.Sub("copy" + std::to_string(i))).ok();
  done = true;
  rolling.join();
  CHECK(failures == 0);
  uint64_t last = 0;
  for (int i = 0; i < 15; ++i) {
    options.read_only = i % 2 == 0;
    auto copy = MustOpen(dir.Sub("copy" + std::to_string(i)), options);
    const auto snapshot = copy->GetSnapshot();
    CHECK(snapshot->sequence() >= last);
    last = snapshot->sequence();
    if (last < 2) continue;
    // The newest bucket row and the permanent row are of the same commit.
    CHECK(GetAt(*snapshot, copy->DataClock(), "k") ==
          snapshot->Get(kScope, Table::kResource, "last")->value());
  }
  CHECK(store->Checkpoint(dir.Sub("copy0")).code() == absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace kg::storage
