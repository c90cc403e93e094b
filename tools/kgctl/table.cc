#include "tools/kgctl/table.h"

#include <algorithm>

#include "server/json_text.h"

namespace kg::kgctl {
namespace {

constexpr size_t kNarrowest = 8;
constexpr size_t kBetween = 2;

std::string Painted(const PageStyle& style, const char* code, const std::string& text) {
  return style.color ? std::string("\x1b[") + code + "m" + text + "\x1b[0m" : text;
}

bool StartsCodePoint(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

// The first `columns` code points.
std::string Head(const std::string& text, size_t columns) {
  size_t seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (StartsCodePoint(text[i]) && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace

std::string Bold(const PageStyle& style, const std::string& text) {
  return Painted(style, "1", text);
}
std::string Red(const PageStyle& style, const std::string& text) {
  return Painted(style, "1;31", text);
}
std::string Green(const PageStyle& style, const std::string& text) {
  return Painted(style, "32", text);
}
std::string Dim(const PageStyle& style, const std::string& text) {
  return Painted(style, "2", text);
}

std::string Printable(const std::string& text) {
  std::string out;
  for (const char c : server::ValidUtf8(text)) {
    const auto u = static_cast<unsigned char>(c);
    const bool blank = u < 0x20 || u == 0x7F;
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  // C1 controls are two bytes in UTF-8, and some terminals obey them.
  for (size_t at = out.find('\xC2'); at != std::string::npos; at = out.find('\xC2', at + 1)) {
    if (at + 1 < out.size() && static_cast<unsigned char>(out[at + 1]) < 0xA0) {
      out.replace(at, 2, " ");
    }
  }
  return out;
}

size_t Columns(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), StartsCodePoint));
}

std::string Fit(const PageStyle& style, const std::string& text, size_t columns) {
  const std::string printable = Printable(text);
  if (style.wide || Columns(printable) <= columns) return printable;
  return columns == 0 ? "" : Head(printable, columns - 1) + "~";
}

std::vector<std::string> Wrap(const std::string& text, size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  const std::string printable = Printable(text);
  for (size_t at = 0; at < printable.size();) {
    size_t end = printable.find(' ', at);
    if (end == std::string::npos) end = printable.size();
    const std::string word = printable.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!line.empty() && Columns(line) + 1 + Columns(word) > columns) {
      lines.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    while (Columns(line) > columns) {
      const std::string head = Head(line, columns);
      lines.push_back(head);
      line = line.substr(head.size());
    }
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

std::vector<size_t> Table::Widths(const PageStyle& style, size_t indent) const {
  std::vector<size_t> widths;
  for (const std::string& title : titles_) widths.push_back(style.headers ? title.size() : 0);
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < widths.size() && i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Columns(Printable(row[i])));
    }
  }
  if (style.wide || widths.empty()) return widths;
  size_t total = indent + kBetween * (widths.size() - 1);
  for (const size_t width : widths) total += width;
  while (total > kPageColumns) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kNarrowest) break;
    --*widest;
    --total;
  }
  return widths;
}

void Table::Print(const PageStyle& style, std::ostream& out, size_t indent) const {
  const std::vector<size_t> widths = Widths(style, indent);
  const auto print = [&](const std::vector<std::string>& cells, bool header) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < widths.size() && i < cells.size(); ++i) {
      const std::string cell = Fit(style, cells[i], widths[i]);
      if (i > 0) line.append(kBetween, ' ');
      line += cell;
      if (i + 1 < widths.size()) line.append(widths[i] - std::min(widths[i], Columns(cell)), ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << (header ? Bold(style, line) : line) << "\n";
  };
  if (style.headers) print(titles_, true);
  for (const std::vector<std::string>& row : rows_) print(row, false);
}

}  // namespace kg::kgctl
