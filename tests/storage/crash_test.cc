// What a crash leaves behind at each step, and that the next open finishes it.

#include <catch2/catch.hpp>

#include "tests/storage/fault_fs.h"
#include "tests/storage/support.h"

namespace kg::storage {
namespace {

using Times = std::vector<Timestamp>;

// Ends the operation at the named step, once armed.
struct CrashPoint {
  std::string step;
  internal::Hooks hooks() {
    internal::Hooks h;
    h.at = [this](absl::string_view at) {
      return step == at ? absl::AbortedError("crash") : absl::OkStatus();
    };
    return h;
  }
};

TEST_CASE("a crash after the families of new buckets exist, before their rows") {
  TempDir dir;
  CrashPoint crash;
  auto store = MustOpen(dir.Sub("db"), SmallOptions(), crash.hooks());
  PutAt(store.get(), kT0 + 10min, "k", "v");
  crash.step = "create: families exist";
  SECTION("on demand") {
    store->AdvanceDataClock(kT0 + 1h);
    CHECK_FALSE(store->BeginWrite({kT0 + 1h}).ok());
  }
  SECTION("ahead") {
    CHECK_FALSE(store->Maintain().ok());
  }
  SECTION("in a cut") {
    CHECK_FALSE(store->CutOpenBucket().ok());
  }
  CopyDir(dir.Sub("db"), dir.Sub("image"));

  auto reopened = MustOpen(dir.Sub("image"), SmallOptions());
  CHECK(Starts(reopened->GetSnapshot()->buckets()) == Times{kT0});
  CHECK(InfoAt(*reopened, kT0).end == kT0 + 1h);
  CHECK(GetAt(*reopened->GetSnapshot(), kT0 + 10min, "k") == "v");
  // The names are free again.
  PutAt(reopened.get(), kT0 + 1h, "k2", "v");
  REQUIRE(reopened->CutOpenBucket().ok());
  reopened.reset();
  CHECK(OpenStatus(dir.Sub("image"), SmallOptions()).ok());
}

TEST_CASE("a crash while a bucket is being dropped") {
  TempDir dir;
  CrashPoint crash;
  auto store = MustOpen(dir.Sub("db"), SmallOptions(), crash.hooks());
  PutAt(store.get(), kT0, "old", "v");
  PutAt(store.get(), kT0 + 30h, "new", "v");
  crash.step = GENERATE("drop: marked", "drop: families gone");
  INFO(crash.step);
  CHECK_FALSE(store->Maintain().ok());
  // From the first step on it is out of reach.
  CHECK(Starts(store->GetSnapshot()->buckets()).front() == kT0 + 30h);
  CHECK(MustBegin(store.get(), {kT0})->BucketFor(kT0) == nullptr);
  CHECK(InfoAt(*store, kT0).state == BucketState::kExpiring);
  CopyDir(dir.Sub("db"), dir.Sub("image"));

  SECTION("a reader of the image does not see it") {
    StoreOptions options = SmallOptions();
    options.read_only = true;
    auto reader = MustOpen(dir.Sub("image"), options);
    CHECK(Starts(reader->GetSnapshot()->buckets()).front() == kT0 + 30h);
  }
  SECTION("the next open finishes the drop") {
    auto reopened = MustOpen(dir.Sub("image"), SmallOptions());
    CHECK(Starts(reopened->GetSnapshot()->buckets()).front() == kT0 + 30h);
    for (const BucketInfo& info : reopened->Buckets()) CHECK(info.state != BucketState::kExpiring);
    CHECK(MustBegin(reopened.get(), {kT0})->BucketFor(kT0) == nullptr);
    CHECK(GetAt(*reopened->GetSnapshot(), kT0 + 30h, "new") == "v");
  }
  SECTION("so does the next maintenance, without a restart") {
    crash.step.clear();
    CHECK(MustMaintain(store.get()).dropped == Times{kT0});
    CHECK(store->Buckets().front().start == kT0 + 30h);
  }
}

TEST_CASE("sealed and reopened states survive a crash") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "k", "v");
  PutAt(store.get(), kT0 + 1h, "k", "v");
  MustMaintain(store.get());
  CopyDir(dir.Sub("db"), dir.Sub("sealed"));
  PutAt(store.get(), kT0 + 1min, "late", "v");
  CopyDir(dir.Sub("db"), dir.Sub("late"));

  CHECK(InfoAt(*MustOpen(dir.Sub("sealed"), SmallOptions()), kT0).state == BucketState::kSealed);
  auto late = MustOpen(dir.Sub("late"), SmallOptions());
  CHECK(InfoAt(*late, kT0).state == BucketState::kOpen);
  CHECK(GetAt(*late->GetSnapshot(), kT0 + 1min, "late") == "v");
  CHECK(MustMaintain(late.get()).sealed == Times{kT0});
}

