#include "ingest/internal/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace kg::ingest {
namespace {

constexpr std::array<absl::string_view, 5> kNulls = {"", "~", "null", "Null", "NULL"};
constexpr std::array<absl::string_view, 11> kTrue = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                                     "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<absl::string_view, 11> kFalse = {"n",     "N",     "no",  "No",  "NO", "false",
                                                      "False", "FALSE", "off", "Off", "OFF"};

template <size_t N>
bool In(const std::array<absl::string_view, N>& set, absl::string_view text) {
  return std::find(set.begin(), set.end(), text) != set.end();
}

// Integers in base 10, 16, 8 and 2, underscores allowed.
bool ParseInteger(absl::string_view text, int64_t* value) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits += c;
  }
  bool negative = false;
  absl::string_view s = digits;
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) {
    negative = s[0] == '-';
    s.remove_prefix(1);
  }
  if (s.empty() || s.size() > 20) return false;
  int base = 10;
  if (s.size() > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'o' || s[1] == 'b')) {
    base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
    s.remove_prefix(2);
  } else if (s.size() > 1 && s[0] == '0') {
    base = 8;
    s.remove_prefix(1);
  }
  char* end = nullptr;
  const std::string clean(s);
  if (!absl::ascii_isxdigit(clean[0])) return false;
  errno = 0;
  const int64_t n = std::strtoll(clean.c_str(), &end, base);
  if (errno != 0 || end != clean.c_str() + clean.size()) return false;
  *value = negative ? -n : n;
  return true;
}

bool ParseFloat(absl::string_view text, double* value) {
  const bool plausible = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(c) || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
  });
  const bool digit =
      std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
  return plausible && digit && text.find_first_of(".eE") != absl::string_view::npos &&
         absl::ascii_tolower(text[0]) != 'e' && absl::SimpleAtod(text, value);
}

json::value PlainScalar(absl::string_view text, const json::storage_ptr& storage) {
  if (In(kNulls, text)) return json::value(nullptr, storage);
  if (In(kTrue, text)) return json::value(true, storage);
  if (In(kFalse, text)) return json::value(false, storage);
  int64_t whole = 0;
  if (ParseInteger(text, &whole)) return json::value(whole, storage);
  double number = 0;
  if (ParseFloat(text, &number)) return json::value(number, storage);
  return json::value(JsonView(text), storage);
}

// Builds the value from the parser's events; one frame per open collection.
class Builder {
 public:
  Builder(absl::string_view text, const Limits& limits, json::storage_ptr storage)
      : limits_(limits), storage_(std::move(storage)), root_(storage_) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Builder() { yaml_parser_delete(&parser_); }

  absl::StatusOr<json::value> Run() {
    bool done = false;
    while (!done) {
      yaml_event_t event;
      if (yaml_parser_parse(&parser_, &event) == 0) return ParserError();
      const absl::Status status = Take(event, &done);
      yaml_event_delete(&event);
      if (!status.ok()) return status;
    }
    return std::move(root_);
  }

 private:
  struct Frame {
    json::value value;
    std::string key;
    bool has_key = false;
  };

  absl::Status At(const yaml_mark_t& mark, absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("YAML line ", mark.line + 1, ", column ", mark.column + 1, ": ", what));
  }

  absl::Status ParserError() {
    return At(parser_.problem_mark, parser_.problem != nullptr ? parser_.problem : "no YAML");
  }

  absl::Status Take(const yaml_event_t& event, bool* done) {
    if (++nodes_ > limits_.yaml_nodes) {
      return At(event.start_mark, absl::StrCat("more than ", limits_.yaml_nodes, " nodes"));
    }
    switch (event.type) {
      case YAML_ALIAS_EVENT:
        return At(event.start_mark, "aliases are not expanded; print it with kubectl -o yaml");
      case YAML_SCALAR_EVENT:
        return TakeScalar(event);
      case YAML_SEQUENCE_START_EVENT:
        return Push(event.start_mark, json::array(storage_));
      case YAML_MAPPING_START_EVENT:
        return Push(event.start_mark, json::object(storage_));
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return Pop(event.start_mark);
      case YAML_DOCUMENT_END_EVENT:
      case YAML_STREAM_END_EVENT:
        *done = true;
        return absl::OkStatus();
      default:
        return absl::OkStatus();
    }
  }

  absl::Status TakeScalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    const absl::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    if (!frames_.empty() && frames_.back().value.is_object() && !frames_.back().has_key) {
      if (text == "<<" && scalar.plain_implicit) {
        return At(event.start_mark, "merge keys are not expanded; print it with kubectl -o yaml");
      }
      frames_.back().key = std::string(text);
      frames_.back().has_key = true;
      return absl::OkStatus();
    }
    const bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar.tag == nullptr;
    return Add(event.start_mark,
               plain ? PlainScalar(text, storage_) : json::value(JsonView(text), storage_));
  }

  absl::Status Push(const yaml_mark_t& mark, json::value value) {
    if (frames_.size() >= limits_.depth) {
      return At(mark, absl::StrCat("nested deeper than ", limits_.depth));
    }
    frames_.push_back({std::move(value), "", false});
    return absl::OkStatus();
  }

  absl::Status Pop(const yaml_mark_t& mark) {
    json::value value = std::move(frames_.back().value);
    frames_.pop_back();
    return Add(mark, std::move(value));
  }

  absl::Status Add(const yaml_mark_t& mark, json::value value) {
    if (frames_.empty()) {
      root_ = std::move(value);
      return absl::OkStatus();
    }
    Frame& frame = frames_.back();
    if (frame.value.is_array()) {
      frame.value.get_array().push_back(std::move(value));
      return absl::OkStatus();
    }
    if (!frame.has_key) return At(mark, "a key must be a plain name");
    frame.value.get_object().insert_or_assign(frame.key, std::move(value));
    frame.has_key = false;
    return absl::OkStatus();
  }

  const Limits& limits_;
  const json::storage_ptr storage_;
  yaml_parser_t parser_;
  json::value root_;
  std::vector<Frame> frames_;
  uint64_t nodes_ = 0;
};

}  // namespace

absl::StatusOr<json::value> ParseYaml(absl::string_view text, const Limits& limits,
                                      json::storage_ptr storage) {
  Builder builder(text, limits, std::move(storage));
  return builder.Run();
}

}  // namespace kg::ingest
