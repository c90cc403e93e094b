#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/rules.h"
#include "engine/rules/internal/class_table.h"
#include "engine/rules/internal/pattern_set.h"
#include "engine/rules/internal/table.h"
#include "re2/set.h"

namespace kg::rules {

// classify.tsv. Reasons spelled out in the table are looked up in a hash map that leads straight to
// the rows they may match; only other reasons meet expressions.
class Classifier {
 public:
  static absl::StatusOr<std::unique_ptr<Classifier>> Load(absl::string_view text,
                                                          const ClassTable& classes);

  // 0 when no row matches.
  ClassId Classify(SignalPlace place, absl::string_view reason, absl::string_view message) const;

 private:
  struct Rule {
    std::shared_ptr<const re2::RE2> reason;   // null: any
    std::shared_ptr<const re2::RE2> message;  // null: any
    std::string message_text;
    ClassId cls;
  };

  // Rules that one reason leads to, in order; what follows a rule for any message is cut off.
  struct Group {
    std::vector<const Rule*> rules;
    std::unique_ptr<PatternSet>
        patterns;  // of the rules that ask for a message, where they are many
    ClassId otherwise;

    ClassId Find(absl::string_view message) const;
  };

  struct Place {
    std::vector<const Rule*> rules;  // all of this place, in order
    absl::flat_hash_map<std::string, const Group*> by_reason;
    std::vector<size_t> with_pattern;  // positions of rules whose reason is an expression
    std::unique_ptr<re2::RE2::Set> reason_patterns;  // of those
    const Group* any_reason = nullptr;
    std::map<std::vector<const Rule*>, std::unique_ptr<Group>> groups;
  };

  absl::Status AddRow(const Table& table, const Row& row, const ClassTable& classes,
                      std::vector<std::vector<std::string>>* literals);
  absl::Status BuildPlace(Place* place, const std::vector<std::vector<std::string>>& literals);
  static absl::StatusOr<const Group*> GroupOf(Place* place, const std::vector<const Rule*>& rules);
  static ClassId FindByPattern(const Place& place, const std::vector<int>& matched,
                               absl::string_view message);

  std::vector<std::unique_ptr<Rule>> rules_;  // one for each row
  std::array<Place, 8> places_;
};

// Of a scheduler's message that lists several reasons with numbers of nodes, the clauses that hold
// for most nodes; control-plane taints count only when nothing else is named. Other messages
// unchanged.
std::string DominantClause(absl::string_view message);

}  // namespace kg::rules
