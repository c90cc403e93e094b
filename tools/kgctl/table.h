#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace kg::kgctl {

inline constexpr size_t kPageColumns = 100;

// How a page of text is printed.
struct PageStyle {
  bool color = false;
  bool headers = true;
  bool wide = false;  // nothing is cut
};

// Colour that only underlines what the words say already.
std::string Bold(const PageStyle& style, const std::string& text);
std::string Red(const PageStyle& style, const std::string& text);
std::string Green(const PageStyle& style, const std::string& text);
std::string Dim(const PageStyle& style, const std::string& text);

// What a terminal shows of it: control characters and line ends as blanks, broken UTF-8 replaced.
std::string Printable(const std::string& text);
// Code points of printable text.
size_t Columns(const std::string& text);
// At most `columns`, the last of them "~" where something was cut (nothing is when wide).
std::string Fit(const PageStyle& style, const std::string& text, size_t columns);
// Words broken into lines of at most `columns`; words longer than that are cut.
std::vector<std::string> Wrap(const std::string& text, size_t columns);

// Rows in columns, two blanks apart. The widest column that may shrink gives way until a line fits
// the page; when wide, none does.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // Blanks before every line, which count.
  void Print(const PageStyle& style, std::ostream& out, size_t indent = 0) const;

 private:
  std::vector<size_t> Widths(const PageStyle& style, size_t indent) const;

  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace kg::kgctl
