#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/rules.h"
#include "ingest/internal/decoders.h"
#include "ingest/internal/excerpt.h"
#include "ingest/internal/log_text.h"

// Log lines: logs.normalized in its shapes L1 to L3, and the text that kubectl prints.

namespace kg::ingest {
namespace {

std::string SeverityOfLevel(absl::string_view level) {
  const std::string upper = absl::AsciiStrToUpper(level);
  if (upper == "TRACE" || upper == "DEBUG") return "DEBUG";
  if (upper == "INFO" || upper == "NOTICE") return "INFO";
  if (upper == "WARN" || upper == "WARNING") return "WARNING";
  if (upper == "ERROR" || upper == "ERR" || upper == "CRITICAL" || upper == "CRIT") return "ERROR";
  if (upper == "FATAL" || upper == "PANIC" || upper == "EMERGENCY" || upper == "ALERT")
    return "FATAL";
  return "";
}

// The value of `"key": "…"` in a line of JSON, without parsing all of it.
absl::string_view JsonMember(absl::string_view line, absl::string_view quoted_key) {
  const size_t at = line.find(quoted_key);
  if (at == absl::string_view::npos) return {};
  absl::string_view rest = line.substr(at + quoted_key.size());
  const size_t value = rest.find_first_not_of(" :");
  if (value == absl::string_view::npos || rest[value] != '"') return {};
  rest.remove_prefix(value + 1);
  return rest.substr(0, rest.find('"'));
}

std::string KlogSeverity(absl::string_view line) {
  if (line.size() < 5) return "";
  for (size_t i = 1; i < 5; ++i) {
    if (!absl::ascii_isdigit(line[i])) return "";
  }
  switch (line[0]) {
    case 'I':
      return "INFO";
    case 'W':
      return "WARNING";
    case 'E':
      return "ERROR";
    case 'F':
      return "FATAL";
    default:
      return "";
  }
}

// A level as a word at the start or in brackets: "ERROR: …", "[warn] …", "2025… ERROR …".
std::string WordSeverity(absl::string_view line) {
  int words = 0;
  for (absl::string_view word : absl::StrSplit(line.substr(0, 128), ' ')) {
    const bool marked = word.find_first_of(":[]|=") != absl::string_view::npos;
    if (absl::StartsWith(word, "level=")) word.remove_prefix(6);
    while (!word.empty() &&
           absl::string_view("[]():|\"").find(word.back()) != absl::string_view::npos) {
      word.remove_suffix(1);
    }
    while (!word.empty() &&
           absl::string_view("[(|\"").find(word.front()) != absl::string_view::npos) {
      word.remove_prefix(1);
    }
    const bool upper = !word.empty() && std::all_of(word.begin(), word.end(),
                                                    [](char c) { return absl::ascii_isupper(c); });
    if (marked || upper || words == 0) {
      std::string severity = SeverityOfLevel(word);
      if (!severity.empty() && (marked || upper)) return severity;
    }
    if (++words == 6) break;
  }
  return "";
}

bool Mentions(const std::string& lower, std::initializer_list<absl::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&lower](absl::string_view part) { return absl::StrContains(lower, part); });
}

// A record's subject from the four places where its collectors put it.
ObjectRef PodOf(const json::object& v, std::string* container) {
  ObjectRef ref;
  if (const json::object* subject = FindObject(v, "subject")) ref = ReadReference(*subject);
  const json::object* kubernetes = FindObject(v, "kubernetes");
  const auto fill = [&](std::string* out, std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      if (out->empty()) *out = Text(v, key);
      if (out->empty() && kubernetes != nullptr) *out = Text(*kubernetes, key);
    }
  };
  if (ref.kind.empty()) ref.kind = "Pod";
  fill(&ref.name, {"pod_name", "pod"});
  fill(&ref.ns, {"pod_namespace", "namespace_name", "namespace"});
  fill(&ref.uid, {"pod_uid", "pod_id"});
  fill(container, {"container_name", "container"});
  // Vector may print nested names with dots.
  const auto dotted = [&](std::string* out, const char* key) {
    if (out->empty()) *out = Text(v, key);
  };
  dotted(&ref.name, "kubernetes.pod_name");
  dotted(&ref.ns, "kubernetes.pod_namespace");
  dotted(&ref.uid, "kubernetes.pod_uid");
  dotted(container, "kubernetes.container_name");
  if (ref.uid == ref.name) ref.uid.clear();
  return ref;
}

}  // namespace

std::string InferLogSeverity(absl::string_view line) {
  line = absl::StripLeadingAsciiWhitespace(line).substr(0, 2048);
  if (absl::StartsWith(line, "{")) {
    for (const absl::string_view key : {"\"level\"", "\"severity\"", "\"lvl\""}) {
      std::string severity = SeverityOfLevel(JsonMember(line, key));
      if (!severity.empty()) return severity;
    }
  }
  std::string severity = KlogSeverity(line);
  if (severity.empty()) severity = WordSeverity(line);
  if (!severity.empty() && severity != "INFO") return severity;
  const std::string lower = absl::AsciiStrToLower(line);
  if (absl::StartsWith(lower, "panic:") || absl::StartsWith(lower, "fatal:")) return "FATAL";
  if (Mentions(lower, {"fatal error", "panic:", "segfault", "segmentation fault"})) return "FATAL";
  if (Mentions(lower, {"exception", "traceback", "stack trace"})) return "ERROR";
  if (Mentions(lower, {"failed", "failure", "cannot"})) return "WARNING";
  return "INFO";
}

