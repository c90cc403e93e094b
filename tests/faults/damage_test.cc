#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/check.h"
#include "tests/faults/readiness.h"
#include "tests/faults/world.h"

// One byte that is not as it was written. Either the answer is right, or the database names the
// file, reads what is left where it can, and changes nothing.

namespace kg::faults {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

void WriteFile(const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

void Flip(const std::string& file, size_t at) {
  std::string bytes = ReadFile(file);
  REQUIRE(at < bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
  WriteFile(file, bytes);
}

std::vector<std::string> FilesOf(const std::string& dir, const std::string& part) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    if (absl::StrContains(name, part) && entry.file_size() > 0) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::map<std::string, std::string> Contents(const std::string& dir) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, "LOG") || name == "LOCK") continue;
    all[name] = ReadFile(entry.path().string());
  }
  return all;
}

// A database that was closed, and a copy of it of which all stands in tables.
struct Closed {
  // `in_log`: batches behind the copy.
  explicit Closed(int64_t batches, int64_t in_log = 0) {
    world.options.write_buffer_bytes = 64 << 20;
    world.MustOpen();
    world.MustApply(batches);
    // A copy is flushed: everything stands in tables.
    REQUIRE(world.db->Checkpoint(world.dir.Sub("tables")).ok());
    world.MustApply(in_log);
    world.Close();
    expected = world.Expected(batches + in_log);
    tables = world.dir.Sub("tables");
  }
  // A fresh copy of `from`.
  std::string Image(const std::string& from) {
    const std::string at = world.dir.Sub(absl::StrCat("image", ++images));
    fs::copy(from, at, fs::copy_options::recursive);
    return at;
  }
  World world;
  std::string expected, tables;
  int images = 0;
};

// Opens the damaged image and demands one of the outcomes that are allowed; true: it opened and
// told of damage.
bool CheckOutcome(Closed* c, const std::string& image, const std::string& file) {
  auto opened = Database::Open(image, c->world.options);
  if (!opened.ok()) {
    INFO(opened.status().ToString());
    CHECK(opened.status().code() == absl::StatusCode::kDataLoss);
    CHECK(absl::StrContains(opened.status().message(), file));
    return false;
  }
  const absl::Status health = (*opened)->Health();
  if (health.ok()) {  // the byte was of no consequence
    CHECK(*(*opened)->CanonicalDump() == c->expected);
    return false;
  }
  INFO(health.ToString());
  CHECK(health.code() == absl::StatusCode::kDataLoss);
  CHECK(absl::StrContains(health.message(), file));
  CHECK(AskReady(opened->get()).status == 503);
  CHECK(absl::StrContains(AskReady(opened->get()).text, file));
  CHECK(absl::StrContains(AskDoctor(**opened), file));
  // It reads what is left, and writes nothing.
  CHECK((*opened)->Stats()->resources > 0);
  const absl::Status refused = (*opened)->Apply(c->world.stream.Number(9)).status();
  INFO(refused.ToString());
  CHECK((absl::IsFailedPrecondition(refused) || absl::IsDataLoss(refused)));
  return true;
}

TEST_CASE("a flipped byte in a table of a bucket costs that bucket and nothing else") {
  Closed c(150);
  int told = 0, refused = 0;
  for (const std::string& name : FilesOf(c.tables, ".sst")) {
    const uint64_t size = fs::file_size(c.tables + "/" + name);
    for (const uint64_t at : {uint64_t{5}, size / 2, size - 60}) {
      INFO(name << " byte " << at);
      const std::string image = c.Image(c.tables);
      Flip(image + "/" + name, at);
      auto found = storage::CheckFiles(image, {});
      REQUIRE(found.ok());
      const bool known = !found->damages.empty();
      const std::string family = known ? found->damages[0].family : "";
      const bool opened = CheckOutcome(&c, image, name);
      told += opened;
      refused += !opened && known;
      // What does not expire is needed whole.
      if (opened && !family.empty()) CHECK(absl::StartsWith(family, "t@"));
      fs::remove_all(image);
    }
  }
  CHECK(told > 5);
  CHECK(refused > 0);
}

