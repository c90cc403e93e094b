#include "query/near.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/match.h"

namespace kg::query {
namespace {

// Levenshtein's distance, or more than `most` once it can't be less.
size_t Edits(absl::string_view a, absl::string_view b, size_t most) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > most) return most + 1;
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> Nearest(absl::string_view text,
                                 const std::vector<std::pair<std::string, std::string>>& choices,
                                 size_t limit) {
  const size_t most = std::max<size_t>(1, text.size() / 3);
  std::vector<std::tuple<size_t, std::string>> found;
  for (const auto& choice : choices) {
    const absl::string_view name(choice.first);
    size_t far = most + 1;
    if (!text.empty() && absl::StartsWith(name, text))
      far = 0;
    else if (text.size() >= 3 && absl::StrContains(name, text))
      far = 1;
    else
      far = Edits(text, name, most);
    if (far <= most) found.emplace_back(far, choice.second);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < found.size() && i < limit; ++i) names.push_back(std::get<1>(found[i]));
  return names;
}

}  // namespace kg::query
