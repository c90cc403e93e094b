#include "tools/kgctl/backup_place.h"

#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/backup.h"
#include "ingest/http_client.h"
#include "server/backup_render.h"
#include "tools/kgctl/json_view.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

constexpr absl::Duration kPoll = absl::Milliseconds(100);

OnBackupProgress Told(ProgressNotes* notes) {
  return [notes](const BackupProgress& p) {
    notes->Show(p.step, p.done_bytes, p.total_bytes);
    return absl::OkStatus();
  };
}

class DirectoryPlace : public BackupPlace {
 public:
  explicit DirectoryPlace(const Place& place)
      : place_(place), folder_(place.settings.Text(Setting::kBackupDir)) {}

  absl::StatusOr<json::value> Create(ProgressNotes* notes) override {
    auto database = OpenDatabase();
    if (!database.ok()) return database.status();
    BackupOptions options;
    options.progress = Told(notes);
    const auto made = folder_.Create(database->get(), options);
    if (!made.ok()) return made.status();
    return server::Render(*made);
  }

  absl::Status CreateArchive(const TakeBytes& take, ProgressNotes* notes) override {
    auto database = OpenDatabase();
    if (!database.ok()) return database.status();
    BackupOptions options;
    options.progress = Told(notes);
    auto archive = BackupArchive::Make(database->get(), options);
    if (!archive.ok()) return archive.status();
    while (true) {
      const auto piece = (*archive)->Next();
      if (!piece.ok()) return piece.status();
      if (piece->empty()) return absl::OkStatus();
      if (absl::Status taken = take(*piece); !taken.ok()) return taken;
      notes->Show("archive", (*archive)->done_bytes(), (*archive)->manifest().bytes());
    }
  }

  absl::StatusOr<json::value> List() override {
    const auto entries = folder_.List();
    if (!entries.ok()) return entries.status();
    return server::RenderBackups(folder_, *entries);
  }

  absl::StatusOr<json::value> Verify(const std::string& name, ProgressNotes* notes) override {
    VerifyBackupOptions options;
    options.progress = Told(notes);
    options.ask = server::AskCopy;
    const auto entry = folder_.Verify(name, options);
    if (!entry.ok()) return entry.status();
    return server::Render(*entry);
  }

  absl::StatusOr<json::value> Prune(const std::string& keep,
                                    const std::string& keep_days) override {
    const auto rule = server::ReadPruneRule(keep, keep_days);
    if (!rule.ok()) return rule.status();
    const auto report = folder_.Prune(*rule);
    if (!report.ok()) return report.status();
    return server::Render(*report);
  }

 private:
  absl::StatusOr<std::unique_ptr<Database>> OpenDatabase() const {
    std::error_code error;
    if (!std::filesystem::is_directory(place_.data_dir, error)) {
      return absl::NotFoundError(absl::StrCat("there is no data in ", place_.data_dir,
                                              "; name another --data-dir, or a node (--server)"));
    }
    DatabaseOptions options = DatabaseOptionsFrom(place_.settings);
    options.create_if_missing = false;
    return Database::Open(place_.data_dir, options);
  }

  const Place& place_;
  const BackupFolder folder_;
};

class NodePlace : public BackupPlace {
 public:
  explicit NodePlace(std::string base) : base_(std::move(base)) {}

  absl::StatusOr<json::value> Create(ProgressNotes* notes) override {
    return RunJob("", "create", notes);
  }

  absl::Status CreateArchive(const TakeBytes& take, ProgressNotes* notes) override {
    const auto made = Create(notes);
    if (!made.ok()) return made.status();
    const auto total = static_cast<uint64_t>(Int(*made, "bytes"));
    uint64_t received = 0;
    ingest::HttpCall call;
    call.timeout = std::chrono::minutes(2);
    call.url = Url(absl::StrCat("/", Str(*made, "name"), "/archive"), {});
    call.on_body = [&](absl::string_view bytes) {
      received += bytes.size();
      notes->Show("archive (compressed)", received, 0);
      return take(bytes);
    };
    const auto reply = ingest::Fetch(call);
    if (!reply.ok()) return reply.status();
    if (reply->status == 200 && (received > 0 || total == 0)) return absl::OkStatus();
    return ReplyOf(reply, base_).status();
  }

  absl::StatusOr<json::value> List() override { return Call("GET", "", {}); }

