#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "tests/faults/readiness.h"
#include "tests/faults/world.h"

// A disk that fails, fills up and recovers under a database. What was acknowledged is there, what
// was not is there whole or not at all, and the position says which.

namespace kg::faults {
namespace {

using storage::Fault;
using storage::FileOp;

// A commit fails for a fault on the log; then everything reads, nothing writes, and whoever asks is
// told; opened again it goes on.
void FailOneCommit(World* w, const Fault& fault) {
  w->MustOpen();
  w->MustApply(20);
  const std::string before = w->Dump();
  const auto view = w->db->GetView();
  w->disk.Arm(fault);
  const absl::Status failed = w->Apply();
  INFO(failed.ToString());
  REQUIRE_FALSE(failed.ok());
  REQUIRE(w->disk.failed() == 1);
  w->disk.Disarm();

  CHECK(w->Next() == 20);  // what did not become durable is not claimed
  CHECK_FALSE(w->db->Health().ok());
  CHECK(AskReady(w->db.get()).status == 503);
  CHECK(absl::StrContains(AskDoctor(*w->db), "failed: the store only reads"));
  CHECK(w->db->GetView()->data_clock() == view->data_clock());
  CHECK(w->db->GetView()->AllTrees().size() == view->AllTrees().size());
  // A store whose log ended in an unknown way must not be written to.
  CHECK(w->Apply().code() == absl::StatusCode::kFailedPrecondition);
  CHECK_FALSE(w->db->Settle().ok());
  w->Close();
}

TEST_CASE("a failed write to the log ends writing; opened again it goes on without that batch") {
  World w;
  FailOneCommit(&w, {FileOp::kAppend, ".log", 0, 1, Fault::Kind::kError});
  w.MustOpen();
  CHECK(w.Next() == 20);
  w.MustHold(20);
  CHECK(w.db->Health().ok());
  CHECK(AskReady(w.db.get()).status == 200);
  w.MustApply(10);
  w.MustHold(30);
}

TEST_CASE("a short write to the log leaves a torn end that is passed over") {
  World w;
  FailOneCommit(&w, {FileOp::kAppend, ".log", 0, 1, Fault::Kind::kShort});
  w.MustOpen();
  CHECK(w.Next() == 20);
  w.MustHold(20);
  w.MustApply(10);
  REQUIRE(w.db->Settle().ok());
  w.Close();
  w.MustOpen();
  w.MustHold(30);
}

TEST_CASE("a batch reported as failed may be there after a reopen and its position tells") {
  World w;
  FailOneCommit(&w, {FileOp::kSync, ".log", 0, 1, Fault::Kind::kError});
  w.MustOpen();
  CHECK(w.Next() == 21);  // whole, though its sync had failed: going on there repeats nothing
  w.MustHold(20);
  w.MustApply(10);
  w.MustHold(31);
}

TEST_CASE("a batch whose sync failed is gone after a power cut and its position tells") {
  World w;
  FailOneCommit(&w, {FileOp::kSync, ".log", 0, 1, Fault::Kind::kError});
  for (uint64_t seed = 0; seed < 5; ++seed) w.disk.Restart(seed);
  w.MustOpen();
  w.MustHold(20);
  w.MustApply(10);
  w.MustHold(w.Next());
}

TEST_CASE("a disk that is full for the log ends writing until it is opened with room") {
  World w;
  FailOneCommit(&w, {FileOp::kAppend, ".log", 0, 1, Fault::Kind::kNoSpace});
  w.MustOpen();
  w.MustHold(20);
  w.MustApply(10);
  w.MustHold(30);
}

TEST_CASE("a disk that is full for tables refuses batches and takes them again with room") {
  World w;
  w.MustOpen();
  w.MustApply(20);
  const Timestamp clock = w.db->GetView()->data_clock();
  w.disk.Arm({FileOp::kAppend, ".sst", 0, ~0ull, Fault::Kind::kNoSpace});
  // A checkpoint flushes, and so does any memtable that is full.
  CHECK(w.db->Checkpoint(w.dir.Sub("copy")).status().code() ==
        absl::StatusCode::kResourceExhausted);
  CHECK_FALSE(w.db->Health().ok());
  CHECK(AskReady(w.db.get()).status == 503);
  CHECK(w.Apply().code() == absl::StatusCode::kResourceExhausted);
  CHECK(w.Next() == 20);
  CHECK(w.db->GetView()->data_clock() == clock);

  w.disk.Disarm();
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!w.db->Maintain().ok() && std::chrono::steady_clock::now() < patience) {
  }
  CHECK(w.db->Health().ok());
  w.MustApply(20);
  w.MustHold(40);
  REQUIRE(w.db->Settle().ok());
  w.Close();
  w.MustOpen();
  w.MustHold(40);
}

TEST_CASE("a disk that fills up anywhere loses nothing that was acknowledged") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    INFO("seed " << seed);
    World w(seed);
    w.MustOpen();
    w.MustApply(10);
    REQUIRE(w.db->Settle().ok());
    w.disk.SetFree(seed * 6007);
    int64_t committed = 10, acknowledged = 10;
    uint64_t sequence = w.db->Stats()->sequence;
    for (int i = 0; i < 100; ++i) {
      if (!w.Apply().ok()) break;
      acknowledged = w.Next();
      const uint64_t now = w.db->Stats()->sequence;
      if (now > sequence) committed = acknowledged;
      sequence = now;
      if (i % 8 == 7 && !w.db->Maintain().ok()) break;
    }
    // Refused, not fallen over: it answers.
    CHECK(w.db->GetView()->graph().end_id() > 1);
    w.disk.SetFree(~0ull);
    w.Close();
    w.MustOpen();
    w.MustHold(committed, acknowledged);
    w.MustApply(10);
    w.MustHold(w.Next());
  }
}

