#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/backup.h"
#include "server/api.h"
#include "server/metrics.h"
#include "tests/server/support.h"

// Backups of a running node, and what doctor and /metrics say of them.

namespace kg::server {
namespace {

namespace json = boost::json;

class BackedNode {
 public:
  explicit BackedNode(bool with_folder = true)
      : database(OpenDatabase(dir)), api(database.get(), &metrics_, Options(with_folder)) {
    Put(database.get(), kMissingSecret);
  }

  HttpResponse Send(const std::string& method, const std::string& target,
                    std::map<std::string, std::string> headers = {}) {
    HttpRequest request;
    request.method = method;
    REQUIRE(ParseTarget(target, &request).ok());
    request.headers = std::move(headers);
    return api.Handle(request);
  }
  json::value Get(const std::string& target) {
    const HttpResponse response = Send("GET", target);
    INFO(target << "\n" << response.body);
    REQUIRE(response.status == 200);
    return json::parse(response.body);
  }
  // Begins a job and waits for its end.
  json::value Job(const std::string& target) {
    const HttpResponse begun = Send("POST", target);
    INFO(begun.body);
    REQUIRE(begun.status == 202);
    json::value job = json::parse(begun.body);
    while (job.at("state").as_string() == "running") {
      std::this_thread::yield();
      job = Get("/api/v1/backups/job");
    }
    return job;
  }
  std::string Made() {
    const json::value job = Job("/api/v1/backups");
    INFO(json::serialize(job));
    REQUIRE(job.at("state").as_string() == "done");
    return std::string(job.at("name").as_string().c_str());
  }
  json::value Check(const std::string& name) {
    const json::value doctor = Get("/api/v1/doctor");
    for (const json::value& check : doctor.at("checks").as_array()) {
      if (check.at("check").as_string() == name) return check;
    }
    return nullptr;
  }

  TempDir dir;
  const std::unique_ptr<Database> database;
  Timestamp now = WallClock();

 private:
  ApiOptions Options(bool with_folder) {
    ApiOptions options;
    options.now = [this] { return now; };
    if (with_folder) options.backup_dir = dir / "backups";
    return options;
  }
  Metrics metrics_;

