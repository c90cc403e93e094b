#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/ingest/support.h"

namespace kg::ingest {
namespace {

namespace fs = std::filesystem;

// The recordings that the other tests and the demo replay are true to their formats: each decodes
// whole, and says of every record what it is.
TEST_CASE("every recording in the tree decodes without a dead letter") {
  size_t files = 0;
  for (const std::string folder : {"tests/scenarios", "tools/demo-data"}) {
    const fs::path root = fs::path(KG_SOURCE_DIR) / folder;
    if (!fs::exists(root)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
      const std::string name = entry.path().filename().string();
      const bool data = name.find(".json") != std::string::npos ||
                        name.find(".yaml") != std::string::npos ||
                        name.find(".log") != std::string::npos;
      if (!entry.is_regular_file() || !data || name == "case.json") continue;
      DecodeOptions options = TestOptions();
      options.wall_now = At("2099-01-01T00:00:00Z");
      options.log_namespace = "shop";
      BatchSink sink;
      const auto stats = DecodePaths({entry.path().string()}, options, &sink);
      INFO(entry.path().string());
      REQUIRE(stats.ok());
      for (const DeadLetter& letter : sink.batch.dead_letters) {
        FAIL_CHECK(absl::StrCat(letter.position, ": ", letter.reason, "\n", letter.excerpt));
      }
      CHECK(stats->notes.empty());
      ++files;
    }
  }
  CHECK(files > 0);
}

}  // namespace
}  // namespace kg::ingest
