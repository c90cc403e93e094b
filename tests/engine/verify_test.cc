#include "engine/verify.h"

#include <catch2/catch.hpp>

#include "tests/semantics/fixture.h"
#include "tests/semantics/stories.h"

namespace kg::semantics {
namespace {

std::string Text(const VerifyReport& report) {
  std::string out;
  for (const Finding& f : report.findings) {
    out += std::string(FindingKindName(f.kind)) + " | " + f.scope + " | " + f.family + " | " +
           f.record + " | " + f.key + " | " + f.what + "\n";
  }
  return out;
}

VerifyReport MustVerify(const std::string& path, const DatabaseOptions& database) {
  VerifyOptions options;
  options.database = database;
  auto report = Verify(path, options);
  INFO(report.status());
  REQUIRE(report.ok());
  return *report;
}

TEST_CASE("nothing is wrong with what stories leave behind") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    World w;
    StoryLimits limits;
    limits.records = 120;
    const std::vector<Mutation> story = RandomStory(seed, limits);
    for (size_t i = 0; i < story.size();) {
      std::vector<Mutation> batch;
      for (; i < story.size() && batch.size() < 1 + seed % 9; ++i) batch.push_back(story[i]);
      REQUIRE(w.db().Apply(Batch{batch, {}, {}, {}}).ok());
    }
    REQUIRE(w.db().Settle().ok());
    w.ReopenAround([&](const std::string& path) {
      const VerifyReport report = MustVerify(path, w.options);
      INFO("seed " << seed << "\n" << Text(report));
      CHECK(report.ok());
    });
  }
}

}  // namespace
}  // namespace kg::semantics
