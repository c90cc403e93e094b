#include <algorithm>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/tools/support.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

TEST_CASE("load, then ask: the cause of a crash loop is the memory kill") {
  TempDir dir;
  LoadCluster(dir);
  const Ran asked = Run(dir, "rca pod/cart-1 -n shop -o json");
  INFO(asked.out << asked.err);
  REQUIRE(asked.code == 0);
  CHECK(asked.err.empty());
  const json::value answer = json::parse(asked.out);
  CHECK(answer.at("schema_version").to_number<int>() == 1);
  CHECK(answer.at("as_of").as_string() == "2026-03-02T10:15:00Z");
  CHECK(answer.at("verdict").as_string() == "explained");
  const json::value& cause = answer.at("root_causes").at(0);
  CHECK(cause.at("resource").at("name").as_string() == "cart-1");
  CHECK(absl::StrContains(std::string(cause.at("episode").at("class").as_string().c_str()), "OOM"));

  const Ran table = Run(dir, "rca pod/cart-1 -n shop");
  const std::vector<std::string> lines = absl::StrSplit(table.out, '\n');
  REQUIRE(lines.size() > 3);
  CHECK(absl::StartsWith(lines[0], "as of 2026-03-02 10:15:00 UTC (data clock)"));
  CHECK(absl::StartsWith(lines[1], "EXPLAINED"));
  for (const std::string& line : lines) {
    INFO(line);
    CHECK(line.size() <= 100);
  }
  // Everything before the fault was well.
  const Ran before = Run(dir, "rca -n shop --at 10:05 -o json");
  CHECK(json::parse(before.out).at("verdict").as_string() == "healthy");
  CHECK(before.code == 0);
}

TEST_CASE("loading again changes nothing") {
  TempDir dir;
  LoadCluster(dir);
  const auto told = [&] {
    const json::value v = json::parse(Run(dir, "stats -o json").out);
    return absl::StrCat(v.at("resources").to_number<int>(), " ", v.at("episodes").to_number<int>(),
                        " ", v.at("occurrences").to_number<int>(), " ",
                        v.at("edges_open").to_number<int>(), " ", v.at("links").to_number<int>(),
                        Run(dir, "rca -A -o json").out, Run(dir, "events -A -o json").out);
  };
  const std::string first = told();
  const Ran again = Run(dir, "load --again -o json " + (dir / "cluster.json"));
  REQUIRE(again.code == 0);
  CHECK(json::parse(again.out).at("unchanged").to_number<int>() > 0);
  CHECK(told() == first);
}

TEST_CASE("every question prints in every format") {
  TempDir dir;
  LoadCluster(dir);
  for (const char* question :
       {"rca -n shop", "incidents", "blast-radius node/n1", "timeline -n shop", "events -A",
        "resource pod/cart-1 -n shop", "neighbours pod/cart-1 -n shop",
        "path pod/cart-1 node/n1 -n shop", "diff --since 30m", "stats", "doctor", "dead-letters"}) {
    for (const char* format : {"table", "wide", "json", "yaml", "name"}) {
      const Ran ran = Run(dir, absl::StrCat(question, " -o ", format));
      INFO(question << " -o " << format << "\n" << ran.out << ran.err);
      CHECK(ran.code == 0);
      CHECK(ran.err.empty());
      if (std::string(format) == "json") {
        boost::system::error_code error;
        json::parse(ran.out, error);
        CHECK_FALSE(error);
      } else if (std::string(format) == "table") {
        for (const absl::string_view line : absl::StrSplit(ran.out, '\n')) {
          CHECK(line.size() <= 100);
        }
      }
    }
  }
}

TEST_CASE("exit codes, and one line that says what to do") {
  TempDir dir;
  const auto fails = [&](const std::string& args, int code, const std::string& says) {
    const Ran ran = Run(dir, args);
    INFO(args << "\n" << ran.out << ran.err);
    CHECK(ran.code == code);
    CHECK(absl::StrContains(ran.err, says));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(ran.out.empty());
  };
  fails("rca", 3, "kgctl load FILE");
  LoadCluster(dir);
  fails("rca pod/nobody -n shop", 3, "nobody");
  fails("rca event/none", 3, "none");
  fails("rca incident/0123456789abcdef", 3, "0123456789abcdef");
  fails("rca --sinc 1h", 2, "did you mean '--since'?");
  fails("rcaa", 2, "did you mean 'rca'?");
  fails("rca --at whenever", 2, "whenever");
  fails("rca --since 5", 2, "1h30m");
  fails("rca -o xml", 2, "xml");
  fails("rca -n a -A", 2, "-n and -A");
  fails("rca --data-dir x --server y", 2, "exclude");
  fails("path pod/cart-1", 2, "two objects");
  fails("load", 2, "name a file");
  fails("load --complete x", 2, "--complete");
  fails("load " + (dir / "missing.json"), 3, "missing.json");
  fails("stats --server http://127.0.0.1:1", 4, "kgctl serve");
  fails("stats --server https://x", 2, "TLS");
  fails("completion tcsh", 2, "bash, zsh or fish");
  CHECK(Run(dir, "rca --help").code == 0);
  CHECK(Run(dir, "--version").out == Run(dir, "version").out);
}

