#include "engine/rules/internal/edge_table.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/rules/internal/prior_table.h"

namespace kg::rules {
namespace {

constexpr int kFirstWireType = 1024;

// `.member` names a sibling; anything else is the value itself.
bool IsSibling(absl::string_view cell, std::string* member) {
  if (!absl::ConsumePrefix(&cell, ".")) return false;
  *member = std::string(cell);
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EdgeTable>> EdgeTable::Load(absl::string_view edges,
                                                           absl::string_view paths,
                                                           const ClassTable& classes,
                                                           const KindTable& kinds) {
  auto result = std::make_unique<EdgeTable>();
  auto types = Table::Parse(
      "edges.tsv", edges, {"id", "name", "travels", "path", "hop_cost", "only_effects", "meaning"});
  if (!types.ok()) return types.status();
  for (const Row& row : types->rows()) {
    absl::Status added = result->AddType(*types, row, classes);
    if (!added.ok()) return added;
  }
  auto fields = Table::Parse(
      "edge_paths.tsv", paths,
      {"kinds", "path", "edge", "to_group", "to_kind", "to_ns", "direction", "optional"});
  if (!fields.ok()) return fields.status();
  for (const Row& row : fields->rows()) {
    absl::Status added = result->AddPath(*fields, row, kinds);
    if (!added.ok()) return added;
  }
  return result;
}

absl::Status EdgeTable::AddType(const Table& table, const Row& row, const ClassTable& classes) {
  EdgeTypeInfo info;
  const auto id = table.Integer(row, 0, 1, kFirstWireType - 1);
  if (!id.ok()) return id.status();
  info.id = EdgeTypeId(static_cast<uint16_t>(*id));
  info.name = row.cells[1];
  const auto travels = table.OneOf(row, 2, {"to_from", "from_to", "both", "none"});
  if (!travels.ok()) return travels.status();
  info.travels = static_cast<Travels>(*travels);
  const auto path = table.OneOf(row, 3, PathKindNames());
  if (!path.ok()) return path.status();
  info.path = static_cast<PathKind>(*path);
  const auto cost = table.Fraction(row, 4, 0, 10);
  if (!cost.ok()) return cost.status();
  info.hop_cost = *cost;
  if (row.cells[5] != "-") {
    auto effects = classes.Expand(table, row, 5, {Category::kState, Category::kSymptom});
    if (!effects.ok()) return effects.status();
    info.only_effects = *std::move(effects);
  }
  info.meaning = row.cells[6];

  if (index_.size() <= info.id.value) index_.resize(info.id.value + 1, 0);
  if (index_[info.id.value] != 0) {
    return table.Error(row, 0, absl::StrCat(*id, " is there twice; ids are never reused"));
  }
  index_[info.id.value] = static_cast<uint16_t>(types_.size() + 1);
  if (!by_name_.emplace(info.name, info.id).second) {
    return table.Error(row, 1, absl::StrCat("`", info.name, "` is there twice"));
  }
  types_.push_back(std::move(info));
  return absl::OkStatus();
}

absl::Status EdgeTable::AddPath(const Table& table, const Row& row, const KindTable& kinds) {
  EdgePath path;
  path.kinds = row.cells[0];
  for (absl::string_view kind : absl::StrSplit(path.kinds, ',')) {
    if (kind != "template" && !kinds.ByName(absl::AsciiStrToLower(kind)).has_value()) {
      return table.Error(row, 0,
                         absl::StrCat("no kind `", kind,
                                      "`: allowed are `template` and "
                                      "the kinds of group_kinds.tsv"));
    }
  }
  path.path = row.cells[1];
  path.edge = row.cells[2];
  if (ByName(path.edge).value == 0) {
    return table.Error(
        row, 2, absl::StrCat("no edge `", path.edge, "`: allowed are the names of edges.tsv"));
  }
  if (!IsSibling(row.cells[3], &path.to_group_path) && row.cells[3] != "core") {
    path.to_group = row.cells[3] == "?" ? "" : row.cells[3];
  }
  path.to_group_known = row.cells[3] != "?" && path.to_group_path.empty();
  path.to_kind = row.cells[4];
  if (path.to_kind[0] != '.' && !kinds.ByName(absl::AsciiStrToLower(path.to_kind)).has_value()) {
    return table.Error(row, 4,
                       absl::StrCat("no kind `", path.to_kind,
                                    "`: allowed are `.member` and the kinds of group_kinds.tsv"));
  }
  if (IsSibling(row.cells[5], &path.ns_path)) {
    path.to_ns = EdgePath::Namespace::kField;
  } else {
    const auto ns = table.OneOf(row, 5, {"same", "none"});
    if (!ns.ok()) return table.Error(row, 5, "allowed are same, none and `.member`");
    path.to_ns = *ns == 0 ? EdgePath::Namespace::kSame : EdgePath::Namespace::kNone;
  }
  const auto direction = table.OneOf(row, 6, {"out", "in"});
  if (!direction.ok()) return direction.status();
  path.reverse = *direction == 1;
  if (!IsSibling(row.cells[7], &path.optional_path) && row.cells[7] != "-") {
    return table.Error(row, 7, "allowed are `-` and `.member`");
  }
  paths_.push_back(std::move(path));
  return absl::OkStatus();
}

const EdgeTypeInfo& EdgeTable::Type(EdgeTypeId id) const {
  const bool known = id.value < index_.size() && index_[id.value] != 0;
  return known ? types_[index_[id.value] - 1] : unknown_;
}

EdgeTypeId EdgeTable::ByName(absl::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? EdgeTypeId() : it->second;
}

}  // namespace kg::rules
