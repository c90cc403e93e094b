#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/files.h"
#include "tests/engine/backup_support.h"

// Backups that are damaged, cut off, killed, or have no room.

namespace kg::backups {
namespace {

namespace fs = std::filesystem;
using semantics::RequireSameDump;

std::string Variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

struct Backed {
  TempDir dir;
  Stream stream;
  std::unique_ptr<Database> db = stream.Open(dir.Sub("db"));
  BackupFolder folder{dir.Sub("backups")};
  BackupEntry made;

  Backed() {
    stream.ApplyUpTo(db.get(), 80);
    made = MustCreate(folder, db.get());
  }
  std::string backup() const { return folder.PathOf(made.name); }

  // Verification says `why`, and so does a restore, which leaves nothing.
  void RequireRefused(const std::string& why) {
    const BackupEntry verified = MustVerify(folder, made.name);
    INFO(verified.check->problem);
    CHECK(absl::StrContains(verified.check->problem, why));
    CHECK_FALSE(MustList(folder).at(0).good());
    RestoreOptions options;
    options.data_dir = dir.Sub("target");
    const absl::Status restored = RestoreBackup(backup(), options).status();
    INFO(restored.ToString());
    CHECK(absl::IsDataLoss(restored));
    CHECK_FALSE(Exists(dir.Sub("target")));
    CHECK_FALSE(Exists(dir.Sub("target.restoring")));
    // The database that it was made of knows nothing of it.
    RequireSameDump(stream.DumpAfter(80), Dump(db.get()), "the database");
  }
};

TEST_CASE("a flipped bit in a backup's file is found and named") {
  Backed backed;
  const std::string sst = OwnSst(backed.backup());
  Flip(sst, fs::file_size(sst) / 2);
  backed.RequireRefused(fs::path(sst).filename().string());
}

TEST_CASE("a truncated file of a backup is found and named") {
  Backed backed;
  const std::string sst = OwnSst(backed.backup());
  fs::resize_file(sst, fs::file_size(sst) - 1);
  backed.RequireRefused(fs::path(sst).filename().string());
}

TEST_CASE("a missing file of a backup is found and named") {
  Backed backed;
  const std::string sst = OwnSst(backed.backup());
  fs::remove(sst);
  backed.RequireRefused("missing");
}

TEST_CASE("a damaged or shortened manifest is no manifest") {
  for (const bool shorten : {false, true}) {
    Backed backed;
    const std::string manifest = backed.backup() + "/backup.manifest";
    if (shorten) {
      fs::resize_file(manifest, fs::file_size(manifest) / 2);
    } else {
      Flip(manifest, fs::file_size(manifest) / 2);
    }
    CHECK(MustList(backed.folder).at(0).state == BackupEntry::State::kDamaged);
    backed.RequireRefused("manifest");
  }
}

TEST_CASE("a file that the manifest does not name is a fault") {
  Backed backed;
  fs::copy_file(OwnSst(backed.backup()), backed.backup() + "/data/999999.sst");
  CHECK(
      absl::StrContains(MustVerify(backed.folder, backed.made.name).check->problem, "999999.sst"));
}

TEST_CASE("a backup that answers no question is bad") {
  Backed backed;
  VerifyBackupOptions options;
  int asked = 0;
  options.ask = [&](const Database& copy) {
    ++asked;
    CHECK(copy.Position("stream", 0)->offset == 79);
    return absl::InternalError("no answer");
  };
  auto verified = backed.folder.Verify("latest", options);
  REQUIRE(verified.ok());
  CHECK(asked == 1);
  CHECK(absl::StrContains(verified->check->problem, "no answer"));
  // Mended since: the last word counts.
  options.ask = nullptr;
  verified = backed.folder.Verify(backed.made.name, options);
  REQUIRE(verified.ok());
  CHECK(verified->check->problem.empty());
  CHECK(MustList(backed.folder).at(0).good());
  // Given up: the last word stays.
  options.progress = [](const BackupProgress&) { return absl::CancelledError("enough"); };
  CHECK(absl::IsCancelled(backed.folder.Verify(backed.made.name, options).status()));
  CHECK(MustList(backed.folder).at(0).check->problem.empty());
}

// --- killed

TEST_CASE("child that is killed while it makes a backup", "[.child]") {
  const std::string db_dir = Variable("KG_BACKUP_DB"), folder = Variable("KG_BACKUP_FOLDER");
  int calls_left = 0;
  if (!absl::SimpleAtoi(Variable("KG_BACKUP_CALLS"), &calls_left)) return;
  const Stream stream;
  auto db = stream.Open(db_dir);
  BackupOptions options;
  options.progress = [&](const BackupProgress&) {
    if (--calls_left <= 0) ::raise(SIGKILL);
    return absl::OkStatus();
  };
  ::_exit(BackupFolder(folder).Create(db.get(), options).ok() ? 0 : 1);
}

void KillBackups(const std::string& folder_path) {
  TempDir dir;
  const Stream stream;
  const std::string db_dir = dir.Sub("db");
  const BackupFolder folder(folder_path);
  {
    auto db = stream.Open(db_dir);
    stream.ApplyUpTo(db.get(), 80);
    MustCreate(folder, db.get());
    stream.ApplyUpTo(db.get(), 90);
  }
  int killed = 0;
  for (int calls = 1; calls < 200; calls += calls < 8 ? 1 : 9) {
    const int status = RunChild("child that is killed while it makes a backup",
                                {{"KG_BACKUP_DB", db_dir},
                                 {"KG_BACKUP_FOLDER", folder_path},
                                 {"KG_BACKUP_CALLS", absl::StrCat(calls)}});
    if (WIFEXITED(status)) {
      CHECK(WEXITSTATUS(status) == 0);
      break;
    }
    REQUIRE(WTERMSIG(status) == SIGKILL);
    ++killed;
    const auto entries = MustList(folder);
    CHECK(entries.back().state == BackupEntry::State::kIncomplete);
    CHECK(absl::IsFailedPrecondition(folder.Verify(entries.back().name, {}).status()));
    RestoreOptions restore;
    restore.data_dir = dir.Sub("never");
    CHECK(absl::IsFailedPrecondition(
        RestoreBackup(folder.PathOf(entries.back().name), restore).status()));
    CHECK_FALSE(Exists(dir.Sub("never")));
    CHECK(folder.Find("latest")->good());
  }
  CHECK(killed > 3);
  auto db = stream.Open(db_dir);
  CHECK_FALSE(Exists(db_dir + "/" + storage::kStagingFolder));
  RequireSameDump(stream.DumpAfter(90), Dump(db.get()), "after the kills");
  const BackupEntry made = MustCreate(folder, db.get());
  CHECK(MustVerify(folder, made.name).check->problem.empty());
  PruneRule rule;
  rule.keep = 100;
  const auto pruned = folder.Prune(rule);
  REQUIRE(pruned.ok());
  CHECK(pruned->removed.size() == static_cast<size_t>(killed));
  for (const BackupEntry& entry : MustList(folder)) CHECK(entry.good());
}

TEST_CASE("a killed backup is shown and pruned and never restored") {
  TempDir dir;
  KillBackups(dir.Sub("backups"));
}

TEST_CASE("a backup killed while copying to another file system leaves nothing behind") {
  const std::string elsewhere = ElsewhereDir();
  if (elsewhere.empty()) {
    WARN("there is no second file system here");
    return;
  }
  KillBackups(elsewhere + "/backups");
  fs::remove_all(elsewhere);
}

TEST_CASE("child that is killed while it restores", "[.child]") {
  int calls_left = 0;
  if (!absl::SimpleAtoi(Variable("KG_BACKUP_CALLS"), &calls_left)) return;
  RestoreOptions options;
  options.data_dir = Variable("KG_BACKUP_DB");
  options.progress = [&](const BackupProgress&) {
    if (--calls_left <= 0) ::raise(SIGKILL);
    return absl::OkStatus();
  };
  ::_exit(RestoreBackup(Variable("KG_BACKUP_FOLDER"), options).ok() ? 0 : 1);
}

TEST_CASE("a killed restore leaves the target absent and the next one succeeds") {
  Backed backed;
  const std::string target = backed.dir.Sub("target");
  int killed = 0;
  for (int calls = 1; calls < 200; calls += 5) {
    const int status = RunChild("child that is killed while it restores",
                                {{"KG_BACKUP_DB", target},
                                 {"KG_BACKUP_FOLDER", backed.backup()},
                                 {"KG_BACKUP_CALLS", absl::StrCat(calls)}});
    if (WIFEXITED(status)) {
      CHECK(WEXITSTATUS(status) == 0);
      break;
    }
    ++killed;
    CHECK_FALSE(Exists(target));
  }
  CHECK(killed > 2);
  CHECK_FALSE(Exists(target + ".restoring"));
  auto db = backed.stream.Open(target);
  RequireSameDump(backed.stream.DumpAfter(80), Dump(db.get()), "restored");
}

// --- no room: no file may grow beyond a limit, which the kernel tells as it tells a full disk

// RocksDB's own small files fit, the large one does not.
constexpr rlim_t kFull = 256 << 10;

// Much that can't be compressed.
void ApplyLarge(Database* db) {
  semantics::Random random(7);
  Batch batch;
  for (int i = 0; i < 100; ++i) {
    std::string noise;
    while (noise.size() < 8000) noise += absl::StrCat(absl::Hex(random.Next()));
    batch.mutations.push_back(semantics::Object("ConfigMap", "shop", absl::StrCat("c-", i))
                                  .SeenAt(semantics::At(12))
                                  .Set("spec.noise", noise));
  }
  REQUIRE(db->Apply(std::move(batch)).ok());
}

TEST_CASE("child whose disk is full", "[.child]") {
  const std::string db_dir = Variable("KG_BACKUP_DB"), folder = Variable("KG_BACKUP_FOLDER");
  if (db_dir.empty()) return;
  const Stream stream;
  DatabaseOptions options = stream.Options();
  options.rocksdb_options["disable_auto_compactions"] = "true";  // would meet the limit as well
  auto opened = Database::Open(db_dir, options);
  REQUIRE(opened.ok());
  Database* db = opened->get();
  REQUIRE(db->Settle().ok());
  ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit limit = {kFull, kFull};
  const BackupFolder backups(folder);
  RestoreOptions restore;
  restore.data_dir = Variable("KG_BACKUP_TARGET");
  const auto former = backups.Find("latest");
  if (!former.ok() || ::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
  const bool restore_refused =
      absl::IsResourceExhausted(RestoreBackup(backups.PathOf(former->name), restore).status());
  const bool create_refused =
      absl::IsResourceExhausted(BackupFolder(folder + "2").Create(db, {}).status());
  ::_exit(restore_refused && create_refused && db->Health().ok() ? 0 : 1);
}

TEST_CASE("a full disk ends a backup and a restore cleanly and harms nothing else") {
  std::string elsewhere = ElsewhereDir();
  if (elsewhere.empty()) {
    WARN("there is no second file system here");
    return;
  }
  TempDir dir;
  const Stream stream;
  const BackupFolder folder(elsewhere + "/backups");
  std::string before;
  {
    auto db = stream.Open(dir.Sub("db"));
    stream.ApplyUpTo(db.get(), 60);
    ApplyLarge(db.get());
    before = Dump(db.get());
    REQUIRE(fs::file_size(OwnSst(folder.PathOf(MustCreate(folder, db.get()).name))) > kFull);
  }
  const int status =
      RunChild("child whose disk is full", {{"KG_BACKUP_DB", dir.Sub("db")},
                                            {"KG_BACKUP_FOLDER", folder.path()},
                                            {"KG_BACKUP_TARGET", dir.Sub("target")}});
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK_FALSE(Exists(dir.Sub("target")));
  CHECK_FALSE(Exists(dir.Sub("target.restoring")));
  CHECK(MustList(BackupFolder(elsewhere + "/backups2")).empty());
  const auto entries = MustList(folder);
  CHECK(entries.size() == 1);
  CHECK(MustVerify(folder, entries.at(0).name).check->problem.empty());
  auto db = stream.Open(dir.Sub("db"));
  RequireSameDump(before, Dump(db.get()), "after the full disk");
  fs::remove_all(elsewhere);
}

}  // namespace
}  // namespace kg::backups
