#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "tools/kgctl/command.h"

int main(int argc, char** argv) {
  // A reader that leaves (`kgctl events | head`) is no failure worth a message.
  signal(SIGPIPE, SIG_DFL);
  std::ios::sync_with_stdio(false);
  kg::kgctl::Environment env{std::cout, std::cerr, isatty(STDOUT_FILENO) == 1,
                             isatty(STDERR_FILENO) == 1};
  return kg::kgctl::RunKgctl(std::vector<std::string>(argv + 1, argv + argc), &env);
}
