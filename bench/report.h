#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kg::bench {

enum class Better : uint8_t { kHigher, kLower };

// One figure. Without a bound `bound` is empty; with one that could not be measured `bound_value`
// is 0 and `limited_by` says why.
struct Figure {
  std::string bench;
  std::string name;
  double value = 0;
  std::string unit;
  Better better = Better::kHigher;
  std::string bound;       // what it is compared with, measured in the same run
  double bound_value = 0;  // in the same unit
  std::string limited_by;  // what keeps it from the bound now
  double aim = 0;          // of the value, on a machine of 2 cores; 0: none
  double must = 0;         // of the ratio, on any machine; 0: none

  // value / bound: of a rate the larger, of a time or a size the smaller is better.
  double ratio() const { return bound_value > 0 ? value / bound_value : 0; }
  bool has_target() const { return aim > 0 || must > 0; }
  bool meets_aim() const { return better == Better::kHigher ? value >= aim : value <= aim; }
  bool meets_must() const {
    return bound_value > 0 && (better == Better::kHigher ? ratio() >= must : ratio() <= must);
  }
};

// Collects figures and prints each as it comes. One thread.
class Report {
 public:
  void Add(Figure figure);
  // A line of context below the last figure: counts that say what was measured.
  void Note(const std::string& text);
  // Something that was asked for and is not measured, and why; stands below the table again.
  void Skip(const std::string& text);
  const std::vector<Figure>& figures() const { return figures_; }
  // The figures that have an aim or a must, and whether they meet it.
  void PrintTable() const;
  // {"machine":{…},"figures":[…],"notes":[…],"skipped":[…]}
  absl::Status WriteJson(const std::string& path) const;

 private:
  std::vector<Figure> figures_;
  std::vector<std::string> notes_;
  std::vector<std::string> skipped_;
};

}  // namespace kg::bench
