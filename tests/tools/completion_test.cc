#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/tools/support.h"

namespace kg::kgctl {
namespace {

using Words = std::vector<std::string>;

Words Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

bool Has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

TEST_CASE("words are completed by what the command takes") {
  TempDir dir;
  const auto offered = [&](const std::string& words) {
    const Ran ran = Run(dir, "__complete " + words);
    CHECK(ran.code == 0);
    CHECK(ran.err.empty());
    return Lines(ran.out);
  };
  CHECK(offered("bl") == Words{"blast-radius"});
  CHECK(Has(offered("''"), "help"));
  CHECK(Has(offered("help c"), "config"));
  CHECK(Has(offered("rca --si"), "--since"));
  CHECK(offered("rca -o y") == Words{"yaml"});
  CHECK(offered("events --severity e") == Words{"error"});
  CHECK(offered("load ''") == Words{":files"});
  CHECK(offered("rca --data-dir ''") == Words{":dirs"});
  CHECK(offered("dead-letters r") == Words{"retry"});
  CHECK(offered("completion z") == Words{"zsh"});
  CHECK(offered("nothing x").empty());
  // No data is no error.
  CHECK(offered("rca pod/").empty());
  CHECK(offered("rca pod/ --server http://127.0.0.1:1 x").empty());
}

TEST_CASE("objects and namespaces and incidents are completed from directory and node") {
  TempDir dir;
  LoadCluster(dir);
  const auto check = [&](const std::string& where) {
    INFO(where);
    const auto offered = [&](const std::string& before, const std::string& current) {
      return Lines(Run(dir, "__complete " + before + where + " " + current).out);
    };
    CHECK(Has(offered("rca", "p"), "pod/"));
    CHECK(Has(offered("rca", "i"), "incident/"));
    CHECK(offered("rca", "po/cart") == Words{"po/cart-1", "po/cart-2"});
    CHECK(offered("rca -n shop", "pod/cart-2") == Words{"pod/cart-2"});
    CHECK(offered("rca -n other", "pod/cart").empty());
    CHECK(offered("path pod/cart-1", "node/") == Words{"node/n1"});
    const Words incidents = offered("rca", "incident/");
    REQUIRE(incidents.size() == 1);
    CHECK(incidents[0].size() == std::string("incident/").size() + 16);
    CHECK(offered("rca", "-n") == Words{"-n"});
  };
  check("");
  CHECK(Lines(Run(dir, "__complete rca -n s").out) == Words{"shop"});
  RunningNode node(dir);
  check(" --server " + node.url());
  // As bash cuts it.
  const std::string port = node.url().substr(node.url().rfind(':') + 1);
  CHECK(
      Lines(Run(dir, "__complete rca --server http : //127.0.0.1 : " + port + " po/cart-2").out) ==
      Words{"po/cart-2"});
}

TEST_CASE("the bash script works in a real bash and the others are offered") {
  TempDir dir;
  LoadCluster(dir);
  REQUIRE(Run(dir, "completion bash").code == 0);
  WriteFile(dir / "kgctl.bash", ReadFile(dir / "out"));
  WriteFile(dir / "try.sh", absl::StrCat(R"(
set -u
source ")",
                                         dir / "kgctl.bash", R"("
complete -p kgctl
try() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _kgctl ")",
                                         KGCTL, R"("
  echo "${COMPREPLY[*]-}"
}
try kgctl inc
try kgctl rca pod/cart
try kgctl rca -n ""
try kgctl load )",
                                         dir / "clus", "\n"));
  const std::string line = absl::StrCat("env -i PATH=\"$PATH\" KG_DATA_DIR=", dir / "data",
                                        " bash ", dir / "try.sh", " >", dir / "said", " 2>&1");
  const int status = std::system(line.c_str());
  const std::string said = ReadFile(dir / "said");
  INFO(said);
  CHECK(status == 0);
  const Words lines = absl::StrSplit(said, '\n');
  REQUIRE(lines.size() >= 5);
  CHECK(absl::StrContains(lines[0], "-F _kgctl kgctl"));
  CHECK(lines[1] == "incidents");
  CHECK(lines[2] == "pod/cart-1 pod/cart-2");
  CHECK(lines[3] == "shop");
  CHECK(lines[4] == dir / "cluster.json");
  for (const char* shell : {"zsh", "fish"}) {
    const Ran script = Run(dir, absl::StrCat("completion ", shell));
    CHECK(script.code == 0);
    CHECK(absl::StrContains(script.out, "__complete"));
  }
}

}  // namespace
}  // namespace kg::kgctl
