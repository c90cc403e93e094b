#include "bench/report.h"

#include <cmath>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/measure.h"

namespace kg::bench {
namespace {

std::string Number(double v) {
  if (v == 0) return "0";
  if (std::fabs(v) >= 100) return absl::StrFormat("%.0f", v);
  if (std::fabs(v) >= 10) return absl::StrFormat("%.1f", v);
  return absl::StrFormat("%.3g", v);
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

std::string List(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    absl::StrAppend(&out, out.empty() ? "\n" : ",\n", Quoted(text));
  }
  return out;
}

std::string AimText(const Figure& f) {
  if (f.aim == 0) return "-";
  return absl::StrCat(f.better == Better::kHigher ? ">= " : "<= ", Number(f.aim),
                      f.meets_aim() ? " pass" : " MISS");
}

std::string MustText(const Figure& f) {
  if (f.must == 0) return "-";
  const std::string text =
      absl::StrCat(f.better == Better::kHigher ? ">= " : "<= ", Number(f.must));
  if (f.bound_value <= 0) return text + " no ratio";
  return absl::StrCat(text, f.meets_must() ? " pass" : " MISS");
}

std::string Json(const Figure& f) {
  std::string out =
      absl::StrCat("{\"bench\":", Quoted(f.bench), ",\"name\":", Quoted(f.name),
                   ",\"value\":", f.value, ",\"unit\":", Quoted(f.unit),
                   ",\"better\":", f.better == Better::kHigher ? "\"higher\"" : "\"lower\"");
  if (!f.bound.empty()) {
    absl::StrAppend(&out, ",\"bound\":", Quoted(f.bound), ",\"bound_value\":", f.bound_value,
                    ",\"ratio\":", f.ratio());
  }
  if (f.aim > 0)
    absl::StrAppend(&out, ",\"aim\":", f.aim, ",\"meets_aim\":", f.meets_aim() ? "true" : "false");
  if (f.must > 0) {
    absl::StrAppend(&out, ",\"must\":", f.must,
                    ",\"meets_must\":", f.meets_must() ? "true" : "false");
  }
  if (!f.limited_by.empty()) absl::StrAppend(&out, ",\"limited_by\":", Quoted(f.limited_by));
  return out + "}";
}

}  // namespace

void Report::Add(Figure figure) {
  std::string line = absl::StrFormat("%-8s %-52s %10s %-9s", figure.bench, figure.name,
                                     Number(figure.value), figure.unit);
  if (!figure.bound.empty() && figure.bound_value > 0) {
    absl::StrAppendFormat(&line, " %6s x %s (%s)", Number(figure.ratio()), figure.bound,
                          Number(figure.bound_value));
  }
  if (figure.aim > 0) absl::StrAppend(&line, "; aim ", AimText(figure));
  if (figure.must > 0) absl::StrAppend(&line, "; must ", MustText(figure));
  if (!figure.limited_by.empty()) absl::StrAppend(&line, "; ", figure.limited_by);
  std::puts(line.c_str());
  std::fflush(stdout);
  figures_.push_back(std::move(figure));
}

void Report::Note(const std::string& text) {
  std::printf("         %s\n", text.c_str());
  std::fflush(stdout);
  notes_.push_back(text);
}

void Report::Skip(const std::string& text) {
  std::printf("SKIPPED  %s\n", text.c_str());
  std::fflush(stdout);
  skipped_.push_back(text);
}

void Report::PrintTable() const {
  std::printf("\n%s\n", MachineText().c_str());
  std::printf("%-8s %-52s %10s %-9s %-15s %8s  %-34s %s\n", "bench", "what", "figure", "", "aim",
              "ratio", "of", "must");
  int missed = 0, held = 0;
  for (const Figure& f : figures_) {
    if (!f.has_target()) continue;
    const std::string of =
        f.bound_value > 0 ? absl::StrCat(f.bound, " (", Number(f.bound_value), ")") : f.bound;
    std::printf("%-8s %-52s %10s %-9s %-15s %8s  %-34s %s\n", f.bench.c_str(), f.name.c_str(),
                Number(f.value).c_str(), f.unit.c_str(), AimText(f).c_str(),
                f.bound_value > 0 ? Number(f.ratio()).c_str() : "-", of.c_str(),
                MustText(f).c_str());
    if (f.must == 0) continue;
    ++(f.meets_must() ? held : missed);
  }
  std::printf("%d musts hold, %d are missed or not measured\n", held, missed);
  for (const std::string& text : skipped_) std::printf("SKIPPED  %s\n", text.c_str());
  std::fflush(stdout);
}

absl::Status Report::WriteJson(const std::string& path) const {
  std::ofstream out(path);
  out << "{\"machine\":" << Quoted(MachineText()) << ",\n\"figures\":[";
  for (size_t i = 0; i < figures_.size(); ++i) out << (i == 0 ? "\n" : ",\n") << Json(figures_[i]);
  out << "\n],\"notes\":[" << List(notes_) << "\n],\"skipped\":[" << List(skipped_) << "\n]}\n";
  out.close();
  if (!out) return absl::InternalError(absl::StrCat("can't write ", path));
  return absl::OkStatus();
}

}  // namespace kg::bench
