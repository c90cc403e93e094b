#include "server/ask.h"

#include <algorithm>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/questions.h"
#include "server/suggest.h"
#include "server/times.h"

namespace kg::server {
namespace {

struct QuestionInfo {
  const char* name;
  Answered (*ask)(const Asking&);
  std::vector<std::string> params;  // besides the common ones
};

const std::vector<std::string>& CommonParams() {
  static const auto* names = new std::vector<std::string>{
      "object", "namespace", "all_namespaces", "selector", "tenant", "cluster",
      "at",     "since",     "limit",          "cursor",   "timeout"};
  return *names;
}

const std::vector<QuestionInfo>& Questions() {
  static const auto* questions = new std::vector<QuestionInfo>{
      {"rca", AskRca, {}},
      {"blast-radius", AskBlastRadius, {"hops"}},
      {"neighbours", AskNeighbours, {"hops", "types", "direction"}},
      {"path", AskPath, {"to"}},
      {"timeline", AskTimeline, {"neighbours", "category"}},
      {"resource", AskResource, {}},
      {"events",
       AskEvents,
       {"class", "reason", "severity", "category", "kind", "type", "etype", "text"}},
      {"incidents", AskIncidents, {"status", "severity", "members"}},
      {"stats", AskStats, {}},
      {"diff", AskDiff, {"from"}},
      {"dead-letters", AskDeadLetters, {}},
      {"doctor", AskDoctor, {}},
      {"names", AskNames, {"prefix", "of"}},
  };
  return *questions;
}

const QuestionInfo* FindQuestion(absl::string_view name) {
  for (const QuestionInfo& info : Questions()) {
    if (name == info.name) return &info;
  }
  return nullptr;
}

// Parameters that a question would have to ignore; it says so instead.
const std::map<std::string, std::vector<std::string>>& Meaningless() {
  static const auto* names = new std::map<std::string, std::vector<std::string>>{
      {"blast-radius", {"selector"}},
      {"neighbours", {"selector", "since"}},
      {"path", {"selector", "since", "limit", "cursor"}},
      {"resource", {"selector", "limit", "cursor"}},
      {"incidents", {"selector"}},
      {"stats", {"object", "namespace", "selector", "since", "limit", "cursor"}},
      {"dead-letters", {"object", "namespace", "selector", "since", "cursor"}},
      {"doctor", {"object", "selector", "since", "limit", "cursor"}},
      {"names", {"object", "selector", "since", "cursor"}},
  };
  return *names;
}

bool IsMeaningless(const std::string& question, const std::string& param) {
  const auto found = Meaningless().find(question);
  return found != Meaningless().end() &&
         std::find(found->second.begin(), found->second.end(), param) != found->second.end();
}

absl::Status CheckNames(const QuestionInfo& info, const Params& params) {
  for (const auto& [name, value] : params) {
    std::vector<std::string> known = CommonParams();
    known.insert(known.end(), info.params.begin(), info.params.end());
    if (IsMeaningless(info.name, name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", name, "' does not narrow '", info.name, "'; leave it out"));
    }
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("'", info.name, "' takes no parameter '", name, "'", DidYouMean(name, known)));
  }
  return absl::OkStatus();
}

// What a question is about when it names no time.
Timestamp Base(const Database& database, const AskOptions& options) {
  if (options.clock == AskOptions::Clock::kWall) return WallNow(options);
  const Timestamp clock = database.GetView()->data_clock();
  return clock == kBeginning ? WallNow(options) : clock;
}

std::string Value(const Params& params, const char* name) {
  const auto found = params.find(name);
  return found == params.end() ? std::string() : found->second;
}

absl::Status ReadQuestion(const Params& params, Timestamp base, query::Question* question) {
  question->scope = {Value(params, "tenant"), Value(params, "cluster")};
  question->ns = Value(params, "namespace");
  question->object = Value(params, "object");
  question->at = base;
  if (const std::string at = Value(params, "at"); !at.empty()) {
    const absl::StatusOr<Timestamp> moment = ParseMoment(at, base);
    if (!moment.ok()) return moment.status();
    question->at = *moment;
  }
  if (const std::string since = Value(params, "since"); !since.empty()) {
    const absl::StatusOr<Duration> duration = ParseDuration(since);
    if (!duration.ok()) return duration.status();
    question->since = *duration;
  }
  if (const std::string selector = Value(params, "selector"); !selector.empty()) {
    auto labels = query::ParseLabelSelector(selector);
    if (!labels.ok()) return labels.status();
    question->labels = *std::move(labels);
  }
  return absl::OkStatus();
}

absl::Status ReadLimits(Asking* asking) {
  const absl::StatusOr<int64_t> limit = Number(*asking, "limit", 100, 1, 10'000);
  if (!limit.ok()) return limit.status();
  asking->page.limit = static_cast<uint64_t>(*limit);
  asking->page.after = Text(*asking, "cursor");
  if (const std::string timeout = Text(*asking, "timeout"); !timeout.empty()) {
    const absl::StatusOr<Duration> time = ParseDuration(timeout);
    if (!time.ok()) return time.status();
    asking->budget.time = std::clamp(*time, Duration(1000), Duration(std::chrono::minutes(5)));
  }
  const absl::StatusOr<bool> everywhere = Flag(*asking, "all_namespaces");
  if (!everywhere.ok()) return everywhere.status();
  asking->question.all_namespaces = *everywhere;
  return absl::OkStatus();
}

}  // namespace

std::string Text(const Asking& asking, absl::string_view name) {
  return Value(asking.params, std::string(name).c_str());
}

absl::StatusOr<int64_t> Number(const Asking& asking, absl::string_view name, int64_t fallback,
                               int64_t low, int64_t high) {
  const std::string text = Text(asking, name);
  if (text.empty()) return fallback;
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < low || value > high) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' is '", text, "'; give a whole number from ", low, " to ", high));
  }
  return value;
}

