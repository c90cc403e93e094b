#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kg::bench {

enum class Better : uint8_t { kHigher, kLower };

// One line of the table. A figure without a bound has an empty `bound`.
struct Figure {
  std::string bench;
  std::string name;
  double value = 0;
  std::string unit;
  Better better = Better::kHigher;
  std::string bound;       // what it is compared with, measured in the same run
  double bound_value = 0;  // in the same unit
  std::string limited_by;  // what keeps it from the bound now

  // value / bound: of a rate the larger, of a time or a size the smaller is better.
  double ratio() const { return bound_value > 0 ? value / bound_value : 0; }
};

// Collects figures and prints each as it comes. One thread.
class Report {
 public:
  void Add(Figure figure);
  // A line of context below the last figure: counts that say what was measured.
  void Note(const std::string& text);
  const std::vector<Figure>& figures() const { return figures_; }
  // {"figures":[…],"notes":[…]}
  absl::Status WriteJson(const std::string& path) const;

 private:
  std::vector<Figure> figures_;
  std::vector<std::string> notes_;
};

}  // namespace kg::bench