void EmitLog(LogRecord record, absl::string_view raw_line, std::optional<Timestamp> at,
             absl::string_view sent_time, Context& ctx) {
  if (at) ctx.set().Observe(*at);
  const std::string line = Text(CutUtf8(raw_line, 16 * size_t{ctx.limits().line_bytes}));
  const RuleBook* rules = ctx.options().rules;
  if (rules != nullptr && !rules->IsHighSignal(record.severity, line)) {
    ++ctx.stats().log_lines_dropped;
    return;
  }
  if (record.event_id.empty() && ctx.origin.key) {
    const std::string time = !sent_time.empty() ? Text(sent_time) : at ? FormatTime(*at) : "";
    const std::string reason = rules == nullptr ? absl::StrCat("LOG_", record.severity)
                                                : rules->ClassifyLog(record.severity, line).reason;
    record.event_id = FallbackLogId(*ctx.origin.key, time, reason, line);
  }
  record.line = ctx.Prose(line);
  if (!at) return ctx.EmitUndated(std::move(record));
  record.at = *at;
  ctx.Emit(std::move(record));
}

void DecodeLog(const json::object& v, Context& ctx) {
  ctx.Took("log record");
  LogRecord record;
  record.scope =
      ctx.Scope(Str(v, "client_id"), Str(v, Has(v, "cluster") ? "cluster" : "cluster_name"));
  record.subject = PodOf(v, &record.container);
  if (record.subject.uid.empty() && LooksLikeUid(ctx.origin.raw_key)) {
    record.subject.uid = ctx.origin.raw_key;
  }
  if (record.subject.name.empty() && record.subject.uid.empty()) {
    ctx.Reject(
        "the log record names no pod; subject.name, pod_name or kubernetes.pod_uid is needed",
        record.scope);
    return;
  }
  std::optional<Timestamp> at;
  for (const char* key : {"event_time", "timestamp", "time", "@timestamp", "date"}) {
    if (!at && !ReadTime(v, key, key, ctx, &at)) return;
  }
  absl::string_view line = Str(v, Has(v, "message") ? "message" : "log");
  if (line.empty()) line = Str(v, "log");
  if (line.empty()) return ctx.Ignore("empty log line");
  record.event_id = Text(v, Has(v, "event_id") ? "event_id" : "log_id");
  record.severity = absl::AsciiStrToUpper(Text(v, "severity"));
  if (record.severity.empty()) record.severity = SeverityOfLevel(Str(v, "log_level"));
  if (record.severity.empty()) record.severity = SeverityOfLevel(Str(v, "level"));
  if (record.severity.empty()) record.severity = InferLogSeverity(line);
  EmitLog(std::move(record), line, at, Str(v, "event_time"), ctx);
}

bool IsLogStart(absl::string_view line, LogSource* source) {
  constexpr absl::string_view kBefore = "==== START logs for container ";
  constexpr absl::string_view kBetween = " of pod ";
  if (!absl::StartsWith(line, kBefore)) return false;
  line.remove_prefix(kBefore.size());
  const size_t between = line.find(kBetween);
  if (between == absl::string_view::npos) return false;
  const absl::string_view pod = line.substr(between + kBetween.size());
  const size_t slash = pod.find('/');
  if (slash == absl::string_view::npos) return false;
  source->container = Text(line.substr(0, between));
  source->ns = Text(pod.substr(0, slash));
  const absl::string_view name = pod.substr(slash + 1);
  source->pod = Text(name.substr(0, name.find(' ')));
  return true;
}

bool IsLogEnd(absl::string_view line) {
  return absl::StartsWith(line, "==== END logs for ");
}

void DecodeLogLine(absl::string_view line, const LogSource& source, Context& ctx) {
  if (line.size() > ctx.limits().document_bytes) {
    ++ctx.stats().limits["max_document_bytes"];
    return ctx.Reject("the line is too long");
  }
  ctx.Took("log line");
  LogRecord record;
  record.scope = ctx.Scope("", "");
  record.subject.group_known = true;
  record.subject.kind = "Pod";
  record.subject.ns = source.ns;
  record.subject.name = source.pod;
  record.container = source.container;
  if (absl::StartsWith(line, "[pod/")) {
    const size_t close = line.find(']');
    const std::vector<std::string> parts =
        absl::StrSplit(line.substr(1, close == absl::string_view::npos ? close : close - 1), '/');
    if (close != absl::string_view::npos && parts.size() == 3) {
      record.subject.name = Text(parts[1]);
      record.container = Text(parts[2]);
      line.remove_prefix(std::min(line.size(), close + 2));
    }
  }
  if (record.subject.name.empty()) {
    ctx.Reject("the line names no pod; print the log with kubectl logs --prefix --timestamps");
    return;
  }
  if (record.subject.ns.empty()) {
    ctx.Reject(
        "the log names no namespace; name it with -n, or load the folder of "
        "kubectl cluster-info dump");
    return;
  }
  absl::string_view rest = line;
  const std::optional<Timestamp> at = LeadingTime(line, &rest);
  if (at) line = rest;
  // A container's own stamp behind kubectl's says the same again.
  if (LeadingTime(line, &rest)) line = rest;
  if (absl::StripAsciiWhitespace(line).empty()) return;
  record.severity = InferLogSeverity(line);
  EmitLog(std::move(record), line, at, "", ctx);
}

}  // namespace kg::ingest