TEST_CASE("a flipped byte in the log is never taken for its end") {
  Closed c(20, 40);
  const std::string db = c.world.path;
  const std::vector<std::string> logs = FilesOf(db, ".log");
  REQUIRE_FALSE(logs.empty());
  const uint64_t size = fs::file_size(db + "/" + logs.back());
  // Headers and payloads of the first, of middle and of the very last records.
  std::vector<uint64_t> places = {0, 4, 5, 6, 100, size - 1, size - 40};
  for (uint64_t i = 1; i < 24; ++i) places.push_back(size * i / 24);
  int told = 0;
  for (const uint64_t at : places) {
    INFO(logs.back() << " of " << size << " byte " << at);
    const std::string image = c.Image(db);
    Flip(image + "/" + logs.back(), at);
    told += CheckOutcome(&c, image, logs.back());
    fs::remove_all(image);
  }
  CHECK(told >= 20);
}

TEST_CASE("a torn end of the log is no damage") {
  Closed c(20, 40);
  const std::string db = c.world.path;
  const std::string log = FilesOf(db, ".log").back();
  const uint64_t size = fs::file_size(db + "/" + log);
  for (const uint64_t cut : {uint64_t{1}, uint64_t{3}, uint64_t{50}, uint64_t{200}}) {
    INFO("cut by " << cut);
    const std::string image = c.Image(db);
    fs::resize_file(image + "/" + log, size - cut);
    if (cut == 50) fs::resize_file(image + "/" + log, size);  // its last sector was not written
    auto opened = Database::Open(image, c.world.options);
    INFO(opened.status().ToString());
    REQUIRE(opened.ok());
    CHECK((*opened)->Health().ok());
    const int64_t next = crash::Stream::NextOf(**opened);
    CHECK(next < 60);
    CHECK(next > 50);
    CHECK(*(*opened)->CanonicalDump() == c.world.Expected(next));
    opened->reset();
    fs::remove_all(image);
  }
}

TEST_CASE("a flipped byte in MANIFEST or CURRENT is named and nothing is touched") {
  Closed c(40, 20);
  for (const std::string& dir : {c.tables, c.world.path}) {
    for (const char* part : {"MANIFEST-", "CURRENT"}) {
      const std::string name = FilesOf(dir, part).back();
      const uint64_t size = fs::file_size(dir + "/" + name);
      for (uint64_t at = 0; at < size; at += 1 + size / 16) {
        INFO(name << " of " << size << " byte " << at);
        const std::string image = c.Image(dir);
        Flip(image + "/" + name, at);
        const auto before = Contents(image);
        for (const bool read_only : {true, false}) {
          DatabaseOptions options = c.world.options;
          options.read_only = read_only;
          auto opened = Database::Open(image, options);
          REQUIRE_FALSE(opened.ok());
          INFO(opened.status().ToString());
          CHECK(opened.status().code() == absl::StatusCode::kDataLoss);
          CHECK(absl::StrContains(opened.status().message(), name));
          CHECK(Contents(image) == before);
        }
        fs::remove_all(image);
      }
    }
  }
}

TEST_CASE("a table that is not there is named") {
  Closed c(60);
  for (const std::string& name : FilesOf(c.tables, ".sst")) {
    const std::string image = c.Image(c.tables);
    fs::remove(image + "/" + name);
    CheckOutcome(&c, image, name);
    fs::remove_all(image);
  }
}

TEST_CASE("answers about a damaged time say so and those about other times are right") {
  Closed c(150);
  c.world.options.memory_window = std::chrono::hours(24);
  bool seen = false;
  for (const std::string& name : FilesOf(c.tables, ".sst")) {
    const std::string image = c.Image(c.tables);
    Flip(image + "/" + name, fs::file_size(image + "/" + name) / 3);
    DatabaseOptions options = c.world.options;
    options.read_only = true;
    auto opened = Database::Open(image, options);
    if (opened.ok() && !(*opened)->GetView()->damage().empty()) {
      seen = true;
      for (const DamagedTime& d : (*opened)->GetView()->damage()) {
        CHECK(absl::StrContains(d.found, name));
        CHECK(d.when.to - d.when.from <= std::chrono::hours(2));
      }
      // Whoever walks through the damage is told.
      const auto view = (*opened)->GetView();
      uint64_t episodes = 0;
      const absl::Status all = view->ForEachEpisode(*view->FindScope({}), {kBeginning, kForever},
                                                    [&](const EpisodeRecord&) {
                                                      ++episodes;
                                                      return true;
                                                    });
      if (!all.ok()) CHECK(absl::StrContains(all.message(), name));
    }
    fs::remove_all(image);
  }
  CHECK(seen);
}

}  // namespace
}  // namespace kg::faults
