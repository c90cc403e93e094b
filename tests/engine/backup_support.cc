#include "tests/engine/backup_support.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "storage/files.h"

namespace kg::backups {

namespace fs = std::filesystem;
using semantics::At;
using semantics::Event;
using semantics::Object;
using semantics::Ref;

DatabaseOptions Stream::Options() const {
  DatabaseOptions o;
  o.retention = std::chrono::hours(28);
  o.sync = false;  // the kernel outlives the process
  o.block_cache_bytes = 1 << 20;
  o.write_buffer_bytes = 1 << 20;
  o.default_tenant = "t";
  o.default_cluster = "c";
  o.now = [] { return At(24 * 400); };
  return o;
}

std::unique_ptr<Database> Stream::Open(const std::string& path) const {
  auto db = Database::Open(path, Options());
  INFO(db.status().ToString());
  REQUIRE(db.ok());
  return *std::move(db);
}

absl::Status Stream::Tell(Database* db, int i) const {
  const Timestamp at = At(10) + step * i;
  const std::string pod = absl::StrCat("p-", i % 9);
  Batch b;
  b.mutations = {
      Event(absl::StrCat("ev-", i), Ref("Pod", "shop", pod), i % 4 == 0 ? "OOMKilling" : "BackOff",
            "Back-off restarting failed container", at, at),
      Object("Pod", "shop", pod, absl::StrCat("uid-", i % 9))
          .SeenAt(at)
          .Created(At(9))
          .On(absl::StrCat("node-", i % 2))
          .Set("spec.priority", absl::StrCat(i)),
      semantics::EdgeSeen("CALLS", Ref("Pod", "shop", pod),
                          Ref("Service", "shop", absl::StrCat("s-", i % 3)), at)};
  if (i % 11 == 10)
    b.mutations.push_back(semantics::EdgeGone(
        "", Ref("Pod", "shop", pod), Ref("Service", "shop", absl::StrCat("s-", i % 3)), at));
  b.positions.push_back({"stream", 0, i, -1, ""});
  return db->Apply(std::move(b)).status();
}

absl::Status Stream::Apply(Database* db, int i) const {
  const absl::Status told = Tell(db, i);
  return told.ok() && i % 8 == 0 ? db->Maintain() : told;
}

void Stream::ApplyUpTo(Database* db, int end) const {
  for (int i = NextBatch(*db); i < end; ++i) REQUIRE(Apply(db, i).ok());
}

std::string Stream::DumpAfter(int n) const {
  TempDir dir;
  auto db = Open(dir.Sub("reference"));
  ApplyUpTo(db.get(), n);
  return Dump(db.get());
}

int NextBatch(const Database& db) {
  const auto position = db.Position("stream", 0);
  return position.has_value() ? static_cast<int>(position->offset) + 1 : 0;
}

std::string Dump(Database* db) {
  REQUIRE(db->Settle().ok());
  REQUIRE(db->Maintain().ok());
  auto dump = db->CanonicalDump();
  REQUIRE(dump.ok());
  return *std::move(dump);
}

BackupEntry MustCreate(const BackupFolder& folder, Database* db, const BackupOptions& options) {
  auto made = folder.Create(db, options);
  INFO(made.status().ToString());
  REQUIRE(made.ok());
  REQUIRE(made->state == BackupEntry::State::kComplete);
  return *std::move(made);
}

BackupEntry MustVerify(const BackupFolder& folder, const std::string& name) {
  auto verified = folder.Verify(name, {});
  INFO(verified.status().ToString());
  REQUIRE(verified.ok());
  REQUIRE(verified->check.has_value());
  return *std::move(verified);
}

std::vector<BackupEntry> MustList(const BackupFolder& folder) {
  auto entries = folder.List();
  INFO(entries.status().ToString());
  REQUIRE(entries.ok());
  return *std::move(entries);
}

void MustRestore(const std::string& backup_dir, const std::string& data_dir) {
  RestoreOptions options;
  options.data_dir = data_dir;
  const auto restored = RestoreBackup(backup_dir, options);
  INFO(restored.status().ToString());
  REQUIRE(restored.ok());
}

std::string MustArchive(const std::string& backup_dir) {
  auto archive = BackupArchive::Open(backup_dir);
  INFO(archive.status().ToString());
  REQUIRE(archive.ok());
  std::string all;
  while (true) {
    auto piece = (*archive)->Next();
    REQUIRE(piece.ok());
    if (piece->empty()) break;
    all += *piece;
  }
  CHECK((*archive)->done_bytes() == (*archive)->manifest().bytes());
  return all;
}

absl::Status RestoreBytes(const std::string& archive, const std::string& data_dir) {
  RestoreOptions options;
  options.data_dir = data_dir;
  size_t at = 0;
  return RestoreArchive(
             [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
               const size_t got = std::min(size, archive.size() - at);
               std::memcpy(buffer, archive.data() + at, got);
               at += got;
               return got;
             },
             options)
      .status();
}

bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::vector<std::string> Tree(const std::string& path) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    std::error_code gone;  // background work may remove files meanwhile
    const uint64_t bytes = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
    if (!gone)
      found.push_back(absl::StrCat(entry.path().lexically_relative(path).string(), " ", bytes));
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string OwnSst(const std::string& backup_dir) {
  fs::path largest;
  for (const auto& entry : fs::directory_iterator(backup_dir + "/data")) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
  }
  REQUIRE_FALSE(largest.empty());
  const std::string own = largest.string() + ".own";
  fs::copy_file(largest, own);
  fs::rename(own, largest);
  return largest.string();
}

void Flip(const std::string& path, uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
  file.flush();
  REQUIRE(file.good());
}

std::string ChecksumOf(const std::string& bytes) {
  TempDir dir;
  std::ofstream(dir.Sub("f"), std::ios::binary) << bytes;
  const auto sum = storage::SumFile(dir.Sub("f"), nullptr);
  REQUIRE(sum.ok());
  return sum->checksum;
}

std::string ElsewhereDir() {
  std::string pattern = "/dev/shm/kg-backup-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return "";
  struct stat here = {}, there = {};
  if (::stat(fs::temp_directory_path().c_str(), &here) == 0 &&
      ::stat(pattern.c_str(), &there) == 0 && here.st_dev != there.st_dev) {
    return pattern;
  }
  fs::remove(pattern);
  return "";
}

int RunChild(const std::string& name,
             const std::vector<std::pair<std::string, std::string>>& variables) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (const auto& [variable, value] : variables) ::setenv(variable.c_str(), value.c_str(), 1);
    ::execl("/proc/self/exe", "child", name.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace kg::backups
