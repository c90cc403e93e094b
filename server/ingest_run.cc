#include "server/ingest_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/render.h"
#include "server/suggest.h"
#include "server/times.h"

namespace kg::server {
namespace {

namespace json = boost::json;

constexpr size_t kProblemsKept = 10;

json::object Counts(const std::map<std::string, uint64_t>& counts) {
  json::object out;
  for (const auto& [name, count] : counts) out[name] = count;
  return out;
}

json::array Texts(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

}  // namespace

uint64_t IngestReport::records() const {
  return decoded.objects + decoded.edges + decoded.events + decoded.alerts + decoded.logs;
}

std::string TimeSourceText(TimeSource source) {
  switch (source) {
    case TimeSource::kSource:
      return "their own time";
    case TimeSource::kMetadata:
      return "the newest time in the record";
    case TimeSource::kInputSet:
      return "the newest time in the input";
    case TimeSource::kGiven:
      return "as given by --at";
    case TimeSource::kEnvelope:
      return "the time of the message";
    case TimeSource::kWallClock:
      return "the wall clock";
  }
  return "unknown";
}

json::value Render(const IngestReport& report) {
  const ingest::DecodeStats& d = report.decoded;
  json::value undated = nullptr;
  if (d.undated > 0) {
    undated = json::object{{"records", d.undated},
                           {"at", d.undated_at ? RenderTime(*d.undated_at) : json::value(nullptr)},
                           {"source", TimeSourceText(d.undated_source)}};
  }
  return json::object{{"records", report.records()},
                      {"applied", report.applied},
                      {"unchanged", report.unchanged},
                      {"refused", report.refused},
                      {"dead_letters", report.dead_letters},
                      {"already_loaded", report.already_loaded},
                      {"mended", report.mended},
                      {"decoded", json::object{{"bytes", d.bytes_read},
                                               {"documents", d.documents},
                                               {"objects", d.objects},
                                               {"edges", d.edges},
                                               {"events", d.events},
                                               {"alerts", d.alerts},
                                               {"log_lines", d.logs}}},
                      {"log_lines_dropped", d.log_lines_dropped},
                      {"ignored", Counts(d.ignored)},
                      {"limits", Counts(d.limits)},
                      {"formats", Counts(d.formats)},
                      {"redactions", Counts(d.redactions)},
                      {"undated", std::move(undated)},
                      {"newest", d.newest ? RenderTime(*d.newest) : json::value(nullptr)},
                      {"notes", Texts(d.notes)},
                      {"problems", Texts(report.problems)}};
}

void ApplySink::NoteProblem(std::string text) {
  if (report_.problems.size() < kProblemsKept) report_.problems.push_back(std::move(text));
}

absl::Status ApplySink::OnMutation(Mutation mutation) {
  if (auto* complete = std::get_if<CompletenessRecord>(&mutation);
      complete != nullptr && options_.hold_completeness) {
    completeness_.push_back(std::move(*complete));
    return absl::OkStatus();
  }
  ++records_;
  batch_bytes_ += ApproximateBytes(mutation);
  batch_.mutations.push_back(std::move(mutation));
  const bool full =
      batch_.mutations.size() >= options_.batch_mutations || batch_bytes_ >= options_.batch_bytes;
  return full ? HandOver() : absl::OkStatus();
}

absl::Status ApplySink::OnDeadLetter(DeadLetter letter) {
  std::string text = absl::StrCat(letter.source, ", ", letter.position, ": ", letter.reason);
  ++report_.dead_letters;
  ++told_.letters;
  letter.read_with = options_.read_with;
  lossy_sources_.insert(letter.source);
  letter_ids_.insert(DeadLetterId(letter));
  batch_.dead_letters.push_back(std::move(letter));
  if (told_.problems.size() < kProblemsKept) told_.problems.push_back(text);
  if (options_.strict) {
    return absl::FailedPreconditionError(absl::StrCat("stopped at ", text));
  }
  return batch_.dead_letters.size() >= options_.batch_mutations ? HandOver() : absl::OkStatus();
}

void ApplySink::OnProgress(uint64_t bytes_read) {
  if (options_.progress) options_.progress(bytes_read, records_);
}

void ApplySink::Count(Told told, ApplyResult result) {
  for (std::string& problem : told.problems) NoteProblem(std::move(problem));
  report_.applied += result.applied;
  report_.unchanged += result.unchanged;
  report_.refused += result.refused;
  report_.dead_letters += std::max<int64_t>(0, result.dead_letters - told.letters);
  refused_some_ = refused_some_ || result.dead_letters > told.letters;
  for (std::string& problem : result.problems) NoteProblem(std::move(problem));
}

void ApplySink::CountApplied() {
  for (ApplyResult& result : applier_.TakeResults()) {
    Count(std::move(given_.front()), std::move(result));
    given_.pop_front();
  }
}

absl::Status ApplySink::HandOver() {
  if (!holds_any()) return absl::OkStatus();
  given_.push_back(std::exchange(told_, {}));
  absl::Status given = applier_.Give(std::exchange(batch_, {}));
  batch_bytes_ = 0;
  batch_.mutations.reserve(options_.batch_mutations);  // where one was filled, so may the next be
  CountApplied();
  return given;
}

// The rest is applied here: a short input needs no other thread.
absl::Status ApplySink::Flush() {
  absl::Status before = applier_.Wait();
  CountApplied();
  if (!before.ok() || !holds_any()) return before;
  absl::StatusOr<ApplyResult> result = database_->Apply(std::exchange(batch_, {}));
  batch_bytes_ = 0;
  Told told = std::exchange(told_, {});
  if (!result.ok()) return result.status();
  Count(std::move(told), *std::move(result));
  return absl::OkStatus();
}

// Also after a failure: what was applied before it is kept whole.
absl::Status ApplySink::Finish() {
  absl::Status flushed = Flush();
  absl::Status settled = database_->Settle();
  return flushed.ok() ? settled : flushed;
}

absl::Status ReadDecodeParams(const Params& params, Complete complete,
                              ingest::DecodeOptions* options) {
  std::vector<std::string> known = {"at", "format", "topic", "namespace", "tenant", "cluster"};
  if (complete == Complete::kTaken)
    known.insert(known.end(), {"complete", "all_namespaces", "kinds"});
  for (const auto& [name, value] : params) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("input takes no parameter '", name, "'", DidYouMean(name, known)));
    }
  }
  const auto text = [&](const char* name) {
    const auto found = params.find(name);
    return found == params.end() ? std::string() : found->second;
  };
  const auto given = [&](const char* name) {
    return params.find(name) != params.end() && text(name) != "false" && text(name) != "0";
  };
  if (const std::string at = text("at"); !at.empty()) {
    const absl::StatusOr<Timestamp> moment = ParseMoment(at, options->wall_now);
    if (!moment.ok()) return moment.status();
    options->at = *moment;
  }
  options->format = text("format");
  options->topic = text("topic");
  options->log_namespace = text("namespace");
  options->default_scope = {text("tenant"), text("cluster")};
  options->complete = given("complete");
  if (!options->complete) return absl::OkStatus();
  options->complete_all_namespaces = given("all_namespaces");
  options->complete_namespace = text("namespace");
  options->complete_kinds = absl::StrSplit(text("kinds"), ',', absl::SkipWhitespace());
  if (options->complete_all_namespaces == !options->complete_namespace.empty()) {
    return absl::InvalidArgumentError(
        "what is complete needs either all namespaces (-A) or one namespace (-n NS) to be complete "
        "for");
  }
  return absl::OkStatus();
}

ingest::DecodeOptions DecodeOptionsFor(const Database& database, Timestamp wall_now,
                                       ingest::MacKey* mac_key) {
  const std::pair<std::string, std::string> key = database.MacKey();
  *mac_key = {key.first, key.second};
  ingest::DecodeOptions options;
  options.rules = database.rules().get();
  options.mac_key = mac_key;
  options.wall_now = wall_now;
  return options;
}

}  // namespace kg::server
