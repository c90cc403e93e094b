#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/rules.h"
#include "engine/rules/internal/class_table.h"
#include "engine/rules/internal/table.h"

namespace kg::rules {

// priors.tsv, spread out at load into one cell for each (cause, effect, path kind), so that a
// look-up is two multiplications: about 2 MB for 300 classes.
class PriorTable {
 public:
  // `classes` must outlive the result.
  static absl::StatusOr<std::unique_ptr<PriorTable>> Load(absl::string_view text,
                                                          const ClassTable& classes);

  // prior 0 where no row speaks of the pair.
  PairPrior Prior(ClassId cause, ClassId effect, PathKind path) const;
  Duration MaxLag(ClassId cause) const;
  Duration MaxLookBack(ClassId effect) const;

 private:
  explicit PriorTable(const ClassTable& classes);
  absl::Status AddRow(const Table& table, const Row& row);
  absl::StatusOr<PairPrior> ParseValues(const Table& table, const Row& row) const;
  void Spread(uint16_t pair, const std::vector<ClassId>& causes,
              const std::vector<ClassId>& effects, const std::vector<PathKind>& paths);
  size_t CellOf(size_t cause, size_t effect, PathKind path) const;

  const ClassTable& classes_;
  std::vector<PairPrior> pairs_;  // 0 is "none"
  std::vector<uint16_t> cells_;
  std::vector<Duration> lag_of_cause_;
  std::vector<Duration> lag_of_effect_;
};

// Names of PathKind as tables spell them, in its order.
const std::vector<std::string>& PathKindNames();

}  // namespace kg::rules
