#include "engine/rules/internal/log_shape.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace kg::rules {
namespace {

constexpr size_t kLongestQuotedWord = 40;
constexpr int kFirstEphemeralPort = 30000;
constexpr int kDeepestQuote = 2;
constexpr size_t kLongestRead = 4096;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsAlpha(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c));
}
bool IsHex(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c));
}
bool IsWord(char c) {
  return IsDigit(c) || IsAlpha(c) || c == '_';
}
// What holds a name, a host, a version or an id together.
bool IsToken(char c) {
  return IsWord(c) || c == '-' || c == '.';
}

size_t RunOf(absl::string_view s, size_t from, bool (*in)(char)) {
  size_t end = from;
  while (end < s.size() && in(s[end])) ++end;
  return end - from;
}

// Length of d{4}-d{2}-d{2} with an optional time of day and zone, or of d{2}:d{2}:d{2}; 0 for none.
size_t TimeLength(absl::string_view s) {
  const auto like = [&s](size_t from, absl::string_view mask) {
    if (s.size() < from + mask.size()) return false;
    for (size_t i = 0; i < mask.size(); ++i) {
      const bool fits = mask[i] == '0' ? IsDigit(s[from + i]) : s[from + i] == mask[i];
      if (!fits) return false;
    }
    return true;
  };
  size_t at = 0;
  const bool date = like(0, "0000-00-00") || like(0, "0000/00/00");
  if (date) {
    at = 10;
    const bool clock = at < s.size() && (s[at] == 'T' || s[at] == ' ') && like(at + 1, "00:00:00");
    if (!clock) return at;
    ++at;
  } else if (!like(0, "00:00:00")) {
    return 0;
  }
  at += 8;
  if (at + 1 < s.size() && (s[at] == '.' || s[at] == ',') && IsDigit(s[at + 1])) {
    at += 1 + RunOf(s, at + 1, IsDigit);
  }
  if (at < s.size() && s[at] == 'Z') return at + 1;
  if (like(at, "+00:00") || like(at, "-00:00")) return at + 6;
  if (like(at, "+0000") || like(at, "-0000")) return at + 5;
  return at;
}

bool IsUuid(absl::string_view s) {
  if (s.size() != 36) return false;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? s[i] != '-' : !IsHex(s[i])) return false;
  }
  return true;
}

bool IsIpV4(absl::string_view s) {
  int parts = 1;
  size_t run = 0;
  for (const char c : s) {
    if (c == '.') {
      if (run == 0) return false;
      ++parts;
      run = 0;
    } else if (!IsDigit(c) || ++run > 3) {
      return false;
    }
  }
  return parts == 4 && run > 0;
}

bool IsNumber(absl::string_view s) {
  return !s.empty() && IsDigit(s[0]) &&
         std::all_of(s.begin(), s.end(), [](char c) { return IsDigit(c) || c == '.'; });
}

bool HasDigit(absl::string_view s) {
  return std::any_of(s.begin(), s.end(), IsDigit);
}
bool HasAlpha(absl::string_view s) {
  return std::any_of(s.begin(), s.end(), IsAlpha);
}

bool IsHexId(absl::string_view s) {
  return s.size() >= 8 && HasDigit(s) && std::all_of(s.begin(), s.end(), IsHex);
}

bool IsSourceFile(absl::string_view token) {
  static constexpr std::array<absl::string_view, 16> kEndings = {
      ".go", ".py", ".java", ".js",  ".ts", ".cc", ".cpp",   ".c",
      ".h",  ".rs", ".rb",   ".php", ".kt", ".cs", ".scala", ".mjs"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [token](absl::string_view e) { return absl::EndsWith(token, e); });
}

bool IsServiceName(absl::string_view token) {
  return absl::StrContains(token, ".svc") || absl::EndsWith(token, ".local");
}

// One part of a name between '-', '.' and '_': generated ones (pod hashes, random suffixes,
// counters) give way, words and words with a short number (x509, http2) stay.
std::string Part(absl::string_view part) {
  if (part.empty()) return "";
  if (std::all_of(part.begin(), part.end(), IsDigit)) return "<n>";
  if (!HasDigit(part)) return std::string(part);
  if (IsHexId(part)) return "<hex>";
  if (IsDigit(part[0])) {
    const size_t digits = RunOf(part, 0, IsDigit);
    const absl::string_view unit = part.substr(digits);
    if (unit.size() <= 3 && !HasDigit(unit)) return absl::StrCat("<n>", unit);
    return "<id>";
  }
  const size_t letters = RunOf(part, 0, IsAlpha);
  const absl::string_view tail = part.substr(letters);
  const bool number_tail = std::all_of(tail.begin(), tail.end(), IsDigit);
  if (number_tail && tail.size() <= 3) return std::string(part);
  if (number_tail) return absl::StrCat(part.substr(0, letters), "<n>");
  return part.size() >= 5 ? "<id>" : std::string(part);
}

std::string Name(absl::string_view token) {
  std::string out;
  size_t start = 0;
  for (size_t i = 0; i <= token.size(); ++i) {
    if (i < token.size() && token[i] != '-' && token[i] != '.' && token[i] != '_') continue;
    absl::StrAppend(&out, Part(token.substr(start, i - start)));
    if (i < token.size()) out.push_back(token[i]);
    start = i + 1;
  }
  return out;
}