absl::StatusOr<bool> Flag(const Asking& asking, absl::string_view name) {
  const auto found = asking.params.find(std::string(name));
  if (found == asking.params.end()) return false;
  const std::string& text = found->second;
  if (text.empty() || text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return absl::InvalidArgumentError(
      absl::StrCat("'", name, "' is '", text, "'; give true or false"));
}

std::vector<std::string> Words(const Asking& asking, absl::string_view name) {
  return absl::StrSplit(Text(asking, name), ',', absl::SkipWhitespace());
}

bool IsQuestion(absl::string_view question) {
  return FindQuestion(question) != nullptr;
}

Timestamp WallNow(const AskOptions& options) {
  if (options.now) return options.now();
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

absl::StatusOr<boost::json::value> Ask(const Database& database, absl::string_view question,
                                       const Params& params, const AskOptions& options) {
  const QuestionInfo* info = FindQuestion(question);
  if (info == nullptr) {
    std::vector<std::string> known;
    for (const QuestionInfo& q : Questions()) known.emplace_back(q.name);
    return absl::NotFoundError(
        absl::StrCat("there is no question '", question, "'", DidYouMean(question, known)));
  }
  if (absl::Status named = CheckNames(*info, params); !named.ok()) return named;
  query::Question read;
  if (absl::Status ok = ReadQuestion(params, Base(database, options), &read); !ok.ok()) return ok;
  const std::shared_ptr<const View> view = database.GetView(read.at);
  Asking asking{database,          *view,  std::move(read),           {},
                options.budget,    params, params.count("since") > 0, WallNow(options),
                options.backup_dir};
  if (absl::Status ok = ReadLimits(&asking); !ok.ok()) return ok;
  auto answer = info->ask(asking);
  // History that could not be read is worse than no answer.
  if (absl::Status read_well = view->status(); answer.ok() && !read_well.ok()) return read_well;
  return answer;
}

}  // namespace kg::server
