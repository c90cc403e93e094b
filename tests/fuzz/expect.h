#pragma once

#include <cstdio>
#include <cstdlib>

namespace kg::fuzz {

// Ends the process, with the place of the caller, where `holds` does not: what libFuzzer and
// Catch2 both take for a finding.
inline void Expect(bool holds, const char* what, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: expected: %s\n", file, line, what);
  std::abort();
}

}  // namespace kg::fuzz
