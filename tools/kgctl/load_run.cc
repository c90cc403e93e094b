#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ingest/fingerprint.h"
#include "ingest/input_files.h"
#include "server/times.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/load.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Bytes of all files; 0 when that can't be known (standard input).
uint64_t TotalBytes(const std::vector<ingest::InputFile>& files) {
  uint64_t total = 0;
  for (const ingest::InputFile& file : files) {
    std::error_code error;
    if (file.path == "-") return 0;
    const auto size = fs::file_size(file.path, error);
    if (!error) total += size;
  }
  return total;
}

// One line that is written over again and again, on a terminal only.
class ProgressLine {
 public:
  ProgressLine(Environment* env, uint64_t total)
      : env_(env), total_(total), start_(SteadyClock::now()), shown_(start_) {}
  ~ProgressLine() {
    if (printed_) env_->err << "\r\x1b[K" << std::flush;
  }

  void Advance(uint64_t more_bytes, uint64_t records) {
    bytes_ += more_bytes;
    if (!env_->err_is_terminal || SecondsSince(shown_) < 0.2) return;
    shown_ = SteadyClock::now();
    const double seconds = SecondsSince(start_);
    const auto rate = static_cast<uint64_t>(static_cast<double>(records) / seconds);
    std::string line = absl::StrCat("loading: ", records, " records, ", rate, "/s");
    if (total_ > 0 && bytes_ > 0 && bytes_ <= total_) {
      const double left =
          seconds * static_cast<double>(total_ - bytes_) / static_cast<double>(bytes_);
      absl::StrAppend(&line, ", ", bytes_ * 100 / total_, " %, ",
                      server::FormatDuration(std::chrono::seconds(static_cast<int64_t>(left) + 1)),
                      " left");
    }
    env_->err << "\r\x1b[K" << line << std::flush;
    printed_ = true;
  }
  void Clear() {
    if (printed_) env_->err << "\r\x1b[K" << std::flush;
    printed_ = false;
  }

 private:
  Environment* const env_;
  const uint64_t total_;
  uint64_t bytes_ = 0;
  const SteadyClock::time_point start_;
  SteadyClock::time_point shown_;
  bool printed_ = false;
};

absl::Status Approve(const server::Absent& absent, Consent consent, Environment* env) {
  const std::string what = absl::StrCat("--complete takes ", absent.missing, " of ", absent.known,
                                        " known objects for deleted");
  env->err << what << "\n";
  if (!absent.much() || consent == Consent::kGiven) return absl::OkStatus();
  if (isatty(STDIN_FILENO) == 1 && env->err_is_terminal) {
    env->err << "that is more than 20 %. Go on? [y/N] " << std::flush;
    std::string reply;
    std::getline(std::cin, reply);
    if (reply == "y" || reply == "Y" || reply == "yes") return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(what,
                   ", more than 20 %; nothing was deleted. Check that the input is complete, "
                   "then add --yes"));
}

// Of every file, in order; empty where standard input is among them, which can be read once only.
absl::StatusOr<std::vector<std::string>> Fingerprints(const std::vector<ingest::InputFile>& files) {
  std::vector<std::string> contents;
  for (const ingest::InputFile& file : files) {
    if (file.path == "-") return std::vector<std::string>();
    absl::StatusOr<std::string> content = ingest::FingerprintOfFile(file.path);
    if (!content.ok()) return content.status();
    contents.push_back(*std::move(content));
  }
  return contents;
}

absl::Status ReadOne(LoadTarget* target, const ingest::InputFile& file, const std::string& content,
                     ProgressLine* progress) {
  if (absl::Status begun = target->Begin(file.stream, content); !begun.ok()) return begun;
  absl::Status read = ingest::ReadInput(file.path, [&](absl::string_view chunk) {
    absl::Status fed = target->Feed(chunk);
    progress->Advance(chunk.size(), target->records());
    return fed;
  });
  return read.ok() ? target->End() : read;
}

void CountPassedOver(uint64_t files, boost::json::value* report) {
  boost::json::object* object = report->if_object();
  if (files == 0 || object == nullptr) return;
  if (!(*object)["ignored"].is_object()) (*object)["ignored"] = boost::json::object();
  (*object)["ignored"].get_object()["file of another kind"] = files;
}

}  // namespace

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  if (path == "-") return path;
  const fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

