#include "engine/rules/internal/pattern_set.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "re2/filtered_re2.h"
#include "re2/re2.h"

namespace kg::rules {
namespace {

constexpr int kShortestWord = 3;

re2::RE2::Options PatternOptions() {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  return options;
}

re2::StringPiece Piece(absl::string_view s) {
  return {s.data(), s.size()};
}

uint8_t Lower(uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const re2::RE2>> CompilePattern(absl::string_view pattern) {
  auto compiled = std::make_shared<const re2::RE2>(Piece(pattern), PatternOptions());
  if (!compiled->ok()) return absl::InvalidArgumentError(compiled->error());
  return compiled;
}

bool FullMatches(absl::string_view text, const re2::RE2& pattern) {
  return re2::RE2::FullMatch(Piece(text), pattern);
}

bool Contains(absl::string_view text, const re2::RE2& pattern) {
  return re2::RE2::PartialMatch(Piece(text), pattern);
}

PatternSet::PatternSet() : patterns_(std::make_unique<re2::FilteredRE2>(kShortestWord)) {}
PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet&&) noexcept = default;
PatternSet& PatternSet::operator=(PatternSet&&) noexcept = default;

absl::Status PatternSet::Add(absl::string_view pattern) {
  int id = -1;
  if (patterns_->Add(Piece(pattern), PatternOptions(), &id) != re2::RE2::NoError) {
    return CompilePattern(pattern).status();
  }
  ++size_;
  return absl::OkStatus();
}

void PatternSet::Compile() {
  if (size_ == 0) return;
  std::vector<std::string> words;
  patterns_->Compile(&words);
  std::vector<int> without_words;
  patterns_->AllPotentials({}, &without_words);
  always_ = !without_words.empty();
  BuildWords(words);
}

void PatternSet::BuildWords(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    for (const char c : word) {
      uint8_t& cls = class_[Lower(static_cast<uint8_t>(c))];
      if (cls == 0) cls = static_cast<uint8_t>(width_++);
    }
  }
  for (int c = 'A'; c <= 'Z'; ++c) class_[c] = class_[Lower(static_cast<uint8_t>(c))];

  next_.assign(width_, 0);
  ends_.resize(1);
  for (size_t i = 0; i < words.size(); ++i) {
    uint32_t state = 0;
    for (const char c : words[i]) {
      const size_t slot = state * width_ + class_[static_cast<uint8_t>(c)];
      if (next_[slot] == 0) {
        next_[slot] = static_cast<uint32_t>(ends_.size());
        ends_.emplace_back();
        next_.resize(next_.size() + width_, 0);
      }
      state = next_[slot];
    }
    ends_[state].push_back(static_cast<uint16_t>(i));
  }
  LinkSuffixes();
  Seal();
}

// Breadth first, each state takes over what its longest proper suffix can do; state 0 is the root
// and also "no edge", which is what a byte outside of every word means.
void PatternSet::LinkSuffixes() {
  std::vector<uint32_t> suffix(ends_.size(), 0);
  std::queue<uint32_t> todo;
  for (uint32_t c = 1; c < width_; ++c) {
    if (next_[c] != 0) todo.push(next_[c]);
  }
  while (!todo.empty()) {
    const uint32_t state = todo.front();
    todo.pop();
    const uint32_t back = suffix[state];
    ends_[state].insert(ends_[state].end(), ends_[back].begin(), ends_[back].end());
    for (uint32_t c = 1; c < width_; ++c) {
      uint32_t& target = next_[state * width_ + c];
      const uint32_t fallback = next_[back * width_ + c];
      if (target == 0) {
        target = fallback;
      } else {
        suffix[target] = fallback;
        todo.push(target);
      }
    }
  }
}

void PatternSet::Seal() {
  for (uint32_t& target : next_) target = (target * width_) << 1 | (ends_[target].empty() ? 0 : 1);
}

void PatternSet::FindWords(absl::string_view text, std::vector<int>* found) const {
  uint32_t row = 0;
  const uint32_t* next = next_.data();
  for (const char c : text) {
    const uint32_t target = next[row + class_[static_cast<uint8_t>(c)]];
    row = target >> 1;
    if ((target & 1) == 0) continue;
    for (const uint16_t word : ends_[row / width_]) found->push_back(word);
  }
  if (found->size() < 2) return;
  std::sort(found->begin(), found->end());
  found->erase(std::unique(found->begin(), found->end()), found->end());
}

int PatternSet::FirstMatch(absl::string_view text) const {
  if (size_ == 0) return -1;
  std::vector<int> found;
  FindWords(text, &found);
  if (found.empty() && !always_) return -1;
  return patterns_->FirstMatch(Piece(text), found);
}

}  // namespace kg::rules
