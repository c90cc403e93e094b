#include "server/backups.h"

#include <atomic>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "server/backup_render.h"
#include "server/json_text.h"
#include "server/problem.h"
#include "server/render.h"
#include "server/suggest.h"

namespace kg::server {
namespace {

namespace json = boost::json;

constexpr char kPath[] = "/api/v1/backups";
constexpr Duration kFiguresAge = std::chrono::seconds(10);

// The one piece of work that goes on at a time, or the last one.
struct Job {
  uint64_t id = 0;
  std::string kind;  // "create", "verify"
  std::string name;  // of the backup, once known
  std::string state = "running";
  BackupProgress progress{"", 0, 0};
  Timestamp begun, ended;
  std::string problem;  // why it failed
  json::value backup;   // what came of it
};

json::value Render(const Job& job) {
  const bool running = job.state == "running";
  return json::object{{"id", job.id},
                      {"kind", job.kind},
                      {"name", RenderOptional(job.name)},
                      {"state", job.state},
                      {"step", job.progress.step},
                      {"done_bytes", job.progress.done_bytes},
                      {"total_bytes", job.progress.total_bytes},
                      {"begun", RenderTime(job.begun)},
                      {"ended", running ? json::value(nullptr) : RenderTime(job.ended)},
                      {"problem", RenderOptional(job.problem)},
                      {"backup", job.backup}};
}

HttpResponse JsonResponse(int status, const json::value& body) {
  HttpResponse response;
  response.status = status;
  response.body = ToJsonText(body, JsonLayout::kCompact);
  return response;
}

HttpResponse Use(const char* method) {
  HttpResponse response = Problem(405, "method_not_allowed", absl::StrCat("use ", method));
  response.headers.emplace_back("Allow", method);
  return response;
}

// What was refused because of how things stand is 409: sent again as it is it fails again.
HttpResponse FailureOf(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status)) return Problem(409, "conflict", status.message());
  if (absl::IsResourceExhausted(status)) return Problem(507, "no_space", status.message());
  return ProblemOf(status);
}

absl::Status TakesOnly(const HttpRequest& request, const std::vector<std::string>& known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no parameter '", name, "' here", DidYouMean(name, known)));
  }
  return absl::OkStatus();
}

}  // namespace

class Backups::Impl {
 public:
  Impl(Database* database, Options options)
      : database_(database), options_(std::move(options)), folder_(options_.folder) {}
  ~Impl() { Stop(); }

  HttpResponse Handle(const HttpRequest& request) {
    if (options_.folder.empty()) {
      return Problem(409, "no_folder", "this node has no folder for backups; give it --backup-dir");
    }
    absl::string_view rest(request.path);
    rest.remove_prefix(sizeof(kPath) - 1);
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (rest.empty()) {
      if (request.method == "POST") return Create(request);
      return reads ? List(request) : Use("GET, POST");
    }
    rest.remove_prefix(1);
    if (rest == "job") return reads ? ShowJob() : Use("GET");
    if (rest == "prune") return request.method == "POST" ? Prune(request) : Use("POST");
    if (absl::ConsumeSuffix(&rest, "/verify"))
      return request.method == "POST" ? Verify(std::string(rest)) : Use("POST");
    if (absl::ConsumeSuffix(&rest, "/archive"))
      return reads ? Download(std::string(rest)) : Use("GET");
    return reads ? Show(std::string(rest)) : Use("GET");
  }

  void Stop() {
    stopping_ = true;
    std::thread worker;
    {
      absl::MutexLock lock(&mutex_);
      worker.swap(worker_);
    }
    if (worker.joinable()) worker.join();
  }

  BackupFigures Figures() {
    absl::MutexLock lock(&mutex_);
    const Timestamp now = Now();
    if (!options_.folder.empty() && (!figured_ || now - *figured_ >= kFiguresAge)) {
      figured_ = now;
      ReadFigures();
    }
    figures_.running = running_;
    return figures_;
  }

 private:
  using Work = std::function<absl::StatusOr<BackupEntry>(const OnBackupProgress&)>;

  Timestamp Now() const {
    if (options_.now) return options_.now();
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }

  HttpResponse List(const HttpRequest& request) {
    if (absl::Status known = TakesOnly(request, {"pretty"}); !known.ok()) return ProblemOf(known);
    const auto entries = folder_.List();
    if (!entries.ok()) return FailureOf(entries.status());
    json::value body = RenderBackups(folder_, *entries);
    absl::MutexLock lock(&mutex_);
    body.as_object()["job"] = job_ ? Render(*job_) : json::value(nullptr);
    return JsonResponse(200, body);
  }

  HttpResponse Show(const std::string& name) {
    const auto entry = folder_.Find(name);
    return entry.ok() ? JsonResponse(200, server::Render(*entry)) : FailureOf(entry.status());
  }

  HttpResponse ShowJob() {
    absl::MutexLock lock(&mutex_);
    if (!job_) return Problem(404, "not_found", "no backup was made or verified since the start");
    return JsonResponse(200, Render(*job_));
  }

  HttpResponse Create(const HttpRequest& request) {
    if (absl::Status known = TakesOnly(request, {}); !known.ok()) return ProblemOf(known);
    return Begin("create", "", [this](const OnBackupProgress& progress) {
      BackupOptions options;
      options.progress = progress;
      options.now = options_.now;
      return folder_.Create(database_, options);
    });
  }

