#include "engine/rules/internal/classifier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "re2/re2.h"

namespace kg::rules {
namespace {

constexpr size_t kManyPatterns = 4;
constexpr absl::string_view kCombined = "(combined from similar events): ";
constexpr absl::string_view kNodesAvailable = "nodes are available: ";

// By SignalPlace.
const std::vector<std::string>& PlaceNames() {
  static const auto& names =
      *new std::vector<std::string>{"ev", "w", "t", "pod", "cond", "log", "alert", "change"};
  return names;
}

bool IsPlainWord(absl::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  });
}

// The alternatives outside of brackets; one piece where a flag such as (?i) reaches over all of
// them.
std::vector<absl::string_view> Alternatives(absl::string_view pattern) {
  if (absl::StrContains(pattern, "(?") || absl::StrContains(pattern, "\\|")) return {pattern};
  std::vector<absl::string_view> pieces;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '(' || pattern[i] == '[') ++depth;
    if (pattern[i] == ')' || pattern[i] == ']') --depth;
    if (pattern[i] == '|' && depth == 0) {
      pieces.push_back(pattern.substr(start, i - start));
      start = i + 1;
    }
  }
  pieces.push_back(pattern.substr(start));
  return pieces;
}

bool IsUnschedulable(absl::string_view reason) {
  return reason == "FailedScheduling" || reason == "Unschedulable";
}

}  // namespace

ClassId Classifier::Group::Find(absl::string_view message) const {
  if (patterns != nullptr) {
    const int first = patterns->FirstMatch(message);
    return first < 0 ? otherwise : rules[static_cast<size_t>(first)]->cls;
  }
  for (const Rule* rule : rules) {
    if (Contains(message, *rule->message)) return rule->cls;
  }
  return otherwise;
}

absl::StatusOr<std::unique_ptr<Classifier>> Classifier::Load(absl::string_view text,
                                                             const ClassTable& classes) {
  auto table = Table::Parse("classify.tsv", text, {"place", "reason", "message", "class"});
  if (!table.ok()) return table.status();
  auto result = std::make_unique<Classifier>();
  std::vector<std::vector<std::string>> literals;
  for (const Row& row : table->rows()) {
    absl::Status added = result->AddRow(*table, row, classes, &literals);
    if (!added.ok()) return added;
  }
  for (size_t i = 0; i < result->places_.size(); ++i) {
    std::vector<std::vector<std::string>> here;
    for (size_t r = 0, at = 0; r < result->rules_.size(); ++r) {
      Place& place = result->places_[i];
      if (at < place.rules.size() && place.rules[at] == result->rules_[r].get()) {
        here.push_back(literals[r]);
        ++at;
      }
    }
    absl::Status built = result->BuildPlace(&result->places_[i], here);
    if (!built.ok()) return built;
  }
  return result;
}

absl::Status Classifier::AddRow(const Table& table, const Row& row, const ClassTable& classes,
                                std::vector<std::vector<std::string>>* literals) {
  auto rule = std::make_unique<Rule>();
  const auto cls = classes.Named(table, row, 3);
  if (!cls.ok()) return cls.status();
  rule->cls = *cls;

  std::vector<std::string> words;
  std::vector<absl::string_view> rest;
  for (absl::string_view piece : Alternatives(row.cells[1])) {
    if (IsPlainWord(piece)) {
      words.emplace_back(piece);
    } else {
      rest.push_back(piece);
    }
  }
  const std::string rest_pattern = absl::StrJoin(rest, "|");
  auto reason = CompilePattern(rest_pattern);
  if (!reason.ok()) return table.Error(row, 1, reason.status().message());
  if (!rest.empty()) rule->reason = *reason;
  if (row.cells[2] != ".") {
    auto message = CompilePattern(row.cells[2]);
    if (!message.ok()) return table.Error(row, 2, message.status().message());
    rule->message = *message;
  }
  rule->message_text = row.cells[2];

  for (absl::string_view name : absl::StrSplit(row.cells[0], ',')) {
    const auto& names = PlaceNames();
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) {
      return table.Error(row, 0,
                         absl::StrCat("`", name, "`: allowed are ", absl::StrJoin(names, ", "),
                                      ", joined by `,`"));
    }
    places_[static_cast<size_t>(it - names.begin())].rules.push_back(rule.get());
  }
  literals->push_back(std::move(words));
  rules_.push_back(std::move(rule));
  return absl::OkStatus();
}