  absl::StatusOr<json::value> Verify(const std::string& name, ProgressNotes* notes) override {
    return RunJob(absl::StrCat("/", server::PercentEncode(name), "/verify"), "verify", notes);
  }

  absl::StatusOr<json::value> Prune(const std::string& keep,
                                    const std::string& keep_days) override {
    server::Params params;
    if (!keep.empty()) params["keep"] = keep;
    if (!keep_days.empty()) params["keep_days"] = keep_days;
    return Call("POST", "/prune", params);
  }

 private:
  // Begins a job and follows it to its end.
  absl::StatusOr<json::value> RunJob(const std::string& path, const std::string& kind,
                                     ProgressNotes* notes) {
    absl::StatusOr<json::value> job = Call("POST", path, {});
    if (!job.ok()) return job.status();
    const int64_t id = Int(*job, "id");
    while (Str(*job, "state") == "running") {
      notes->Show(Str(*job, "step"), static_cast<uint64_t>(Int(*job, "done_bytes")),
                  static_cast<uint64_t>(Int(*job, "total_bytes")));
      absl::SleepFor(kPoll);
      job = Call("GET", "/job", {});
      if (!job.ok()) return job.status();
      if (Int(*job, "id") != id) {
        return absl::UnavailableError(
            "somebody else has begun another backup meanwhile; look at "
            "'kgctl backup list'");
      }
    }
    // A backup that was found to be bad is an answer, too.
    if (const json::value& backup = Get(*job, "backup"); backup.is_object()) return backup;
    return absl::InternalError(absl::StrCat("the ", kind, " failed: ", Str(*job, "problem")));
  }

  std::string Url(const std::string& path, const server::Params& params) const {
    return absl::StrCat(base_, "/api/v1/backups", path, params.empty() ? "" : "?",
                        server::EncodeQuery(params));
  }

  absl::StatusOr<json::value> Call(const char* method, const std::string& path,
                                   const server::Params& params) const {
    ingest::HttpCall call;
    call.method = method;
    call.timeout = std::chrono::minutes(2);
    call.url = Url(path, params);
    return ReplyOf(ingest::Fetch(call), base_);
  }

  const std::string base_;
};

}  // namespace

class ProgressNotes::Impl {
 public:
  Impl(std::string who, Environment* env) : who_(std::move(who)), env_(env) {}
  ~Impl() {
    if (shown_ && env_->err_is_terminal) env_->err << "\r\x1b[K" << std::flush;
  }
  void Show(absl::string_view step, uint64_t done, uint64_t total) {
    const bool over = env_->err_is_terminal;
    const absl::Time now = absl::Now();
    const absl::Duration pause = over ? absl::Milliseconds(200) : absl::Seconds(10);
    if (now - begun_ < absl::Seconds(1) || (shown_ && now - last_ < pause)) return;
    last_ = now;
    shown_ = true;
    std::string text = absl::StrCat(who_, ": ", step);
    if (done > 0) absl::StrAppend(&text, " ", SizeText(done));
    if (total > 0) absl::StrAppend(&text, " of ", SizeText(total));
    env_->err << (over ? "\r\x1b[K" : "") << text << (over ? "" : "\n") << std::flush;
  }

 private:
  const std::string who_;
  Environment* const env_;
  const absl::Time begun_ = absl::Now();
  absl::Time last_ = begun_;
  bool shown_ = false;
};

ProgressNotes::ProgressNotes(std::string who, Environment* env)
    : impl_(std::make_unique<Impl>(std::move(who), env)) {}
ProgressNotes::~ProgressNotes() = default;
void ProgressNotes::Show(absl::string_view step, uint64_t done_bytes, uint64_t total_bytes) {
  impl_->Show(step, done_bytes, total_bytes);
}

std::string SizeText(uint64_t bytes) {
  if (bytes < 10 << 10) return absl::StrCat(bytes, " B");
  if (bytes < 10ull << 20) return absl::StrFormat("%.1f KiB", static_cast<double>(bytes) / 1024);
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

std::unique_ptr<BackupPlace> BackupPlace::Open(const Place& place) {
  if (!place.server.empty()) return std::make_unique<NodePlace>(BaseUrl(place.server));
  return std::make_unique<DirectoryPlace>(place);
}

}  // namespace kg::kgctl
