#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/architecture/layering.h"

namespace kg::architecture {
namespace {

namespace fs = std::filesystem;

std::string Listed(const std::vector<Violation>& violations) {
  std::string listed;
  for (const Violation& violation : violations) listed += violation.ToString() + "\n";
  return listed;
}

// The message for `file` that includes `header` in its second line; empty when that is allowed.
std::string Message(const std::string& file, const std::string& header) {
  const std::string directive = "#include \"" + header + "\"\n";
  return Listed(CheckIncludes(file, "// first line\n" + directive));
}

bool Allowed(const std::string& file, const std::string& header) {
  return Message(file, header).empty();
}

TEST_CASE("the tree keeps to its layers") {
  const TreeReport report = CheckTree(KG_SOURCE_DIR);
  INFO(Listed(report.violations));
  CHECK(report.violations.empty());
  // A walk that finds nothing would pass as well.
  CHECK(report.sources >= 4);
  CHECK(report.includes >= 20);
}

TEST_CASE("an include against the arrows is named with file, line and what is allowed") {
  CHECK(Message("storage/a.cc", "engine/mutation.h") ==
        "storage/a.cc:2: storage may not include engine/mutation.h; it may include schemas\n");
  CHECK_FALSE(Allowed("schemas/a.cc", "storage/types.h"));
  CHECK_FALSE(Allowed("engine/internal/a.h", "query/root_cause.h"));
  CHECK_FALSE(Allowed("engine/a.cc", "ingest/decode.h"));
  CHECK_FALSE(Allowed("query/a.cc", "ingest/decode.h"));
  CHECK_FALSE(Allowed("ingest/a.cc", "query/root_cause.h"));
  CHECK_FALSE(Allowed("query/a.cc", "server/server.h"));
  CHECK_FALSE(Allowed("server/a.cc", "tools/kgctl/main.h"));
  CHECK_FALSE(Allowed("tools/kgctl/a.cc", "tests/support/dir.h"));
}

TEST_CASE("includes along the arrows pass") {
  CHECK(Allowed("storage/a.cc", "schemas/records_generated.h"));
  CHECK(Allowed("engine/a.cc", "storage/store.h"));
  CHECK(Allowed("query/a.cc", "storage/types.h"));
  CHECK(Allowed("server/a.cc", "ingest/decode.h"));
  CHECK(Allowed("server/a.cc", "query/root_cause.h"));
  CHECK(Allowed("tools/kgctl/a.cc", "server/server.h"));
  CHECK(Allowed("tests/query/a.cc", "query/internal/walk.h"));
  CHECK(Allowed("engine/a.cc", "engine/internal/fold.h"));
  CHECK(Allowed("engine/a.cc", "absl/status/status.h"));
}

TEST_CASE("ingest and server share the ids and times of storage, and nothing else of it") {
  CHECK(Allowed("ingest/a.cc", "storage/types.h"));
  CHECK(Allowed("server/a.cc", "storage/types.h"));
  CHECK_FALSE(Allowed("ingest/a.cc", "storage/store.h"));
  CHECK_FALSE(Allowed("server/a.cc", "storage/store.h"));
}

TEST_CASE("private headers stay in their folder") {
  CHECK(Message("query/a.cc", "engine/internal/fold.h") ==
        "query/a.cc:2: engine/internal/fold.h is private to engine\n");
  CHECK_FALSE(Allowed("tools/kgctl/a.cc", "storage/internal/key.h"));
  CHECK_FALSE(Allowed("engine/a.cc", "internal/fold.h"));
  CHECK_FALSE(Allowed("engine/a.cc", "../storage/store.h"));
}

TEST_CASE("libraries stay where they belong") {
  CHECK(Allowed("storage/internal/db.h", "rocksdb/db.h"));
  CHECK(Allowed("storage/store.cc", "rocksdb/db.h"));
  CHECK_FALSE(Allowed("storage/store.h", "rocksdb/db.h"));
  CHECK_FALSE(Allowed("engine/a.cc", "rocksdb/slice.h"));

  CHECK(Allowed("server/listener.cc", "boost/asio/ip/tcp.hpp"));
  CHECK(Allowed("ingest/http_client.cc", "boost/beast/http.hpp"));
  CHECK_FALSE(Allowed("server/listener.h", "boost/asio/ip/tcp.hpp"));
  CHECK_FALSE(Allowed("ingest/http_client.h", "boost/beast/http.hpp"));
  CHECK_FALSE(Allowed("ingest/file_source.cc", "boost/asio.hpp"));
  CHECK_FALSE(Allowed("tools/kgctl/serve.cc", "boost/asio.hpp"));

  CHECK(Allowed("ingest/kafka.cc", "librdkafka/rdkafkacpp.h"));
  CHECK_FALSE(Allowed("server/a.cc", "librdkafka/rdkafka.h"));

  CHECK(Allowed("ingest/decode.h", "boost/json.hpp"));
  CHECK(Allowed("server/a.cc", "boost/json/value.hpp"));
  CHECK_FALSE(Allowed("query/a.cc", "boost/json.hpp"));
  CHECK_FALSE(Allowed("engine/a.cc", "boost/json.hpp"));
}

TEST_CASE("spelling of a directive does not hide it") {
  const std::vector<std::string> texts = {"#include <query/walk.h>\n",
                                          "  #  include \"query/walk.h\"\n",
                                          "#include\t\"query/walk.h\"  // why\n"};
  for (const std::string& text : texts) {
    INFO(text);
    CHECK(CheckIncludes("engine/a.cc", text).size() == 1);
  }
  CHECK(CheckIncludes("engine/a.cc", "// #include \"query/walk.h\"\n").empty());
  CHECK(CheckIncludes("engine/a.cc", "#define INCLUDE \"query/walk.h\"\n").empty());
}

TEST_CASE("the top level holds what the layout names") {
  CHECK(CheckTopLevel("engine", true).empty());
  CHECK(CheckTopLevel("build", true).empty());
  CHECK(CheckTopLevel(".git", true).empty());
  CHECK(CheckTopLevel("LICENSE", false).empty());
  CHECK(CheckTopLevel("src", true).size() == 1);
  CHECK(CheckTopLevel("notes.txt", false).size() == 1);
  CHECK(CheckTopLevel("engine", false).size() == 1);
}

TEST_CASE("a violation planted in a tree is found") {
  const fs::path root =
      fs::temp_directory_path() / ("kg-architecture-" + std::to_string(::getpid()));
  fs::remove_all(root);
  const auto write = [&root](const std::string& name, const std::string& text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  };
  write("engine/good.cc", "#include \"storage/types.h\"\n");
  write("engine/bad.h", "#pragma once\n\n#include \"server/server.h\"\n");
  write("build/dev/ignored.cc", "#include \"server/server.h\"\n");
  write("tools/look", std::string("cat ../") + "shared/file\n");
  write("stray/file.txt", "");

  const TreeReport report = CheckTree(root.string());
  fs::remove_all(root);
  CHECK(report.sources == 2);
  CHECK(report.includes == 2);
  CHECK(Listed(report.violations) ==
        "engine/bad.h:3: engine may not include server/server.h; it may include schemas, storage\n"
        "stray: does not belong at the top level; its folders are bench, engine, ingest, query, "
        "schemas, server, storage, tests, tools\n"
        "tools/look:1: names ../"
        "shared, which lies outside the tree\n");
}

}  // namespace
}  // namespace kg::architecture
