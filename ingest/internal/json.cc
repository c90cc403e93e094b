#include "ingest/internal/json.h"

#include <charconv>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/excerpt.h"

namespace kg::ingest {

std::string Text(absl::string_view raw) {
  return IsValidUtf8(raw) ? std::string(raw) : RepairUtf8(raw);
}

std::string Text(const json::object& object, absl::string_view key) {
  return Text(Str(object, key));
}

std::optional<int64_t> Int(const json::object& object, absl::string_view key) {
  const json::value* value = Find(object, key);
  if (value == nullptr) return std::nullopt;
  if (const int64_t* n = value->if_int64()) return *n;
  if (const double* n = value->if_double()) {
    if (std::abs(*n) < 9e15 && *n == std::floor(*n)) return static_cast<int64_t>(*n);
  }
  int64_t parsed = 0;
  if (const json::string* text = value->if_string()) {
    if (absl::SimpleAtoi(View(*text), &parsed)) return parsed;
  }
  return std::nullopt;
}

std::string ScalarText(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string:
      return Text(View(value.get_string()));
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
      return absl::StrCat(value.get_int64());
    case json::kind::uint64:
      return absl::StrCat(value.get_uint64());
    case json::kind::double_: {
      char text[40];
      const auto end = std::to_chars(text, text + sizeof(text), value.get_double());
      return std::string(text, end.ptr);
    }
    case json::kind::null:
      return "null";
    case json::kind::array:
      return "[]";
    case json::kind::object:
      return "{}";
  }
  return "";
}

TimeReading Time(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return {};
    case json::kind::string:
      return ParseTime(View(value.get_string()));
    case json::kind::int64:
      return ParseEpoch(value.get_int64());
    case json::kind::double_:
      return ParseEpoch(value.get_double());
    default:
      return {TimeReading::Kind::kBad, {}};
  }
}

TimeReading Time(const json::object& object, absl::string_view key) {
  const json::value* value = Find(object, key);
  return value == nullptr ? TimeReading{} : Time(*value);
}

}  // namespace kg::ingest
