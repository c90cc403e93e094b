#include "server/api.h"

#include <atomic>
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/ask.h"
#include "server/backups.h"
#include "server/compat.h"
#include "server/hosts.h"
#include "server/ingest_run.h"
#include "server/json_text.h"
#include "server/loads.h"
#include "server/metrics.h"
#include "server/problem.h"
#include "server/retry.h"
#include "server/suggest.h"
#include "server/times.h"

namespace kg::server {
namespace {

namespace json = boost::json;
using SteadyClock = std::chrono::steady_clock;

constexpr char kPrefix[] = "/api/v1/";

Duration Since(SteadyClock::time_point start) {
  return std::chrono::duration_cast<Duration>(SteadyClock::now() - start);
}

HttpResponse TextResponse(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

HttpResponse NotAllowed(const char* allowed) {
  HttpResponse response = Problem(405, "method_not_allowed", absl::StrCat("use ", allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

bool IsRead(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

bool KnownEncoding(const std::string& encoding) {
  return encoding.empty() || encoding == "identity" || encoding == "gzip" || encoding == "zstd" ||
         encoding == "x-gzip";
}

// Counts those under way, and says no beyond a limit.
class Slot {
 public:
  Slot(std::atomic<int>* taken, int limit) : taken_(taken), has_(++*taken <= limit) {}
  ~Slot() { --*taken_; }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  bool has() const { return has_; }

 private:
  std::atomic<int>* const taken_;
  const bool has_;
};

}  // namespace

class Api::Impl {
 public:
  Impl(Database* database, Metrics* metrics, ApiOptions options)
      : database_(database),
        metrics_(metrics),
        options_(std::move(options)),
        loads_(database, LoadsOptions(options_)),
        backups_(database, BackupsOptions(options_)) {
    ask_.backup_dir = options_.backup_dir;
    ask_.clock = AskOptions::Clock::kWall;
    ask_.now = options_.now;
    ask_.budget = options_.budget;
  }

  HttpResponse Handle(const HttpRequest& request) {
    const SteadyClock::time_point start = SteadyClock::now();
    std::string route = "other";
    HttpResponse response = Route(request, &route);
    response.headers.emplace_back("Cache-Control", "no-store");
    if (const std::string& id = request.Header("x-request-id"); !id.empty() && id.size() <= 128) {
      response.headers.emplace_back("X-Request-Id", id);
    }
    metrics_->Request(route, response.status, Since(start));
    return response;
  }

  void BeginStop() {
    stopping_ = true;
    backups_.Stop();
  }

 private:
  HttpResponse Route(const HttpRequest& request, std::string* route) {
    const std::string& path = request.path;
    if (path == "/healthz" || path == "/livez" || path == "/-/healthy") {
      *route = "health";
      return IsRead(request) ? TextResponse(200, "ok\n") : NotAllowed("GET");
    }
    if (path == "/readyz" || path == "/-/ready") {
      *route = "ready";
      return IsRead(request) ? Ready(request) : NotAllowed("GET");
    }
    if (const std::string why = WhyForeign(request, options_.hosts); !why.empty()) {
      *route = "foreign";
      return Problem(421, "foreign_host", why);
    }
    if (path == "/metrics") {
      *route = "metrics";
      return IsRead(request) ? MetricsText() : NotAllowed("GET");
    }
    if (path == "/api/v1/ingest") {
      *route = "ingest";
      if (request.method == "HEAD") return TextResponse(200, "");
      return request.method == "POST" ? Ingest(request) : NotAllowed("POST");
    }
    if (path == "/api/v1/loads" || absl::StartsWith(path, "/api/v1/loads/")) {
      *route = "loads";
      return loads_.Handle(request, WallNow(ask_));
    }
    if (path == "/api/v1/backups" || absl::StartsWith(path, "/api/v1/backups/")) {
      *route = "backups";
      return backups_.Handle(request);
    }
    if (path == "/api/v1/restore") {
      *route = "restore";
      return Problem(409, "not_while_running",
                     "a running node is not restored into: make a directory of the backup with "
                     "'kgctl restore NAME --data-dir NEW', then start a node on it");
    }
    if (path == "/api/v1/dead-letters/retry") {
      *route = "dead-letters/retry";
      return request.method == "POST" ? Retry(request) : NotAllowed("POST");
    }
    if (!absl::StartsWith(path, kPrefix)) {
      return Problem(404, "no_such_path",
                     absl::StrCat("there is nothing at ", path, "; questions are under /api/v1/"));
    }
    return Question(request, route);
  }

  static Backups::Options BackupsOptions(const ApiOptions& options) {
    Backups::Options backups;
    backups.folder = options.backup_dir;
    backups.now = options.now;
    return backups;
  }

  static Loads::Options LoadsOptions(const ApiOptions& options) {
    Loads::Options loads;
    loads.rules_id = options.rules_id;
    loads.at_a_time = options.max_loads;
    loads.input = options.input;
    return loads;
  }

  HttpResponse Question(const HttpRequest& request, std::string* route) {
    const std::string name = request.path.substr(sizeof(kPrefix) - 1);
    const bool known = IsQuestion(name);
    if (known && IsRead(request)) {
      *route = name;
      return AskQuestion(name, request);
    }
    // A body here would not be JSON that a route takes: clients that retry must not mistake this.
    if (std::optional<HttpResponse> response = HandleCompat(database_, request, ask_)) {
      *route = "compat";
      return *std::move(response);
    }
    if (known) return NotAllowed("GET");
    return Problem(404, "no_such_path", absl::StrCat("there is no question '", name, "'"));
  }

  HttpResponse AskQuestion(const std::string& name, const HttpRequest& request) {
    const SteadyClock::time_point start = SteadyClock::now();
    Params params = request.query;
    const bool pretty = params.erase("pretty") > 0;
    const absl::StatusOr<json::value> answer = Ask(*database_, name, params, ask_);
    if (!answer.ok()) return ProblemOf(answer.status());
    CountCut(*answer);
    if (name == "rca") {
      const json::value& verdict = answer->as_object().at("verdict");
      metrics_->RootCause(std::string(verdict.as_string().c_str()), Since(start));
    }
    HttpResponse response;
    response.body = ToJsonText(*answer, pretty ? JsonLayout::kPretty : JsonLayout::kCompact);
    return response;
  }

  // An answer that says it was cut names the limit ("nodes").
  void CountCut(const json::value& answer) {
    const json::object* object = answer.if_object();
    const json::value* cut = object == nullptr ? nullptr : object->if_contains("truncated");
    const json::object* how = cut == nullptr ? nullptr : cut->if_object();
    const json::value* limit = how == nullptr ? nullptr : how->if_contains("limit");
    if (limit == nullptr || !limit->is_string()) return;
    metrics_->Exceeded(absl::StrCat("query_", std::string(limit->as_string().c_str())));
  }

  // Truthful: what is said here is what a client would meet.
  HttpResponse Ready(const HttpRequest& request) {
    const absl::Status health = database_->Health();
    const bool derived = database_->GetView()->derived_complete();
    const bool stopping = stopping_;
    std::string text;
    const auto line = [&](bool ok, absl::string_view what, absl::string_view why) {
      absl::StrAppend(&text, ok ? "[+]" : "[-]", what, ok ? " ok" : " failed: ", ok ? "" : why,
                      "\n");
    };
    line(!stopping, "running", "this node is stopping");
    line(health.ok(), "store", health.message());
    // Behind is no reason to send clients away: answers say so themselves.
    absl::StrAppend(&text, derived ? "[+]derived ok\n" : "[+]derived behind\n");
    const bool ready = health.ok() && !stopping;
    if (ready && request.query.count("verbose") == 0) return TextResponse(200, "ready\n");
    absl::StrAppend(&text, ready ? "ready\n" : "not ready\n");
    return TextResponse(ready ? 200 : 503, std::move(text));
  }

  HttpResponse MetricsText() {
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    const ListenerStats listener = options_.listener ? options_.listener() : ListenerStats();
    metrics_->Backup(backups_.Figures());
    const std::map<std::string, LimitUse> own = {
        {"max_ingests",
         {static_cast<double>(options_.max_ingests), static_cast<double>(ingests_.load()), 0}},
        {"max_loads",
         {static_cast<double>(options_.max_loads), static_cast<double>(loads_.open()),
          loads_.turned_away()}},
        {"query_time", {static_cast<double>(options_.budget.time.count()) / 1e6, 0, 0}},
        {"query_nodes", {static_cast<double>(options_.budget.nodes), 0, 0}},
        {"query_edges", {static_cast<double>(options_.budget.edges), 0, 0}},
        {"query_bytes", {static_cast<double>(options_.budget.bytes), 0, 0}},
        {"query_results", {static_cast<double>(options_.budget.results), 0, 0}},
        {"max_document_bytes", {static_cast<double>(options_.input.document_bytes), 0, 0}},
        {"max_depth", {static_cast<double>(options_.input.depth), 0, 0}},
        {"max_labels", {static_cast<double>(options_.input.labels_per_object), 0, 0}},
        {"max_fields", {static_cast<double>(options_.input.fields_per_object), 0, 0}},
        {"max_value_bytes", {static_cast<double>(options_.input.string_bytes), 0, 0}},
        {"max_line_bytes", {static_cast<double>(options_.input.line_bytes), 0, 0}}};
    response.body = metrics_->Text(*database_, listener, own, WallNow(ask_));
    return response;
  }

  HttpResponse Ingest(const HttpRequest& request) {
    const SteadyClock::time_point start = SteadyClock::now();
    if (!KnownEncoding(request.Header("content-encoding"))) {
      return Problem(415, "unknown_encoding", "send the body plain, gzip or zstd");
    }
    const Slot slot(&ingests_, options_.max_ingests);
    if (!slot.has()) {
      metrics_->Exceeded("max_ingests");
      HttpResponse response = Problem(503, "overloaded", "busy with other input; send it again");
      response.headers.emplace_back("Retry-After", "1");
      return response;
    }
    ingest::MacKey key;
    ingest::DecodeOptions options = DecodeOptionsFor(*database_, WallNow(ask_), &key);
    options.received_live = true;
    options.limits = options_.input;
    const absl::Status read = ReadDecodeParams(request.query, Complete::kRefused, &options);
    if (!read.ok()) return ProblemOf(read);
    ApplySink sink(database_, ApplySink::Options());
    absl::StatusOr<ingest::DecodeStats> decoded =
        ingest::DecodeBody(request.body, options, "http", &sink);
    const absl::Status finished = sink.Finish();
    if (!decoded.ok()) return ProblemOf(decoded.status());
    if (!finished.ok()) return ProblemOf(finished);
    sink.report().decoded = *std::move(decoded);
    metrics_->Ingested(sink.report(), Since(start));
    return IngestAnswer(sink.report());
  }

  HttpResponse Retry(const HttpRequest& request) {
    ScopeName scope;
    for (const auto& [name, value] : request.query) {
      if (name != "tenant" && name != "cluster") {
        return Problem(400, "invalid_request",
                       absl::StrCat("retry takes no parameter '", name, "'",
                                    DidYouMean(name, {"tenant", "cluster"})));
      }
      (name == "tenant" ? scope.tenant : scope.cluster) = value;
    }
    const absl::StatusOr<RetryReport> report = RetryKept(database_, scope);
    if (!report.ok()) return ProblemOf(report.status());
    HttpResponse response;
    response.body = ToJsonText(Render(*report), JsonLayout::kCompact);
    return response;
  }

  // A body of which nothing was understood is the sender's mistake, and must not look like success.
  static HttpResponse IngestAnswer(const IngestReport& report) {
    json::value body = Render(report);
    body.as_object()["accepted"] = report.applied + report.unchanged;
    body.as_object()["rejected"] = report.refused + report.dead_letters;
    HttpResponse response;
    if (report.records() == 0 && report.dead_letters > 0) {
      response = Problem(
          400, "not_understood",
          report.problems.empty() ? "nothing in the body was understood" : report.problems.front());
      return response;
    }
    response.body = ToJsonText(body, JsonLayout::kCompact);
    return response;
  }

  Database* const database_;
  Metrics* const metrics_;
  const ApiOptions options_;
  Loads loads_;
  Backups backups_;
  AskOptions ask_;
  std::atomic<int> ingests_{0};
  std::atomic<bool> stopping_{false};
};

Api::Api(Database* database, Metrics* metrics, ApiOptions options)
    : impl_(std::make_unique<Impl>(database, metrics, std::move(options))) {}
Api::~Api() = default;

HttpResponse Api::Handle(const HttpRequest& request) {
  return impl_->Handle(request);
}
void Api::BeginStop() {
  impl_->BeginStop();
}

}  // namespace kg::server
