#include "tests/tools/support.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace kg::kgctl {

namespace fs = std::filesystem;

TempDir::TempDir() {
  std::string pattern = (fs::temp_directory_path() / "kg-kgctl-XXXXXX").string();
  path_ = mkdtemp(pattern.data());
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

Ran Run(const TempDir& dir, const std::string& args, const std::string& before,
        const std::string& variables) {
  const std::string line =
      absl::StrCat(before, " env -i PATH=\"$PATH\" XDG_CONFIG_HOME=", dir / "config",
                   " KG_DATA_DIR=", dir / "data", " ", variables, " ", KGCTL, " ", args, " >",
                   dir / "out", " 2>", dir / "err");
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

RunningNode::RunningNode(const TempDir& dir, const std::vector<std::string>& flags) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::vector<std::string> words = {"kgctl",    "serve",       "--data-dir", dir / "data",
                                    "--listen", "127.0.0.1:0", "--config",   dir / "node.toml"};
  words.insert(words.end(), flags.begin(), flags.end());
  WriteFile(dir / "node.toml", "");
  pid_ = fork();
  if (pid_ == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    std::vector<char*> args;
    for (std::string& word : words) args.push_back(word.data());
    args.push_back(nullptr);
    execv(KGCTL, args.data());
    _exit(127);
  }
  close(ends[1]);
  out_ = fdopen(ends[0], "r");
  char line[512] = "";
  REQUIRE(fgets(line, sizeof(line), out_) != nullptr);
  const std::string said = line;
  const size_t at = said.find("http://");
  REQUIRE(at != std::string::npos);
  url_ = said.substr(at, said.find(',', at) - at);
}

int RunningNode::Stop() {
  if (pid_ <= 0) return -1;
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  fclose(out_);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace kg::kgctl
