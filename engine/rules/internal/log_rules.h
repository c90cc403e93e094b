#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/rules.h"
#include "engine/rules/internal/class_table.h"
#include "engine/rules/internal/pattern_set.h"

namespace kg::rules {

// log_classes.tsv, log_signals.tsv and log_reasons.tsv.
class LogRules {
 public:
  static absl::StatusOr<std::unique_ptr<LogRules>> Load(absl::string_view classes,
                                                        absl::string_view signals,
                                                        absl::string_view reasons,
                                                        const ClassTable& table);

  bool IsHighSignal(absl::string_view severity, absl::string_view line) const;
  LogClass Classify(absl::string_view severity, absl::string_view line) const;

 private:
  absl::Status LoadClasses(absl::string_view text, const ClassTable& table);
  absl::Status LoadSignals(absl::string_view text);
  absl::Status LoadReasons(absl::string_view text);
  // The severity as sent, or as the line states it where none was sent.
  Severity SeverityOf(absl::string_view severity, absl::string_view line) const;

  PatternSet classes_;
  std::vector<ClassId> class_of_;
  PatternSet keep_;  // rows that keep a line of any severity
  PatternSet reasons_;
  std::vector<std::string> reason_of_;
  std::shared_ptr<const re2::RE2> says_fatal_;
  std::shared_ptr<const re2::RE2> says_error_;
  ClassId fatal_;
  ClassId error_;
  ClassId other_;
};

}  // namespace kg::rules
