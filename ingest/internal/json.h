#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "ingest/internal/times.h"

// Reading parsed JSON without exceptions: what is absent or of another type is empty.

namespace kg::ingest {

namespace json = boost::json;

inline absl::string_view View(const json::string& s) {
  return {s.data(), s.size()};
}
inline absl::string_view View(json::string_view s) {
  return {s.data(), s.size()};
}
inline json::string_view JsonView(absl::string_view s) {
  return {s.data(), s.size()};
}

inline const json::value* Find(const json::object& object, absl::string_view key) {
  return object.if_contains(JsonView(key));
}
inline bool Has(const json::object& object, absl::string_view key) {
  return Find(object, key) != nullptr;
}
inline const json::object* FindObject(const json::object& object, absl::string_view key) {
  const json::value* value = Find(object, key);
  return value == nullptr ? nullptr : value->if_object();
}
inline const json::array* FindArray(const json::object& object, absl::string_view key) {
  const json::value* value = Find(object, key);
  return value == nullptr ? nullptr : value->if_array();
}
// The string under `key`; empty when there is none. The view lives as long as the document.
inline absl::string_view Str(const json::object& object, absl::string_view key) {
  const json::value* value = Find(object, key);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? absl::string_view() : View(*text);
}
// As Str, repaired where it is no valid UTF-8.
std::string Text(const json::object& object, absl::string_view key);
std::string Text(absl::string_view raw);

// The integer under `key`, also when it is written as a string or a whole double.
std::optional<int64_t> Int(const json::object& object, absl::string_view key);

// A scalar as text: numbers in their shortest form.
std::string ScalarText(const json::value& value);

// A time under `key`, as a string or a number. Values of other types are kBad.
TimeReading Time(const json::object& object, absl::string_view key);
TimeReading Time(const json::value& value);

}  // namespace kg::ingest
