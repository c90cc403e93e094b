#include "server/times.h"

#include <cctype>
#include <cstdio>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace kg::server {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::sys_days;
using std::chrono::year_month_day;

struct Parts {
  int year = 0;
  unsigned month = 0, day = 0;
  int hour = 0, minute = 0, second = 0, micros = 0;
};

Parts Split(Timestamp t) {
  const sys_days date = floor<days>(t);
  const year_month_day ymd(date);
  Parts parts{int(ymd.year()), unsigned(ymd.month()), unsigned(ymd.day())};
  const int64_t us = (t - date).count();
  parts.micros = static_cast<int>(us % 1'000'000);
  const auto seconds = static_cast<int>(us / 1'000'000);
  parts.hour = seconds / 3600;
  parts.minute = seconds / 60 % 60;
  parts.second = seconds % 60;
  return parts;
}

std::string Print(const Parts& p, char between, const char* end, bool with_micros) {
  char buffer[80];
  int size = std::snprintf(buffer, sizeof(buffer), "%04d-%02u-%02u%c%02d:%02d:%02d", p.year,
                           p.month, p.day, between, p.hour, p.minute, p.second);
  if (with_micros && p.micros != 0) {
    size +=
        std::snprintf(buffer + size, sizeof(buffer) - static_cast<size_t>(size), ".%06d", p.micros);
  }
  return std::string(buffer, static_cast<size_t>(size)) + end;
}

bool IsBounded(Timestamp t) {
  return t != kForever && t != kBeginning;
}

// Reads a text from left to right; every method says whether it found what it was asked for.
class Reader {
 public:
  explicit Reader(absl::string_view text) : rest_(text) {}

  bool Number(size_t digits, int* value) {
    if (rest_.size() < digits) return false;
    *value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (std::isdigit(static_cast<unsigned char>(rest_[i])) == 0) return false;
      *value = *value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return true;
  }
  bool Char(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool done() const { return rest_.empty(); }
  // Digits behind a point, as microseconds.
  bool Fraction(int* micros) {
    size_t digits = 0;
    *micros = 0;
    while (digits < rest_.size() && std::isdigit(static_cast<unsigned char>(rest_[digits])) != 0) {
      if (digits < 6) *micros = *micros * 10 + (rest_[digits] - '0');
      ++digits;
    }
    for (size_t i = digits; i < 6; ++i) *micros *= 10;
    rest_.remove_prefix(digits);
    return digits > 0;
  }

 private:
  absl::string_view rest_;
};

// "10:42", "10:42:13", "10:42:13.5".
bool ReadClock(Reader* reader, Duration* since_midnight) {
  int hour = 0, minute = 0, second = 0, micros = 0;
  if (!reader->Number(2, &hour) || !reader->Char(':') || !reader->Number(2, &minute)) return false;
  if (reader->Char(':')) {
    if (!reader->Number(2, &second)) return false;
    if (reader->Char('.') && !reader->Fraction(&micros)) return false;
  }
  if (hour > 23 || minute > 59 || second > 60) return false;
  *since_midnight = std::chrono::hours(hour) + std::chrono::minutes(minute) +
                    std::chrono::seconds(second) + Duration(micros);
  return true;
}

bool ReadZone(Reader* reader, Duration* offset) {
  *offset = Duration(0);
  if (reader->done() || reader->Char('Z') || reader->Char('z')) return true;
  const bool ahead = reader->Char('+');
  if (!ahead && !reader->Char('-')) return false;
  int hours = 0, minutes = 0;
  if (!reader->Number(2, &hours)) return false;
  reader->Char(':');
  if (!reader->Number(2, &minutes) || hours > 23 || minutes > 59) return false;
  *offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  if (!ahead) *offset = -*offset;
  return true;
}

std::optional<Timestamp> ReadDateTime(absl::string_view text) {
  Reader reader(text);
  int year = 0, month = 0, day = 0;
  if (!reader.Number(4, &year) || !reader.Char('-') || !reader.Number(2, &month) ||
      !reader.Char('-') || !reader.Number(2, &day)) {
    return std::nullopt;
  }
  const year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                            std::chrono::day(unsigned(day))};
  if (!date.ok()) return std::nullopt;
  const Timestamp midnight = sys_days(date);
  if (reader.done()) return midnight;
  if (!reader.Char('T') && !reader.Char('t') && !reader.Char(' ')) return std::nullopt;
  Duration clock{0}, offset{0};
  if (!ReadClock(&reader, &clock) || !ReadZone(&reader, &offset) || !reader.done()) {
    return std::nullopt;
  }
  return midnight + clock - offset;
}

}  // namespace

std::string FormatTime(Timestamp t) {
  return IsBounded(t) ? Print(Split(t), 'T', "Z", true) : "";
}

std::string FormatTimeForPeople(Timestamp t) {
  return IsBounded(t) ? Print(Split(t), ' ', "", false) : "-";
}

std::string FormatDuration(Duration d) {
  if (d < Duration(0)) return absl::StrCat("-", FormatDuration(-d));
  const int64_t seconds = d.count() / 1'000'000;
  if (seconds == 0 && d.count() > 0) return absl::StrCat(d.count() / 1000, "ms");
  static constexpr struct {
    int64_t seconds;
    const char* unit;
  } kUnits[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
  for (size_t i = 0; i < 4; ++i) {
    if (seconds < kUnits[i].seconds) continue;
    std::string text = absl::StrCat(seconds / kUnits[i].seconds, kUnits[i].unit);
    if (i == 3) return text;
    const int64_t rest = seconds % kUnits[i].seconds / kUnits[i + 1].seconds;
    if (rest > 0) absl::StrAppend(&text, rest, kUnits[i + 1].unit);
    return text;
  }
  return "0s";
}

absl::StatusOr<Timestamp> ParseMoment(absl::string_view text, Timestamp base) {
  if (text == "now") return base;
  if (!text.empty() && text.front() == '-') {
    const absl::StatusOr<Duration> back = ParseDuration(text.substr(1));
    if (back.ok()) return base - *back;
  }
  Reader reader(text);
  Duration clock{0};
  if (ReadClock(&reader, &clock) && reader.done()) return Timestamp(floor<days>(base)) + clock;
  if (const std::optional<Timestamp> moment = ReadDateTime(text)) return *moment;
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is no time; give 2026-03-02T10:42:00Z, 10:42 or -15m"));
}

absl::StatusOr<Duration> ParseDuration(absl::string_view text) {
  const auto wrong = [text] {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no duration; give 90s, 15m, 1h30m or 2d"));
  };
  if (text.empty()) return wrong();
  Duration total{0};
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
    int64_t number = 0;
    if (end == at || !absl::SimpleAtoi(text.substr(at, end - at), &number)) return wrong();
    size_t next = end;
    while (next < text.size() && std::isalpha(static_cast<unsigned char>(text[next])) != 0) ++next;
    const absl::string_view unit = text.substr(end, next - end);
    const int64_t us = unit == "w"    ? 604'800'000'000
                       : unit == "d"  ? 86'400'000'000
                       : unit == "h"  ? 3'600'000'000
                       : unit == "m"  ? 60'000'000
                       : unit == "s"  ? 1'000'000
                       : unit == "ms" ? 1'000
                                      : 0;
    // A century is more than any retention, and keeps every sum in range.
    constexpr int64_t kCentury = 3'155'760'000'000'000;
    if (us == 0 || number > kCentury / us) return wrong();
    total += Duration(number * us);
    if (total.count() > kCentury) return wrong();
    at = next;
  }
  return total;
}

}  // namespace kg::server
