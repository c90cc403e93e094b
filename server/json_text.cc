#include "server/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace kg::server {
namespace {

namespace json = boost::json;

constexpr const char* kReplacement = "\xEF\xBF\xBD";

// Bytes of the well-formed sequence at `at`, 0 when there is none. Overlong forms, surrogates and
// what lies beyond U+10FFFF are not well-formed.
size_t SequenceLength(const char* data, size_t size, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(data[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > size) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

void AppendEscaped(unsigned char c, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      *out += "\\\"";
      return;
    case '\\':
      *out += "\\\\";
      return;
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    default:
      *out += "\\u00";
      *out += kHex[c >> 4];
      *out += kHex[c & 15];
  }
}

void AppendString(const json::string& text, std::string* out) {
  *out += '"';
  for (size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const size_t length = SequenceLength(text.data(), text.size(), at);
    if (length == 0) {
      *out += kReplacement;
      ++at;
      continue;
    }
    if (length == 1 && (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)) {
      AppendEscaped(c, out);
    } else {
      out->append(text.data() + at, length);
    }
    at += length;
  }
  *out += '"';
}

void AppendDouble(double number, std::string* out) {
  if (!std::isfinite(number)) {
    *out += "null";
    return;
  }
  char buffer[400];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::fixed, 6);
  std::string text(buffer, end.ptr);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  *out += text == "-0" ? "0" : text;
}

void AppendScalar(const json::value& value, std::string* out) {
  switch (value.kind()) {
    case json::kind::null:
      *out += "null";
      break;
    case json::kind::bool_:
      *out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      *out += std::to_string(value.get_int64());
      break;
    case json::kind::uint64:
      *out += std::to_string(value.get_uint64());
      break;
    case json::kind::double_:
      AppendDouble(value.get_double(), out);
      break;
    case json::kind::string:
      AppendString(value.get_string(), out);
      break;
    case json::kind::array:
      *out += "[]";
      break;
    case json::kind::object:
      *out += "{}";
      break;
  }
}

bool HasChildren(const json::value& value) {
  return (value.is_array() && !value.get_array().empty()) ||
         (value.is_object() && !value.get_object().empty());
}

class JsonWriter {
 public:
  JsonWriter(JsonLayout layout, std::string* out)
      : pretty_(layout == JsonLayout::kPretty), out_(out) {}

  void Write(const json::value& value, int depth) {
    if (!HasChildren(value)) return AppendScalar(value, out_);
    if (value.is_array()) {
      *out_ += '[';
      bool first = true;
      for (const json::value& item : value.get_array()) {
        Separate(&first, depth + 1);
        Write(item, depth + 1);
      }
      Indent(depth);
      *out_ += ']';
      return;
    }
    *out_ += '{';
    bool first = true;
    for (const json::key_value_pair& member : value.get_object()) {
      Separate(&first, depth + 1);
      AppendString(json::string(member.key()), out_);
      *out_ += pretty_ ? ": " : ":";
      Write(member.value(), depth + 1);
    }
    Indent(depth);
    *out_ += '}';
  }

 private:
  void Separate(bool* first, int depth) {
    if (!*first) *out_ += ',';
    *first = false;
    Indent(depth);
  }
  void Indent(int depth) {
    if (!pretty_) return;
    *out_ += '\n';
    out_->append(static_cast<size_t>(depth) * 2, ' ');
  }

  const bool pretty_;
  std::string* const out_;
};

// Plain only when no reader of YAML 1.1 or 1.2 could take it for a number, a time, a bool or
// syntax.
bool IsPlainYaml(const json::string& text) {
  if (text.empty() || text.size() > 200) return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(text.front())) return false;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!is_letter(c) && !digit && c != '-' && c != '_' && c != '.' && c != '/') return false;
  }
  static const char* const kReserved[] = {"null", "true", "false", "yes", "no",
                                          "on",   "off",  "y",     "n"};
  std::string lower(text.data(), text.size());
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(c < 'a' && c >= 'A' ? c + 32 : c);
  });
  return std::none_of(std::begin(kReserved), std::end(kReserved),
                      [&](const char* word) { return lower == word; });
}

class YamlWriter {
 public:
  explicit YamlWriter(std::string* out) : out_(out) {}

  // `inlined`: the cursor stands behind "- ", where the first member goes.
  void Write(const json::value& value, int depth, bool inlined) {
    if (value.is_array()) return WriteArray(value.get_array(), depth, inlined);
    bool first = inlined;
    for (const json::key_value_pair& member : value.get_object()) {
      if (!first) out_->append(static_cast<size_t>(depth) * 2, ' ');
      first = false;
      Scalar(json::value(member.key()));
      *out_ += ':';
      const bool list = member.value().is_array();
      Child(member.value(), list ? depth : depth + 1);
    }
  }

  void Scalar(const json::value& value) {
    if (value.is_string() && IsPlainYaml(value.get_string())) {
      out_->append(value.get_string().data(), value.get_string().size());
    } else {
      AppendScalar(value, out_);
    }
  }

 private:
  void WriteArray(const json::array& items, int depth, bool inlined) {
    bool first = inlined;
    for (const json::value& item : items) {
      if (!first) out_->append(static_cast<size_t>(depth) * 2, ' ');
      first = false;
      *out_ += "- ";
      if (HasChildren(item)) {
        Write(item, depth + 1, true);
      } else {
        Scalar(item);
        *out_ += '\n';
      }
    }
  }
  void Child(const json::value& value, int depth) {
    if (HasChildren(value)) {
      *out_ += '\n';
      Write(value, depth, false);
    } else {
      *out_ += ' ';
      Scalar(value);
      *out_ += '\n';
    }
  }

  std::string* const out_;
};

}  // namespace

std::string ToJsonText(const json::value& value, JsonLayout layout) {
  std::string out;
  JsonWriter(layout, &out).Write(value, 0);
  if (layout == JsonLayout::kPretty) out += '\n';
  return out;
}

std::string ToYamlText(const json::value& value) {
  std::string out;
  YamlWriter writer(&out);
  if (HasChildren(value)) {
    writer.Write(value, 0, false);
  } else {
    writer.Scalar(value);
    out += '\n';
  }
  return out;
}

std::string ValidUtf8(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = SequenceLength(text.data(), text.size(), at);
    if (length == 0) {
      out += kReplacement;
      ++at;
    } else {
      out.append(text, at, length);
      at += length;
    }
  }
  return out;
}

}  // namespace kg::server
