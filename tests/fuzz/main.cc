#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/fuzz/targets.h"

// libFuzzer over one target, which KG_FUZZ_TARGET names. Without a name it lists them; with
// KG_FUZZ_SEEDS it writes the target's seeds into that folder instead of fuzzing, as many as
// KG_FUZZ_SECONDS are for.

namespace kg::fuzz {
namespace {

const Target* target = nullptr;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

[[noreturn]] void List(int code) {
  for (const Target& each : Targets())
    std::printf("%s\t%zu\t%s\n", each.name, each.max_bytes, each.is);
  std::exit(code);
}

// libFuzzer runs all seeds before it looks at the clock, so of a slow target there must be no more
// than the time is for.
[[noreturn]] void WriteSeeds(const std::string& folder) {
  const std::vector<std::string> seeds = target->seeds();
  const size_t seconds = std::strtoul(Variable("KG_FUZZ_SECONDS").c_str(), nullptr, 10);
  const size_t wanted = std::max<size_t>(1, static_cast<size_t>(target->rounds) * seconds / 10);
  const size_t step = seconds == 0 ? 1 : (seeds.size() + wanted - 1) / wanted;
  for (size_t i = 0; i < seeds.size(); i += step)
    std::ofstream(folder + "/" + std::to_string(i), std::ios::binary) << seeds[i];
  std::exit(0);
}

}  // namespace
}  // namespace kg::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  using namespace kg::fuzz;
  const std::string name = Variable("KG_FUZZ_TARGET");
  if (name.empty()) List(0);
  target = FindTarget(name);
  if (target == nullptr) List(2);
  if (const std::string folder = Variable("KG_FUZZ_SEEDS"); !folder.empty()) WriteSeeds(folder);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kg::fuzz::target->run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
