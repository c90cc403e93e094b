#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace re2 {
class FilteredRE2;
class RE2;
}  // namespace re2

namespace kg::rules {

// Compiles one expression the way all tables mean it: RE2 syntax on bytes, so that broken UTF-8
// can't make a line unmatchable. The error is RE2's own text.
absl::StatusOr<std::shared_ptr<const re2::RE2>> CompilePattern(absl::string_view pattern);
bool FullMatches(absl::string_view text, const re2::RE2& pattern);
bool Contains(absl::string_view text, const re2::RE2& pattern);

// Finds which of many patterns occurs in a text, the first in order of addition. Words that a
// pattern can't match without are looked for in one pass over the text; only patterns whose words
// are there are tried, so a text that matches nothing costs about a nanosecond per byte. Add
// everything, then Compile; from then on it is immutable and thread-safe.
class PatternSet {
 public:
  PatternSet();
  ~PatternSet();
  PatternSet(PatternSet&&) noexcept;
  PatternSet& operator=(PatternSet&&) noexcept;

  absl::Status Add(absl::string_view pattern);
  void Compile();

  // Index in order of addition, -1 when none occurs.
  int FirstMatch(absl::string_view text) const;
  size_t size() const { return size_; }

 private:
  void BuildWords(const std::vector<std::string>& words);
  void LinkSuffixes();
  void Seal();
  void FindWords(absl::string_view text, std::vector<int>* found) const;

  size_t size_ = 0;
  bool always_ = false;  // some pattern has no word it needs
  std::unique_ptr<re2::FilteredRE2> patterns_;

  // Aho-Corasick over the words in lower case. While it is built, state s goes on byte b to
  // next_[s * width_ + class_[b]]; Seal() turns each target into its row's offset, shifted by one
  // to make room for "some word ends there", so that a byte costs one load and one test.
  uint8_t class_[256] = {};
  uint32_t width_ = 1;
  std::vector<uint32_t> next_;
  std::vector<std::vector<uint16_t>> ends_;  // per state, the words that end there
};

}  // namespace kg::rules
