#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include <catch2/catch.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/semantics/fixture.h"

// Sequence 8. The child is this program itself, started anew: a forked copy would lack RocksDB's
// threads.

namespace kg::semantics {
namespace {

constexpr int kBatches = 60;

// Facts, causes that come late, edges that close and names used again: each batch says something
// new.
std::vector<Mutation> BatchNumber(int i) {
  const std::string pod = absl::StrCat("p-", i % 5);
  const Timestamp at = At(10) + std::chrono::minutes(2 * i);
  std::vector<Mutation> out = {
      Event(absl::StrCat("ev-", i), Ref("Pod", "shop", pod), "BackOff",
            "Back-off restarting failed container", at, at),
      Object("Pod", "shop", pod, absl::StrCat("uid-", i % 5, "-", i / 20))
          .SeenAt(at)
          .Created(At(9, i / 20))
          .On(absl::StrCat("node-", i % 2))
          .Set("spec.priority", absl::StrCat(i)),
      EdgeSeen("CALLS", Ref("Pod", "shop", pod), Ref("Service", "shop", absl::StrCat("s-", i % 3)),
               at),
  };
  if (i % 7 == 6) {  // the cause of what the batches before told
    out.push_back(Event(absl::StrCat("oom-", i), Ref("Node", "", absl::StrCat("node-", i % 2)),
                        "SystemOOM", "System OOM encountered", at - std::chrono::minutes(9),
                        at - std::chrono::minutes(9)));
  }
  if (i % 11 == 10)
    out.push_back(EdgeGone("", Ref("Pod", "shop", pod),
                           Ref("Service", "shop", absl::StrCat("s-", i % 3)), at));
  if (i % 13 == 12)
    out.push_back(Tombstone(Ref("Pod", "shop", pod, absl::StrCat("uid-", i % 5, "-", i / 20)), at));
  return out;
}

DatabaseOptions Options() {
  DatabaseOptions o;
  o.retention = std::chrono::hours(28);
  o.sync = false;  // the kernel outlives the process, and the kill is of the process
  o.block_cache_bytes = 1 << 20;
  o.write_buffer_bytes = 1 << 20;
  o.default_tenant = "t";
  o.default_cluster = "c";
  o.now = [] { return At(24 * 400); };
  return o;
}

absl::Status ApplyNumber(Database* db, int i) {
  Batch b;
  b.mutations = BatchNumber(i);
  b.positions.push_back({"stream", 0, i, -1, ""});
  return db->Apply(std::move(b)).status();
}

int NextBatch(const Database& db) {
  const auto position = db.Position("stream", 0);
  return position.has_value() ? static_cast<int>(position->offset) + 1 : 0;
}

std::unique_ptr<Database> OpenAt(const std::string& path) {
  auto db = Database::Open(path, Options());
  INFO(db.status().ToString());
  REQUIRE(db.ok());
  return *std::move(db);
}

struct Shared {
  std::atomic<int> acknowledged;
};

TEST_CASE("child of sequence 8", "[.child]") {
  const char* path = ::getenv("KG_CRASH_DIR");
  const char* shared_fd = ::getenv("KG_CRASH_FD");
  if (path == nullptr || shared_fd == nullptr) return;
  auto* shared = static_cast<Shared*>(
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, ::atoi(shared_fd), 0));
  auto db = OpenAt(path);
  for (int i = NextBatch(*db); i < kBatches; ++i) {
    REQUIRE(ApplyNumber(db.get(), i).ok());
    shared->acknowledged = i + 1;
  }
}

TEST_CASE("sequence 8: killed at any moment, it holds what it acknowledged and goes on") {
  // What stands after each batch, from an undisturbed run.
  std::vector<std::string> after;
  {
    TempDir dir;
    auto db = OpenAt(dir.Sub("db"));
    after.push_back(*db->CanonicalDump());
    for (int i = 0; i < kBatches; ++i) {
      REQUIRE(ApplyNumber(db.get(), i).ok());
      after.push_back(*db->CanonicalDump());
    }
  }
  Random random(8);
  int kills_in_the_middle = 0;
  for (int round = 0; round < 6; ++round) {
    TempDir dir;
    const int fd = ::memfd_create("acknowledged", 0);
    REQUIRE(fd >= 0);
    REQUIRE(::ftruncate(fd, sizeof(Shared)) == 0);
    auto* shared = static_cast<Shared*>(
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    for (int life = 0; life < 3; ++life) {
      const std::string fd_text = absl::StrCat(fd), path = dir.Sub("db");
      const int from = shared->acknowledged;
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        ::setenv("KG_CRASH_DIR", path.c_str(), 1);
        ::setenv("KG_CRASH_FD", fd_text.c_str(), 1);
        ::execl("/proc/self/exe", "child", "child of sequence 8", static_cast<char*>(nullptr));
        ::_exit(127);
      }
      // A number of batches that this life may acknowledge, then the kill, wherever the next one
      // is.
      const int target =
          std::min(kBatches, from + 1 + static_cast<int>(random.Below(kBatches / 3)));
      int status = 0;
      while (shared->acknowledged < target && ::waitpid(child, &status, WNOHANG) == 0) {
      }
      for (uint64_t spin = random.Below(200'000); spin > 0; --spin)
        std::atomic_signal_fence(std::memory_order_seq_cst);
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      REQUIRE(shared->acknowledged >= target);

      auto db = OpenAt(path);
      const int stands = NextBatch(*db);
      INFO("round " << round << ", life " << life << ": acknowledged " << shared->acknowledged
                    << ", stands " << stands);
      REQUIRE(stands >= shared->acknowledged);
      REQUIRE(stands <= shared->acknowledged + 1);
      kills_in_the_middle += stands < kBatches;
      RequireSameDump(after[static_cast<size_t>(stands)], *db->CanonicalDump(),
                      "opened after the kill");
      shared->acknowledged = stands;
    }
    auto db = OpenAt(dir.Sub("db"));
    for (int i = NextBatch(*db); i < kBatches; ++i) REQUIRE(ApplyNumber(db.get(), i).ok());
    RequireSameDump(after.back(), *db->CanonicalDump(), "gone on to the end");
    ::munmap(shared, sizeof(Shared));
    ::close(fd);
  }
  CHECK(kills_in_the_middle > 5);
}

}  // namespace
}  // namespace kg::semantics
