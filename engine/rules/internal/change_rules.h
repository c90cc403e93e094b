#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/rules.h"
#include "engine/rules/internal/class_table.h"
#include "engine/rules/internal/pattern_set.h"

namespace kg::rules {

// changes.tsv.
class ChangeRules {
 public:
  static absl::StatusOr<std::unique_ptr<ChangeRules>> Load(absl::string_view text,
                                                           const ClassTable& classes);

  // As RuleBook::ClassifyChange.
  std::vector<ClassId> Classify(absl::string_view kind, absl::Span<const std::string> paths) const;

 private:
  struct Rule {
    std::shared_ptr<const re2::RE2> kind;
    std::shared_ptr<const re2::RE2> path;
    ClassId cls;
    int rank = 0;
  };
  const Rule* Find(absl::string_view kind, absl::string_view path) const;

  std::vector<Rule> rules_;
};

}  // namespace kg::rules
