#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/times.h"
#include "storage/types.h"
#include "tests/tools/support.h"

// Loads into a directory and into a node, and what becomes of records that they could not take.

namespace kg::kgctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

json::value Json(const Ran& ran) {
  INFO(ran.out << ran.err);
  boost::system::error_code error;
  json::value value = json::parse(ran.out, error);
  REQUIRE_FALSE(error);
  return value;
}

int64_t Number(const json::value& value, const char* name) {
  return value.at(name).to_number<int64_t>();
}

int64_t Letters(const TempDir& dir, const std::string& where = "") {
  return Number(Json(Run(dir, "stats -o json" + where)), "dead_letters");
}

bool Exists(const TempDir& dir, const std::string& object, const std::string& where = "") {
  return Json(Run(dir, "resource " + object + " -n shop -o json" + where))
      .at("resource")
      .at("exists")
      .as_bool();
}

// An event of the day after tomorrow.
std::string FutureEvent() {
  const std::string time = server::FormatTime(std::chrono::time_point_cast<Duration>(
      std::chrono::system_clock::now() + std::chrono::hours(48)));
  return absl::StrCat(
      R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"late.a","namespace":"shop",)",
      R"("uid":"e-late"},"type":"Warning","reason":"BackOff","message":"back-off",)",
      R"("involvedObject":{"kind":"Pod","namespace":"shop","name":"cart-1","uid":"p-1"},)",
      R"("firstTimestamp":")", time, R"(","lastTimestamp":")", time, R"("})");
}

// Where a test runs: on a directory, or through a node that has it open.
class Place {
 public:
  explicit Place(bool node) {
    if (!node) return;
    node_ = std::make_unique<RunningNode>(dir);
    where = " --server " + node_->url();
  }
  TempDir dir;
  std::string where;

 private:
  std::unique_ptr<RunningNode> node_;
};

TEST_CASE("a file that was loaded whole is passed over") {
  for (const bool node : {false, true}) {
    INFO("node: " << node);
    Place place(node);
    const TempDir& dir = place.dir;
    WriteFile(dir / "a.json", Pod("cart-1", "p-1", "cart:1", "{}"));
    WriteFile(dir / "b.json", Pod("cart-2", "p-2", "cart:1", "{}"));
    const std::string load = "load -o json" + place.where + " ";
    const std::string both = (dir / "a.json") + " " + (dir / "b.json");
    CHECK(Number(Json(Run(dir, load + both)), "already_loaded") == 0);
    const json::value stats = Json(Run(dir, "stats -o json" + place.where));
    REQUIRE(stats.at("positions").as_array().size() == 2);
    CHECK(absl::StartsWith(
        std::string(stats.at("positions").at(0).at("source").as_string().c_str()), "file:"));

    const json::value again = Json(Run(dir, load + both));
    CHECK(Number(again, "already_loaded") == 2);
    CHECK(Number(again, "records") == 0);
    const Ran said = Run(dir, "load" + place.where + " " + both);
    CHECK(said.code == 0);
    CHECK(absl::StrContains(said.out, "already loaded"));
    // Wherever it stands.
    fs::rename(dir / "a.json", dir / "c.json");
    const std::string renamed = (dir / "c.json") + " " + (dir / "b.json");
    CHECK(Number(Json(Run(dir, load + renamed)), "already_loaded") == 2);
    CHECK(Number(Json(Run(dir, load + "--again " + renamed)), "already_loaded") == 0);
    // What changes what the bytes mean makes it another load; so does other company, which dates
    // what has no date.
    CHECK(Number(Json(Run(dir, load + (dir / "c.json"))), "already_loaded") == 0);
    CHECK(Number(Json(Run(dir, load + "--at 2026-03-02T11:00Z " + renamed)), "already_loaded") ==
          0);
    CHECK(Number(Json(Run(dir, load + "--at 2026-03-02T11:00Z " + (dir / "c.json"))),
                 "already_loaded") == 1);
    CHECK(Number(Json(Run(dir, load + "--default-tenant x " + renamed)), "already_loaded") == 0);
    CHECK(Number(Json(Run(dir, load + "--complete --yes -n shop " + renamed)), "already_loaded") ==
          0);
    WriteFile(dir / "b.json", Pod("cart-2", "p-2", "cart:2", "{}"));
    CHECK(Number(Json(Run(dir, load + renamed)), "already_loaded") == 0);
  }
}

