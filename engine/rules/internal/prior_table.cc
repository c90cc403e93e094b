#include "engine/rules/internal/prior_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace kg::rules {
namespace {

constexpr size_t kPathKinds = 11;
constexpr size_t kMostRows = 65535;
constexpr double kLargestDefault = 0.15;

absl::StatusOr<std::vector<PathKind>> ParsePaths(const Table& table, const Row& row,
                                                 size_t column) {
  const std::vector<std::string>& names = PathKindNames();
  std::vector<PathKind> paths;
  for (absl::string_view name : absl::StrSplit(row.cells[column], '|')) {
    const auto it = std::find(names.begin(), names.end(), name);
    if (it != names.end()) {
      paths.push_back(static_cast<PathKind>(it - names.begin()));
    } else if (name == "any") {
      for (size_t i = 0; i < kPathKinds; ++i) paths.push_back(static_cast<PathKind>(i));
    } else {
      return table.Error(row, column,
                         absl::StrCat("`", name, "`: allowed are any, ", absl::StrJoin(names, ", "),
                                      ", joined by |"));
    }
  }
  return paths;
}

}  // namespace

const std::vector<std::string>& PathKindNames() {
  static const auto& names =
      *new std::vector<std::string>{"self",    "owner", "service", "namespace", "config", "node",
                                    "storage", "dns",   "calls",   "scaling",   "other"};
  return names;
}

PriorTable::PriorTable(const ClassTable& classes) : classes_(classes), pairs_(1) {
  const size_t n = classes.classes().size();
  cells_.assign(n * n * kPathKinds, 0);
  lag_of_cause_.assign(n, Duration{0});
  lag_of_effect_.assign(n, Duration{0});
}

absl::StatusOr<std::unique_ptr<PriorTable>> PriorTable::Load(absl::string_view text,
                                                             const ClassTable& classes) {
  auto table = Table::Parse(
      "priors.tsv", text,
      {"causes", "effects", "paths", "lag_min", "lag_typ", "lag_max", "prior", "source"});
  if (!table.ok()) return table.status();
  std::unique_ptr<PriorTable> result(new PriorTable(classes));
  if (table->rows().size() >= kMostRows) {
    return absl::InvalidArgumentError(
        absl::StrCat("priors.tsv: at most ", kMostRows - 1, " rows are allowed"));
  }
  for (const Row& row : table->rows()) {
    absl::Status added = result->AddRow(*table, row);
    if (!added.ok()) return added;
  }
  return result;
}

absl::StatusOr<PairPrior> PriorTable::ParseValues(const Table& table, const Row& row) const {
  PairPrior pair;
  const auto low = table.Time(row, 3);
  if (!low.ok()) return low.status();
  const auto typical = table.Time(row, 4);
  if (!typical.ok()) return typical.status();
  const auto high = table.Time(row, 5);
  if (!high.ok()) return high.status();
  if (*low > *typical) return table.Error(row, 4, "must not be less than `lag_min`");
  if (*typical > *high) return table.Error(row, 5, "must not be less than `lag_typ`");
  const bool is_default = row.cells[7] == "default";
  const auto prior = table.Fraction(row, 6, 0, is_default ? kLargestDefault : 1);
  if (!prior.ok()) return prior.status();
  pair.prior = *prior;
  pair.lag_min = *low;
  pair.lag_typical = *typical;
  pair.lag_max = *high;
  pair.row = is_default ? 0 : row.line;
  return pair;
}

absl::Status PriorTable::AddRow(const Table& table, const Row& row) {
  const auto causes =
      classes_.Expand(table, row, 0, {Category::kChange, Category::kState, Category::kSymptom});
  if (!causes.ok()) return causes.status();
  const auto effects = classes_.Expand(table, row, 1, {Category::kState, Category::kSymptom});
  if (!effects.ok()) return effects.status();
  const auto paths = ParsePaths(table, row, 2);
  if (!paths.ok()) return paths.status();
  const auto pair = ParseValues(table, row);
  if (!pair.ok()) return pair.status();
  pairs_.push_back(*pair);
  Spread(static_cast<uint16_t>(pairs_.size() - 1), *causes, *effects, *paths);
  return absl::OkStatus();
}

size_t PriorTable::CellOf(size_t cause, size_t effect, PathKind path) const {
  return (cause * classes_.classes().size() + effect) * kPathKinds + static_cast<size_t>(path);
}

void PriorTable::Spread(uint16_t pair, const std::vector<ClassId>& causes,
                        const std::vector<ClassId>& effects, const std::vector<PathKind>& paths) {
  const Duration lag = pairs_[pair].lag_max;
  for (const ClassId cause : causes) {
    const size_t c = classes_.IndexOf(cause);
    lag_of_cause_[c] = std::max(lag_of_cause_[c], lag);
    for (const ClassId effect : effects) {
      const size_t e = classes_.IndexOf(effect);
      lag_of_effect_[e] = std::max(lag_of_effect_[e], lag);
      for (const PathKind path : paths) {
        uint16_t& cell = cells_[CellOf(c, e, path)];
        if (cell == 0) cell = pair;
      }
    }
  }
}

PairPrior PriorTable::Prior(ClassId cause, ClassId effect, PathKind path) const {
  if (!classes_.Has(cause) || !classes_.Has(effect)) return pairs_[0];
  return pairs_[cells_[CellOf(classes_.IndexOf(cause), classes_.IndexOf(effect), path)]];
}

Duration PriorTable::MaxLag(ClassId cause) const {
  return classes_.Has(cause) ? lag_of_cause_[classes_.IndexOf(cause)] : Duration{0};
}

Duration PriorTable::MaxLookBack(ClassId effect) const {
  return classes_.Has(effect) ? lag_of_effect_[classes_.IndexOf(effect)] : Duration{0};
}

}  // namespace kg::rules
