#include "tools/kgctl/load_target.h"

#include "absl/strings/str_cat.h"
#include "ingest/http_client.h"
#include "server/json_text.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/source.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class DirectoryTarget : public LoadTarget {
 public:
  explicit DirectoryTarget(Database* database) : database_(database) {}

  absl::StatusOr<std::vector<bool>> Open(server::LoadOptions options,
                                         const std::vector<std::string>& contents) override {
    auto run = server::LoadRun::Create(database_, std::move(options));
    if (!run.ok()) return run.status();
    run_ = *std::move(run);
    return contents.empty() ? std::vector<bool>() : run_->Announce(contents);
  }
  absl::Status Begin(const ingest::StreamOptions& stream, const std::string& content) override {
    return run_->Begin(stream, content);
  }
  absl::Status Feed(absl::string_view bytes) override { return run_->Feed(bytes); }
  absl::Status End() override { return run_->End(); }
  absl::StatusOr<server::Absent> FinishReading() override { return run_->FinishReading(); }
  absl::StatusOr<json::value> Conclude(server::LoadRun::Consent consent) override {
    const absl::StatusOr<server::IngestReport> report = run_->Conclude(consent);
    if (!report.ok()) return report.status();
    return server::Render(*report);
  }
  uint64_t records() const override { return run_->records(); }

 private:
  Database* const database_;
  std::unique_ptr<server::LoadRun> run_;
};

class NodeTarget : public LoadTarget {
 public:
  explicit NodeTarget(std::string base_url) : base_(std::move(base_url)) {}
  ~NodeTarget() override {
    // A node keeps what it was sent; only the unfinished load is of no use to it any more.
    if (!load_.empty()) Call("DELETE", "", {}, "").IgnoreError();
  }

  absl::StatusOr<std::vector<bool>> Open(server::LoadOptions options,
                                         const std::vector<std::string>& contents) override {
    json::object body = {{"files", options.files},
                         {"strict", options.strict},
                         {"again", options.again},
                         {"mend", options.mend}};
    if (!contents.empty()) body["contents"] = json::array(contents.begin(), contents.end());
    const auto opened =
        Call("POST", "", options.how, server::ToJsonText(body, server::JsonLayout::kCompact));
    if (!opened.ok()) return opened.status();
    load_ = absl::StrCat("/", Str(*opened, "load"));
    std::vector<bool> loaded;
    for (const json::value& done : List(*opened, "loaded"))
      loaded.push_back(done.is_bool() && done.as_bool());
    loaded.resize(contents.size());
    return loaded;
  }
  absl::Status Begin(const ingest::StreamOptions& stream, const std::string& content) override {
    first_ = {};
    const std::pair<const char*, const std::string*> said[] = {{"source", &stream.source_name},
                                                               {"format", &stream.format},
                                                               {"namespace", &stream.log_namespace},
                                                               {"pod", &stream.log_pod},
                                                               {"content", &content}};
    for (const auto& [name, value] : said) {
      if (!value->empty()) first_[name] = *value;
    }
    return absl::OkStatus();
  }
  absl::Status Feed(absl::string_view bytes) override { return Send(bytes, false); }
  absl::Status End() override { return Send("", true); }

  absl::StatusOr<server::Absent> FinishReading() override {
    const auto reply = Call("POST", "/finish", {}, "");
    if (!reply.ok()) return reply.status();
    server::Absent absent;
    absent.asked = Bool(*reply, "complete");
    absent.known = static_cast<uint64_t>(Int(*reply, "known"));
    absent.missing = static_cast<uint64_t>(Int(*reply, "missing"));
    return absent;
  }
  absl::StatusOr<json::value> Conclude(server::LoadRun::Consent consent) override {
    const char* word = consent == server::LoadRun::Consent::kDelete ? "delete" : "leave";
    auto report = Call("POST", "/conclude", {{"consent", word}}, "");
    load_.clear();
    return report;
  }
  uint64_t records() const override { return records_; }

 private:
  absl::Status Send(absl::string_view bytes, bool end) {
    server::Params params = first_;
    params["offset"] = absl::StrCat(sent_);
    if (end) params["end"] = "true";
    const auto reply = Call("POST", "/bytes", params, bytes);
    if (!reply.ok()) {
      load_.clear();
      return reply.status();
    }
    sent_ += bytes.size();
    records_ = static_cast<uint64_t>(Int(*reply, "records"));
    return absl::OkStatus();
  }

  absl::StatusOr<json::value> Call(const char* method, const char* step,
                                   const server::Params& params, absl::string_view body) const {
    ingest::HttpCall call;
    call.method = method;
    call.timeout = std::chrono::minutes(10);
    call.url = absl::StrCat(base_, "/api/v1/loads", load_, step, params.empty() ? "" : "?",
                            server::EncodeQuery(params));
    call.headers["Content-Type"] = "application/octet-stream";
    call.body = std::string(body);
    return ReplyOf(ingest::Fetch(call), base_);
  }

  const std::string base_;
  std::string load_;  // "/ID" while one is open
  server::Params first_;
  uint64_t sent_ = 0, records_ = 0;
};

}  // namespace

std::unique_ptr<LoadTarget> MakeDirectoryTarget(Database* database) {
  return std::make_unique<DirectoryTarget>(database);
}

std::unique_ptr<LoadTarget> MakeNodeTarget(std::string base_url) {
  return std::make_unique<NodeTarget>(std::move(base_url));
}

}  // namespace kg::kgctl
