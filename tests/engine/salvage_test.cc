#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/verify.h"
#include "storage/store.h"
#include "tests/semantics/fixture.h"

// A store of many blocks loses the damaged one only.

namespace kg::semantics {
namespace {

namespace fs = std::filesystem;

constexpr int kEvents = 4000;

DatabaseOptions Options() {
  DatabaseOptions o;
  o.sync = false;
  o.now = [] { return At(24 * 400); };
  return o;
}

// Returns what it holds, in lines.
std::set<std::string> Fill(const std::string& path) {
  auto db = Database::Open(path, Options());
  REQUIRE(db.ok());
  for (int i = 0; i < kEvents;) {
    Batch batch;
    for (int n = 0; n < 500; ++n, ++i) {
      const bool bad = i % 5 == 0;
      const Timestamp at = At(9) + std::chrono::seconds(i);
      batch.mutations.push_back(
          Event(absl::StrCat("event-", i * 7919 % kEvents, "-", i),
                Ref("Pod", "shop", absl::StrCat("web-", i % 40)), bad ? "BackOff" : "Scheduled",
                bad ? "Back-off restarting failed container" : "assigned", at, at));
    }
    REQUIRE((*db)->Apply(std::move(batch)).ok());
  }
  REQUIRE((*db)->Settle().ok());
  const std::string dump = *(*db)->CanonicalDump();
  return absl::StrSplit(dump, '\n');
}

std::string LargestTable(const std::string& path) {
  fs::directory_entry largest;
  uintmax_t bytes = 0;
  for (const auto& e : fs::directory_iterator(path)) {
    if (e.path().extension() != ".sst" || e.file_size() <= bytes) continue;
    largest = e;
    bytes = e.file_size();
  }
  REQUIRE(bytes > 64 << 10);
  return largest.path().string();
}

void FlipByte(const std::string& file, double at) {
  std::FILE* f = std::fopen(file.c_str(), "r+b");
  REQUIRE(f != nullptr);
  const auto where = static_cast<long>(static_cast<double>(fs::file_size(file)) * at);
  std::fseek(f, where, SEEK_SET);
  const int c = std::fgetc(f);
  std::fseek(f, where, SEEK_SET);
  std::fputc(c ^ 0x10, f);
  std::fclose(f);
}

TEST_CASE("of a damaged table file all but the damaged block is kept") {
  TempDir dir;
  const std::string path = dir.Sub("data");
  const std::set<std::string> before = Fill(path);
  {
    storage::StoreOptions options;
    auto store = storage::Store::Open(path, options);
    REQUIRE(store.ok());
    REQUIRE((*store)->Flush().ok());
  }
  const double places[] = {0.1, 0.3, 0.5, 0.7, 0.9};
  for (double place : places) {
    INFO("damaged at " << place);
    const std::string copy = dir.Sub(absl::StrCat("copy-", place));
    fs::copy(path, copy, fs::copy_options::recursive);
    FlipByte(LargestTable(copy), place);
    VerifyOptions verify;
    verify.database = Options();
    auto repaired = Repair(copy, {verify, false});
    INFO(repaired.status());
    REQUIRE(repaired.ok());
    for (const Finding& f : repaired->after.findings)
      UNSCOPED_INFO(f.family << " " << f.record << " " << f.key << ": " << f.what);
    CHECK(repaired->after.ok());
    REQUIRE(repaired->before.found >= 1);
    CHECK(repaired->before.findings[0].kind == FindingKind::kFile);
    REQUIRE(repaired->lost.size() == 1);
    CHECK(absl::StrContains(repaired->lost[0], "rows of the bucket from 2023-11-15T06:00:00Z on"));
    auto db = Database::Open(copy, Options());
    INFO(db.status());
    REQUIRE(db.ok());
    const std::set<std::string> after = absl::StrSplit(*(*db)->CanonicalDump(), '\n');
    // An episode is as it was or gone.
    size_t episodes = 0;
    for (const std::string& line : after) {
      if (!absl::StartsWith(line, "episode ")) continue;
      ++episodes;
      CHECK(before.count(line) == 1);
    }
    CHECK(episodes > kEvents * 9 / 10);
  }
}

}  // namespace
}  // namespace kg::semantics
