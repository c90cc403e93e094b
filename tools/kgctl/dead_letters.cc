#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/json_text.h"
#include "server/retry.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/load.h"
#include "tools/kgctl/source.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

constexpr char kFilePrefix[] = "file:";

class DeadLetters : public Command {
 public:
  std::string name() const override { return "dead-letters"; }
  std::string about() const override {
    return "Records that could not be taken in: list, retry, export";
  }
  std::string examples() const override {
    return "  kgctl dead-letters                     # where each stood, and why it was refused\n"
           "  kgctl dead-letters retry               # after mending the cause\n"
           "  kgctl dead-letters retry --future-tolerance 1d   # take records dated ahead as they "
           "are\n"
           "  kgctl dead-letters export > dead.jsonl # one JSON object per line";
  }
  std::string notes() const override {
    return "A record that was understood but could not be applied (dated in the future, naming\n"
           "nothing) is kept whole, without secrets; retry applies it. Of others only the place "
           "is\n"
           "known; retry reads their files again, the way they were read then, where they still "
           "are.\n"
           "What is mended is no letter any more. Exits 1 while letters remain.";
  }
  void Define(FlagSet* flags) override {
    flags->Argument("action", &action_, "list, retry or export (default list)");
    flags->Text("--tenant", "NAME", &tenant_, "Tenant, where there are several");
    flags->Text("--cluster", "NAME", &cluster_, "Cluster, where there are several");
    flags->Text("--limit", "N", &limit_, "Letters at most (default 100; export 10000)");
    place_.Define(kQuestions | kLoad, flags);
    flags->Text("-o,--output", "FORMAT", &output_, "table, wide, json, yaml or name");
    flags->Switch("--no-headers", &no_headers_, "No headers in tables");
  }

  absl::StatusOr<int> Run(Environment* env) override {
    if (action_ != "list" && action_ != "retry" && action_ != "export") {
      return absl::InvalidArgumentError(
          absl::StrCat("'", action_, "' is no action; give list, retry or export"));
    }
    if (absl::Status settled = place_.Settle(); !settled.ok()) return settled;
    if (action_ == "retry") return Retry(env);
    const absl::StatusOr<json::value> answer = AskLetters();
    if (!answer.ok()) return answer.status();
    if (action_ == "export") {
      for (const json::value& letter : List(*answer, "dead_letters")) {
        env->out << server::ToJsonText(letter, server::JsonLayout::kCompact) << "\n";
      }
      return kExitOk;
    }
    return Print(*answer, env);
  }

 private:
  absl::StatusOr<json::value> AskLetters() const {
    absl::StatusOr<std::unique_ptr<Source>> source = Source::Open(place_);
    if (!source.ok()) return source.status();
    server::Params params;
    if (!tenant_.empty()) params["tenant"] = tenant_;
    if (!cluster_.empty()) params["cluster"] = cluster_;
    params["limit"] = !limit_.empty() ? limit_ : action_ == "list" ? "100" : "10000";
    return (*source)->Ask("dead-letters", params);
  }

  absl::StatusOr<int> Print(const json::value& answer, Environment* env) const {
    if (output_ == "json") {
      env->out << server::ToJsonText(answer, server::JsonLayout::kPretty);
      return kExitOk;
    }
    if (output_ == "yaml") {
      env->out << server::ToYamlText(answer);
      return kExitOk;
    }
    if (output_ != "table" && output_ != "wide" && output_ != "name") {
      return absl::InvalidArgumentError(
          absl::StrCat("-o ", output_, " is no format; give table, wide, json, yaml or name"));
    }
    PageStyle style;
    style.headers = !no_headers_;
    style.wide = output_ == "wide";
    Table table({"TIME", "SOURCE", "POSITION", "BYTES", "REASON"});
    for (const json::value& letter : List(answer, "dead_letters")) {
      if (output_ == "name") {
        env->out << Printable(Str(letter, "source") + ", " + Str(letter, "position")) << "\n";
        continue;
      }
      table.Add({TimeText(letter, "at"), Str(letter, "source"), Str(letter, "position"),
                 absl::StrCat(Int(letter, "size_bytes")), Str(letter, "reason")});
    }
    if (!table.empty()) table.Print(style, env->out);
    const auto shown = static_cast<int64_t>(List(answer, "dead_letters").size());
    if (output_ != "name" && shown == 0) env->out << "none\n";
    if (output_ != "name" && Int(answer, "total") > shown) {
      env->out << "and " << Int(answer, "total") - shown << " more (--limit)\n";
    }
    return kExitOk;
  }

