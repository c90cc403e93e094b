#include "server/ingest_run.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/render.h"

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
                      {"decoded", json::object{{"bytes", d.bytes_read},
                                               {"documents", d.documents},
                                               {"objects", d.objects},
                                               {"edges", d.edges},
                                               {"events", d.events},
                                               {"alerts", d.alerts},
                                               {"log_lines", d.logs}}},
                      {"log_lines_dropped", d.log_lines_dropped},
                      {"ignored", Counts(d.ignored)},
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
  const auto* complete = std::get_if<CompletenessRecord>(&mutation);
  if (complete != nullptr && options_.approve) {
    // What is compared with must be in the database first.
    if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
    if (absl::Status approved = options_.approve(*complete); !approved.ok()) return approved;
  }
  ++records_;
  batch_.mutations.push_back(std::move(mutation));
  return batch_.mutations.size() >= options_.batch_mutations ? Flush() : absl::OkStatus();
}

absl::Status ApplySink::OnDeadLetter(DeadLetter letter) {
  const std::string text = absl::StrCat(letter.source, ", ", letter.position, ": ", letter.reason);
  NoteProblem(text);
  ++report_.dead_letters;
  batch_.dead_letters.push_back(std::move(letter));
  if (options_.strict) {
    return absl::FailedPreconditionError(absl::StrCat("stopped at ", text));
  }
  return batch_.dead_letters.size() >= options_.batch_mutations ? Flush() : absl::OkStatus();
}

void ApplySink::OnProgress(uint64_t bytes_read) {
  if (options_.progress) options_.progress(bytes_read, records_);
}

absl::Status ApplySink::Flush() {
  if (batch_.mutations.empty() && batch_.dead_letters.empty()) return absl::OkStatus();
  const auto given = static_cast<int64_t>(batch_.dead_letters.size());
  absl::StatusOr<ApplyResult> result = database_->Apply(std::move(batch_));
  batch_ = Batch();
  if (!result.ok()) return result.status();
  report_.applied += result->applied;
  report_.unchanged += result->unchanged;
  report_.refused += result->refused;
  report_.dead_letters += std::max<int64_t>(0, result->dead_letters - given);
  for (std::string& problem : result->problems) NoteProblem(std::move(problem));
  return absl::OkStatus();
}

absl::Status ApplySink::Finish() {
  if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  return database_->Settle();
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