TEST_CASE("what is broken becomes one dead letter until its source is mended") {
  for (const bool node : {false, true}) {
    INFO("node: " << node);
    Place place(node);
    const TempDir& dir = place.dir;
    const std::string good = Pod("cart-1", "p-1", "cart:1", "{}");
    WriteFile(dir / "mixed.jsonl", good + "\n{\"kind\":\"Pod\",\n");
    const std::string load = "load " + (dir / "mixed.jsonl") + place.where;
    for (int i = 0; i < 2; ++i) {
      const Ran loaded = Run(dir, load);
      INFO(loaded.out << loaded.err);
      CHECK(loaded.code == 1);
      CHECK(absl::StrContains(loaded.out, "DEAD LETTERS: 1"));
      CHECK(Letters(dir, place.where) == 1);
    }
    const json::value answer = Json(Run(dir, "dead-letters -o json" + place.where));
    REQUIRE(Number(answer, "total") == 1);
    const json::value& letter = answer.at("dead_letters").at(0);
    CHECK(std::string(letter.at("source").as_string().c_str()) == "file:" + (dir / "mixed.jsonl"));
    CHECK(letter.at("record").is_null());
    CHECK(Run(dir, "dead-letters export" + place.where).out.back() == '\n');

    CHECK(Run(dir, "dead-letters retry" + place.where).code == 1);
    CHECK(Letters(dir, place.where) == 1);
    fs::rename(dir / "mixed.jsonl", dir / "away");
    const Ran gone = Run(dir, "dead-letters retry" + place.where);
    CHECK(gone.code == 1);
    CHECK(absl::StrContains(gone.out, "gone: file:"));

    WriteFile(dir / "mixed.jsonl", good + "\n" + Pod("cart-2", "p-2", "cart:1", "{}") + "\n");
    const Ran mended = Run(dir, "dead-letters retry" + place.where);
    INFO(mended.out << mended.err);
    CHECK(mended.code == 0);
    CHECK(absl::StrContains(mended.out, "mended: 1"));
    CHECK(Letters(dir, place.where) == 0);
    CHECK(Exists(dir, "pod/cart-2", place.where));
    CHECK(absl::StrContains(Run(dir, "dead-letters retry" + place.where).out, "no dead letters"));
  }
}

TEST_CASE("a letter's source is read again the way it was read") {
  TempDir dir;
  LoadCluster(dir);
  const std::string line = "2026-03-02T10:16:00Z ERROR connection refused to db:5432\n";
  WriteFile(dir / "logs.txt", "[pod/cart-1/app] " + line + "{\"kind\":\n");
  const Ran loaded = Run(dir, "load --format json -n shop " + (dir / "logs.txt"));
  INFO(loaded.out << loaded.err);
  REQUIRE(loaded.code == 1);
  // Were it read without --format json, its line of a log would be understood.
  CHECK(Run(dir, "dead-letters retry").code == 1);
  CHECK(Letters(dir) >= 1);
}

TEST_CASE("a record dated in the future is kept and applied when that is allowed") {
  TempDir dir;
  LoadCluster(dir);
  WriteFile(dir / "late.json", FutureEvent());
  for (int i = 0; i < 2; ++i) {
    const Ran loaded = Run(dir, "load " + (dir / "late.json"));
    INFO(loaded.out << loaded.err);
    CHECK(loaded.code == 1);
    CHECK(absl::StrContains(loaded.out, "lies in the future"));
  }
  const json::value answer = Json(Run(dir, "dead-letters -o json"));
  REQUIRE(Number(answer, "total") == 1);
  CHECK(answer.at("dead_letters").at(0).at("record").at("reason").as_string() == "BackOff");
  fs::remove(dir / "late.json");

  const Ran early = Run(dir, "dead-letters retry");
  CHECK(early.code == 1);
  CHECK(absl::StrContains(early.out, "still refused"));
  CHECK(Letters(dir) == 1);
  const Ran late = Run(dir, "dead-letters retry --future-tolerance 3d");
  INFO(late.out << late.err);
  CHECK(late.code == 0);
  CHECK(absl::StrContains(late.out, "mended: 1"));
  CHECK(Letters(dir) == 0);
  CHECK(absl::StrContains(Run(dir, "events -A --since 1d -o json").out, "e-late"));
}

