#pragma once

#include <sys/types.h>
#include <cstdio>
#include <string>
#include <vector>

// The built kgctl as a person or a script runs it.

namespace kg::kgctl {

// A directory of its own, gone at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& text);

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

// Runs kgctl with a quoted command line on the directory's `data`, without configuration of the
// machine it runs on; `before` is put in front (a pipe), `variables` are set for it ("A=b C=d").
Ran Run(const TempDir& dir, const std::string& args, const std::string& before = "",
        const std::string& variables = "");

std::string Pod(const std::string& name, const std::string& uid, const std::string& image,
                const std::string& status);
// A pod that is killed for memory again and again, and one that is well.
std::string Cluster();
// Into the directory's `data`.
void LoadCluster(const TempDir& dir);

// A node on a free port, ended by SIGTERM.
class RunningNode {
 public:
  explicit RunningNode(const TempDir& dir, const std::vector<std::string>& flags = {});
  ~RunningNode() { Stop(); }

  // The exit code.
  int Stop();
  const std::string& url() const { return url_; }

 private:
  pid_t pid_ = 0;
  FILE* out_ = nullptr;
  std::string url_;
};

}  // namespace kg::kgctl
