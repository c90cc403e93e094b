#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace kg::query {

// What was probably meant: of (name, how it is written) the written forms of at most `limit` names
// that begin with `text` or contain it, or are a few edits away, nearest first, then by name.
std::vector<std::string> Nearest(absl::string_view text,
                                 const std::vector<std::pair<std::string, std::string>>& choices,
                                 size_t limit);

}  // namespace kg::query
