#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace kg::rules {

inline constexpr size_t kLongestShape = 256;

// A log line with what varies from one occurrence to the next masked, so that lines of one kind
// become equal: times <time>, numbers <n>, hexadecimal <hex>, uuids <uuid>, addresses <ip>,
// generated names <id>, quoted text that is no plain word "<s>". Kept are words, plain quoted
// words, units, and host names with their port. The first line of several, blanks joined, at most
// kLongestShape bytes, cut at a character's border. Depends on the line alone.
std::string LogShape(absl::string_view line);

}  // namespace kg::rules
