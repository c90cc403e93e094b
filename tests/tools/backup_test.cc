#include <algorithm>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/tools/support.h"

namespace kg::kgctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string Answer(const TempDir& dir, const std::string& data) {
  const Ran ran = Run(dir, "rca -A -o json --data-dir " + (dir / data));
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return ran.out;
}

// The largest file of the data in a backup, shared with nothing.
std::string LargestFile(const std::string& backup) {
  fs::path largest;
  for (const auto& entry : fs::directory_iterator(backup + "/data")) {
    if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
  }
  fs::copy_file(largest, largest.string() + ".own");
  fs::rename(largest.string() + ".own", largest);
  return largest.string();
}

TEST_CASE("a directory is backed up and listed and verified and restored and pruned") {
  TempDir dir;
  LoadCluster(dir);
  const std::string folder = " --backup-dir " + (dir / "backups");
  CHECK(absl::StrContains(Run(dir, "backup" + folder).out, "there is no backup in"));
  const Ran made = Run(dir, "backup create" + folder);
  INFO(made.out << made.err);
  REQUIRE(made.code == 0);
  const std::string name = made.out.substr(0, made.out.find('\n'));
  CHECK(absl::StrContains(made.err, "data up to 2026-03-02 10:15:00"));

  const Ran verified = Run(dir, "backup verify latest" + folder);
  INFO(verified.out << verified.err);
  CHECK(verified.code == 0);
  CHECK(absl::StrContains(verified.out, name + ": sound"));

  for (const char* format : {"table", "wide", "json", "yaml", "name"}) {
    const Ran listed = Run(dir, absl::StrCat("backup list -o ", format, folder));
    INFO(listed.out << listed.err);
    CHECK(listed.code == 0);
    CHECK(absl::StrContains(listed.out, name));
    if (std::string(format) != "table") continue;
    for (const absl::string_view line : absl::StrSplit(listed.out, '\n')) CHECK(line.size() <= 100);
  }

  const Ran restored = Run(dir, "restore " + name + folder + " --data-dir " + (dir / "sub/again"));
  INFO(restored.out << restored.err);
  REQUIRE(restored.code == 0);
  CHECK(Answer(dir, "sub/again") == Answer(dir, "data"));
  const Ran refused = Run(dir, "restore latest" + folder + " --data-dir " + (dir / "data"));
  CHECK(refused.code == 1);
  CHECK(absl::StrContains(refused.err, "is not empty"));
  // By its path, from wherever it was carried.
  fs::rename(dir / "backups", dir / "carried");
  CHECK(Run(dir, "restore " + (dir / "carried/") + name + " --data-dir " + (dir / "third")).code ==
        0);
  fs::rename(dir / "carried", dir / "backups");

  REQUIRE(Run(dir, "backup create" + folder).code == 0);
  const Ran pruned = Run(dir, "backup prune --keep 1" + folder);
  INFO(pruned.out << pruned.err);
  CHECK(pruned.code == 0);
  CHECK(absl::StrContains(pruned.out, "removed " + name));
  CHECK(absl::StrContains(pruned.out, "kept 1"));

  const json::value listed = json::parse(Run(dir, "backup list -o json" + folder).out);
  const std::string last(listed.at("backups").at(0).at("name").as_string().c_str());
  fs::resize_file(LargestFile(dir / ("backups/" + last)), 100);
  const Ran bad = Run(dir, "backup verify " + last + folder);
  CHECK(bad.code == 1);
  CHECK(absl::StrContains(bad.out, "BAD"));
  CHECK(Run(dir, "doctor" + folder).code == 1);
  CHECK(Run(dir, "restore latest" + folder + " --data-dir " + (dir / "none")).code == 3);
}

