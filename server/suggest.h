#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kg::server {

// The name of `known` that is likely meant by `typed`, as "; did you mean 'x'?"; empty when none is
// near enough.
std::string DidYouMean(absl::string_view typed, const std::vector<std::string>& known);

}  // namespace kg::server
