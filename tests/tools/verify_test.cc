#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/tools/support.h"

// kgctl verify, as a person runs it.

namespace kg::kgctl {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

// The newest file whose name begins or ends so.
std::string FileLike(const std::string& dir, absl::string_view part) {
  std::string found;
  for (const auto& e : fs::directory_iterator(dir)) {
    const std::string name = e.path().filename().string();
    const bool like = absl::StartsWith(name, part) || absl::EndsWith(name, part);
    if (like && name > found) found = name;
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

void FlipByteInTheMiddle(const std::string& file) {
  std::string bytes = ReadFile(file);
  REQUIRE(bytes.size() > 64);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  WriteFile(file, bytes);
}

TEST_CASE("verify says that nothing is wrong and what it has read") {
  TempDir dir;
  CHECK(Run(dir, "verify").code == 3);
  LoadCluster(dir);
  const Ran ran = Run(dir, "verify");
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  // On a slow machine how far it is.
  for (const absl::string_view line : absl::StrSplit(ran.err, '\n', absl::SkipEmpty()))
    CHECK(absl::StartsWith(line, "kgctl verify: "));
  CHECK(absl::StrContains(ran.out, "nothing is wrong"));
  CHECK(absl::StrContains(ran.out, "episode (E)"));
  const json::value report = json::parse(Run(dir, "verify -o json").out);
  CHECK(report.at("ok").as_bool());
  CHECK(report.at("found").to_number<int>() == 0);
  CHECK(report.at("rows").at("episode (E)").to_number<int>() > 0);
  CHECK(report.at("findings").as_array().empty());
  CHECK(Run(dir, "verify -o yaml").code == 2);
  CHECK(Run(dir, "verify --discard-original").code == 2);
  // Nothing to mend, nothing done.
  const Ran repair = Run(dir, "verify --repair");
  CHECK(repair.code == 0);
  CHECK(absl::StrContains(repair.out, "nothing is wrong"));
}

TEST_CASE("verify does not run beside a node") {
  TempDir dir;
  LoadCluster(dir);
  RunningNode node(dir);
  const Ran ran = Run(dir, "verify");
  CHECK(ran.code == 4);
  CHECK(absl::StrContains(ran.err, "in use by a running node"));
}

TEST_CASE("a damaged MANIFEST is named and repaired and the original stays beside") {
  TempDir dir;
  LoadCluster(dir);
  const std::string stats = Run(dir, "stats").out;
  const std::string manifest = FileLike(dir / "data", "MANIFEST-");
  FlipByteInTheMiddle(dir / ("data/" + manifest));
  const Ran found = Run(dir, "verify");
  INFO(found.out << found.err);
  CHECK(found.code == 1);
  CHECK(absl::StrContains(found.out, manifest));
  CHECK(absl::StrContains(found.out, "does not match its checksum"));
  const Ran repaired = Run(dir, "verify --repair -o json");
  INFO(repaired.out << repaired.err);
  const json::value report = json::parse(repaired.out);
  const std::string original(report.at("repair").at("original").as_string().c_str());
  CHECK(absl::StrContains(original, "data.before-repair-"));
  CHECK(fs::exists(original + "/" + manifest));
  CHECK(Run(dir, "stats").code == 0);
}

TEST_CASE("stats and doctor tell the format") {
  TempDir dir;
  LoadCluster(dir);
  CHECK(absl::StrContains(Run(dir, "stats").out, "in format 2"));
  CHECK(json::parse(Run(dir, "stats -o json").out).at("format").to_number<int>() == 2);
  CHECK(absl::StrContains(Run(dir, "doctor").out, "the data directory has format 2"));
}

}  // namespace
}  // namespace kg::kgctl
