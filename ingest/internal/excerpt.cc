#include "ingest/internal/excerpt.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace kg::ingest {
namespace {

// Length of the well-formed sequence at `p`, 0 when it is none.
size_t SequenceLength(const uint8_t* p, size_t left) {
  const auto tail = [p, left](size_t i) { return i < left && (p[i] & 0xc0) == 0x80; };
  if (p[0] < 0x80) return 1;
  if (p[0] >= 0xc2 && p[0] <= 0xdf) return tail(1) ? 2 : 0;
  if (p[0] >= 0xe0 && p[0] <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;
    if (p[0] == 0xed && p[1] > 0x9f) return 0;
    return 3;
  }
  if (p[0] >= 0xf0 && p[0] <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;
    return 4;
  }
  return 0;
}

// A quoted string at `at`: its end behind the closing quote, or npos where it is not closed.
size_t StringEnd(absl::string_view s, size_t at) {
  for (size_t i = at + 1; i < s.size(); ++i) {
    if (s[i] == '\\') {
      ++i;
    } else if (s[i] == '"') {
      return i + 1;
    } else if (s[i] == '\n') {
      return absl::string_view::npos;
    }
  }
  return absl::string_view::npos;
}

bool IsLiteral(absl::string_view word) {
  return word == "true" || word == "false" || word == "null";
}

// A key as people choose them; what else stands before a colon may be data.
bool IsKeyText(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '-' && c != '.' && c != '/' && c != '$') {
      return false;
    }
  }
  return text.size() <= 64;
}

bool IsShortNumber(absl::string_view word) {
  if (word.empty() || word.size() > 8) return false;
  for (const char c : word) {
    if (!absl::ascii_isdigit(c) && c != '.' && c != '-') return false;
  }
  return true;
}

std::string MaskJson(absl::string_view s, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < s.size() && out.size() < bytes;) {
    const char c = s[i];
    if (c == '"') {
      const size_t end = StringEnd(s, i);
      if (end == absl::string_view::npos) {
        out += "\"***";
        const size_t line = s.find('\n', i);
        i = line == absl::string_view::npos ? s.size() : line;
        continue;
      }
      size_t next = end;
      while (next < s.size() && absl::ascii_isspace(s[next])) ++next;
      const bool key = next < s.size() && s[next] == ':' && IsKeyText(s.substr(i + 1, end - i - 2));
      const absl::string_view text = s.substr(i, end - i);
      out += key ? std::string(text) : std::string(end - i == 2 ? "\"\"" : "\"***\"");
      i = end;
    } else if (absl::ascii_isspace(c)) {
      while (i < s.size() && absl::ascii_isspace(s[i])) ++i;
      out += ' ';
    } else if (c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',') {
      out += c;
      ++i;
    } else {
      const size_t begin = i;
      while (i < s.size() && !absl::ascii_isspace(s[i]) &&
             absl::string_view("{}[]:,\"").find(s[i]) == absl::string_view::npos) {
        ++i;
      }
      const absl::string_view word = s.substr(begin, i - begin);
      out += IsLiteral(word) || IsShortNumber(word) ? std::string(word) : std::string("***");
    }
  }
  return out;
}

// The `key:` that a YAML line begins with (dashes and blanks included), empty when it has none.
absl::string_view YamlKey(absl::string_view line) {
  size_t i = 0;
  while (i < line.size() && (line[i] == ' ' || line[i] == '-')) ++i;
  const size_t begin = i;
  while (i < line.size() && (absl::ascii_isalnum(line[i]) || line[i] == '_' || line[i] == '-' ||
                             line[i] == '.' || line[i] == '/')) {
    ++i;
  }
  if (i == begin || i - begin > 64 || i >= line.size() || line[i] != ':') return {};
  if (i + 1 < line.size() && line[i + 1] != ' ') return {};
  return line.substr(0, i + 1);
}

size_t Indent(absl::string_view line) {
  const size_t i = line.find_first_not_of(' ');
  return i == absl::string_view::npos ? line.size() : i;
}

std::string MaskLines(absl::string_view s, size_t bytes) {
  std::string out;
  size_t block_indent = absl::string_view::npos;  // of the key whose block scalar we are in
  for (const absl::string_view line : absl::StrSplit(s.substr(0, 4096), '\n')) {
    if (out.size() >= bytes) break;
    if (line.empty()) continue;
    const bool in_block = block_indent != absl::string_view::npos && Indent(line) > block_indent;
    const absl::string_view key = in_block ? absl::string_view() : YamlKey(line);
    if (!in_block) block_indent = absl::string_view::npos;
    out += std::string(key);
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(key.size()));
    if (!value.empty()) out += key.empty() ? "***" : " ***";
    if (!key.empty() && !value.empty() && (value[0] == '|' || value[0] == '>')) {
      block_indent = Indent(line);
    }
    out += '\n';
  }
  return out;
}

}  // namespace

bool IsValidUtf8(absl::string_view text) {
  const auto* p = reinterpret_cast<const uint8_t*>(text.data());
  for (size_t i = 0; i < text.size();) {
    if (p[i] < 0x80) {
      ++i;
      continue;
    }
    const size_t n = SequenceLength(p + i, text.size() - i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

std::string RepairUtf8(absl::string_view text) {
  const auto* p = reinterpret_cast<const uint8_t*>(text.data());
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t n = SequenceLength(p + i, text.size() - i);
    if (n == 0) {
      out += "\xef\xbf\xbd";
      ++i;
    } else if (n == 1 && (p[i] < 0x20 || p[i] == 0x7f) && text[i] != '\t' && text[i] != '\n') {
      out += ' ';
      ++i;
    } else {
      out.append(text.data() + i, n);
      i += n;
    }
  }
  return out;
}

absl::string_view CutUtf8(absl::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<uint8_t>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

std::string MaskedExcerpt(absl::string_view record, size_t bytes) {
  const absl::string_view start = absl::StripLeadingAsciiWhitespace(record);
  const bool json = !start.empty() && (start[0] == '{' || start[0] == '[' || start[0] == '"');
  const std::string masked = RepairUtf8(json ? MaskJson(start, bytes) : MaskLines(start, bytes));
  return std::string(CutUtf8(absl::StripAsciiWhitespace(masked), bytes));
}

}  // namespace kg::ingest
