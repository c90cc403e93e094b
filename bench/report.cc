#include "bench/report.h"

#include <cmath>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

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

}  // namespace

void Report::Add(Figure figure) {
  std::string line = absl::StrFormat("%-9s %-46s %11s %-9s", figure.bench, figure.name,
                                     Number(figure.value), figure.unit);
  if (!figure.bound.empty()) {
    absl::StrAppendFormat(&line, " %6s x %s (%s)", Number(figure.ratio()), figure.bound,
                          Number(figure.bound_value));
  }
  if (!figure.limited_by.empty()) absl::StrAppend(&line, "; ", figure.limited_by);
  std::puts(line.c_str());
  std::fflush(stdout);
  figures_.push_back(std::move(figure));
}

void Report::Note(const std::string& text) {
  std::printf("          %s\n", text.c_str());
  std::fflush(stdout);
  notes_.push_back(text);
}

absl::Status Report::WriteJson(const std::string& path) const {
  std::ofstream out(path);
  out << "{\"figures\":[";
  for (size_t i = 0; i < figures_.size(); ++i) {
    const Figure& f = figures_[i];
    out << (i == 0 ? "\n" : ",\n") << "{\"bench\":" << Quoted(f.bench)
        << ",\"name\":" << Quoted(f.name) << ",\"value\":" << f.value
        << ",\"unit\":" << Quoted(f.unit) << ",\"better\":\""
        << (f.better == Better::kHigher ? "higher" : "lower") << "\"";
    if (!f.bound.empty()) {
      out << ",\"bound\":" << Quoted(f.bound) << ",\"bound_value\":" << f.bound_value
          << ",\"ratio\":" << f.ratio();
    }
    if (!f.limited_by.empty()) out << ",\"limited_by\":" << Quoted(f.limited_by);
    out << "}";
  }
  out << "\n],\"notes\":[";
  for (size_t i = 0; i < notes_.size(); ++i) out << (i == 0 ? "\n" : ",\n") << Quoted(notes_[i]);
  out << "\n]}\n";
  out.close();
  if (!out) return absl::InternalError(absl::StrCat("can't write ", path));
  return absl::OkStatus();
}

}  // namespace kg::bench
