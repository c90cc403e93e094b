#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kg::bench {

struct ProcessResult {
  double seconds = 0;
  double processor_seconds = 0;  // of all its threads, the kernel's part included
  uint64_t peak_bytes = 0;       // resident, at most
  int exit_code = -1;            // -1: ended by a signal
  int signal = 0;
  std::string output;  // what it printed
};

// Runs a program of its own, so that memory and caches begin empty; waits for its end. Its errors
// go where ours go.
ProcessResult RunProcess(const std::vector<std::string>& command);
// This program, asked to do one of its tasks (tasks.h).
ProcessResult RunTask(const std::vector<std::string>& arguments);
// kgctl of the same build.
std::string KgctlPath();

}  // namespace kg::bench
