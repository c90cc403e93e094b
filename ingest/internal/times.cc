#include "ingest/internal/times.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace kg::ingest {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMinSeconds = 631'152'000;    // 1990-01-01
constexpr int64_t kMaxSeconds = 7'258'118'400;  // 2200-01-01

TimeReading Bad() {
  return {TimeReading::Kind::kBad, {}};
}
TimeReading Absent() {
  return {};
}

TimeReading FromWallMicros(int64_t us) {
  if (us == 0) return Absent();
  if (us < kMinSeconds * kMicrosPerSecond || us >= kMaxSeconds * kMicrosPerSecond) return Bad();
  return {TimeReading::Kind::kGood, FromMicros(us)};
}

// Exactly `n` digits at `*at`, which moves behind them; -1 if there are not.
int Digits(absl::string_view s, size_t* at, int n) {
  int value = 0;
  for (int i = 0; i < n; ++i, ++*at) {
    if (*at >= s.size() || !absl::ascii_isdigit(s[*at])) return -1;
    value = value * 10 + (s[*at] - '0');
  }
  return value;
}

bool Accept(absl::string_view s, size_t* at, char c) {
  if (*at >= s.size() || s[*at] != c) return false;
  ++*at;
  return true;
}

// Days since 1970-01-01 of a Gregorian date; -1 << 40 when there is no such day.
constexpr int64_t kNoDay = -(int64_t{1} << 40);
int64_t DayNumber(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  return date.ok() ? std::chrono::sys_days{date}.time_since_epoch().count() : kNoDay;
}

int64_t FractionMicros(absl::string_view s, size_t* at) {
  int64_t micros = 0;
  int digits = 0;
  for (; *at < s.size() && absl::ascii_isdigit(s[*at]); ++*at, ++digits) {
    if (digits < 6) micros = micros * 10 + (s[*at] - '0');
  }
  if (digits == 0) return -1;
  for (; digits < 6; ++digits) micros *= 10;
  return micros;
}

// Seconds east of UTC; false when what stands at the end is no offset.
bool OffsetSeconds(absl::string_view s, size_t* at, int64_t* seconds) {
  *seconds = 0;
  if (Accept(s, at, 'Z') || Accept(s, at, 'z')) return true;
  const bool east = Accept(s, at, '+');
  if (!east && !Accept(s, at, '-')) return false;
  const int hours = Digits(s, at, 2);
  Accept(s, at, ':');
  const int minutes = Digits(s, at, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  *seconds = (east ? 1 : -1) * (hours * 3600 + minutes * 60);
  return true;
}

TimeReading ParseRfc3339(absl::string_view s) {
  size_t at = 0;
  const int year = Digits(s, &at, 4);
  if (year < 0 || !Accept(s, &at, '-')) return Bad();
  const int month = Digits(s, &at, 2);
  if (month < 0 || !Accept(s, &at, '-')) return Bad();
  const int day = Digits(s, &at, 2);
  if (day < 0 || !(Accept(s, &at, 'T') || Accept(s, &at, 't') || Accept(s, &at, ' '))) return Bad();
  const int hour = Digits(s, &at, 2);
  if (hour < 0 || hour > 24 || !Accept(s, &at, ':')) return Bad();
  const int minute = Digits(s, &at, 2);
  if (minute < 0 || minute > 59 || !Accept(s, &at, ':')) return Bad();
  const int second = Digits(s, &at, 2);
  if (second < 0 || second > 60) return Bad();
  int64_t micros = 0;
  if (Accept(s, &at, '.') || Accept(s, &at, ',')) {
    micros = FractionMicros(s, &at);
    if (micros < 0) return Bad();
  }
  int64_t offset = 0;
  if (!OffsetSeconds(s, &at, &offset) || at != s.size()) return Bad();
  if (year == 1) return Absent();
  const int64_t days = DayNumber(year, month, day);
  if (days == kNoDay) return Bad();
  return FromWallMicros(
      (days * 86400 + hour * 3600 + minute * 60 + second - offset) * kMicrosPerSecond + micros);
}

}  // namespace

TimeReading ParseEpoch(int64_t value) {
  if (value == 0) return Absent();
  if (value < 0) return Bad();
  if (value < 100'000'000'000) return FromWallMicros(value * kMicrosPerSecond);
  if (value < 100'000'000'000'000) return FromWallMicros(value * 1000);
  if (value < 100'000'000'000'000'000) return FromWallMicros(value);
  return FromWallMicros(value / 1000);
}

TimeReading ParseEpoch(double value) {
  if (!std::isfinite(value) || value < 0 || value > 9e18) return Bad();
  if (value < 1e11) return FromWallMicros(static_cast<int64_t>(value * 1e6));
  return ParseEpoch(static_cast<int64_t>(value));
}

TimeReading ParseTime(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return Absent();
  if (text.size() > 40) return Bad();
  if (text.size() > 10 && text[4] == '-') return ParseRfc3339(text);
  int64_t whole = 0;
  if (absl::SimpleAtoi(text, &whole)) return ParseEpoch(whole);
  double number = 0;
  if (absl::SimpleAtod(text, &number)) return ParseEpoch(number);
  return Bad();
}

std::optional<Timestamp> LeadingTime(absl::string_view line, absl::string_view* rest) {
  if (line.size() < 20 || !absl::ascii_isdigit(line[0]) || line[4] != '-') return std::nullopt;
  const size_t end = line.find(' ', 11);
  const TimeReading reading = ParseTime(line.substr(0, end));
  if (reading.kind != TimeReading::Kind::kGood) return std::nullopt;
  *rest = end == absl::string_view::npos ? absl::string_view() : line.substr(end + 1);
  return reading.time;
}

std::string FormatTime(Timestamp t) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(t);
  const auto days = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date{days};
  const int64_t of_day = (seconds - days).count();
  std::string text =
      absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      of_day / 3600, of_day / 60 % 60, of_day % 60);
  const int64_t micros = (t - seconds).count();
  if (micros != 0) {
    std::string fraction = absl::StrFormat(".%06d", micros);
    while (fraction.back() == '0') fraction.pop_back();
    text += fraction;
  }
  return text + "Z";
}

}  // namespace kg::ingest