  absl::StatusOr<int> Retry(Environment* env) {
    std::unique_ptr<Database> database;
    if (place_.server.empty()) {
      DatabaseOptions options = DatabaseOptionsFrom(place_.settings);
      options.create_if_missing = false;
      absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open(place_.data_dir, options);
      if (!opened.ok()) return opened.status();
      database = *std::move(opened);
    } else if (place_.settings.Rank(Setting::kFutureTolerance) == 0) {
      return absl::InvalidArgumentError(
          "--future-tolerance is the node's own setting; give it to 'kgctl serve' there");
    }
    absl::StatusOr<json::value> report = RetryKept(database.get());
    if (!report.ok()) return report.status();
    RetryCounts counts;
    absl::Status read = ReadAgain(database.get(), *report, &counts, env);
    if (!read.ok()) return read;
    return PrintRetry(*report, counts, env);
  }

  absl::StatusOr<json::value> RetryKept(Database* database) const {
    if (database != nullptr) {
      const auto report = server::RetryKept(database, {tenant_, cluster_});
      if (!report.ok()) return report.status();
      return server::Render(*report);
    }
    server::Params params;
    if (!tenant_.empty()) params["tenant"] = tenant_;
    if (!cluster_.empty()) params["cluster"] = cluster_;
    ingest::HttpCall call;
    call.method = "POST";
    call.timeout = std::chrono::minutes(10);
    call.url = absl::StrCat(BaseUrl(place_.server), "/api/v1/dead-letters/retry",
                            params.empty() ? "" : "?", server::EncodeQuery(params));
    return ReplyOf(ingest::Fetch(call), BaseUrl(place_.server));
  }

  struct RetryCounts {
    int64_t mended = 0, remaining = 0;
    std::vector<std::string> gone;
  };

  // Letters of one load are read in one load again: its files were understood together.
  absl::Status ReadAgain(Database* database, const json::value& report, RetryCounts* counts,
                         Environment* env) const {
    std::map<std::string, std::set<std::string>> sources;  // by read_with
    for (const json::value& entry : List(report, "unread"))
      sources[Str(entry, "read_with")].insert(Str(entry, "source"));
    for (const auto& [read_with, names] : sources) {
      LoadRequest request;
      if (!Plan(read_with, names, &request, counts)) continue;
      request.options.mend = true;
      request.options.now =
          std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
      const std::unique_ptr<LoadTarget> target = database != nullptr
                                                     ? MakeDirectoryTarget(database)
                                                     : MakeNodeTarget(BaseUrl(place_.server));
      const absl::StatusOr<json::value> loaded = Load(target.get(), std::move(request), env);
      if (!loaded.ok()) return loaded.status();
      counts->mended += Int(*loaded, "mended");
      counts->remaining += Int(*loaded, "dead_letters");
    }
    return absl::OkStatus();
  }

  // False when there is nothing left to read; what is missing is noted.
  static bool Plan(const std::string& read_with, const std::set<std::string>& sources,
                   LoadRequest* request, RetryCounts* counts) {
    server::HttpRequest parsed;
    if (!server::ParseTarget(absl::StrCat("/?", read_with), &parsed).ok()) return false;
    const std::string files = parsed.query["files"];
    parsed.query.erase("files");
    request->options.how = parsed.query;
    const auto there = [](const std::string& path) {
      std::error_code error;
      return std::filesystem::exists(path, error);
    };
    std::vector<std::string> own;
    for (const std::string& source : sources) {
      const bool is_file = absl::StartsWith(source, kFilePrefix);
      const std::string path = is_file ? source.substr(sizeof(kFilePrefix) - 1) : "";
      if (is_file && there(path)) {
        own.push_back(path);
      } else {
        counts->gone.push_back(source);
      }
    }
    if (own.empty()) return false;
    request->paths = files.empty() ? own : absl::StrSplit(files, '\n');
    for (const std::string& path : request->paths) {
      if (there(path)) continue;
      counts->gone.push_back(absl::StrCat(path, " (loaded together with ", own.front(), ")"));
      return false;
    }
    return true;
  }

  static int PrintRetry(const json::value& report, const RetryCounts& counts, Environment* env) {
    if (Int(report, "letters") == 0) {
      env->out << "there are no dead letters\n";
      return kExitOk;
    }
    for (const json::value& problem : List(report, "problems"))
      env->out << "still refused: " << Printable(Str(problem)) << "\n";
    for (const std::string& source : counts.gone)
      env->out << "gone: " << Printable(source) << "; get it again and load it\n";
    const int64_t expired = Int(report, "expired");
    if (expired > 0) env->out << "older than the retention by now, given up: " << expired << "\n";
    const int64_t mended = Int(report, "mended") + counts.mended;
    env->out << "mended: " << mended << "\n";
    const bool all = Int(report, "refused") == 0 && counts.remaining == 0 && counts.gone.empty();
    if (!all) env->out << "the others remain; 'kgctl dead-letters' shows each with its reason\n";
    return all ? kExitOk : kExitFailed;
  }

  std::string action_ = "list";
  std::string tenant_, cluster_, limit_;
  std::string output_ = "table";
  bool no_headers_ = false;
  Place place_;
};

}  // namespace

CommandPtr MakeDeadLetters() {
  return std::make_unique<DeadLetters>();
}

}  // namespace kg::kgctl
