#include "engine/rules/internal/change_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/rules/internal/table.h"
#include "re2/re2.h"

namespace kg::rules {
namespace {

constexpr absl::string_view kValueMark = " = ";

// All pod templates under one prefix, whatever object holds them.
std::string WithTemplatePrefix(absl::string_view kind, absl::string_view path) {
  absl::string_view rest = path;
  if (absl::ConsumePrefix(&rest, "spec.jobTemplate.spec.template.") ||
      absl::ConsumePrefix(&rest, "spec.template.")) {
    return absl::StrCat("template.", rest);
  }
  if (kind == "Pod" && absl::StartsWith(path, "spec.")) return absl::StrCat("template.", path);
  return std::string(path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChangeRules>> ChangeRules::Load(absl::string_view text,
                                                               const ClassTable& classes) {
  auto table = Table::Parse("changes.tsv", text, {"kind", "path", "class", "rank"});
  if (!table.ok()) return table.status();
  auto result = std::make_unique<ChangeRules>();
  for (const Row& row : table->rows()) {
    Rule rule;
    auto kind = CompilePattern(row.cells[0]);
    if (!kind.ok()) return table->Error(row, 0, kind.status().message());
    rule.kind = *kind;
    auto path = CompilePattern(row.cells[1]);
    if (!path.ok()) return table->Error(row, 1, path.status().message());
    rule.path = *path;
    const auto cls = classes.Named(*table, row, 2);
    if (!cls.ok()) return cls.status();
    rule.cls = *cls;
    const auto rank = table->Integer(row, 3, 0, 99);
    if (!rank.ok()) return rank.status();
    rule.rank = *rank;
    result->rules_.push_back(std::move(rule));
  }
  return result;
}

const ChangeRules::Rule* ChangeRules::Find(absl::string_view kind, absl::string_view path) const {
  const absl::string_view without_value = path.substr(0, path.find(kValueMark));
  for (const Rule& rule : rules_) {
    if (!FullMatches(kind, *rule.kind)) continue;
    if (FullMatches(path, *rule.path) ||
        (without_value.size() != path.size() && FullMatches(without_value, *rule.path))) {
      return &rule;
    }
  }
  return nullptr;
}

std::vector<ClassId> ChangeRules::Classify(absl::string_view kind,
                                           absl::Span<const std::string> paths) const {
  std::vector<std::pair<int, ClassId>> found;
  for (const std::string& path : paths) {
    const Rule* rule = Find(kind, WithTemplatePrefix(kind, path));
    if (rule != nullptr) found.emplace_back(rule->rank, rule->cls);
  }
  std::sort(found.begin(), found.end());
  std::vector<ClassId> classes;
  for (const auto& [rank, cls] : found) {
    if (std::find(classes.begin(), classes.end(), cls) == classes.end()) classes.push_back(cls);
  }
  return classes;
}

}  // namespace kg::rules
