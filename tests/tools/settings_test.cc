#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/tools/support.h"
#include "tools/kgctl/settings.h"

namespace kg::kgctl {
namespace {

namespace fs = std::filesystem;

// In which directory of the test the data went.
std::string DataIn(const TempDir& dir, const std::string& flags, const std::string& variables) {
  for (const char* name : {"by-flag", "by-variable", "by-file"}) fs::remove_all(dir / name);
  const Ran ran = Run(dir, "load --again " + (dir / "pod.json") + " " + flags, "", variables);
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  std::string found;
  for (const char* name : {"by-flag", "by-variable", "by-file"}) {
    if (fs::exists(dir / name)) found += name;
  }
  return found;
}

TEST_CASE("a flag comes before the environment and that before the file") {
  TempDir dir;
  WriteFile(dir / "pod.json", Pod("cart-1", "p-1", "cart:1", "{}"));
  WriteFile(dir / "kg.toml", absl::StrCat("data_dir = \"", dir / "by-file", "\"\n"));
  const std::string config = "--config " + (dir / "kg.toml");
  const std::string variable = "KG_DATA_DIR=" + (dir / "by-variable");
  CHECK(DataIn(dir, config + " --data-dir " + (dir / "by-flag"), variable) == "by-flag");
  CHECK(DataIn(dir, config, variable) == "by-variable");
  CHECK(DataIn(dir, config, "KG_DATA_DIR=") == "by-file");
  CHECK(DataIn(dir, "", "KG_DATA_DIR= KG_CONFIG=" + (dir / "kg.toml")) == "by-file");
  // Where it is looked for by default.
  fs::create_directories(dir / "config/kg");
  fs::rename(dir / "kg.toml", dir / "config/kg/kg.toml");
  CHECK(DataIn(dir, "", "KG_DATA_DIR=") == "by-file");
}

TEST_CASE("a wrong line of the file is named with what was meant") {
  TempDir dir;
  const auto fails = [&](const std::string& text, const std::string& says) {
    WriteFile(dir / "kg.toml", text);
    const Ran ran = Run(dir, "stats --config " + (dir / "kg.toml"));
    INFO(text << "\n" << ran.err);
    CHECK(ran.code == 2);
    CHECK(absl::StrContains(ran.err, says));
  };
  fails("\nretentoin = \"7d\"\n", "kg.toml:2: retentoin is no setting; did you mean 'retention'?");
  fails(std::string("a = 1\n[\0x]\n", 11), "kg.toml:2: there is a control character");
  fails("workers = 4\n\n[(\n", "kg.toml:3: this is no TOML");
  fails("retention\u00e4 = \"7d\"\n", "kg.toml:1: ");
  fails("[(", "kg.toml:1: this is no TOML");
  fails("retention = 7\n", "kg.toml:1: retention is of the wrong type; give a duration in quotes");
  fails("max_bytes = [1]\n", "kg.toml:1: max_bytes is of the wrong type");
  fails("workers = \"four\"\n", "kg.toml:1: workers is of the wrong type; give a whole number");
  fails("allow_hosts = \"kg\"\n", "give a list of texts");
  fails("rocksdb = \"a=b\"\n", "give a table");
  fails("retention = \n", "kg.toml:1:");
  fails("cache_bytes = \"5 boxes\"\n", "kg.toml:1: cache_bytes: '5 boxes' is no size");
  const Ran absent = Run(dir, "stats --config " + (dir / "absent.toml"));
  CHECK(absent.code == 3);
  CHECK(absl::StrContains(absent.err, "absent.toml"));
  const Ran variable = Run(dir, "load x", "", "KG_RETENTION=long");
  CHECK(variable.code == 2);
  CHECK(absl::StrContains(variable.err, "KG_RETENTION: "));
}

TEST_CASE("settings reach the store") {
  TempDir dir;
  WriteFile(dir / "pod.json", Pod("cart-1", "p-1", "cart:1", "{}"));
  WriteFile(dir / "kg.toml", "default_tenant = \"acme\"\n[rocksdb]\nmax_open_files = 64\n");
  const std::string load = "load --again " + (dir / "pod.json") + " --config " + (dir / "kg.toml");
  REQUIRE(Run(dir, load).code == 0);
  CHECK(Run(dir, "stats --tenant acme").code == 0);
  CHECK(Run(dir, load + " --rocksdb-option max_open_files=32").code == 0);
  CHECK(Run(dir, load + " --max-bytes 1GiB --write-buffer-bytes 16MiB --cache-bytes 8MiB").code ==
        0);
  const Ran unknown = Run(dir, load + " --rocksdb-option no_such_option=1");
  INFO(unknown.err);
  CHECK(unknown.code != 0);
  CHECK(absl::StrContains(unknown.err, "no_such_option"));
}

TEST_CASE("the predecessor's variables are taken and those without a meaning are named once") {
  TempDir dir;
  WriteFile(dir / "pod.json", Pod("cart-1", "p-1", "cart:1", "{}"));
  const std::string load = "load " + (dir / "pod.json");
  REQUIRE(Run(dir, load, "", "CLIENT_ID=ab-01 CLUSTER_NAME=minikube").code == 0);
  CHECK(Run(dir, "stats --tenant ab-01 --cluster minikube").code == 0);
  CHECK(Run(dir, load, "", "KG_DEFAULT_TENANT=x CLIENT_ID=ab-01").code == 0);
  CHECK(Run(dir, "stats --tenant x").code == 0);
  const Ran served = Run(dir, "serve", "", "NEO4J_URI=bolt://x TOPIC_EVT=y PORT=none");
  INFO(served.err);
  CHECK(served.code == 2);
  CHECK(absl::StrContains(served.err, "none"));
  const Ran strays = Run(dir, "serve --listen 203.0.113.1:1", "", "NEO4J_URI=bolt://x TOPIC_EVT=y");
  CHECK(absl::StrContains(strays.err, "NEO4J_URI (the database is part of kgctl: --data-dir)"));
  CHECK(absl::StrContains(strays.err, "TOPIC_EVT (kgctl load --topic NAME)"));
}

TEST_CASE("sizes are read as people write them") {
  CHECK(*ParseBytes("1048576") == 1048576);
  CHECK(*ParseBytes("64MiB") == 64ull << 20);
  CHECK(*ParseBytes("2 GB") == 2'000'000'000);
  CHECK(*ParseBytes("1g") == 1ull << 30);
  CHECK_FALSE(ParseBytes("").ok());
  CHECK_FALSE(ParseBytes("-1").ok());
  CHECK_FALSE(ParseBytes("99999999999999 TiB").ok());
}

TEST_CASE("every setting is in the help of its command and in the README") {
  TempDir dir;
  const std::string readme = ReadFile(TOOLS_README);
  const std::string all = Run(dir, "help config").out;
  const std::string serve = Run(dir, "serve --help").out;
  const std::string load = Run(dir, "load --help").out;
  const std::string stats = Run(dir, "stats --help").out;
  for (const SettingInfo& info : AllSettings()) {
    INFO(info.flag);
    const std::string shown = absl::StrCat("  ", info.flag, " ", info.value);
    CHECK(absl::StrContains(all, info.flag));
    CHECK(absl::StrContains(all, absl::StrCat("env ", info.variable)));
    CHECK(absl::StrContains(all, absl::StrCat("key ", info.key)));
    CHECK(absl::StrContains(
        readme, absl::StrCat("| `", info.flag, "` | `", info.variable, "` | `", info.key, "` |")));
    CHECK(absl::StrContains(serve, shown) == ((info.uses & kServe) != 0));
    CHECK(absl::StrContains(load, shown) == ((info.uses & kLoad) != 0));
    CHECK(absl::StrContains(stats, shown) == ((info.uses & kQuestions) != 0));
  }
  for (const absl::string_view line : absl::StrSplit(all, '\n')) CHECK(line.size() <= 100);
  CHECK(Run(dir, "help").out == Run(dir, "--help").out);
  CHECK(Run(dir, "help rca").out == Run(dir, "rca --help").out);
}

}  // namespace
}  // namespace kg::kgctl
