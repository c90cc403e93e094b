#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/migrate.h"
#include "engine/records.h"
#include "engine/verify.h"
#include "schemas/records_generated.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tests/semantics/fixture.h"

// A directory that a program of format 1 has left (format1/, with what it held in text) goes on
// under this one. It was made by loading three recorded cases, an alert and an unreadable record.

namespace kg::semantics {
namespace {

namespace fs = std::filesystem;

DatabaseOptions Options() {
  DatabaseOptions o;
  o.create_if_missing = false;
  o.sync = false;
  o.now = [] { return FromMicros(1'772'500'000'000'000); };
  return o;
}

std::string Expected() {
  std::ifstream in(fs::path(FORMAT1) / "expected.txt");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void CopyFixture(const std::string& to) {
  fs::copy(fs::path(FORMAT1) / "data", to, fs::copy_options::recursive);
  // Checked out read-only or not, it is to be written to.
  for (const auto& file : fs::directory_iterator(to)) {
    fs::permissions(file.path(), fs::perms::owner_all, fs::perm_options::add);
  }
}

std::unique_ptr<Database> MustOpen(const std::string& path, const DatabaseOptions& options) {
  auto db = Database::Open(path, options);
  INFO(db.status());
  REQUIRE(db.ok());
  return *std::move(db);
}

// Ids of events by which a user may ask.
std::vector<std::string> EventIds(const Database& db) {
  std::vector<std::string> ids;
  const auto view = db.GetView();
  for (const ScopeDescription& scope : view->scopes()) {
    REQUIRE(view->ForEachEpisode(scope.id, {kBeginning, kForever},
                                 [&](const EpisodeRecord& e) {
                                   auto found = view->FindEvent(scope.id, e.event_id);
                                   REQUIRE(found.ok());
                                   CHECK(std::find(found->begin(), found->end(), e.key()) !=
                                         found->end());
                                   for (const std::string& other : e.other_ids)
                                     CHECK_FALSE(view->FindEvent(scope.id, other)->empty());
                                   ids.push_back(e.event_id);
                                   return true;
                                 })
                .ok());
  }
  return ids;
}

void RequireWhole(const std::string& path) {
  VerifyOptions options;
  options.database = Options();
  auto report = Verify(path, options);
  REQUIRE(report.ok());
  for (const Finding& f : report->findings)
    UNSCOPED_INFO(f.family << " " << f.record << " " << f.key << ": " << f.what);
  CHECK(report->ok());
}

TEST_CASE("a directory of format 1 answers when it is opened for reading") {
  TempDir dir;
  CopyFixture(dir.Sub("data"));
  DatabaseOptions options = Options();
  options.read_only = true;
  const auto db = MustOpen(dir.Sub("data"), options);
  RequireSameDump(Expected(), *db->CanonicalDump(), "read only");
  CHECK(EventIds(*db).size() == 45);
  CHECK(db->Stats()->format_version == 1);
  CHECK(db->Stats()->format_is_old);
  RequireWhole(dir.Sub("data"));
}

TEST_CASE("a directory of format 1 is brought to this format and keeps what it held") {
  TempDir dir;
  const std::string path = dir.Sub("data");
  CopyFixture(path);
  std::vector<std::string> notices;
  DatabaseOptions options = Options();
  options.notice = [&](const std::string& text) { notices.push_back(text); };
  {
    const auto db = MustOpen(path, options);
    RequireSameDump(Expected(), *db->CanonicalDump(), "migrated");
    CHECK(EventIds(*db).size() == 45);
    CHECK(db->Stats()->format_version == storage::NewestFormat());
    CHECK_FALSE(db->Stats()->format_is_old);
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].find("before-format-2") != std::string::npos);
  }
  RequireWhole(path);
  {
    const auto db = MustOpen(path, options);
    RequireSameDump(Expected(), *db->CanonicalDump(), "opened again");
    CHECK(notices.size() == 1);
    // It goes on.
    Batch batch;
    batch.mutations = {Event("later", Ref("Pod", "crm", "x"), "BackOff", "Back-off",
                             FromMicros(1'772'446'000'000'000), FromMicros(1'772'446'000'000'000))};
    REQUIRE(db->Apply(std::move(batch)).ok());
  }
  RequireWhole(path);
  // As it was, for the program that wrote it.
  options.read_only = true;
  const auto before = MustOpen(path + "/" + kBeforeMigration, options);
  CHECK(before->Stats()->format_version == 1);
  RequireSameDump(Expected(), *before->CanonicalDump(), "the checkpoint");
}

TEST_CASE("child of a migration", "[.child]") {
  const char* path = ::getenv("KG_FORMAT_DIR");
  const char* steps = ::getenv("KG_FORMAT_STEPS");
  if (path == nullptr || steps == nullptr) return;
  int left = 0;
  REQUIRE(absl::SimpleAtoi(steps, &left));
  storage::StoreOptions options;
  options.create_if_missing = false;
  auto store = storage::Store::Open(path, options);
  REQUIRE(store.ok());
  MigrateOptions migrate;
  migrate.rows_per_step = 5;
  migrate.after_step = [&](uint64_t) {
    if (--left == 0) ::kill(::getpid(), SIGKILL);
  };
  REQUIRE(Migrate(store->get(), absl::StrCat(path, "/", kBeforeMigration), migrate).ok());
}

TEST_CASE("a migration that is killed goes on where it was") {
  TempDir dir;
  const std::string path = dir.Sub("data");
  CopyFixture(path);
  int kills = 0;
  for (int life = 0; life < 100; ++life) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::setenv("KG_FORMAT_DIR", path.c_str(), 1);
      ::setenv("KG_FORMAT_STEPS", absl::StrCat(1 + life % 3).c_str(), 1);
      ::execl("/proc/self/exe", "child", "child of a migration", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!killed) REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    // In between it answers as before, and so does verify.
    DatabaseOptions reading = Options();
    reading.read_only = true;
    const auto db = MustOpen(path, reading);
    INFO("life " << life);
    RequireSameDump(Expected(), *db->CanonicalDump(), "in between");
    if (life % 5 == 0 || !killed) {
      CHECK(EventIds(*db).size() == 45);
      CHECK(db->Stats()->format_is_old == killed);
    }
    if (!killed) break;
    ++kills;
  }
  CHECK(kills > 10);
  RequireWhole(path);
  const auto db = MustOpen(path, Options());
  RequireSameDump(Expected(), *db->CanonicalDump(), "at the end");
}

// --- packed rows

EpisodeRecord Full() {
  EpisodeRecord e;
  e.scope = ScopeId(3);
  e.resource = ResourceId(70'000);
  e.cls = ClassId(300);
  e.more_classes = {ClassId(1), ClassId(65'535)};
  e.category = Category::kNoise;
  e.severity = Severity::kFatal;
  e.onset = At(9, 1, 2) + Duration(345);
  e.earliest = At(8);
  e.end = At(10) + Duration(1);
  e.event_id = "status/3f2504e0-4f89-41d3-9a0c-0305e82c3301/exit/00ffab12cdef/x0123456";
  e.etype = "node.problem";
  e.reason = "Reason";
  e.message = std::string("text\0with a zero", 16);
  e.message_time = At(9, 30);
  e.container = "app";
  e.emitter = "kubelet";
  e.type = "Warning";
  e.named_severity = "ERROR";
  e.other_ids = {"", "a", "3F2504E0-4F89-41D3-9A0C-0305E82C3301", "0123456789abcdef0"};
  e.width_minutes = 8;
  e.points = {{At(9), 1ull << 63, 1},
              {At(9, 8), 0, -5},
              {At(9, 16), ~0ull, 1'000'000'000'000},
              {At(9, 24), 0b1011, 0}};
  e.paths = {"a: 1 -> 2", ""};
  e.time_source = TimeSource::kWallClock;
  e.blamed = ResourceId(4'000'000'000u);
  e.uid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
  e.runs = {{At(9), At(9, 5)}, {At(9, 20), kForever}};
  return e;
}

TEST_CASE("an episode is unpacked as it was packed") {
  EpisodeRecord bare;
  bare.scope = ScopeId(3);
  bare.etype = "k8s.event";
  for (Timestamp t : {kBeginning, kForever, Timestamp(), At(9), At(9) + Duration(1)}) {
    bare.onset = bare.earliest = bare.end = bare.message_time = t;
    const std::string row = records::EncodeEpisode(bare);
    const auto back = records::DecodeEpisode(ScopeId(3), row);
    REQUIRE(back.ok());
    CHECK(*back == bare);
  }
  EpisodeRecord full = Full();
  for (int variant = 0; variant < 3; ++variant) {
    if (variant == 1) full.end = kForever;
    if (variant == 2) full.message_time = kBeginning;
    const auto back = records::DecodeEpisode(ScopeId(3), records::EncodeEpisode(full));
    REQUIRE(back.ok());
    CHECK(*back == full);
  }
}

std::string RowOfFormat1(const fb::EpisodeT& episode) {
  flatbuffers::FlatBufferBuilder builder;
  return storage::EncodeTable(&builder, fb::Episode::Pack(builder, &episode));
}

TEST_CASE("a row of format 1 with a kind or a width that is none is damaged") {
  fb::EpisodeT good;
  good.category = 4;
  good.severity = 3;
  good.time_source = 5;
  good.width_minutes = 1u << 30;
  REQUIRE(records::DecodeEpisode(ScopeId(3), RowOfFormat1(good)).ok());
  const auto refused = [&](auto member, auto value) {
    fb::EpisodeT bad = good;
    bad.*member = value;
    return absl::IsDataLoss(records::DecodeEpisode(ScopeId(3), RowOfFormat1(bad)).status());
  };
  CHECK(refused(&fb::EpisodeT::category, 5));
  CHECK(refused(&fb::EpisodeT::severity, 4));
  CHECK(refused(&fb::EpisodeT::time_source, 6));
  CHECK(refused(&fb::EpisodeT::width_minutes, (1u << 30) + 1));
}

TEST_CASE("a width or a source of time that is none is damage in a packed row") {
  EpisodeRecord bad = Full();
  bad.time_source = static_cast<TimeSource>(6);
  CHECK_FALSE(records::DecodeEpisode(ScopeId(3), records::EncodeEpisode(bad)).ok());
  bad = Full();
  bad.width_minutes = std::numeric_limits<int>::max();
  CHECK_FALSE(records::DecodeEpisode(ScopeId(3), records::EncodeEpisode(bad)).ok());
}

TEST_CASE("points at the ends of time are kept within bounds") {
  EpisodeRecord e;
  for (int i = 0; i < 1000; ++i)
    e.AddPoint(FromMicros(std::numeric_limits<int64_t>::min() / 500 * (i - 500)), 1, 1);
  e.AddPoint(kBeginning, 1, 1);
  e.AddPoint(kForever, 1, 1);
  CHECK(e.width_minutes == 1 << 30);
  CHECK(e.points.size() <= 288);  // 2^64 us in slots of 2^30 minutes
}

TEST_CASE("damaged packed rows are told and never read beyond their end") {
  const std::string row = records::EncodeEpisode(Full());
  for (size_t n = 0; n < row.size(); ++n)
    CHECK_FALSE(records::DecodeEpisode(ScopeId(3), row.substr(0, n)).ok());
  CHECK_FALSE(records::DecodeEpisode(ScopeId(3), row + "x").ok());
  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string spoilt = row;
    for (uint64_t n = 1 + random.Below(4); n > 0; --n)
      spoilt[random.Below(spoilt.size())] = static_cast<char>(random.Next());
    records::DecodeEpisode(ScopeId(3), spoilt).status().IgnoreError();
    records::DecodeEventId(spoilt.substr(0, 8), spoilt).status().IgnoreError();
  }
}

TEST_CASE("the bursts of an id are read as they were written under its own and another key") {
  const records::EventIdRow row{EpisodeHash(77), {{At(1), At(2)}, {At(3) + Duration(5), kForever}}};
  for (EpisodeHash of : {EpisodeHash(77), EpisodeHash(78)}) {
    const std::string key = storage::keys::EventId(of);
    const auto back = records::DecodeEventId(key, records::EncodeEventId(key, row));
    REQUIRE(back.ok());
    CHECK(back->hash == row.hash);
    CHECK(back->bursts == row.bursts);
  }
}

}  // namespace
}  // namespace kg::semantics
