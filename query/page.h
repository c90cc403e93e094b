#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace kg::query {

// Which part of a list to show: at most `limit` rows behind the row that the cursor of the page
// before names. Cursors are opaque; a list that changed meanwhile goes on behind where that row
// would be.
struct Page {
  uint64_t limit = 100;
  std::string after;  // `next` of the page before; empty: from the start
};

// `list` keeps the cursor of one kind of list from being taken for another's.
std::string EncodeCursor(absl::string_view list, absl::Span<const std::string> parts);
// InvalidArgument: not a cursor of that list.
absl::StatusOr<std::vector<std::string>> DecodeCursor(absl::string_view list,
                                                      absl::string_view cursor, size_t parts);

}  // namespace kg::query
