#include "engine/rules/internal/kind_table.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/rules/internal/table.h"

namespace kg::rules {

absl::StatusOr<std::unique_ptr<KindTable>> KindTable::Load(absl::string_view text) {
  auto table =
      Table::Parse("group_kinds.tsv", text, {"kind", "group", "scope", "names", "pod_spec"});
  if (!table.ok()) return table.status();
  auto result = std::make_unique<KindTable>();
  for (const Row& row : table->rows()) {
    KindInfo info;
    info.kind = row.cells[0];
    if (row.cells[1] != "core") info.group = row.cells[1];
    const auto scope = table->OneOf(row, 2, {"namespaced", "cluster"});
    if (!scope.ok()) return scope.status();
    info.namespaced = *scope == 0;
    const std::vector<std::string> names = absl::StrSplit(row.cells[3], ',');
    info.plural = names.front();
    if (row.cells[4] != "-") info.pod_spec = row.cells[4];

    const size_t index = result->kinds_.size();
    result->by_name_.emplace(absl::AsciiStrToLower(info.kind), index);
    for (const std::string& name : names) {
      if (name != absl::AsciiStrToLower(name) || name.empty()) {
        return table->Error(row, 3, absl::StrCat("`", name, "`: allowed are lower-case names"));
      }
      result->by_name_.emplace(name, index);
    }
    result->kinds_.push_back(std::move(info));
  }
  return result;
}

std::optional<KindInfo> KindTable::ByName(absl::string_view name) const {
  const auto it = by_name_.find(absl::AsciiStrToLower(name));
  if (it == by_name_.end()) return std::nullopt;
  return kinds_[it->second];
}

}  // namespace kg::rules
