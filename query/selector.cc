#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "query/scope.h"

namespace kg::query {
namespace {

using Is = LabelRequirement::Is;

absl::Status Unreadable(absl::string_view part) {
  return absl::InvalidArgumentError(absl::StrCat("label selector: can't read \"", part,
                                                 "\"; write key=value, key!=value, key in (a,b), ",
                                                 "key notin (a,b), key or !key"));
}

// At the commas that stand in no brackets.
std::vector<absl::string_view> Parts(absl::string_view text) {
  std::vector<absl::string_view> parts;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(absl::StripAsciiWhitespace(text.substr(begin, i - begin)));
      begin = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return parts;
}

bool IsLabelText(absl::string_view text) {
  for (char c : text) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '_' && c != '.' && c != '/') return false;
  }
  return true;
}

absl::StatusOr<LabelRequirement> ParseSet(absl::string_view part, size_t open) {
  if (part.back() != ')') return Unreadable(part);
  const std::vector<std::string> head =
      absl::StrSplit(part.substr(0, open), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (head.size() != 2 || !IsLabelText(head[0])) return Unreadable(part);
  LabelRequirement r;
  r.key = head[0];
  if (head[1] == "in")
    r.is = Is::kIn;
  else if (head[1] == "notin")
    r.is = Is::kNotIn;
  else
    return Unreadable(part);
  for (absl::string_view value :
       absl::StrSplit(part.substr(open + 1, part.size() - open - 2), ',')) {
    value = absl::StripAsciiWhitespace(value);
    if (!IsLabelText(value)) return Unreadable(part);
    r.values.emplace_back(value);
  }
  return r;
}

absl::StatusOr<LabelRequirement> ParsePart(absl::string_view part) {
  if (part.empty()) return Unreadable(part);
  const size_t open = part.find('(');
  if (open != absl::string_view::npos) return ParseSet(part, open);
  LabelRequirement r;
  absl::string_view key = part, value;
  const size_t equals = part.find('=');
  if (equals != absl::string_view::npos) {
    key = part.substr(0, equals);
    value = part.substr(equals + 1);
    if (absl::ConsumeSuffix(&key, "!"))
      r.is = Is::kNotIn;
    else
      absl::ConsumePrefix(&value, "=");
    value = absl::StripAsciiWhitespace(value);
    r.values.emplace_back(value);
  } else if (absl::ConsumePrefix(&key, "!")) {
    r.is = Is::kNotIn;
  }
  key = absl::StripAsciiWhitespace(key);
  if (key.empty() || !IsLabelText(key) || !IsLabelText(value)) return Unreadable(part);
  r.key = std::string(key);
  return r;
}

}  // namespace

absl::StatusOr<std::vector<LabelRequirement>> ParseLabelSelector(absl::string_view text) {
  std::vector<LabelRequirement> selector;
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return selector;
  for (absl::string_view part : Parts(text)) {
    auto requirement = ParsePart(part);
    if (!requirement.ok()) return requirement.status();
    selector.push_back(*std::move(requirement));
  }
  return selector;
}

bool Matches(const std::vector<LabelRequirement>& selector,
             const std::map<std::string, std::string>& labels) {
  for (const LabelRequirement& r : selector) {
    const auto label = labels.find(r.key);
    bool is_in = label != labels.end();
    if (is_in && !r.values.empty()) {
      is_in = false;
      for (const std::string& value : r.values) is_in = is_in || value == label->second;
    }
    if (is_in != (r.is == Is::kIn)) return false;
  }
  return true;
}

}  // namespace kg::query