TEST_CASE("a node retries what it keeps") {
  TempDir dir;
  WriteFile(dir / "late.json", FutureEvent());
  {
    RunningNode node(dir);
    const std::string where = " --server " + node.url();
    CHECK(Run(dir, "load " + (dir / "late.json") + where).code == 1);
    CHECK(Run(dir, "dead-letters retry" + where).code == 1);
    CHECK(Letters(dir, where) == 1);
    CHECK(Run(dir, "dead-letters retry --future-tolerance 1d" + where).code == 2);
  }
  RunningNode lenient(dir, {"--future-tolerance", "3d"});
  const std::string where = " --server " + lenient.url();
  CHECK(Run(dir, "dead-letters retry" + where).code == 0);
  CHECK(Letters(dir, where) == 0);
}

TEST_CASE("strict stops at the first broken record and keeps what came before") {
  for (const bool node : {false, true}) {
    INFO("node: " << node);
    Place place(node);
    const TempDir& dir = place.dir;
    WriteFile(dir / "x.jsonl", Pod("cart-1", "p-1", "cart:1", "{}") + "\n{\"kind\":\"Pod\",\n" +
                                   Pod("cart-2", "p-2", "cart:1", "{}") + "\n");
    const Ran strict =
        Run(dir, "load --strict --at 2026-03-02T10:00:00Z " + (dir / "x.jsonl") + place.where);
    INFO(strict.out << strict.err);
    CHECK(strict.code == 1);
    CHECK(absl::StrContains(strict.err, "stopped at file:"));
    CHECK(Exists(dir, "pod/cart-1", place.where));
    CHECK(Run(dir, "resource pod/cart-2 -n shop" + place.where).code == 3);
  }
}

TEST_CASE("a complete input deletes what is absent, and much only when told") {
  for (const bool node : {false, true}) {
    INFO("node: " << node);
    Place place(node);
    const TempDir& dir = place.dir;
    WriteFile(dir / "cluster.json", Cluster());
    REQUIRE(Run(dir, "load " + (dir / "cluster.json") + place.where).code == 0);
    WriteFile(dir / "half.json", absl::StrCat(R"({"apiVersion":"v1","kind":"List","items":[)",
                                              Pod("cart-1", "p-1", "cart:1", "{}"), "]}"));
    const std::string load =
        "load --complete -n shop --at 2026-03-02T10:20:00Z " + (dir / "half.json") + place.where;
    const Ran asked = Run(dir, load, "true |");
    INFO(asked.out << asked.err);
    CHECK(asked.code == 1);
    CHECK(absl::StrContains(asked.err, "1 of 2"));
    CHECK(absl::StrContains(asked.err, "--yes"));
    CHECK(Exists(dir, "pod/cart-2", place.where));
    // Not done, so not passed over.
    CHECK(Run(dir, load + " --yes").code == 0);
    CHECK_FALSE(Exists(dir, "pod/cart-2", place.where));
    CHECK(absl::StrContains(Run(dir, load + " --yes").out, "already loaded"));
  }
}

TEST_CASE("a folder and standard input go to a node as to a directory") {
  TempDir dir;
  fs::create_directories(dir / "dump/shop/cart-1");
  WriteFile(dir / "dump/pods.json", Cluster());
  WriteFile(dir / "dump/shop/cart-1/logs.txt",
            "2026-03-02T10:12:00Z ERROR dial tcp 10.0.0.1:5432: connect: connection refused\n");
  WriteFile(dir / "dump/notes.md", "nothing");
  TempDir offline;
  const json::value there = Json(Run(offline, "load -o json " + (dir / "dump")));
  RunningNode node(dir);
  const std::string where = " --server " + node.url();
  const json::value here = Json(Run(dir, "load -o json " + (dir / "dump") + where));
  CHECK(here == there);
  CHECK(Number(here.at("decoded"), "log_lines") == 1);
  const Ran piped = Run(dir, "load -" + where, "cat " + (dir / "dump/pods.json") + " |");
  INFO(piped.out << piped.err);
  CHECK(piped.code == 0);
  const std::string question = "rca -n shop --at 2026-03-02T10:15:00Z -o json";
  CHECK(Json(Run(dir, question + where)).at("root_causes") ==
        Json(Run(offline, question)).at("root_causes"));
  CHECK(Run(dir, "load --retention 1d x" + where).code == 2);
  CHECK(Run(dir, "load " + (dir / "absent") + where).code == 3);
}

}  // namespace
}  // namespace kg::kgctl
