#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

// The built kgctl as a person or a script runs it.

namespace kg::kgctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

class TempDir {
 public:
  TempDir() {
    std::string pattern = (fs::temp_directory_path() / "kg-kgctl-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

// Runs kgctl with a quoted command line; `before` is put in front (a pipe, variables).
Ran Run(const TempDir& dir, const std::string& args, const std::string& before = "") {
  const std::string line = absl::StrCat(before, " env -u KG_SERVER KG_DATA_DIR=", dir / "data", " ",
                                        KGCTL, " ", args, " >", dir / "out", " 2>", dir / "err");
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(dir / "out"),
          ReadFile(dir / "err")};
}

std::string Pod(const std::string& name, const std::string& uid, const std::string& image,
                const std::string& status) {
  return absl::StrCat(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")", name,
                      R"(","namespace":"shop","uid":")", uid,
                      R"(","creationTimestamp":"2026-03-02T10:00:00Z","labels":{"app":"cart"}},)",
                      R"("spec":{"nodeName":"n1","containers":[{"name":"app","image":")", image,
                      R"("}]},"status":)", status, "}");
}

// A pod that is killed for memory again and again, and one that is well.
std::string Cluster() {
  const std::string killed =
      R"({"phase":"Running","conditions":[{"type":"Ready","status":"False",)"
      R"("reason":"ContainersNotReady","lastTransitionTime":"2026-03-02T10:10:02Z"}],)"
      R"("containerStatuses":[{"name":"app","ready":false,"restartCount":3,)"
      R"("state":{"waiting":{"reason":"CrashLoopBackOff",)"
      R"("message":"back-off 40s restarting failed container=app"}},)"
      R"("lastState":{"terminated":{"reason":"OOMKilled","exitCode":137,)"
      R"("startedAt":"2026-03-02T10:09:00Z","finishedAt":"2026-03-02T10:10:00Z"}}}]})";
  return absl::StrCat(
      R"({"apiVersion":"v1","kind":"List","items":[)", Pod("cart-1", "p-1", "cart:1", killed),
      ",\n", Pod("cart-2", "p-2", "cart:1", R"({"phase":"Running"})"), ",\n",
      R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","uid":"n-1",)",
      R"("creationTimestamp":"2026-02-01T00:00:00Z"}},)",
      R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"cart-1.a","namespace":"shop",)",
      R"("uid":"e-1"},"type":"Warning","reason":"BackOff",)",
      R"x("message":"Back-off restarting failed container app in pod cart-1_shop(p-1)",)x",
      R"("involvedObject":{"kind":"Pod","namespace":"shop","name":"cart-1","uid":"p-1"},)",
      R"("count":4,"firstTimestamp":"2026-03-02T10:10:03Z","lastTimestamp":"2026-03-02T10:15:00Z",)",
      R"("source":{"component":"kubelet","host":"n1"}}]})");
}

void LoadCluster(const TempDir& dir) {
  WriteFile(dir / "cluster.json", Cluster());
  const Ran ran = Run(dir, "load " + (dir / "cluster.json"));
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
}

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
  const Ran again = Run(dir, "load -o json " + (dir / "cluster.json"));
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
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran script = Run(dir, absl::StrCat("completion ", shell));
    CHECK(script.code == 0);
    CHECK(absl::StrContains(script.out, "blast-radius"));
  }
  CHECK(Run(dir, "completion bash").code == 0);
  CHECK(std::system(absl::StrCat("bash -n ", dir / "out").c_str()) == 0);
}

TEST_CASE("what is broken becomes a dead letter, the rest is loaded") {
  TempDir dir;
  WriteFile(dir / "mixed.jsonl", Pod("cart-1", "p-1", "cart:1", "{}") + "\n{\"kind\":\"Pod\",\n");
  const Ran loaded = Run(dir, "load " + (dir / "mixed.jsonl"));
  INFO(loaded.out << loaded.err);
  CHECK(loaded.code == 1);
  CHECK(absl::StrContains(loaded.out, "DEAD LETTERS: 1"));
  const Ran listed = Run(dir, "dead-letters -o json");
  const json::value answer = json::parse(listed.out);
  REQUIRE(answer.at("total").to_number<int>() == 1);
  CHECK(absl::StrContains(
      std::string(answer.at("dead_letters").at(0).at("source").as_string().c_str()),
      "mixed.jsonl"));
  CHECK(Run(dir, "resource pod/cart-1 -n shop").code == 0);
  CHECK(Run(dir, "dead-letters export").out.back() == '\n');
  CHECK(Run(dir, "dead-letters retry").code == 1);
  fs::remove(dir / "mixed.jsonl");
  const Ran gone = Run(dir, "dead-letters retry");
  CHECK(gone.code == 1);
  CHECK(absl::StrContains(gone.out, "gone:"));
  const Ran strict = Run(dir, "load --strict -", "printf '{\"kind\":' |");
  CHECK(strict.code == 1);
  CHECK(absl::StrContains(strict.err, "stopped at"));
}

TEST_CASE("a complete input deletes what is absent, and much only when told") {
  TempDir dir;
  LoadCluster(dir);
  WriteFile(dir / "half.json", absl::StrCat(R"({"apiVersion":"v1","kind":"List","items":[)",
                                            Pod("cart-1", "p-1", "cart:1", "{}"), "]}"));
  const std::string load =
      "load --complete -n shop --at 2026-03-02T10:20:00Z " + (dir / "half.json");
  const Ran asked = Run(dir, load, "true |");
  INFO(asked.out << asked.err);
  CHECK(asked.code == 1);
  CHECK(absl::StrContains(asked.err, "1 of 2"));
  CHECK(absl::StrContains(asked.err, "--yes"));
  CHECK(json::parse(Run(dir, "resource pod/cart-2 -n shop -o json").out)
            .at("resource")
            .at("exists")
            .as_bool());
  CHECK(Run(dir, load + " --yes").code == 0);
  CHECK_FALSE(json::parse(Run(dir, "resource pod/cart-2 -n shop -o json").out)
                  .at("resource")
                  .at("exists")
                  .as_bool());
}

// A node on a free port, ended by SIGTERM.
class RunningNode {
 public:
  explicit RunningNode(const TempDir& dir) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      execl(KGCTL, "kgctl", "serve", "--data-dir", (dir / "data").c_str(), "--listen",
            "127.0.0.1:0", nullptr);
      _exit(127);
    }
    close(ends[1]);
    out_ = fdopen(ends[0], "r");
    char line[512] = "";
    REQUIRE(fgets(line, sizeof(line), out_) != nullptr);
    said_ = line;
    const size_t at = said_.find("http://");
    REQUIRE(at != std::string::npos);
    url_ = said_.substr(at, said_.find(',') - at);
  }
  ~RunningNode() { Stop(); }

  // The exit code.
  int Stop() {
    if (pid_ <= 0) return -1;
    kill(pid_, SIGTERM);
    int status = 0;
    waitpid(pid_, &status, 0);
    fclose(out_);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& url() const { return url_; }

 private:
  pid_t pid_ = 0;
  FILE* out_ = nullptr;
  std::string said_, url_;
};

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
