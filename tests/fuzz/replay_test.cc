#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/targets.h"

// What libFuzzer is fed, without libFuzzer: seeds, then seeds mutilated by chance. KG_SEED tries
// another chance, KG_FUZZ_SECONDS goes on for so long with each target and KG_FUZZ_TARGET picks
// one. An input that breaks something is shown, and how to have it again.

namespace kg::fuzz {
namespace {

uint32_t Number(const char* variable, uint32_t otherwise) {
  const char* given = std::getenv(variable);
  return given == nullptr ? otherwise : static_cast<uint32_t>(std::strtoul(given, nullptr, 10));
}

bool IsChosen(const Target& target) {
  const char* given = std::getenv("KG_FUZZ_TARGET");
  return given == nullptr || target.name == std::string(given);
}

// Whether there is to be another round.
class Rounds {
 public:
  explicit Rounds(int least) : least_(least) {}
  bool More() { return done_++ < least_ || std::chrono::steady_clock::now() - start_ < seconds_; }
  int done() const { return done_; }

 private:
  const int least_;
  const std::chrono::seconds seconds_{Number("KG_FUZZ_SECONDS", 0)};
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int done_ = 0;
};

std::string Mutilated(const std::vector<std::string>& seeds, std::mt19937* random) {
  static constexpr char kTelling[] = "{}[]\",:\n \\=&%?/-\t";
  const auto below = [random](size_t n) { return n == 0 ? 0 : (*random)() % n; };
  std::string body = seeds[below(seeds.size())];
  for (size_t changes = below(5); changes > 0 && !body.empty(); --changes) {
    const size_t at = below(body.size());
    switch (below(6)) {
      case 0:
        body[at] = static_cast<char>((*random)());
        break;
      case 1:
        body.erase(at, 1 + below(20));
        break;
      case 2:
        body.insert(at, 1 + below(3), kTelling[below(sizeof(kTelling) - 1)]);
        break;
      case 3:
        body.insert(at, body.substr(below(body.size()), below(40)));
        break;
      case 4: {
        const std::string& other = seeds[below(seeds.size())];
        if (!other.empty()) body.insert(at, other.substr(below(other.size()), below(200)));
        break;
      }
      default:
        body.resize(at);
        break;
    }
  }
  return body;
}

void RunSeeds(const Target& target, const std::vector<std::string>& seeds) {
  // Of a slow target not every seed.
  const size_t wanted = static_cast<size_t>(target.rounds);
  const size_t step = (seeds.size() + wanted - 1) / wanted;
  for (size_t i = 0; i < seeds.size(); i += step) {
    INFO(target.name << ", seed " << i << ": " << Catch::Detail::stringify(seeds[i]));
    target.run(seeds[i]);
  }
  target.run("");
}

void Replay(const std::string& part) {
  for (const Target& target : Targets()) {
    if (target.part != part || !IsChosen(target)) continue;
    const std::vector<std::string> seeds = target.seeds();
    REQUIRE_FALSE(seeds.empty());
    RunSeeds(target, seeds);
    const uint32_t seed = Number("KG_SEED", 20260302);
    std::mt19937 random(seed);
    Rounds rounds(target.rounds);
    while (rounds.More()) {
      const std::string input = Mutilated(seeds, &random).substr(0, target.max_bytes);
      INFO(target.name << ", KG_SEED=" << seed << " round " << rounds.done());
      INFO(Catch::Detail::stringify(input.substr(0, 4096)));
      target.run(input);
    }
    if (std::getenv("KG_FUZZ_SECONDS") != nullptr) WARN(target.name << ": " << rounds.done());
  }
  SUCCEED();
}

TEST_CASE("decoders take mutilated recordings") {
  Replay("ingest");
}

TEST_CASE("damaged rows are read safely and good ones read as they were written") {
  Replay("rows");
}

TEST_CASE("a database opens or refuses whichever of its rows is lost") {
  const Target* const target = FindTarget("damaged-rows");
  for (const std::string& seed : target->seeds()) {
    constexpr char kGone = 3;
    if (seed[2] != kGone) continue;
    INFO(Catch::Detail::stringify(seed));
    target->run(seed);
  }
  SUCCEED();
}

TEST_CASE("backups that anybody may have made are read safely") {
  Replay("copies");
}

TEST_CASE("whatever a client sends is answered") {
  Replay("server");
}

TEST_CASE("whatever a person writes into files and flags is understood or named") {
  Replay("kgctl");
}

TEST_CASE("targets have names of their own") {
  for (const Target& target : Targets()) CHECK(FindTarget(target.name) == &target);
  CHECK(FindTarget("none") == nullptr);
}

}  // namespace
}  // namespace kg::fuzz