TEST_CASE("what is mistyped is told with what was meant") {
  TempDir dir;
  LoadCluster(dir);
  const auto says = [&](const std::string& args, int code, const std::string& what) {
    const Ran ran = Run(dir, args);
    INFO(args << "\n" << ran.out << ran.err);
    CHECK(ran.code == code);
    CHECK(absl::StrContains(ran.err, what));
  };
  says("rca -n shopp", 0, "nothing is known of a namespace 'shopp'; did you mean 'shop'?");
  says("rca poood/cart-1", 3, "no kind poood");
  says("rca 0123456789abcdef", 2, "write incident/0123456789abcdef");
  says("rca cart-1", 2, "pod/cart-1");
  says("events -A --kind node --kind podd", 2, "did you mean 'pod'?");
  says("help rcaa", 2, "did you mean 'rca'?");
  says("stats --tenant nobody", 3, "leave --tenant and --cluster out");
  std::filesystem::create_directory(dir / "empty");
  says("load " + (dir / "empty"), 3, "there is nothing to load");
  WriteFile(dir / "page.html", "<html></html>");
  const Ran page = Run(dir, "load " + (dir / "page.html"));
  CHECK(page.code == 1);
  CHECK_FALSE(absl::StrContains(page.out, "note:"));
  for (const absl::string_view line : absl::StrSplit(Run(dir, "help").out, '\n'))
    CHECK(line.size() <= 100);
}

TEST_CASE("help begins with examples, and load names the command that collects") {
  TempDir dir;
  const Ran load = Run(dir, "load --help");
  CHECK(absl::StrContains(load.out, "kubectl get -A -o json"));
  CHECK(absl::StrContains(load.out, "kubectl logs"));
  CHECK(load.out.find("Examples:") < load.out.find("--at"));
  for (const absl::string_view line : absl::StrSplit(load.out, '\n')) {
    INFO(std::string(line));
    CHECK(line.size() <= 100);
  }
}

TEST_CASE("a node takes the same input and gives the same answers") {
  TempDir dir, offline;
  LoadCluster(offline);
  RunningNode node(dir);
  WriteFile(dir / "cluster.json", Cluster());
  const std::string server = " --server " + node.url();
  const Ran loaded = Run(dir, "load " + (dir / "cluster.json") + server);
  INFO(loaded.out << loaded.err);
  REQUIRE(loaded.code == 0);
  const std::string question = "rca pod/cart-1 -n shop --at 2026-03-02T10:15:00Z -o json";
  const Ran there = Run(dir, question + server);
  REQUIRE(there.code == 0);
  CHECK(json::parse(there.out).at("root_causes") ==
        json::parse(Run(offline, question).out).at("root_causes"));
  CHECK(Run(dir, "rca pod/none -n shop" + server).code == 3);
  CHECK(Run(dir, "rca --at never" + server).code == 2);
  // The directory has an owner now, which is named.
  const Ran locked = Run(dir, "stats");
  CHECK(locked.code == 4);
  CHECK(absl::StrContains(locked.err, "--server"));
  CHECK(node.Stop() == 0);
  CHECK(Run(dir, "stats").code == 0);
}

TEST_CASE("colour is for terminals and for those who ask") {
  TempDir dir;
  LoadCluster(dir);
  CHECK_FALSE(absl::StrContains(Run(dir, "rca -n shop").out, "\x1b["));
  CHECK(absl::StrContains(Run(dir, "rca -n shop --color always").out, "\x1b["));
  CHECK_FALSE(absl::StrContains(Run(dir, "incidents --no-headers").out, "STATUS"));
}

}  // namespace
}  // namespace kg::kgctl
