#include "engine/rules/internal/table.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace kg::rules {
namespace {

absl::Status LineError(absl::string_view file, int line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ": ", what));
}

}  // namespace

absl::StatusOr<Table> Table::Parse(absl::string_view file, absl::string_view text,
                                   const std::vector<std::string>& columns) {
  Table table;
  table.file_ = std::string(file);
  table.columns_ = columns;
  const std::string header = absl::StrJoin(columns, "<tab>");
  bool header_seen = false;
  int line = 0;
  for (absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++line;
    absl::ConsumeSuffix(&raw, "\r");
    if (raw.empty() || raw[0] == '#') continue;
    std::vector<std::string> cells = absl::StrSplit(raw, '\t');
    if (!header_seen) {
      if (cells != columns) {
        return LineError(file, line, absl::StrCat("the header line must read `", header, "`"));
      }
      header_seen = true;
      continue;
    }
    if (cells.size() != columns.size()) {
      return LineError(file, line,
                       absl::StrCat("has ", cells.size(), " columns; allowed are exactly ",
                                    columns.size(), ": ", header));
    }
    Row row{line, std::move(cells)};
    for (size_t i = 0; i < row.cells.size(); ++i) {
      if (row.cells[i].empty()) return table.Error(row, i, "is empty; every column needs a value");
    }
    table.rows_.push_back(std::move(row));
  }
  if (!header_seen) {
    return LineError(file, line, absl::StrCat("no header line; it must read `", header, "`"));
  }
  return table;
}

absl::Status Table::Error(const Row& row, size_t column, absl::string_view what) const {
  return LineError(file_, row.line, absl::StrCat("column `", columns_[column], "`: ", what));
}

absl::StatusOr<int> Table::Integer(const Row& row, size_t column, int low, int high) const {
  int value = 0;
  if (!absl::SimpleAtoi(row.cells[column], &value) || value < low || value > high) {
    return Error(row, column,
                 absl::StrCat("`", row.cells[column], "`: allowed are whole numbers from ", low,
                              " to ", high));
  }
  return value;
}

absl::StatusOr<double> Table::Fraction(const Row& row, size_t column, double low,
                                       double high) const {
  double value = 0;
  if (!absl::SimpleAtod(row.cells[column], &value) || !(value >= low && value <= high)) {
    return Error(
        row, column,
        absl::StrCat("`", row.cells[column], "`: allowed are numbers from ", low, " to ", high));
  }
  return value;
}

absl::StatusOr<Duration> Table::Time(const Row& row, size_t column) const {
  const std::string& cell = row.cells[column];
  int value = 0;
  if (cell.size() >= 2 && absl::SimpleAtoi(cell.substr(0, cell.size() - 1), &value) && value >= 0) {
    switch (cell.back()) {
      case 's':
        return std::chrono::seconds(value);
      case 'm':
        return std::chrono::minutes(value);
      case 'h':
        return std::chrono::hours(value);
      default:
        break;
    }
  }
  return Error(row, column, absl::StrCat("`", cell, "`: allowed are times such as 2s, 10m, 24h"));
}

absl::StatusOr<size_t> Table::OneOf(const Row& row, size_t column,
                                    const std::vector<std::string>& allowed) const {
  for (size_t i = 0; i < allowed.size(); ++i) {
    if (row.cells[column] == allowed[i]) return i;
  }
  return Error(
      row, column,
      absl::StrCat("`", row.cells[column], "`: allowed are ", absl::StrJoin(allowed, ", ")));
}

}  // namespace kg::rules
