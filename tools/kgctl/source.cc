#include "tools/kgctl/source.h"

#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/database.h"
#include "ingest/http_client.h"
#include "server/ask.h"
#include "server/times.h"
#include "tools/kgctl/json_view.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class DirectorySource : public Source {
 public:
  DirectorySource(std::unique_ptr<Database> database, std::string backup_dir, query::Budget budget)
      : database_(std::move(database)), backup_dir_(std::move(backup_dir)), budget_(budget) {}

  absl::StatusOr<json::value> Ask(absl::string_view question,
                                  const server::Params& params) override {
    server::AskOptions options;
    options.budget = budget_;
    // Nobody else waits for this process, so a question may take longer than on a node.
    options.budget.time = std::chrono::seconds(20);
    options.backup_dir = backup_dir_;
    return server::Ask(*database_, question, params, options);
  }
  std::string ClockName() const override { return "data clock"; }

 private:
  const std::unique_ptr<Database> database_;
  const std::string backup_dir_;
  const query::Budget budget_;
};

class NodeSource : public Source {
 public:
  explicit NodeSource(std::string base) : base_(std::move(base)) {}

  absl::StatusOr<json::value> Ask(absl::string_view question,
                                  const server::Params& params) override {
    ingest::HttpCall call;
    call.url = absl::StrCat(base_, "/api/v1/", question, params.empty() ? "" : "?",
                            server::EncodeQuery(params));
    if (const auto timeout = params.find("timeout"); timeout != params.end()) {
      const absl::StatusOr<Duration> time = server::ParseDuration(timeout->second);
      // The node needs its time, and the answer some to travel.
      if (time.ok()) call.timeout = *time + std::chrono::seconds(5);
    }
    return ReplyOf(ingest::Fetch(call), base_);
  }
  std::string ClockName() const override { return "now"; }

 private:
  const std::string base_;
};

absl::Status StatusOfReply(int http_status, const std::string& body) {
  boost::system::error_code error;
  const json::value problem = json::parse(body, error);
  std::string detail = error ? "" : Str(problem, "detail");
  if (detail.empty()) detail = absl::StrCat("the node answered ", http_status);
  switch (http_status) {
    case 400:
      return absl::InvalidArgumentError(detail);
    case 404:
      return absl::NotFoundError(detail);
    case 503:
    case 504:
      return absl::UnavailableError(detail);
    default:
      return absl::InternalError(detail);
  }
}

}  // namespace

absl::Status Place::Settle() {
  if (absl::Status settled = settings.Settle(); !settled.ok()) return settled;
  const int dir_rank = settings.Rank(Setting::kDataDir);
  const int server_rank = settings.Rank(Setting::kServer);
  if (dir_rank == 0 && server_rank == 0) {
    return absl::InvalidArgumentError("--data-dir and --server exclude each other; give one");
  }
  if (server_rank < dir_rank) {
    server = settings.Text(Setting::kServer);
  } else {
    data_dir = settings.Text(Setting::kDataDir);
  }
  return absl::OkStatus();
}

std::string BaseUrl(const std::string& server) {
  const bool has_scheme = absl::StrContains(server, "://");
  return absl::StrCat(has_scheme ? "" : "http://", absl::StripSuffix(server, "/"));
}

absl::StatusOr<json::value> ReplyOf(const absl::StatusOr<ingest::HttpReply>& reply,
                                    const std::string& base_url) {
  if (!reply.ok()) {
    return absl::Status(reply.status().code(), absl::StrCat(reply.status().message(),
                                                            "; is 'kgctl serve' running there?"));
  }
  if (reply->status != 200 && reply->status != 202)
    return StatusOfReply(reply->status, reply->body);
  boost::system::error_code error;
  json::value value = json::parse(reply->body, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat(base_url, " answered something that is not JSON; is it a kg node?"));
  }
  return value;
}

absl::StatusOr<std::unique_ptr<Source>> Source::Open(const Place& place) {
  if (!place.server.empty()) return std::make_unique<NodeSource>(BaseUrl(place.server));
  std::error_code error;
  if (!std::filesystem::is_directory(place.data_dir, error)) {
    return absl::NotFoundError(absl::StrCat("there is no data in ", place.data_dir,
                                            "; put some in with 'kgctl load FILE --data-dir ",
                                            place.data_dir, "', or name another --data-dir"));
  }
  DatabaseOptions options = DatabaseOptionsFrom(place.settings);
  options.read_only = true;
  options.create_if_missing = false;
  absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(place.data_dir, options);
  if (!database.ok()) return database.status();
  return std::make_unique<DirectorySource>(
      *std::move(database), place.settings.Text(Setting::kBackupDir), BudgetFrom(place.settings));
}

}  // namespace kg::kgctl
