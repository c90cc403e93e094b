#include <chrono>
#include <filesystem>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/json_text.h"
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
    return "Records that could not be understood: list, retry, export";
  }
  std::string examples() const override {
    return "  kgctl dead-letters                     # where each stood, and why it was refused\n"
           "  kgctl dead-letters retry               # read their sources again\n"
           "  kgctl dead-letters export > dead.jsonl # one JSON object per line, values masked";
  }
  std::string notes() const override {
    return "retry reads the files that the letters came from again, where they still are: loading\n"
           "again changes nothing else. Letters whose source is gone are named.";
  }
  void Define(FlagSet* flags) override {
    flags->Argument("action", &action_, "list, retry or export (default list)");
    flags->Text("--tenant", "NAME", &tenant_, "Tenant, where there are several");
    flags->Text("--cluster", "NAME", &cluster_, "Cluster, where there are several");
    flags->Text("--limit", "N", &limit_, "Letters at most (default 100; export 10000)");
    place_.Define(flags);
    flags->Text("-o,--output", "FORMAT", &output_, "table, wide, json, yaml or name");
    flags->Switch("--no-headers", &no_headers_, "No headers in tables");
  }

  absl::StatusOr<int> Run(Environment* env) override {
    if (action_ != "list" && action_ != "retry" && action_ != "export") {
      return absl::InvalidArgumentError(
          absl::StrCat("'", action_, "' is no action; give list, retry or export"));
    }
    if (absl::Status settled = place_.Settle(); !settled.ok()) return settled;
    const absl::StatusOr<json::value> answer = AskLetters();
    if (!answer.ok()) return answer.status();
    if (action_ == "retry") return Retry(*answer, env);
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

  absl::StatusOr<int> Retry(const json::value& answer, Environment* env) const {
    if (!place_.server.empty()) {
      return absl::InvalidArgumentError(
          "retry works on a --data-dir: a node can't read this machine's files; load them again "
          "with 'kgctl load FILE --server URL'");
    }
    std::set<std::string> files, gone;
    for (const json::value& letter : List(answer, "dead_letters")) {
      const std::string source = Str(letter, "source");
      std::error_code error;
      const bool is_file = absl::StartsWith(source, kFilePrefix);
      const std::string path = is_file ? source.substr(sizeof(kFilePrefix) - 1) : "";
      if (is_file && std::filesystem::exists(path, error)) {
        files.insert(path);
      } else {
        gone.insert(source);
      }
    }
    for (const std::string& source : gone) {
      env->out << "gone: " << Printable(source) << "; get it again and load it\n";
    }
    if (files.empty()) {
      if (gone.empty()) env->out << "there are no dead letters\n";
      return gone.empty() ? kExitOk : kExitFailed;
    }
    DatabaseOptions options;
    options.create_if_missing = false;
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(place_.data_dir, options);
    if (!database.ok()) return database.status();
    LoadRequest request;
    request.paths.assign(files.begin(), files.end());
    request.decode.wall_now =
        std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    const auto start = std::chrono::steady_clock::now();
    const absl::StatusOr<server::IngestReport> report =
        Load(database->get(), std::move(request), env);
    if (!report.ok()) return report.status();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    PrintReport(server::Render(*report), seconds, env->out);
    return report->dead_letters > 0 || !gone.empty() ? kExitFailed : kExitOk;
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
