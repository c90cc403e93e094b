#include "engine/rules/internal/log_rules.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/rules/internal/log_shape.h"
#include "engine/rules/internal/table.h"
#include "re2/re2.h"

namespace kg::rules {
namespace {

// A stack trace may be long; what it is about stands in its first lines.
constexpr size_t kLongestRead = 2048;

bool IsOneOf(absl::string_view severity, std::initializer_list<absl::string_view> names) {
  for (const absl::string_view name : names) {
    if (absl::EqualsIgnoreCase(severity, name)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogRules>> LogRules::Load(absl::string_view classes,
                                                         absl::string_view signals,
                                                         absl::string_view reasons,
                                                         const ClassTable& table) {
  auto rules = std::make_unique<LogRules>();
  rules->fatal_ = table.ByName("LOG_FATAL");
  rules->error_ = table.ByName("LOG_ERROR");
  rules->other_ = table.ByName("LOG_OTHER");
  absl::Status loaded = rules->LoadClasses(classes, table);
  if (loaded.ok()) loaded = rules->LoadSignals(signals);
  if (loaded.ok()) loaded = rules->LoadReasons(reasons);
  if (!loaded.ok()) return loaded;
  rules->keep_.Compile();
  return rules;
}

absl::Status LogRules::LoadClasses(absl::string_view text, const ClassTable& table) {
  auto rows = Table::Parse("log_classes.tsv", text, {"keep", "pattern", "class"});
  if (!rows.ok()) return rows.status();
  for (const Row& row : rows->rows()) {
    const auto keep = rows->OneOf(row, 0, {"any", "severe"});
    if (!keep.ok()) return keep.status();
    const auto cls = table.Named(*rows, row, 2);
    if (!cls.ok()) return cls.status();
    absl::Status added = classes_.Add(row.cells[1]);
    if (added.ok() && *keep == 0) added = keep_.Add(row.cells[1]);
    if (!added.ok()) return rows->Error(row, 1, added.message());
    class_of_.push_back(*cls);
  }
  classes_.Compile();
  return absl::OkStatus();
}

absl::Status LogRules::LoadSignals(absl::string_view text) {
  auto rows = Table::Parse("log_signals.tsv", text, {"category", "pattern"});
  if (!rows.ok()) return rows.status();
  for (const Row& row : rows->rows()) {
    auto pattern = CompilePattern(row.cells[1]);
    if (!pattern.ok()) return rows->Error(row, 1, pattern.status().message());
    if (row.cells[0] == "level-fatal") {
      says_fatal_ = *pattern;
    } else if (row.cells[0] == "level-error") {
      says_error_ = *pattern;
    } else {
      absl::Status added = keep_.Add(row.cells[1]);
      if (!added.ok()) return rows->Error(row, 1, added.message());
    }
  }
  if (says_fatal_ == nullptr || says_error_ == nullptr) {
    return absl::InvalidArgumentError(
        "log_signals.tsv:1: rows `level-fatal` and `level-error` are needed");
  }
  return absl::OkStatus();
}

absl::Status LogRules::LoadReasons(absl::string_view text) {
  auto rows = Table::Parse("log_reasons.tsv", text, {"reason", "pattern"});
  if (!rows.ok()) return rows.status();
  for (const Row& row : rows->rows()) {
    absl::Status added = reasons_.Add(row.cells[1]);
    if (!added.ok()) return rows->Error(row, 1, added.message());
    reason_of_.push_back(row.cells[0]);
  }
  reasons_.Compile();
  return absl::OkStatus();
}

Severity LogRules::SeverityOf(absl::string_view severity, absl::string_view line) const {
  if (IsOneOf(severity, {"FATAL", "CRITICAL", "PANIC", "EMERGENCY", "EMERG", "ALERT"})) {
    return Severity::kFatal;
  }
  if (IsOneOf(severity, {"ERROR", "ERR", "SEVERE"})) return Severity::kError;
  if (IsOneOf(severity, {"WARNING", "WARN"})) return Severity::kWarning;
  if (!severity.empty()) return Severity::kInfo;
  const absl::string_view head = line.substr(0, 160);
  if (Contains(head, *says_fatal_)) return Severity::kFatal;
  if (Contains(head, *says_error_)) return Severity::kError;
  return Severity::kInfo;
}

bool LogRules::IsHighSignal(absl::string_view severity, absl::string_view line) const {
  line = line.substr(0, kLongestRead);
  return SeverityOf(severity, line) >= Severity::kError || keep_.FirstMatch(line) >= 0;
}

LogClass LogRules::Classify(absl::string_view severity, absl::string_view line) const {
  const absl::string_view head = line.substr(0, kLongestRead);
  const Severity level = SeverityOf(severity, head);
  LogClass result;
  const int row = classes_.FirstMatch(head);
  if (row >= 0) {
    result.cls = class_of_[static_cast<size_t>(row)];
  } else {
    result.cls = level == Severity::kFatal ? fatal_ : level == Severity::kError ? error_ : other_;
  }
  result.shape = LogShape(line);
  const int reason = reasons_.FirstMatch(head);
  static constexpr absl::string_view kBySeverity[] = {"LOG_INFO", "LOG_WARNING", "LOG_ERROR",
                                                      "LOG_FATAL"};
  result.reason = reason >= 0 ? reason_of_[static_cast<size_t>(reason)]
                              : std::string(kBySeverity[static_cast<size_t>(level)]);
  return result;
}

}  // namespace kg::rules
