#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/scenarios/runner.h"

namespace kg::scenarios {
namespace {

// KG_SCENARIO=r01-image-tag runs one case; KG_SEED changes the shuffling.
bool Wanted(const std::string& name) {
  const char* only = std::getenv("KG_SCENARIO");
  return only == nullptr || name == only;
}

uint64_t Seed() {
  const char* seed = std::getenv("KG_SEED");
  return seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10);
}

// The first lines that only one of two dumps has.
std::string Difference(const std::string& a, const std::string& b) {
  const std::vector<std::string> x = absl::StrSplit(a, '\n'), y = absl::StrSplit(b, '\n');
  std::vector<std::string> out;
  std::set_difference(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(out));
  for (std::string& line : out) line.insert(0, "- ");
  const size_t gone = std::min<size_t>(out.size(), 6);
  out.resize(gone);
  std::set_difference(y.begin(), y.end(), x.begin(), x.end(), std::back_inserter(out));
  out.resize(std::min<size_t>(out.size(), 12));
  for (size_t i = gone; i < out.size(); ++i) out[i].insert(0, "+ ");
  return absl::StrJoin(out, "\n");
}

void RunAll(bool with_noise) {
  for (const std::string& name : CaseNames()) {
    if (!Wanted(name)) continue;
    std::string given_dump;
    std::string row = absl::StrFormat("%-24s", name);
    for (Order order : {Order::kGiven, Order::kShuffled, Order::kCauseLast}) {
      INFO(name << ", " << OrderName(order) << ", seed " << Seed()
                << (with_noise ? ", with noise" : ""));
      auto outcomes = Run(name, order, with_noise, Seed());
      CHECK(outcomes.status().ToString() == "OK");
      if (!outcomes.ok()) continue;
      for (const Outcome& o : *outcomes) {
        INFO(Text(o.answer));
        CHECK(absl::StrJoin(o.failures, "; ") == "");
        absl::StrAppend(&row, absl::StrFormat(" %s:%d", o.verdict, o.rank));
      }
      if (order == Order::kGiven) given_dump = outcomes->front().dump;
      // The same facts in any order are the same database.
      CHECK(Difference(given_dump, outcomes->front().dump) == "");
    }
    std::cout << row << (with_noise ? "  with noise" : "") << "\n";
  }
}

TEST_CASE("every recorded case finds its root cause in any order") {
  RunAll(false);
}

TEST_CASE("every recorded case finds its root cause amid noise") {
  RunAll(true);
}

TEST_CASE("answers are the same with the smallest and the largest memory window") {
  for (const std::string& name : CaseNames()) {
    if (!Wanted(name)) continue;
    INFO(name);
    auto large = Run(name, Order::kGiven, true, Seed(), std::chrono::hours(24 * 365));
    auto small = Run(name, Order::kGiven, true, Seed(), std::chrono::hours(0));
    REQUIRE(large.ok());
    REQUIRE(small.ok());
    CHECK(Difference(large->front().dump, small->front().dump) == "");
    REQUIRE(large->front().answers.size() == small->front().answers.size());
    for (size_t i = 0; i < large->front().answers.size(); ++i) {
      CHECK(large->front().answers[i] == small->front().answers[i]);
    }
  }
}

}  // namespace
}  // namespace kg::scenarios
