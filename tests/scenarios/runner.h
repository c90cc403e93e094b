#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "query/answers.h"

// Loads a recorded case into a fresh database, in a given order, and asks its question.

namespace kg::scenarios {

enum class Order { kGiven, kShuffled, kCauseLast };

const char* OrderName(Order order);

struct Expectation {
  query::Question question;
  std::vector<std::string> verdicts;
  std::vector<query::ResourceAnswer> roots;  // any of these; empty: nothing is wrong
  std::vector<std::string> categories;
  std::vector<query::ResourceAnswer> affected;
  std::vector<query::ResourceAnswer> not_above;
  std::vector<std::string> not_above_classes;
};

struct Outcome {
  int rank = 0;  // of the first expected root; 0: not among them
  std::string verdict;
  std::vector<std::string> failures;  // what the case expects and the answer lacks
  query::RootCauseAnswer answer;
  std::string dump;                  // canonical, of the database
  std::vector<std::string> answers;  // of the first outcome only: what else was asked, and told
};

// The names of all cases, in order.
std::vector<std::string> CaseNames();

// One outcome for each question of the case.
absl::StatusOr<std::vector<Outcome>> Run(const std::string& name, Order order, bool with_noise,
                                         uint64_t seed,
                                         Duration memory_window = std::chrono::hours(24));

// The root causes and candidates in lines, for a failing test's output.
std::string Text(const query::RootCauseAnswer& answer);

}  // namespace kg::scenarios
