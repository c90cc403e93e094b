#include "bench/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bench/measure.h"

extern char** environ;

namespace kg::bench {
namespace {

std::string Self() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
  return std::string(path, n > 0 ? static_cast<size_t>(n) : 0);
}

// The kernel's own high-water mark of its present program; 0 once it has ended. (rusage would count
// this program's memory, which the child had before it began.)
uint64_t PeakOf(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::strtoull(line.c_str() + 6, nullptr, 10) << 10;
  }
  return 0;
}

}  // namespace

ProcessResult RunProcess(const std::vector<std::string>& command) {
  std::string file = "/tmp/kg-bench-out-XXXXXX";
  const int fd = mkstemp(file.data());
  if (fd < 0) Check(absl::InternalError(file), "making a temporary file");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
  std::vector<char*> argv;
  for (const std::string& a : command) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  ProcessResult result;
  const Stopwatch watch;
  pid_t pid = 0;
  const int spawned = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(fd);
  if (spawned != 0) Check(absl::NotFoundError(command[0]), "starting a program");
  int status = 0;
  rusage used = {};
  while (wait4(pid, &status, WNOHANG, &used) == 0) {
    if (const uint64_t peak = PeakOf(pid); peak > 0) result.peak_bytes = peak;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  result.seconds = watch.seconds();
  for (const timeval& part : {used.ru_utime, used.ru_stime}) {
    result.processor_seconds +=
        static_cast<double>(part.tv_sec) + static_cast<double>(part.tv_usec) * 1e-6;
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  result.output = text.str();
  unlink(file.c_str());
  return result;
}

ProcessResult RunTask(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {Self(), "--task"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunProcess(command);
}

std::string KgctlPath() {
  const std::filesystem::path build = std::filesystem::path(Self()).parent_path().parent_path();
  return (build / "tools" / "kgctl" / "kgctl").string();
}

}  // namespace kg::bench
