#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/types.h"

namespace kg::rules {

// One row of a table; cells in the order of the columns.
struct Row {
  int line = 0;
  std::vector<std::string> cells;
};

// A tab-separated file: '#' comments, one header line naming the columns, then rows that have
// exactly those columns, none of them empty. Cells are kept as they stand, blanks included.
class Table {
 public:
  // An error names the file, the line and the column, and what is allowed there.
  static absl::StatusOr<Table> Parse(absl::string_view file, absl::string_view text,
                                     const std::vector<std::string>& columns);

  const std::string& file() const { return file_; }
  const std::vector<Row>& rows() const { return rows_; }

  // "file:line: column `name`: what".
  absl::Status Error(const Row& row, size_t column, absl::string_view what) const;

  // Cells as values; errors say what is allowed.
  absl::StatusOr<int> Integer(const Row& row, size_t column, int low, int high) const;
  absl::StatusOr<double> Fraction(const Row& row, size_t column, double low, double high) const;
  absl::StatusOr<Duration> Time(const Row& row, size_t column) const;  // 2s, 10m, 24h
  // The index of the cell among `allowed`.
  absl::StatusOr<size_t> OneOf(const Row& row, size_t column,
                               const std::vector<std::string>& allowed) const;

 private:
  std::string file_;
  std::vector<std::string> columns_;
  std::vector<Row> rows_;
};

}  // namespace kg::rules
