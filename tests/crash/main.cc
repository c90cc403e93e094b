#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "tests/crash/child.h"
#include "tests/crash/loop.h"
#include "tests/semantics/telling.h"

namespace kg::crash {
namespace {

constexpr char kUsage[] =
    "crash_loop [--kills N] [--seconds S] [--seed X]\n"
    "Kills a database at random moments, opens it and compares it with one that was left alone.\n"
    "Ends after N kills (200) or S seconds, whichever comes first. The seed (1) decides the "
    "stream\n"
    "and what the child does; the moments also depend on the machine.\n";

struct Arguments {
  LoopOptions loop;
  ChildOptions child;
  bool is_child = false;
};

// `--name value` and `--name=value`; false: not understood.
bool Parse(int argc, char** argv, Arguments* out) {
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    if (name == "--child") {
      out->is_child = true;
      continue;
    }
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    }
    int64_t number = 0;
    if (name == "--dir") {
      out->child.dir = value;
      continue;
    }
    if (!absl::SimpleAtoi(value, &number)) return false;
    if (name == "--kills") {
      out->loop.kills = number;
    } else if (name == "--seconds") {
      out->loop.time = absl::Seconds(number);
    } else if (name == "--seed") {
      out->loop.seed = out->child.seed = static_cast<uint64_t>(number);
    } else if (name == "--life") {
      out->child.life = static_cast<uint64_t>(number);
    } else if (name == "--report-fd") {
      out->child.report_fd = static_cast<int>(number);
    } else {
      return false;
    }
  }
  return true;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, &arguments)) {
    std::cerr << kUsage;
    return 2;
  }
  if (arguments.is_child) return RunChild(arguments.child);
  const semantics::TempDir dir;
  arguments.loop.dir = dir.Sub("");
  arguments.loop.dir.pop_back();
  std::cout << "seed " << arguments.loop.seed << std::endl;
  LoopResult result;
  const absl::Time start = absl::Now();
  const absl::Status status = RunLoop(arguments.loop, &result);
  std::cout << result.kills << " kills (" << result.while_opening << " while opening) in "
            << absl::ToInt64Seconds(absl::Now() - start) << " s, " << result.batches << " batches, "
            << result.in_flight_kept << " of them there before they were acknowledged, "
            << result.copies_compared << " checkpoints compared" << std::endl;
  if (status.ok()) return 0;
  std::cout << "FAILED with seed " << arguments.loop.seed << ": " << status.ToString() << std::endl;
  return 1;
}

}  // namespace
}  // namespace kg::crash

int main(int argc, char** argv) {
  return kg::crash::Main(argc, argv);
}
