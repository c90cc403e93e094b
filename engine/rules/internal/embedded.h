#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace kg::rules {

// A table as it was when the program was built.
struct EmbeddedTable {
  const char* file;  // classes.tsv
  absl::string_view text;
};

absl::Span<const EmbeddedTable> EmbeddedTables();

}  // namespace kg::rules