absl::Status Classifier::BuildPlace(Place* place,
                                    const std::vector<std::vector<std::string>>& literals) {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  place->reason_patterns = std::make_unique<re2::RE2::Set>(options, re2::RE2::ANCHOR_BOTH);
  std::vector<const Rule*> any_reason;
  std::vector<std::string> reasons;
  for (size_t i = 0; i < place->rules.size(); ++i) {
    const Rule& rule = *place->rules[i];
    reasons.insert(reasons.end(), literals[i].begin(), literals[i].end());
    if (rule.reason == nullptr) continue;
    if (rule.reason->pattern() == ".*") {
      any_reason.push_back(&rule);
    } else if (place->reason_patterns->Add(rule.reason->pattern(), nullptr) >= 0) {
      place->with_pattern.push_back(i);
    }
  }
  if (!place->reason_patterns->Compile()) {
    return absl::ResourceExhaustedError("classify.tsv: the reasons of one place are too complex");
  }
  auto any_group = GroupOf(place, any_reason);
  if (!any_group.ok()) return any_group.status();
  place->any_reason = *any_group;

  std::sort(reasons.begin(), reasons.end());
  reasons.erase(std::unique(reasons.begin(), reasons.end()), reasons.end());
  for (const std::string& reason : reasons) {
    std::vector<const Rule*> rules;
    for (size_t i = 0; i < place->rules.size(); ++i) {
      const auto& words = literals[i];
      const Rule* rule = place->rules[i];
      if (std::find(words.begin(), words.end(), reason) != words.end() ||
          (rule->reason != nullptr && FullMatches(reason, *rule->reason))) {
        rules.push_back(rule);
      }
    }
    auto group = GroupOf(place, rules);
    if (!group.ok()) return group.status();
    place->by_reason.emplace(reason, *group);
  }
  return absl::OkStatus();
}

absl::StatusOr<const Classifier::Group*> Classifier::GroupOf(
    Place* place, const std::vector<const Rule*>& rules) {
  std::unique_ptr<Group>& slot = place->groups[rules];
  if (slot != nullptr) return slot.get();
  slot = std::make_unique<Group>();
  for (const Rule* rule : rules) {
    if (rule->message == nullptr) {
      slot->otherwise = rule->cls;
      break;
    }
    slot->rules.push_back(rule);
  }
  if (slot->rules.size() >= kManyPatterns) {
    slot->patterns = std::make_unique<PatternSet>();
    for (const Rule* rule : slot->rules) {
      absl::Status added = slot->patterns->Add(rule->message_text);
      if (!added.ok()) return added;
    }
    slot->patterns->Compile();
  }
  return slot.get();
}

ClassId Classifier::FindByPattern(const Place& place, const std::vector<int>& matched,
                                  absl::string_view message) {
  std::vector<size_t> positions;
  for (const int index : matched) {
    positions.push_back(place.with_pattern[static_cast<size_t>(index)]);
  }
  std::sort(positions.begin(), positions.end());
  size_t next = 0;
  for (size_t i = 0; i < place.rules.size(); ++i) {
    const Rule& rule = *place.rules[i];
    const bool named = next < positions.size() && positions[next] == i;
    if (named) ++next;
    const bool any = rule.reason != nullptr && rule.reason->pattern() == ".*";
    if (!named && !any) continue;
    if (rule.message == nullptr || Contains(message, *rule.message)) return rule.cls;
  }
  return ClassId();
}

ClassId Classifier::Classify(SignalPlace where, absl::string_view reason,
                             absl::string_view message) const {
  const Place& place = places_[static_cast<size_t>(where)];
  absl::ConsumePrefix(&message, kCombined);
  const auto known = place.by_reason.find(reason);
  if (known != place.by_reason.end()) {
    if (!IsUnschedulable(reason)) return known->second->Find(message);
    const ClassId all = known->second->Find(message);
    const ClassId dominant = known->second->Find(DominantClause(message));
    return dominant == known->second->otherwise ? all : dominant;
  }
  std::vector<int> matched;
  if (!place.with_pattern.empty() &&
      place.reason_patterns->Match(re2::StringPiece(reason.data(), reason.size()), &matched)) {
    return FindByPattern(place, matched, message);
  }
  return place.any_reason->Find(message);
}

std::string DominantClause(absl::string_view message) {
  const size_t start = message.find(kNodesAvailable);
  if (start == absl::string_view::npos) return std::string(message);
  absl::string_view list = message.substr(start + kNodesAvailable.size());
  list = list.substr(0, list.find(" preemption:"));

  struct Clause {
    int nodes = 0;
    absl::string_view text;
    bool background = false;
  };
  std::vector<Clause> clauses;
  bool foreground = false;
  for (absl::string_view text : absl::StrSplit(list, ", ")) {
    const size_t digits = text.find_first_not_of("0123456789");
    Clause clause;
    if (digits == 0 || digits == absl::string_view::npos ||
        !absl::SimpleAtoi(text.substr(0, digits), &clause.nodes)) {
      continue;
    }
    clause.text = text;
    clause.background = absl::StrContains(text, "node-role.kubernetes.io/control-plane") ||
                        absl::StrContains(text, "node-role.kubernetes.io/master");
    foreground = foreground || !clause.background;
    clauses.push_back(clause);
  }
  int most = 0;
  for (const Clause& clause : clauses) {
    if (!foreground || !clause.background) most = std::max(most, clause.nodes);
  }
  std::vector<absl::string_view> chosen;
  for (const Clause& clause : clauses) {
    const bool counts = !foreground || !clause.background;
    if (counts && clause.nodes == most) chosen.push_back(clause.text);
  }
  return chosen.empty() ? std::string(message) : absl::StrJoin(chosen, ", ");
}

}  // namespace kg::rules