TEST_CASE("a new bucket that finds no room is made later and costs no restart") {
  World w;
  w.MustOpen();
  w.MustApply(10);
  // The next hour needs a column family; its first file is the MANIFEST's record of it. A flush
  // that comes first takes the fault instead, and maintenance tries it again.
  w.disk.Arm({FileOp::kAppend, "MANIFEST", 0, 1, Fault::Kind::kNoSpace});
  int64_t acknowledged = 10;
  for (int i = 0; i < 40; ++i) {
    if (w.Apply().ok()) {
      acknowledged = std::max(acknowledged, w.Next());
    } else {
      w.db->Maintain().IgnoreError();
    }
  }
  CHECK(w.disk.failed() == 1);
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!w.db->Health().ok() && std::chrono::steady_clock::now() < patience) {
    w.db->Maintain().IgnoreError();
  }
  INFO(w.db->Health().ToString());
  CHECK(w.db->Health().ok());
  w.MustApply(5);
  w.MustHold(w.Next());
  CHECK(w.Next() >= acknowledged);
  w.Close();
  w.MustOpen();
  w.MustHold(w.Next());
}

TEST_CASE("a read error while opening is told with the file and passes with its cause") {
  World w;
  w.MustOpen();
  w.MustApply(40);
  REQUIRE(w.db->Checkpoint(w.dir.Sub("copy")).ok());
  w.Close();
  uint64_t errors = 0;
  for (uint64_t skip = 0; skip < 60; skip += 3) {
    INFO("read " << skip);
    w.disk.Arm({FileOp::kRead, ".sst", skip, 1, Fault::Kind::kError});
    const uint64_t before = w.disk.failed();
    const absl::Status opened = w.Open();
    const bool hit = w.disk.failed() > before;
    w.disk.Disarm();
    if (opened.ok()) {
      // Either it needed no such read or the read was repeated: then nothing is missing.
      CHECK(w.Dump() == w.Expected(40));
      w.Close();
      continue;
    }
    CHECK(hit);
    CHECK(absl::StrContains(opened.message(), ".sst"));
    ++errors;
  }
  CHECK(errors > 0);
  w.MustOpen();
  w.MustHold(40);
}

TEST_CASE("a batch that needs history which can't be read fails alone") {
  World w;
  w.options.memory_window = Duration(0);
  w.options.block_cache_bytes = 0;
  w.MustOpen();
  w.MustApply(60);
  REQUIRE(w.db->Checkpoint(w.dir.Sub("copy")).ok());  // flushes
  uint64_t errors = 0;
  for (int i = 0; i < 60; ++i) {
    w.disk.Arm({FileOp::kRead, ".sst", 0, ~0ull, Fault::Kind::kError});
    const int64_t next = w.Next();
    const absl::Status status = w.Apply();
    w.disk.Disarm();
    if (status.ok()) continue;
    INFO(status.ToString());
    ++errors;
    CHECK(w.Next() == next);
    CHECK_FALSE(w.db->Health().ok());
    CHECK(AskReady(w.db.get()).status == 503);
    // A compaction may have met it as well, and tell of it later: maintenance takes that up again.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    absl::Status again;  // from what is stored, not from what was half told
    do {
      again = w.db->Maintain();
      if (again.ok()) again = w.Apply();
    } while (!again.ok() && std::chrono::steady_clock::now() < patience);
    INFO(again.ToString());
    REQUIRE(again.ok());
    CHECK(w.db->Health().ok());
  }
  CHECK(errors > 0);
  w.MustHold(w.Next());
  w.Close();
  w.MustOpen();
  w.MustHold(w.Next());
}

}  // namespace
}  // namespace kg::faults