std::string Token(absl::string_view token) {
  if (IsUuid(token)) return "<uuid>";
  if (IsIpV4(token)) return "<ip>";
  if (IsNumber(token)) return "<n>";
  if (token.size() > 2 && token[0] == '0' && (token[1] == 'x' || token[1] == 'X')) return "<hex>";
  if (IsServiceName(token)) return std::string(token);
  if (token.size() >= 20 && HasDigit(token) && HasAlpha(token) &&
      std::all_of(token.begin(), token.end(), IsWord)) {
    return "<id>";
  }
  if (!HasDigit(token)) return std::string(token);
  return Name(token);
}

class Masker {
 public:
  Masker(absl::string_view line, int depth) : line_(line), depth_(depth) {}

  std::string Run() {
    while (at_ < line_.size() && out_.size() < 2 * kLongestShape) Step();
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    Cut();
    return out_;
  }

 private:
  void Step() {
    const char c = line_[at_];
    if (IsDigit(c)) {
      if (const size_t time = TimeLength(line_.substr(at_)); time > 0) {
        out_.append("<time>");
        at_ += time;
        return;
      }
    }
    if (IsWord(c)) return TakeToken();
    if (c == '"' || c == '\'' || c == '`') return TakeQuoted(c);
    ++at_;
    if (absl::ascii_isspace(static_cast<unsigned char>(c)) ||
        absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      if (!out_.empty() && out_.back() != ' ') out_.push_back(' ');
    } else {
      out_.push_back(c);
    }
  }

  void TakeToken() {
    size_t size = RunOf(line_, at_, IsToken);
    while (size > 1 && !IsWord(line_[at_ + size - 1])) --size;  // the full stop after a word
    const absl::string_view token = line_.substr(at_, size);
    const bool in_url = absl::EndsWith(out_, "//") || absl::EndsWith(out_, "@");
    const bool ip = IsIpV4(token);
    out_.append(Token(token));
    at_ += size;
    const bool host = in_url || IsServiceName(token) || ip ||
                      (IsAlpha(token[0]) && token.find_first_of("-.") != token.npos);
    if (host && !IsSourceFile(token)) KeepPort();
  }

  // A port that a server listens on tells which peer is meant; one the system picked does not.
  void KeepPort() {
    if (at_ + 1 >= line_.size() || line_[at_] != ':' || !IsDigit(line_[at_ + 1])) return;
    const size_t digits = RunOf(line_, at_ + 1, IsDigit);
    const size_t end = at_ + 1 + digits;
    if (digits > 5 || (end < line_.size() && IsWord(line_[end]))) return;
    int port = 0;
    for (size_t i = at_ + 1; i < end; ++i) port = port * 10 + (line_[i] - '0');
    if (port < kFirstEphemeralPort) {
      absl::StrAppend(&out_, line_.substr(at_, digits + 1));
    } else {
      out_.append(":<n>");
    }
    at_ = end;
  }

  void TakeQuoted(char quote) {
    const size_t close = Closing(quote);
    const bool apostrophe = quote == '\'' && at_ > 0 && IsWord(line_[at_ - 1]);
    if (close == absl::string_view::npos || apostrophe) {
      out_.push_back(quote);
      ++at_;
      return;
    }
    const absl::string_view inner = line_.substr(at_ + 1, close - at_ - 1);
    out_.push_back(quote);
    if (inner.size() <= 3 && !HasDigit(inner)) {
      out_.append(inner.data(), inner.size());
    } else if (inner.size() <= kLongestQuotedWord &&
               std::all_of(inner.begin(), inner.end(), IsToken)) {
      out_.append(Token(inner));
    } else if (depth_ < kDeepestQuote && IsText(inner, close)) {
      out_.append(Masker(absl::StrReplaceAll(inner, {{"\\\"", "\""}}), depth_ + 1).Run());
    } else {
      out_.append("<s>");
    }
    out_.push_back(quote);
    at_ = close + 1;
  }

  // The quote's end; one behind a backslash is text.
  size_t Closing(char quote) const {
    for (size_t i = at_ + 1; i < line_.size(); ++i) {
      if (line_[i] == quote && line_[i - 1] != '\\') return i;
    }
    return absl::string_view::npos;
  }

  // Quoted text that says what happened: a member's name, a member's value of several words
  // (logfmt, JSON), a URL. Other quoted text is what somebody typed in.
  bool IsText(absl::string_view inner, size_t close) const {
    if (close + 1 < line_.size() && line_[close + 1] == ':') return true;
    const bool member =
        absl::EndsWith(out_, "=\"") || absl::EndsWith(out_, ":\"") || absl::EndsWith(out_, ": \"");
    return (member && absl::StrContains(inner, " ")) || absl::StrContains(inner, "://");
  }

  void Cut() {
    if (out_.size() <= kLongestShape) return;
    size_t end = kLongestShape;
    while (end > 0 && (static_cast<unsigned char>(out_[end]) & 0xC0) == 0x80) --end;
    out_.resize(end);
  }

  absl::string_view line_;
  int depth_;  // quotes around the text
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string LogShape(absl::string_view line) {
  line = absl::StripLeadingAsciiWhitespace(line.substr(0, kLongestRead));
  return Masker(line.substr(0, line.find('\n')), 0).Run();
}

}  // namespace kg::rules
