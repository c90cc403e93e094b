#include "server/loads.h"

#include <boost/json.hpp>
#include <chrono>
#include <map>
#include <random>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "server/json_text.h"
#include "server/load_run.h"
#include "server/problem.h"

namespace kg::server {
namespace {

namespace json = boost::json;
using SteadyClock = std::chrono::steady_clock;

constexpr char kRoot[] = "/api/v1/loads";
constexpr size_t kMostFiles = 100'000;

struct Session {
  explicit Session(std::unique_ptr<LoadRun> r) : run(std::move(r)) {}
  absl::Mutex mutex;
  const std::unique_ptr<LoadRun> run ABSL_GUARDED_BY(mutex);
  uint64_t taken ABSL_GUARDED_BY(mutex) = 0;  // bytes of all its streams
  bool reading ABSL_GUARDED_BY(mutex) = false;
  bool finished ABSL_GUARDED_BY(mutex) = false;
};

HttpResponse Answer(json::value body) {
  HttpResponse response;
  response.body = ToJsonText(body, JsonLayout::kCompact);
  return response;
}

// A run that stopped did so because of what was sent.
HttpResponse Stopped(const absl::Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition
             ? Problem(422, "stopped", status.message())
             : ProblemOf(status);
}

std::string TextOf(const json::object& body, const char* name) {
  const json::value* value = body.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string().c_str()) : "";
}

bool FlagOf(const json::object& body, const char* name) {
  const json::value* value = body.if_contains(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

std::string Param(const HttpRequest& request, const char* name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

}  // namespace

class Loads::Impl {
 public:
  Impl(Database* database, Options options) : database_(database), options_(std::move(options)) {}

  size_t open() const {
    absl::MutexLock lock(&mutex_);
    return entries_.size();
  }
  uint64_t turned_away() const {
    absl::MutexLock lock(&mutex_);
    return turned_away_;
  }

  HttpResponse Handle(const HttpRequest& request, Timestamp now) {
    absl::string_view rest = request.path;
    absl::ConsumePrefix(&rest, kRoot);
    if (rest.empty()) {
      return request.method == "POST" ? Open(request, now)
                                      : Problem(405, "method_not_allowed", "use POST");
    }
    absl::ConsumePrefix(&rest, "/");
    const size_t slash = rest.find('/');
    const std::string id(rest.substr(0, slash));
    const std::string step(slash == absl::string_view::npos ? "" : rest.substr(slash + 1));
    const std::shared_ptr<Session> session = Find(id);
    if (session == nullptr) {
      return Problem(404, "no_such_load",
                     absl::StrCat("there is no load ", id, "; it has ended, or waited too long"));
    }
    if (request.method == "DELETE" && step.empty()) {
      Forget(id);
      return Answer(json::object{});
    }
    if (request.method != "POST") return Problem(405, "method_not_allowed", "use POST");
    absl::MutexLock lock(&session->mutex);
    HttpResponse response = Step(session.get(), step, request);
    // What is out of order was not taken in: the sender may go on where it stands.
    const bool refused = response.status >= 400 && response.status != 409;
    if (refused || (step == "conclude" && response.status == 200)) Forget(id);
    return response;
  }

 private:
  HttpResponse Open(const HttpRequest& request, Timestamp now) {
    boost::system::error_code error;
    const json::value parsed = json::parse(request.body.empty() ? "{}" : request.body, error);
    const json::object* body = error ? nullptr : parsed.if_object();
    if (body == nullptr) return Problem(400, "invalid_request", "the body is no JSON object");
    LoadOptions load;
    load.how = request.query;
    load.rules_id = options_.rules_id;
    load.input = options_.input;
    load.files = TextOf(*body, "files");
    load.strict = FlagOf(*body, "strict");
    load.again = FlagOf(*body, "again");
    load.mend = FlagOf(*body, "mend");
    load.now = now;
    auto run = LoadRun::Create(database_, std::move(load));
    if (!run.ok()) return ProblemOf(run.status());
    json::array loaded;
    if (const json::value* contents = body->if_contains("contents");
        contents != nullptr && contents->is_array()) {
      std::vector<std::string> texts;
      for (const json::value& text : contents->get_array()) {
        if (!text.is_string() || texts.size() >= kMostFiles)
          return Problem(400, "invalid_request", "'contents' is no list of fingerprints");
        texts.emplace_back(text.as_string().c_str());
      }
      for (const bool done : (*run)->Announce(std::move(texts))) loaded.push_back(done);
    }
    const std::string id = Add(*std::move(run));
    if (id.empty()) {
      HttpResponse response =
          Problem(503, "overloaded", "too many loads are under way; try again later");
      response.headers.emplace_back("Retry-After", "5");
      return response;
    }
    return Answer(json::object{{"load", id}, {"loaded", std::move(loaded)}});
  }

  static HttpResponse Step(Session* session, const std::string& step, const HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(session->mutex) {
    if (step == "bytes" && !session->finished) return Bytes(session, request);
    if (step == "finish" && !session->finished && !session->reading) {
      session->finished = true;
      const absl::StatusOr<Absent> absent = session->run->FinishReading();
      if (!absent.ok()) return Stopped(absent.status());
      return Answer(json::object{
          {"complete", absent->asked}, {"known", absent->known}, {"missing", absent->missing}});
    }
    if (step == "conclude" && session->finished) {
      const auto consent = Param(request, "consent") == "delete" ? LoadRun::Consent::kDelete
                                                                 : LoadRun::Consent::kLeave;
      const absl::StatusOr<IngestReport> report = session->run->Conclude(consent);
      if (!report.ok()) return Stopped(report.status());
      return Answer(Render(*report));
    }
    if (step == "bytes" || step == "finish" || step == "conclude") {
      return Problem(409, "out_of_order",
                     "a load takes bytes, then finish, then conclude; begin it again");
    }
    return Problem(404, "no_such_path", absl::StrCat("a load has no '", step, "'"));
  }

  static HttpResponse Bytes(Session* session, const HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(session->mutex) {
    uint64_t offset = 0;
    // A request that was sent twice must not be read twice.
    if (!absl::SimpleAtoi(Param(request, "offset"), &offset) || offset != session->taken) {
      return Problem(409, "out_of_order",
                     absl::StrCat("bytes from ", session->taken, " on are expected"));
    }
    LoadRun& run = *session->run;
    if (!session->reading) {
      ingest::StreamOptions stream;
      stream.source_name = Param(request, "source");
      if (stream.source_name.empty()) stream.source_name = "http";
      stream.format = Param(request, "format");
      stream.log_namespace = Param(request, "namespace");
      stream.log_pod = Param(request, "pod");
      absl::Status begun = run.Begin(std::move(stream), Param(request, "content"));
      if (!begun.ok()) return Stopped(begun);
      session->reading = true;
    }
    session->taken += request.body.size();
    if (absl::Status fed = run.Feed(request.body); !fed.ok()) return Stopped(fed);
    if (request.query.count("end") > 0) {
      session->reading = false;
      if (absl::Status ended = run.End(); !ended.ok()) return Stopped(ended);
    }
    return Answer(json::object{{"taken", session->taken}, {"records", run.records()}});
  }

  // Empty: there are too many.
  std::string Add(std::unique_ptr<LoadRun> run) {
    absl::MutexLock lock(&mutex_);
    const SteadyClock::time_point now = SteadyClock::now();
    for (auto it = entries_.begin(); it != entries_.end();) {
      it = now - it->second.used > options_.idle ? entries_.erase(it) : std::next(it);
    }
    if (entries_.size() >= static_cast<size_t>(options_.at_a_time)) {
      ++turned_away_;
      return "";
    }
    const std::string id = absl::StrFormat("%016x", (uint64_t{random_()} << 32) | random_());
    entries_[id] = {std::make_shared<Session>(std::move(run)), now};
    return id;
  }

  std::shared_ptr<Session> Find(const std::string& id) {
    absl::MutexLock lock(&mutex_);
    const auto it = entries_.find(id);
    if (it == entries_.end()) return nullptr;
    it->second.used = SteadyClock::now();
    return it->second.session;
  }

  void Forget(const std::string& id) {
    absl::MutexLock lock(&mutex_);
    entries_.erase(id);
  }

  struct Entry {
    std::shared_ptr<Session> session;
    SteadyClock::time_point used;
  };

  Database* const database_;
  const Options options_;
  mutable absl::Mutex mutex_;
  uint64_t turned_away_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::random_device random_ ABSL_GUARDED_BY(mutex_);
};

Loads::Loads(Database* database, Options options)
    : impl_(std::make_unique<Impl>(database, std::move(options))) {}
Loads::~Loads() = default;

HttpResponse Loads::Handle(const HttpRequest& request, Timestamp now) {
  return impl_->Handle(request, now);
}
size_t Loads::open() const {
  return impl_->open();
}
uint64_t Loads::turned_away() const {
  return impl_->turned_away();
}

}  // namespace kg::server
