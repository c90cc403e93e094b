#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "tests/simulation/simulation.h"

namespace kg::simulation {
namespace {

constexpr char kUsage[] =
    "simulate [--seeds N] [--first X] [--seed X] [--steps N] [--seconds S]\n"
    "Runs N seeds (100) from X (1) on, or only --seed, each of so many steps (60), for at most S\n"
    "seconds. A seed that fails is printed with the fewest steps found that fail as well.\n";

struct Arguments {
  int64_t seeds = 100, first = 1, steps = 60, seconds = 1 << 30;
};

bool Parse(int argc, char** argv, Arguments* out) {
  for (int i = 1; i + 1 < argc; i += 2) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(argv[i + 1], &value)) return false;
    const std::string name = argv[i];
    if (name == "--seeds") {
      out->seeds = value;
    } else if (name == "--first") {
      out->first = value;
    } else if (name == "--seed") {
      out->first = value;
      out->seeds = 1;
    } else if (name == "--steps") {
      out->steps = value;
    } else if (name == "--seconds") {
      out->seconds = value;
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

int Fail(uint64_t seed, const std::vector<Step>& steps, const Outcome& outcome) {
  std::cout << "FAILED: --seed " << seed << " --steps " << steps.size() << ", step "
            << outcome.steps << ": " << outcome.status.ToString() << std::endl;
  std::vector<Step> until(steps.begin(), steps.begin() + static_cast<ptrdiff_t>(outcome.steps));
  const std::vector<Step> fewer = Shrink(seed, until, 60);
  std::cout << "fails with " << fewer.size() << " steps as well:\n";
  for (const Step& step : fewer) std::cout << "  " << NameOf(step.op) << " " << step.chance << "\n";
  std::cout << Run(seed, fewer).status.ToString() << std::endl;
  return 1;
}

int Main(int argc, char** argv) {
  Arguments a;
  if (!Parse(argc, argv, &a)) {
    std::cerr << kUsage;
    return 2;
  }
  const absl::Time end = absl::Now() + absl::Seconds(a.seconds), start = absl::Now();
  int64_t batches = 0, cuts = 0, errors = 0, done = 0, steps_taken = 0;
  absl::Time told = start;
  for (int64_t seed = a.first; seed < a.first + a.seeds && absl::Now() < end; ++seed, ++done) {
    const auto steps = StepsOf(static_cast<uint64_t>(seed), static_cast<int>(a.steps));
    const Outcome outcome = Run(static_cast<uint64_t>(seed), steps);
    if (!outcome.status.ok()) return Fail(static_cast<uint64_t>(seed), steps, outcome);
    batches += outcome.batches;
    cuts += outcome.power_cuts;
    errors += outcome.errors;
    steps_taken += static_cast<int64_t>(outcome.steps);
    if (absl::Now() - told < absl::Seconds(10)) continue;
    told = absl::Now();
    std::cout << "seed " << seed << ", " << absl::ToInt64Seconds(told - start) << " s" << std::endl;
  }
  std::cout << done << " seeds from " << a.first << ", " << steps_taken << " steps, " << batches
            << " batches, " << cuts << " power cuts, " << errors << " errors answered, in "
            << absl::ToInt64Seconds(absl::Now() - start) << " s" << std::endl;
  return 0;
}

}  // namespace
}  // namespace kg::simulation

int main(int argc, char** argv) {
  return kg::simulation::Main(argc, argv);
}
