#include <dirent.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/backup_manifest.h"
#include "storage/files.h"
#include "tests/engine/backup_support.h"

namespace kg::backups {
namespace {

namespace fs = std::filesystem;
using semantics::RequireSameDump;

int OpenHandles() {
  int count = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

// How many batches a backup was told.
int PrefixOf(const BackupEntry& entry) {
  const auto& positions = entry.manifest->positions;
  return positions.empty() ? 0 : static_cast<int>(positions[0].offset) + 1;
}

// A copy under another clock tells the same, goes on where its positions say, and ends like an
// undisturbed one.
void RequireGoesOn(const Stream& stream, const std::string& data_dir, int told) {
  auto db = stream.Open(data_dir);
  REQUIRE(NextBatch(*db) == told);
  RequireSameDump(stream.DumpAfter(told), Dump(db.get()), "the restored database");
  stream.ApplyUpTo(db.get(), kBatches);
  RequireSameDump(stream.DumpAfter(kBatches), Dump(db.get()), "gone on to the end");
}

TEST_CASE("a backup holds what its positions say and is restored to go on there") {
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  stream.ApplyUpTo(db.get(), 70);
  const BackupFolder folder(dir.Sub("backups"));
  const BackupEntry made = MustCreate(folder, db.get());
  stream.ApplyUpTo(db.get(), 90);

  REQUIRE(made.manifest.has_value());
  REQUIRE(made.manifest->positions.size() == 1);
  CHECK(made.manifest->positions[0].offset == 69);
  CHECK(made.manifest->counts.at("episodes") > 0);
  CHECK(made.manifest->counts.at("links") > 0);
  const auto before = db->Stats();
  REQUIRE(before.ok());
  CHECK(made.manifest->store_id == before->store_id);
  CHECK(made.manifest->sequence < before->sequence);

  const BackupEntry verified = MustVerify(folder, "latest");
  CHECK(verified.name == made.name);
  CHECK(verified.check->problem.empty());

  MustRestore(folder.PathOf(made.name), dir.Sub("restored"));
  {
    auto restored = stream.Open(dir.Sub("restored"));
    const auto stats = restored->Stats();
    REQUIRE(stats.ok());
    CHECK(stats->store_id == before->store_id);
    CHECK(stats->epoch == before->epoch + 1);
    CHECK(restored->MacKey() == db->MacKey());
  }
  RequireGoesOn(stream, dir.Sub("restored"), 70);
  // Nothing is left beside it.
  CHECK_FALSE(Exists(dir.Sub("restored.restoring")));
  CHECK_FALSE(Exists(dir.Sub("restored.restoring.lock")));
}

// What stands after a prefix, opened anew as a restored copy is. When expiry runs is no fact of the
// stream: a copy may have been made before it or after.
std::vector<std::string> DumpsAfterExpiry(const Stream& stream, int n) {
  std::vector<std::string> dumps;
  for (const bool maintained : {false, true}) {
    TempDir dir;
    {
      auto db = stream.Open(dir.Sub("reference"));
      stream.ApplyUpTo(db.get(), n - 1);
      REQUIRE(stream.Tell(db.get(), n - 1).ok());
      if (maintained) REQUIRE(db->Maintain().ok());
      REQUIRE(db->Settle().ok());
    }
    auto db = stream.Open(dir.Sub("reference"));
    dumps.push_back(*db->CanonicalDump());
  }
  return dumps;
}

// Backups one after the other for as long as a writer tells the stream.
std::vector<BackupEntry> BackUpWhileTold(const Stream& stream, Database* db,
                                         const BackupFolder& folder) {
  std::atomic<bool> failed{false};
  std::atomic<int> told{0};
  std::thread writer([&] {
    for (int i = 0; i < kBatches && !failed; ++i) {
      if (!stream.Apply(db, i).ok()) failed = true;
      told = i + 1;
    }
  });
  std::vector<BackupEntry> made;
  while (!failed && (made.empty() || PrefixOf(made.back()) < kBatches)) {
    // The writer shall get on between two of them.
    const int wanted = std::min(kBatches, made.empty() ? 1 : PrefixOf(made.back()) + 12);
    while (told < wanted && !failed) std::this_thread::yield();
    auto entry = folder.Create(db, {});
    if (!entry.ok()) {
      UNSCOPED_INFO(entry.status().ToString());
      failed = true;
    } else {
      made.push_back(*std::move(entry));
    }
  }
  writer.join();
  REQUIRE_FALSE(failed);
  return made;
}

TEST_CASE("backups under full ingest each equal the prefix they name") {
  TempDir dir;
  // With the longer step buckets roll and expire all the time.
  for (const Duration step :
       {Duration(std::chrono::minutes(2)), Duration(std::chrono::minutes(30))}) {
    const Stream stream{step};
    const std::string name = absl::StrCat(step.count());
    auto db = stream.Open(dir.Sub("db" + name));
    const BackupFolder folder(dir.Sub("backups" + name));
    const std::vector<BackupEntry> made = BackUpWhileTold(stream, db.get(), folder);
    CHECK(made.size() > 1);
    // A handful, spread over the run: each comparison applies its prefix anew.
    const size_t stride = std::max<size_t>(1, made.size() / 3);
    for (size_t i = 0; i < made.size(); i += stride) {
      const BackupEntry& entry = made[i];
      const int prefix = PrefixOf(entry);
      INFO(entry.name << ", step " << name << " us, prefix " << prefix);
      CHECK(MustVerify(folder, entry.name).check->problem == "");
      const std::string target = dir.Sub(absl::StrCat("r", name, "-", i));
      MustRestore(folder.PathOf(entry.name), target);
      auto restored = stream.Open(target);
      REQUIRE(NextBatch(*restored) == prefix);
      const std::string dump = *restored->CanonicalDump();
      const std::vector<std::string> expected = DumpsAfterExpiry(stream, prefix);
      if (dump != expected[0]) RequireSameDump(expected[1], dump, "the prefix");
    }
  }
}

TEST_CASE("what did not change is stored once") {
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  stream.ApplyUpTo(db.get(), 100);
  const BackupFolder folder(dir.Sub("backups"));
  const BackupEntry first = MustCreate(folder, db.get());
  const BackupEntry second = MustCreate(folder, db.get());
  CHECK(second.bytes >= first.bytes / 2);
  CHECK(second.own_bytes < second.bytes / 2);
  CHECK(second.manifest->sequence >= first.manifest->sequence);
  CHECK(first.name < second.name);
}

TEST_CASE("on another file system unchanged files are linked to the former backup") {
  const std::string elsewhere = ElsewhereDir();
  if (elsewhere.empty()) {
    WARN("there is no second file system here");
    return;
  }
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  stream.ApplyUpTo(db.get(), 100);
  {
    const BackupFolder folder(elsewhere + "/backups");
    const BackupEntry first = MustCreate(folder, db.get());
    CHECK(first.own_bytes == first.bytes);
    stream.ApplyUpTo(db.get(), 110);
    const BackupEntry second = MustCreate(folder, db.get());
    CHECK(second.own_bytes < second.bytes);
    CHECK(MustVerify(folder, second.name).check->problem.empty());
    CHECK_FALSE(Exists(dir.Sub("db") + "/" + storage::kStagingFolder));

    // A former one that was damaged since is not linked to when its size shows it, and what is
    // linked is compared with what was copied then.
    MustRestore(folder.PathOf(second.name), dir.Sub("restored"));
    RequireGoesOn(stream, dir.Sub("restored"), 110);

    PruneRule rule;
    rule.keep = 1;
    const auto pruned = folder.Prune(rule);
    REQUIRE(pruned.ok());
    CHECK(pruned->removed == std::vector<std::string>{first.name});
    CHECK(MustVerify(folder, second.name).check->problem.empty());
  }
  fs::remove_all(elsewhere);
}

TEST_CASE("a folder within the data directory is refused") {
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  for (const char* inside : {"db/backups", "db", "db/x/../y"}) {
    const auto made = BackupFolder(dir.Sub(inside)).Create(db.get(), {});
    CHECK(absl::IsInvalidArgument(made.status()));
  }
  CHECK_FALSE(Exists(dir.Sub("db/backups")));
}

TEST_CASE("names sort by the order of making whatever becomes of the clock") {
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  const BackupFolder folder(dir.Sub("backups"));
  Timestamp now = semantics::At(30);
  BackupOptions options;
  options.now = [&] { return now; };
  std::vector<std::string> names;
  for (const Duration move : {Duration(0), Duration(0), Duration(-5'000'000'000), Duration(1)}) {
    now += move;
    names.push_back(MustCreate(folder, db.get(), options).name);
  }
  CHECK(names[0] == "20231116T060000.000000Z");
  CHECK(names[1] == "20231116T060000.000001Z");
  CHECK(std::is_sorted(names.begin(), names.end()));
  const auto entries = MustList(folder);
  REQUIRE(entries.size() == names.size());
  for (size_t i = 0; i < names.size(); ++i) CHECK(entries[i].name == names[i]);
}

TEST_CASE("one backup or prune at a time and others are told to wait") {
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  stream.ApplyUpTo(db.get(), 10);
  const BackupFolder folder(dir.Sub("backups"));
  int asked = 0;
  BackupOptions options;
  options.progress = [&](const BackupProgress&) {
    if (++asked > 1) return absl::OkStatus();
    CHECK(absl::IsUnavailable(folder.Create(db.get(), {}).status()));
    PruneRule rule;
    rule.keep = 1;
    CHECK(absl::IsUnavailable(folder.Prune(rule).status()));
    const auto entries = MustList(folder);
    CHECK(entries.size() == 1);
    CHECK(entries.at(0).state == BackupEntry::State::kUnderWay);
    CHECK(absl::IsFailedPrecondition(folder.Verify(entries.at(0).name, {}).status()));
    return absl::OkStatus();
  };
  MustCreate(folder, db.get(), options);
  CHECK(asked > 1);
  // Given up by who watches: nothing stays.
  options.progress = [](const BackupProgress& p) {
    return p.done_bytes > 0 ? absl::CancelledError("enough") : absl::OkStatus();
  };
  CHECK(absl::IsCancelled(folder.Create(db.get(), options).status()));
  CHECK(MustList(folder).size() == 1);
}

TEST_CASE("prune keeps by number and by age and never takes the last good one") {
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  stream.ApplyUpTo(db.get(), 10);
  const BackupFolder folder(dir.Sub("backups"));
  Timestamp now = semantics::At(0);
  BackupOptions options;
  options.now = [&] { return now; };
  std::vector<std::string> names;
  for (int day = 0; day < 6; ++day, now += std::chrono::hours(24))
    names.push_back(MustCreate(folder, db.get(), options).name);
  fs::create_directory(dir.Sub("backups/not-a-backup"));
  fs::create_directory(
      dir.Sub("backups/20231114T000000.000000Z"));  // one that did not get finished

  CHECK(absl::IsInvalidArgument(folder.Prune({}).status()));
  PruneRule rule;
  rule.now = options.now;
  rule.keep = 0;
  CHECK(absl::IsInvalidArgument(folder.Prune(rule).status()));

  rule.keep = 1;
  rule.keep_for = std::chrono::hours(24 * 4 + 1);
  auto pruned = folder.Prune(rule);
  REQUIRE(pruned.ok());
  CHECK(pruned->removed == std::vector<std::string>{"20231114T000000.000000Z", names[0], names[1]});
  CHECK(pruned->kept.size() == 4);
  CHECK(Exists(dir.Sub("backups/not-a-backup")));

  // The newest two turn out to be bad: they don't count, and the one before them stays.
  Flip(OwnSst(folder.PathOf(names[5])), 100);
  Flip(folder.PathOf(names[4]) + "/backup.manifest", 60);
  CHECK_FALSE(MustVerify(folder, names[5]).check->problem.empty());
  const auto latest = folder.Find("latest");
  REQUIRE(latest.ok());
  CHECK(latest->name == names[3]);
  rule.keep_for.reset();
  pruned = folder.Prune(rule);
  REQUIRE(pruned.ok());
  CHECK(pruned->removed == std::vector<std::string>{names[2]});
  // A newer good one makes bad ones useless.
  const std::string fresh = MustCreate(folder, db.get(), options).name;
  {
    const auto reading = BackupArchive::Open(folder.PathOf(names[3]));
    REQUIRE(reading.ok());
    pruned = folder.Prune(rule);
    REQUIRE(pruned.ok());
    CHECK(pruned->in_use == std::vector<std::string>{names[3]});
    CHECK(pruned->removed == std::vector<std::string>{names[4], names[5]});
    CHECK(MustVerify(folder, names[3]).check->problem.empty());
  }
  pruned = folder.Prune(rule);
  REQUIRE(pruned.ok());
  CHECK(pruned->removed == std::vector<std::string>{names[3]});
  rule.keep.reset();
  rule.keep_for = Duration(1);
  now += std::chrono::hours(24 * 365);
  pruned = folder.Prune(rule);
  REQUIRE(pruned.ok());
  CHECK(pruned->kept == std::vector<std::string>{fresh});
}

TEST_CASE("a hundred rounds of create and prune leave files and handles bounded") {
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  const BackupFolder folder(dir.Sub("backups"));
  PruneRule rule;
  rule.keep = 3;
  int handles = 0;
  size_t most_files = 0;
  uint64_t most_bytes = 0;
  for (int round = 0; round < 100; ++round) {
    REQUIRE(stream.Apply(db.get(), round).ok());
    const BackupEntry made = MustCreate(folder, db.get());
    REQUIRE(folder.Prune(rule).ok());
    REQUIRE(MustList(folder).size() == std::min<size_t>(3, static_cast<size_t>(round) + 1));
    if (round % 25 == 24) CHECK(MustVerify(folder, made.name).check->problem.empty());
    if (round == 20) handles = OpenHandles();
    most_files = std::max(most_files, Tree(folder.path()).size());
    most_bytes = std::max(most_bytes, made.bytes);
  }
  // RocksDB holds a handle per SST file, and compaction keeps those few.
  CHECK(OpenHandles() <= handles + 60);
  CHECK(most_files < 3 * 200);
  CHECK(most_bytes < 16 << 20);
  CHECK(Tree(dir.Sub("db")).size() < 200);
  CHECK_FALSE(Exists(dir.Sub("db") + "/" + storage::kStagingFolder));
}

TEST_CASE("a restore takes an empty target only and no newer format") {
  TempDir dir;
  const Stream stream;
  auto db = stream.Open(dir.Sub("db"));
  stream.ApplyUpTo(db.get(), 20);
  const BackupFolder folder(dir.Sub("backups"));
  const BackupEntry made = MustCreate(folder, db.get());
  const std::string backup = folder.PathOf(made.name);
  const auto restore = [&](const std::string& target) {
    RestoreOptions options;
    options.data_dir = target;
    return RestoreBackup(backup, options).status();
  };
  // A directory that somebody uses, and a file.
  CHECK(absl::IsFailedPrecondition(restore(dir.Sub("db"))));
  fs::create_directory(dir.Sub("full"));
  std::ofstream(dir.Sub("full/note.txt")) << "mine";
  absl::Status refused = restore(dir.Sub("full"));
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(absl::StrContains(refused.message(), "note.txt"));
  CHECK(Tree(dir.Sub("full")).size() == 1);
  CHECK(absl::IsFailedPrecondition(restore(dir.Sub("full/note.txt"))));
  // An empty one, with a slash behind it.
  fs::create_directory(dir.Sub("empty"));
  CHECK(restore(dir.Sub("empty/")).ok());
  CHECK(stream.Open(dir.Sub("empty")) != nullptr);
  // Of the future: by its rows, and by its manifest.
  auto manifest = internal::ReadManifest(backup);
  REQUIRE(manifest.ok());
  ++manifest->format_version;
  REQUIRE(
      storage::ReplaceFile(backup + "/backup.manifest", internal::EncodeManifest(*manifest)).ok());
  refused = restore(dir.Sub("later"));
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(absl::StrContains(refused.message(), "newer"));
  CHECK_FALSE(Exists(dir.Sub("later")));
}

}  // namespace
}  // namespace kg::backups
