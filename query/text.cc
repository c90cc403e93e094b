#include "query/text.h"

#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace kg::query {

std::string TimeText(Timestamp t) {
  if (t == kForever || t == kBeginning) return "-";
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Duration> time(t - day);
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int(time.hours().count()),
                int(time.minutes().count()), int(time.seconds().count()));
  std::string out = text;
  const int64_t micros = time.subseconds().count();
  if (micros != 0) {
    std::snprintf(text, sizeof(text), ".%06d", int(micros));
    out += text;
  }
  return out + "Z";
}

std::string ShortName(const ResourceAnswer& r) {
  if (r.ns.empty()) return absl::StrCat(r.kind, " ", r.name);
  return absl::StrCat(r.kind, " ", r.ns, "/", r.name);
}

std::string Sentence(const RuleBook& rules, const PathStep& step) {
  const std::string from = ShortName(step.against_arrow ? step.to : step.from);
  const std::string to = ShortName(step.against_arrow ? step.from : step.to);
  std::string text = absl::StrCat(from, " ", step.type, " ", to);
  const std::string meaning = rules.EdgeType(rules.EdgeTypeByName(step.type)).meaning;
  if (!meaning.empty()) absl::StrAppend(&text, " (", Inner(meaning), ")");
  if (step.valid_from != kBeginning) absl::StrAppend(&text, ", since ", TimeText(step.valid_from));
  if (step.valid_to != kForever) absl::StrAppend(&text, " until ", TimeText(step.valid_to));
  if (step.heuristic) absl::StrAppend(&text, ", read out of text");
  return text;
}

std::string Inner(absl::string_view sentence) {
  absl::ConsumeSuffix(&sentence, ".");
  std::string text(sentence);
  const bool capitals =
      text.size() > 1 && absl::ascii_isupper(text[0]) && absl::ascii_isupper(text[1]);
  if (!text.empty() && !capitals) text[0] = absl::ascii_tolower(text[0]);
  return text;
}

}  // namespace kg::query