TEST_CASE("a torn log end loses whole commits from the end on, never parts of one") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  for (int i = 0; i < 20; ++i) {
    store->AdvanceDataClock(kT0 + 1h);
    auto session = MustBegin(store.get(), {kT0, kT0 + 1h});
    const std::string n = std::to_string(i);
    session->Put(kScope, Table::kResource, "n", n);
    session->Put(session->BucketFor(kT0), kScope, RecordKind::kEpisode, "n", n);
    session->Put(session->BucketFor(kT0 + 1h), kScope, RecordKind::kEpisode, "n", n);
    MustCommit(session.get());
  }
  uint64_t last = 21;
  for (int cut = 0; cut < 40; ++cut) {
    const std::string image = dir.Sub("image" + std::to_string(cut));
    CopyDir(dir.Sub("db"), image);
    for (const auto& file : std::filesystem::directory_iterator(image)) {
      if (file.path().extension() != ".log" || file.file_size() == 0) continue;
      std::filesystem::resize_file(file.path(), file.file_size() - 37 * static_cast<uint64_t>(cut));
    }
    auto reopened = MustOpen(image, SmallOptions());
    const auto snapshot = reopened->GetSnapshot();
    const std::string n = std::to_string(snapshot->sequence() - 1);
    CHECK(snapshot->sequence() <= last);
    last = snapshot->sequence();
    CHECK(snapshot->Get(kScope, Table::kResource, "n")->value() == n);
    CHECK(GetAt(*snapshot, kT0, "n") == n);
    CHECK(GetAt(*snapshot, kT0 + 1h, "n") == n);
  }
  CHECK(last < 20);
}

TEST_CASE("a failed commit makes the store read-only and gives the reserve back") {
  TempDir dir;
  FaultFs disk;
  internal::Hooks hooks;
  hooks.env = disk.env();
  auto store = MustOpen(dir.Sub("db"), SmallOptions(), hooks);
  PutAt(store.get(), kT0, "k", "v");
  CHECK(std::filesystem::file_size(dir.Sub("db") + "/RESERVE") == SmallOptions().reserve_bytes);

  disk.Arm({FileOp::kAppend, ".log", 0, ~0ull, Fault::Kind::kNoSpace});
  auto session = MustBegin(store.get(), {kT0});
  session->Put(session->BucketFor(kT0), kScope, RecordKind::kEpisode, "lost", "v");
  CHECK(session->Commit().status().code() == absl::StatusCode::kResourceExhausted);
  session.reset();
  disk.Disarm();

  CHECK(store->Health().code() == absl::StatusCode::kResourceExhausted);
  CHECK(std::string(store->Health().message()).find("the store is read-only now") !=
        std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir.Sub("db") + "/RESERVE"));
  CHECK(store->BeginWrite({kT0}).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(store->Maintain().status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(GetAt(*store->GetSnapshot(), kT0, "k") == "v");
  CHECK(GetAt(*store->GetSnapshot(), kT0, "lost") == "(absent)");
  CHECK(store->GetSnapshot()->sequence() == 1);

  store.reset();
  store = MustOpen(dir.Sub("db"), SmallOptions(), hooks);
  CHECK(store->Health().ok());
  CHECK(GetAt(*store->GetSnapshot(), kT0, "k") == "v");
  CHECK(std::filesystem::exists(dir.Sub("db") + "/RESERVE"));
  PutAt(store.get(), kT0, "k2", "v");
}

TEST_CASE(
    "a disk too full for a flush costs the reserve, then the oldest bucket if so configured") {
  TempDir dir;
  FaultFs disk;
  internal::Hooks hooks;
  hooks.env = disk.env();
  StoreOptions options = SmallOptions();
  options.drop_oldest_when_full = GENERATE(false, true);
  auto store = MustOpen(dir.Sub("db"), options, hooks);
  PutAt(store.get(), kT0, "old", "v");
  PutAt(store.get(), kT0 + 1h, "older than the clock", "v");
  PutAt(store.get(), kT0 + 3h, "now", "v");
  disk.Arm({FileOp::kAppend, ".sst", 0, ~0ull, Fault::Kind::kNoSpace});
  CHECK(store->Flush().code() == absl::StatusCode::kResourceExhausted);
  CHECK(store->Health().code() == absl::StatusCode::kResourceExhausted);
  CHECK_FALSE(std::filesystem::exists(dir.Sub("db") + "/RESERVE"));
  // Refused for now, not for good: no commit was lost.
  CHECK(store->BeginWrite({kT0}).status().code() == absl::StatusCode::kResourceExhausted);

  disk.Disarm();
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  auto report = store->Maintain();
  while (!report.ok() && std::chrono::steady_clock::now() < patience) report = store->Maintain();
  REQUIRE(report.ok());
  CHECK(store->Health().ok());
  CHECK(report->dropped == (options.drop_oldest_when_full ? Times{kT0} : Times{}));
  CHECK(MustMaintain(store.get()).dropped.empty());  // one for each time the disk was full
  CHECK(std::filesystem::exists(dir.Sub("db") + "/RESERVE"));
  CHECK(GetAt(*store->GetSnapshot(), kT0 + 3h, "now") == "v");
  PutAt(store.get(), kT0 + 3h, "again", "v");
}

}  // namespace
}  // namespace kg::storage
