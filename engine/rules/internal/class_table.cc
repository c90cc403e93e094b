#include "engine/rules/internal/class_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace kg::rules {
namespace {

constexpr int kLargestId = 4095;
const char* const kCategoryGroups[] = {"CHANGE", "STATE", "SYMPTOM", "INFO", "NOISE"};

bool IsUpperName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool IsAllowed(Category category, const std::vector<Category>& allowed) {
  return std::find(allowed.begin(), allowed.end(), category) != allowed.end();
}

}  // namespace

absl::StatusOr<ClassTable> ClassTable::Load(absl::string_view classes, absl::string_view groups) {
  ClassTable result;
  result.unclassified_.name = "UNCLASSIFIED";
  result.unclassified_.gap = 10min;
  result.unclassified_.precedence = 255;
  result.unclassified_.meaning = "Not classified";
  auto class_rows =
      Table::Parse("classes.tsv", classes,
                   {"id", "name", "category", "severity", "gap", "precedence", "meaning"});
  if (!class_rows.ok()) return class_rows.status();
  for (const Row& row : class_rows->rows()) {
    absl::Status added = result.AddClass(*class_rows, row);
    if (!added.ok()) return added;
  }
  std::sort(result.classes_.begin(), result.classes_.end(),
            [](const ClassInfo& a, const ClassInfo& b) { return a.id < b.id; });
  for (size_t i = 0; i < result.classes_.size(); ++i) {
    result.index_[result.classes_[i].id.value] = static_cast<uint16_t>(i + 1);
  }

  auto group_rows = Table::Parse("groups.tsv", groups, {"group", "members", "meaning"});
  if (!group_rows.ok()) return group_rows.status();
  for (const Row& row : group_rows->rows()) {
    auto members = result.Expand(*group_rows, row, 1, AllCategories());
    if (!members.ok()) return members.status();
    if (!result.groups_.emplace(row.cells[0], *std::move(members)).second) {
      return group_rows->Error(row, 0, absl::StrCat("`", row.cells[0], "` is there twice"));
    }
  }
  return result;
}

absl::Status ClassTable::AddClass(const Table& table, const Row& row) {
  ClassInfo info;
  const auto id = table.Integer(row, 0, 1, kLargestId);
  if (!id.ok()) return id.status();
  info.id = ClassId(static_cast<uint16_t>(*id));
  info.name = row.cells[1];
  if (!IsUpperName(info.name)) {
    return table.Error(row, 1, absl::StrCat("`", info.name, "`: allowed are A-Z, 0-9 and _"));
  }
  const auto category = table.OneOf(row, 2, {"change", "state", "symptom", "info", "noise"});
  if (!category.ok()) return category.status();
  info.category = static_cast<Category>(*category);
  const auto severity = table.OneOf(row, 3, {"INFO", "WARNING", "ERROR", "FATAL"});
  if (!severity.ok()) return severity.status();
  info.severity = static_cast<Severity>(*severity);
  const auto gap = table.Time(row, 4);
  if (!gap.ok()) return gap.status();
  info.gap = *gap;
  const auto precedence = table.Integer(row, 5, 0, 255);
  if (!precedence.ok()) return precedence.status();
  info.precedence = *precedence;
  info.meaning = row.cells[6];

  if (index_.size() <= info.id.value) index_.resize(info.id.value + 1, 0);
  if (index_[info.id.value] != 0) {
    return table.Error(row, 0, absl::StrCat(*id, " is there twice; ids are never reused"));
  }
  index_[info.id.value] = 1;
  if (!by_name_.emplace(info.name, info.id).second) {
    return table.Error(row, 1, absl::StrCat("`", info.name, "` is there twice"));
  }
  classes_.push_back(std::move(info));
  return absl::OkStatus();
}

const ClassInfo& ClassTable::Class(ClassId id) const {
  return Has(id) ? classes_[IndexOf(id)] : unclassified_;
}

ClassId ClassTable::ByName(absl::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? ClassId() : it->second;
}

absl::StatusOr<ClassId> ClassTable::Named(const Table& table, const Row& row, size_t column) const {
  const ClassId id = ByName(row.cells[column]);
  if (id.value == 0) {
    return table.Error(
        row, column,
        absl::StrCat("no class `", row.cells[column], "`: allowed are the names of classes.tsv"));
  }
  return id;
}

absl::Status ClassTable::AddItem(const Table& table, const Row& row, size_t column,
                                 absl::string_view item, const std::vector<Category>& allowed,
                                 std::vector<bool>* chosen) const {
  const bool take = !absl::ConsumePrefix(&item, "!");
  const auto unknown = [&] {
    return table.Error(row, column,
                       absl::StrCat("`", item,
                                    "`: allowed are names of classes.tsv, a beginning "
                                    "with `*`, @groups of groups.tsv and @CATEGORY, joined by |"));
  };
  bool any = false;
  const auto mark = [&](const ClassInfo& info) {
    any = true;
    if (!take || IsAllowed(info.category, allowed)) (*chosen)[IndexOf(info.id)] = take;
  };
  absl::string_view name = item;
  if (absl::ConsumePrefix(&name, "@")) {
    const auto group = groups_.find(name);
    if (group != groups_.end()) {
      for (const ClassId id : group->second) mark(Class(id));
    }
    for (size_t i = 0; i < 5; ++i) {
      if (name != kCategoryGroups[i]) continue;
      for (const ClassInfo& info : classes_) {
        if (info.category == static_cast<Category>(i)) mark(info);
      }
    }
  } else if (absl::ConsumeSuffix(&name, "*")) {
    for (const ClassInfo& info : classes_) {
      if (absl::StartsWith(info.name, name)) mark(info);
    }
  } else if (const ClassId id = ByName(name); id.value != 0) {
    if (take && !IsAllowed(Class(id).category, allowed)) {
      return table.Error(row, column,
                         absl::StrCat("`", item, "` is of a category that has no place here"));
    }
    mark(Class(id));
  }
  return any ? absl::OkStatus() : unknown();
}

absl::StatusOr<std::vector<ClassId>> ClassTable::Expand(
    const Table& table, const Row& row, size_t column, const std::vector<Category>& allowed) const {
  std::vector<bool> chosen(classes_.size(), false);
  for (absl::string_view item : absl::StrSplit(row.cells[column], '|')) {
    absl::Status added = AddItem(table, row, column, item, allowed, &chosen);
    if (!added.ok()) return added;
  }
  std::vector<ClassId> ids;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) ids.push_back(classes_[i].id);
  }
  if (ids.empty()) return table.Error(row, column, "names no class at all");
  return ids;
}

}  // namespace kg::rules
