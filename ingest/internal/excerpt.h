#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace kg::ingest {

// Text in which every invalid UTF-8 sequence is U+FFFD and every control character but tab and
// newline is a blank.
std::string RepairUtf8(absl::string_view text);
bool IsValidUtf8(absl::string_view text);
// At most `bytes` of `text`, cut between characters.
absl::string_view CutUtf8(absl::string_view text, size_t bytes);

// The start of a broken record for people to recognise it by: keys and structure as they are, every
// value masked. At most `bytes` long, valid UTF-8.
std::string MaskedExcerpt(absl::string_view record, size_t bytes);

}  // namespace kg::ingest