TEST_CASE("a directory goes through a pipe as an archive and a short one is refused") {
  TempDir dir;
  LoadCluster(dir);
  const Ran sent = Run(dir, "backup create --output -");
  INFO(sent.err);
  REQUIRE(sent.code == 0);
  WriteFile(dir / "kg.tar.zst", sent.out);
  CHECK(std::system(
            ("zstd -dcq " + (dir / "kg.tar.zst") + " | tar -t | grep -q data/CURRENT").c_str()) ==
        0);
  const std::string target = " --data-dir " + (dir / "again");
  const Ran piped = Run(dir, "restore --input -" + target, "cat " + (dir / "kg.tar.zst") + " |");
  INFO(piped.err);
  REQUIRE(piped.code == 0);
  CHECK(Answer(dir, "again") == Answer(dir, "data"));

  WriteFile(dir / "short", sent.out.substr(0, sent.out.size() - 20));
  const Ran refused =
      Run(dir, "restore --input " + (dir / "short") + " --data-dir " + (dir / "short-data"));
  CHECK(refused.code == 1);
  CHECK(absl::StrContains(refused.err, "cut off"));
  CHECK_FALSE(fs::exists(dir / "short-data"));

  REQUIRE(Run(dir, "backup create --output " + (dir / "file.tar.zst")).code == 0);
  CHECK_FALSE(fs::exists(dir / "file.tar.zst.part"));
  CHECK(Run(dir, "restore --input " + (dir / "file.tar.zst") + " --data-dir " + (dir / "fourth"))
            .code == 0);
}

TEST_CASE("a running node is backed up through its port") {
  TempDir dir;
  LoadCluster(dir);
  const std::string folder = " --backup-dir " + (dir / "backups");
  RunningNode node(dir, {"--backup-dir", dir / "backups"});
  const std::string server = " --server " + node.url();
  const Ran owned = Run(dir, "backup create" + folder);
  CHECK(owned.code == 4);
  CHECK(absl::StrContains(owned.err, "--server"));
  const Ran made = Run(dir, "backup create" + server);
  INFO(made.out << made.err);
  REQUIRE(made.code == 0);
  CHECK(Run(dir, "backup verify latest" + server).code == 0);
  CHECK(Run(dir, "backup list -o name" + server).out == made.out);
  const Ran sent = Run(dir, "backup create --output " + (dir / "node.tar.zst") + server);
  INFO(sent.err);
  REQUIRE(sent.code == 0);
  CHECK(Run(dir, "restore --input " + (dir / "node.tar.zst") + " --data-dir " + (dir / "again"))
            .code == 0);
  const Ran pruned = Run(dir, "backup prune --keep 1" + server);
  INFO(pruned.out << pruned.err);
  CHECK(absl::StrContains(pruned.out, "kept 1"));
  CHECK(Run(dir, "backup verify none" + server).code == 3);
  CHECK(absl::StrContains(Run(dir, "doctor" + server).out, "newest good backup"));
  CHECK(node.Stop() == 0);
  CHECK(Answer(dir, "again") == Answer(dir, "data"));
}

TEST_CASE("wrong uses of backup and restore are told in one line") {
  TempDir dir;
  const auto fails = [&](const std::string& args, int code, const std::string& says) {
    const Ran ran = Run(dir, args);
    INFO(args << "\n" << ran.out << ran.err);
    CHECK(ran.code == code);
    CHECK(absl::StrContains(ran.err, says));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  };
  fails("backup creat", 2, "is no action");
  fails("backup verify", 2, "name the backup");
  fails("backup list --keep 1", 2, "prune");
  fails("backup prune", 2, "say what to keep");
  fails("backup prune --keep none", 2, "whole number");
  fails("backup create", 3, "there is no data");
  fails("backup verify latest --backup-dir " + (dir / "none"), 3, "there is none");
  fails("restore", 2, "--input");
  fails("restore latest --input -", 2, "--input");
  fails("restore latest --backup-dir " + (dir / "none"), 3, "there is none");
  fails("restore --input " + (dir / "none"), 3, "none");
  fails("restore x --server y", 2, "--server");
  for (const char* command : {"backup", "restore"}) {
    for (const absl::string_view line :
         absl::StrSplit(Run(dir, absl::StrCat(command, " --help")).out, '\n')) {
      INFO(std::string(line));
      CHECK(line.size() <= 100);
    }
  }
}

}  // namespace
}  // namespace kg::kgctl
