#include "server/suggest.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace kg::server {
namespace {

// Edits (insert, delete, replace, swap of neighbours) between two words.
size_t Edits(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string DidYouMean(absl::string_view typed, const std::vector<std::string>& known) {
  if (typed.empty() || typed.size() > 64) return "";
  const std::string* best = nullptr;
  size_t best_edits = 0;
  for (const std::string& name : known) {
    const bool begins = typed.size() >= 2 && name.size() > typed.size() &&
                        absl::string_view(name).substr(0, typed.size()) == typed;
    const size_t edits = begins ? 1 : Edits(typed, name);
    if (best == nullptr || edits < best_edits) {
      best = &name;
      best_edits = edits;
    }
  }
  if (best == nullptr || best_edits > std::max<size_t>(1, typed.size() / 3)) return "";
  return absl::StrCat("; did you mean '", *best, "'?");
}

}  // namespace kg::server
