#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/times.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/load.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr double kMuch = 0.20;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Bytes of all files below; 0 when that can't be known (standard input).
uint64_t TotalBytes(const std::vector<std::string>& paths) {
  uint64_t total = 0;
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-") return 0;
    if (fs::is_regular_file(path, error)) {
      total += fs::file_size(path, error);
      continue;
    }
    fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
      std::error_code ignored;
      if (at->is_regular_file(ignored)) total += at->file_size(ignored);
    }
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

  void Show(uint64_t bytes, uint64_t records) {
    if (!env_->err_is_terminal || SecondsSince(shown_) < 0.2) return;
    shown_ = SteadyClock::now();
    const double seconds = SecondsSince(start_);
    const auto rate = static_cast<uint64_t>(static_cast<double>(records) / seconds);
    std::string line = absl::StrCat("loading: ", records, " records, ", rate, "/s");
    if (total_ > 0 && bytes > 0 && bytes <= total_) {
      const double left =
          seconds * static_cast<double>(total_ - bytes) / static_cast<double>(bytes);
      absl::StrAppend(&line, ", ", bytes * 100 / total_, " %, ",
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
  const SteadyClock::time_point start_;
  SteadyClock::time_point shown_;
  bool printed_ = false;
};

struct Absent {
  size_t known = 0;    // objects of these kinds and namespaces that are there
  size_t missing = 0;  // of them, not in the input
};

// What a completeness record would take for deleted.
Absent CountAbsent(const Database& database, const CompletenessRecord& record) {
  const std::shared_ptr<const View> view = database.GetView();
  Absent absent;
  const std::optional<ScopeId> scope = view->FindScope(record.scope);
  if (!scope) return absent;
  std::set<ResourceId> present;
  for (const ObjectRef& ref : record.present) {
    if (const std::optional<ResourceId> id = view->Find(*scope, ref)) present.insert(*id);
  }
  std::vector<std::string> namespaces = record.namespaces;
  if (namespaces.empty()) namespaces.emplace_back();
  for (const std::string& ns : namespaces) {
    for (const ObjectRef& kind : record.kinds) {
      for (const ResourceId id : view->List(*scope, ns, kind.kind)) {
        const Node* node = view->graph().Find(id);
        if (node == nullptr || node->AliveAt(record.at) == nullptr) continue;
        if (kind.group_known && node->name->group != kind.group) continue;
        ++absent.known;
        if (present.count(id) == 0) ++absent.missing;
      }
    }
  }
  return absent;
}

absl::Status Approve(const Database& database, const CompletenessRecord& record, Consent consent,
                     Environment* env) {
  const Absent absent = CountAbsent(database, record);
  const std::string what = absl::StrCat("--complete takes ", absent.missing, " of ", absent.known,
                                        " known objects for deleted");
  env->err << what << "\n";
  const bool much = static_cast<double>(absent.missing) > kMuch * static_cast<double>(absent.known);
  if (!much || consent == Consent::kGiven) return absl::OkStatus();
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

}  // namespace

absl::StatusOr<server::IngestReport> Load(Database* database, LoadRequest request,
                                          Environment* env) {
  ingest::MacKey key;
  const ingest::DecodeOptions base =
      server::DecodeOptionsFor(*database, request.decode.wall_now, &key);
  request.decode.rules = base.rules;
  request.decode.mac_key = base.mac_key;

  ProgressLine progress(env, TotalBytes(request.paths));
  server::ApplySink::Options options;
  options.strict = request.strict;
  options.progress = [&](uint64_t bytes, uint64_t records) { progress.Show(bytes, records); };
  options.approve = [&](const CompletenessRecord& record) {
    progress.Clear();
    return Approve(*database, record, request.consent, env);
  };
  server::ApplySink sink(database, std::move(options));
  absl::StatusOr<ingest::DecodeStats> decoded =
      ingest::DecodePaths(request.paths, request.decode, &sink);
  // What came before an error is kept: it was read in good order.
  const absl::Status finished = sink.Finish();
  progress.Clear();
  if (!decoded.ok()) return decoded.status();
  if (!finished.ok()) return finished;
  sink.report().decoded = *std::move(decoded);
  return std::move(sink.report());
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

}  // namespace

void PrintReport(const boost::json::value& report, double seconds, std::ostream& out) {
  const int64_t records = Int(report, "records");
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
    out << "note: " << Printable(Str(note)) << "\n";
  }
  for (const boost::json::value& problem : List(report, "problems")) {
    out << "problem: " << Printable(Str(problem)) << "\n";
  }
  if (const int64_t dead = Int(report, "dead_letters"); dead > 0) {
    out << "DEAD LETTERS: " << dead << "; 'kgctl dead-letters' shows each with its reason\n";
  }
}

}  // namespace kg::kgctl