  HttpResponse Verify(const std::string& name) {
    const auto entry = folder_.Find(name);
    if (!entry.ok()) return FailureOf(entry.status());
    return Begin("verify", entry->name, [this, name = entry->name](const OnBackupProgress& told) {
      VerifyBackupOptions options;
      options.progress = told;
      options.now = options_.now;
      options.ask = AskCopy;
      return folder_.Verify(name, options);
    });
  }

  HttpResponse Prune(const HttpRequest& request) {
    if (absl::Status known = TakesOnly(request, {"keep", "keep_days"}); !known.ok())
      return ProblemOf(known);
    const auto given = [&](const char* name) {
      const auto found = request.query.find(name);
      return found == request.query.end() ? std::string() : found->second;
    };
    absl::StatusOr<PruneRule> rule = ReadPruneRule(given("keep"), given("keep_days"));
    if (!rule.ok()) return ProblemOf(rule.status());
    rule->now = options_.now;
    const auto report = folder_.Prune(*rule);
    absl::MutexLock lock(&mutex_);
    figured_.reset();
    if (report.ok()) return JsonResponse(200, server::Render(*report));
    if (!absl::IsUnavailable(report.status())) ++figures_.failed_prunes;
    return FailureOf(report.status());
  }

  // A client that goes away lets go of the archive, and so of its place.
  HttpResponse Download(const std::string& name) {
    const auto entry = folder_.Find(name);
    if (!entry.ok()) return FailureOf(entry.status());
    if (++downloads_ > options_.downloads_at_a_time) {
      --downloads_;
      HttpResponse response =
          Problem(503, "overloaded", "other downloads are under way; try later");
      response.headers.emplace_back("Retry-After", "10");
      return response;
    }
    const std::shared_ptr<void> place(nullptr, [this](void*) { --downloads_; });
    auto archive = BackupArchive::Open(folder_.PathOf(entry->name));
    if (!archive.ok()) return FailureOf(archive.status());
    HttpResponse response;
    response.content_type = "application/zstd";
    response.headers.emplace_back(
        "Content-Disposition", absl::StrCat("attachment; filename=\"", entry->name, ".tar.zst\""));
    response.next_piece = [place, archive = std::shared_ptr<BackupArchive>(*std::move(archive))] {
      return archive->Next();
    };
    return response;
  }

  HttpResponse Begin(std::string kind, std::string name, Work work) {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return ProblemOf(absl::UnavailableError("this node is stopping"));
    if (running_) {
      HttpResponse response =
          Problem(409, "busy", absl::StrCat("a ", job_->kind, " is under way; wait for it"));
      return response;
    }
    if (worker_.joinable()) worker_.join();  // it has ended, but for its last instructions
    Job job;
    job.id = job_ ? job_->id + 1 : 1;
    job.kind = std::move(kind);
    job.name = std::move(name);
    job.begun = Now();
    job_ = std::move(job);
    running_ = true;
    worker_ = std::thread([this, work = std::move(work)] { Run(work); });
    return JsonResponse(202, Render(*job_));
  }

  void Run(const Work& work) {
    const auto made = work([this](const BackupProgress& progress) {
      absl::MutexLock lock(&mutex_);
      job_->progress = progress;
      return stopping_ ? absl::CancelledError("this node is stopping") : absl::OkStatus();
    });
    absl::MutexLock lock(&mutex_);
    std::string problem(made.status().message());
    if (made.ok()) {
      job_->name = made->name;
      job_->backup = server::Render(*made);
      if (made->check) problem = made->check->problem;
    }
    const bool failed = !made.ok() || !problem.empty();
    job_->problem = std::move(problem);
    job_->state = failed ? "failed" : "done";
    job_->ended = Now();
    if (failed && !absl::IsCancelled(made.status()))
      ++(job_->kind == "create" ? figures_.failed_creates : figures_.failed_verifies);
    figured_.reset();
    running_ = false;
  }

  void ReadFigures() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto entries = folder_.List();
    if (!entries.ok()) return;
    figures_.good = figures_.other = 0;
    for (const BackupEntry& entry : *entries) {
      ++(entry.good() ? figures_.good : figures_.other);
      if (!entry.good()) continue;
      figures_.last_success = entry.manifest->begun;
      figures_.duration = entry.manifest->finished - entry.manifest->begun;
      figures_.bytes = entry.bytes;
      figures_.own_bytes = entry.own_bytes;
    }
  }

  Database* const database_;
  const Options options_;
  const BackupFolder folder_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> downloads_{0};

  absl::Mutex mutex_;
  std::optional<Job> job_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread worker_ ABSL_GUARDED_BY(mutex_);
  BackupFigures figures_ ABSL_GUARDED_BY(mutex_);
  std::optional<Timestamp> figured_ ABSL_GUARDED_BY(mutex_);
};

Backups::Backups(Database* database, Options options)
    : impl_(std::make_unique<Impl>(database, std::move(options))) {}
Backups::~Backups() = default;

HttpResponse Backups::Handle(const HttpRequest& request) {
  return impl_->Handle(request);
}
void Backups::Stop() {
  impl_->Stop();
}
BackupFigures Backups::Figures() {
  return impl_->Figures();
}

}  // namespace kg::server