 public:
  Api api;
};

TEST_CASE("a node is backed up as a job and tells about it") {
  BackedNode node;
  CHECK(node.Get("/api/v1/backups").at("backups").as_array().empty());
  CHECK(node.Send("GET", "/api/v1/backups/job").status == 404);
  const std::string name = node.Made();
  CHECK(name == "20260302T103000.000000Z");
  const json::value listed = node.Get("/api/v1/backups");
  REQUIRE(listed.at("backups").as_array().size() == 1);
  const json::value& entry = listed.at("backups").at(0);
  CHECK(entry.at("state").as_string() == "complete");
  CHECK(entry.at("verified").is_null());
  CHECK(entry.at("counts").at("resources").to_number<int>() > 0);
  CHECK(listed.at("job").at("kind").as_string() == "create");

  const json::value verified = node.Job("/api/v1/backups/latest/verify");
  INFO(json::serialize(verified));
  CHECK(verified.at("state").as_string() == "done");
  CHECK(node.Get("/api/v1/backups/" + name).at("verified").at("problem").is_null());

  const std::string metrics = node.Send("GET", "/metrics").body;
  CHECK(absl::StrContains(metrics, "kg_backup_last_success_seconds 1772447400"));
  CHECK(absl::StrContains(metrics, "kg_backups{state=\"good\"} 1"));
  CHECK(absl::StrContains(metrics, "kg_backup_failures_total{of=\"create\"} 0"));
  CHECK(absl::StrContains(metrics, "kg_backup_bytes{share=\"all\"}"));
  CHECK(absl::StrContains(metrics, "kg_backup_duration_seconds"));
}

TEST_CASE("a backup is sent as an archive in pieces that can be restored") {
  BackedNode node;
  node.Made();
  HttpResponse response = node.Send("GET", "/api/v1/backups/latest/archive");
  REQUIRE(response.status == 200);
  REQUIRE(response.next_piece != nullptr);
  std::string archive;
  while (true) {
    const auto piece = response.next_piece();
    REQUIRE(piece.ok());
    if (piece->empty()) break;
    archive += *piece;
  }
  // Two at a time; a place is free again when its stream is let go of.
  HttpResponse second = node.Send("GET", "/api/v1/backups/latest/archive");
  CHECK(node.Send("GET", "/api/v1/backups/latest/archive").status == 503);
  response.next_piece = nullptr;
  CHECK(node.Send("GET", "/api/v1/backups/latest/archive").status == 200);

  RestoreOptions options;
  options.data_dir = node.dir / "again";
  size_t at = 0;
  const auto restored = RestoreArchive(
      [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
        const size_t got = std::min(size, archive.size() - at);
        std::memcpy(buffer, archive.data() + at, got);
        at += got;
        return got;
      },
      options);
  INFO(restored.status().ToString());
  REQUIRE(restored.ok());
  CHECK(Database::Open(node.dir / "again", {}).ok());
}

TEST_CASE("what can't be done with backups of a node is said with what to do") {
  BackedNode node;
  const auto refuses = [&](const std::string& method, const std::string& target, int status,
                           const std::string& says) {
    const HttpResponse response = node.Send(method, target);
    INFO(method << " " << target << "\n" << response.body);
    CHECK(response.status == status);
    CHECK(absl::StrContains(response.body, says));
  };
  refuses("POST", "/api/v1/restore", 409, "kgctl restore");
  refuses("POST", "/api/v1/backups/prune", 400, "--keep");
  refuses("POST", "/api/v1/backups/prune?keep=0", 400, "whole number");
  refuses("POST", "/api/v1/backups/prune?kep=1", 400, "did you mean 'keep'");
  refuses("POST", "/api/v1/backups?full=1", 400, "full");
  refuses("GET", "/api/v1/backups/prune", 405, "POST");
  refuses("DELETE", "/api/v1/backups", 405, "POST");
  refuses("GET", "/api/v1/backups/latest", 404, "no good backup");
  refuses("POST", "/api/v1/backups/none/verify", 404, "no backup 'none'");
  refuses("GET", "/api/v1/backups/..%2F..%2Fetc/archive", 404, "no backup");
  // By the rules of all writing routes: no page may have a browser do this.
  CHECK(node.Send("POST", "/api/v1/backups", {{"host", "evil.example"}}).status == 421);
  CHECK(node.Send("POST", "/api/v1/backups",
                  {{"host", "127.0.0.1"}, {"origin", "http://evil.example"}})
            .status == 421);
  CHECK(node.Get("/api/v1/backups").at("backups").as_array().empty());

  BackedNode without(false);
  const HttpResponse none = without.Send("POST", "/api/v1/backups");
  CHECK(none.status == 409);
  CHECK(absl::StrContains(none.body, "--backup-dir"));
  CHECK(without.Check("backups").is_null());
}

TEST_CASE("doctor names a stale and a failed backup and prune keeps the last good one") {
  BackedNode node;
  CHECK(node.Check("backups").at("status").as_string() == "ok");
  const std::string first = node.Made();
  CHECK(absl::StrContains(std::string(node.Check("backups").at("text").as_string().c_str()),
                          "never verified"));
  node.now += std::chrono::hours(49);
  json::value check = node.Check("backups");
  CHECK(check.at("status").as_string() == "warning");
  CHECK(absl::StrContains(std::string(check.at("text").as_string().c_str()), "2d1h old"));

  const std::string second = node.Made();
  CHECK(node.Check("backups").at("status").as_string() == "ok");
  // Cut off behind our back.
  const std::string manifest = node.dir / ("backups/" + second + "/backup.manifest");
  std::filesystem::resize_file(manifest, 30);
  check = node.Check("backups");
  CHECK(check.at("status").as_string() == "warning");
  CHECK(absl::StrContains(
      std::string(check.at("items").at("shown").at(0).at("text").as_string().c_str()), second));
  const HttpResponse pruned = node.Send("POST", "/api/v1/backups/prune?keep=1");
  REQUIRE(pruned.status == 200);
  CHECK(json::parse(pruned.body).at("kept").as_array().size() == 2);
  std::filesystem::remove_all(node.dir / ("backups/" + first));
  check = node.Check("backups");
  CHECK(check.at("status").as_string() == "failed");

  // A folder that can't be made is a failed backup, and counted.
  std::filesystem::remove_all(node.dir / "backups");
  std::ofstream(node.dir / "backups") << "in the way";
  const json::value failed = node.Job("/api/v1/backups");
  CHECK(failed.at("state").as_string() == "failed");
  CHECK_FALSE(failed.at("problem").is_null());
  CHECK(absl::StrContains(node.Send("GET", "/metrics").body,
                          "kg_backup_failures_total{of=\"create\"} 1"));
  // A node that stops begins nothing more.
  node.api.BeginStop();
  CHECK(node.Send("POST", "/api/v1/backups").status == 503);
}

}  // namespace
}  // namespace kg::server