absl::StatusOr<boost::json::value> Load(LoadTarget* target, LoadRequest request, Environment* env) {
  for (std::string& path : request.paths) path = AbsolutePath(path);
  absl::StatusOr<ingest::InputFiles> inputs = ingest::ListInputs(request.paths);
  if (!inputs.ok()) return inputs.status();
  const std::vector<ingest::InputFile>& files = inputs->files;
  if (files.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "there is nothing to load in ", absl::StrJoin(request.paths, ", "), ": of a folder, files ",
        "that end in .json .jsonl .ndjson .yaml .yml .log or .txt are read, also .gz and .zst"));
  }
  const absl::StatusOr<std::vector<std::string>> contents = Fingerprints(files);
  if (!contents.ok()) return contents.status();
  request.options.files = absl::StrJoin(request.paths, "\n");
  absl::StatusOr<std::vector<bool>> done = target->Open(std::move(request.options), *contents);
  if (!done.ok()) return done.status();
  done->resize(files.size());

  std::vector<ingest::InputFile> unread;
  for (size_t i = 0; i < files.size(); ++i) {
    if (!(*done)[i]) unread.push_back(files[i]);
  }
  ProgressLine progress(env, TotalBytes(unread));
  for (size_t i = 0; i < files.size(); ++i) {
    if ((*done)[i]) continue;
    const std::string content = contents->empty() ? "" : (*contents)[i];
    absl::Status read = ReadOne(target, files[i], content, &progress);
    if (!read.ok()) return read;
  }
  const absl::StatusOr<server::Absent> absent = target->FinishReading();
  progress.Clear();
  if (!absent.ok()) return absent.status();
  const absl::Status approved =
      absent->asked ? Approve(*absent, request.consent, env) : absl::OkStatus();
  absl::StatusOr<boost::json::value> report = target->Conclude(
      approved.ok() ? server::LoadRun::Consent::kDelete : server::LoadRun::Consent::kLeave);
  if (!report.ok()) return report.status();
  if (!approved.ok()) return approved;
  CountPassedOver(inputs->of_another_kind, &*report);
  return report;
}

namespace {

std::string Bytes(int64_t bytes) {
  char text[32];
  if (bytes < 10'000) return absl::StrCat(bytes, " bytes");
  if (bytes < 1'000'000) {
    std::snprintf(text, sizeof(text), "%.1f KiB", static_cast<double>(bytes) / 1024);
  } else {
    std::snprintf(text, sizeof(text), "%.1f MiB", static_cast<double>(bytes) / 1048576);
  }
  return text;
}

// "3 of a, 1 of b".
std::string CountsText(const boost::json::value& counts) {
  std::string out;
  const boost::json::object* object = counts.if_object();
  if (object == nullptr) return out;
  for (const boost::json::key_value_pair& member : *object) {
    const boost::json::string_view key = member.key();
    absl::StrAppend(&out, out.empty() ? "" : ", ", std::string(key.data(), key.size()), " ",
                    Int(member.value(), ""));
  }
  return out;
}

// A file that is no data is both noted and a dead letter, for the same reason.
bool ToldAsProblem(const boost::json::value& report, const std::string& note) {
  const size_t reason = note.find(": ");
  if (reason == std::string::npos) return false;
  for (const boost::json::value& problem : List(report, "problems")) {
    if (absl::EndsWith(Str(problem), note.substr(reason))) return true;
  }
  return false;
}

}  // namespace

void PrintReport(const boost::json::value& report, double seconds, std::ostream& out) {
  const int64_t records = Int(report, "records");
  if (const int64_t loaded = Int(report, "already_loaded"); loaded > 0) {
    out << "already loaded, so passed over: " << loaded << (loaded == 1 ? " file" : " files")
        << " (--again reads them once more)\n";
    if (Int(report, "decoded.bytes") == 0) return;
  }
  const auto rate = static_cast<int64_t>(static_cast<double>(records) / std::max(seconds, 1e-3));
  char took[32];
  std::snprintf(took, sizeof(took), "%.2f s", seconds);
  out << "read " << Bytes(Int(report, "decoded.bytes")) << ", " << records << " records in " << took
      << " (" << rate << "/s): " << Int(report, "decoded.objects") << " objects, "
      << Int(report, "decoded.events") << " events, " << Int(report, "decoded.alerts")
      << " alerts, " << Int(report, "decoded.log_lines") << " log lines, "
      << Int(report, "decoded.edges") << " edges\n"
      << "applied " << Int(report, "applied") << ", unchanged " << Int(report, "unchanged")
      << ", refused " << Int(report, "refused") << "\n";
  if (!IsNull(report, "undated")) {
    out << "undated: " << Int(report, "undated.records") << " records are taken as of "
        << TimeText(report, "undated.at") << " UTC (" << Str(report, "undated.source")
        << "; --at gives another)\n";
  }
  if (const int64_t dropped = Int(report, "log_lines_dropped"); dropped > 0) {
    out << "log lines passed over as unremarkable: " << dropped << "\n";
  }
  if (const std::string text = CountsText(Get(report, "ignored")); !text.empty()) {
    out << "of no use here: " << Printable(text) << "\n";
  }
  if (const std::string text = CountsText(Get(report, "redactions")); !text.empty()) {
    out << "redacted: " << Printable(text) << "\n";
  }
  for (const boost::json::value& note : List(report, "notes")) {
    if (ToldAsProblem(report, Str(note))) continue;
    out << "note: " << Printable(Str(note)) << "\n";
  }
  for (const boost::json::value& problem : List(report, "problems")) {
    out << "problem: " << Printable(Str(problem)) << "\n";
  }
  if (const int64_t mended = Int(report, "mended"); mended > 0) {
    out << "dead letters mended: " << mended << "\n";
  }
  if (const int64_t dead = Int(report, "dead_letters"); dead > 0) {
    out << "DEAD LETTERS: " << dead << "; 'kgctl dead-letters' shows each with its reason\n";
  }
}

}  // namespace kg::kgctl
