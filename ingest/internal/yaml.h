#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ingest/decoder.h"
#include "ingest/internal/json.h"

namespace kg::ingest {

// One YAML document as the JSON value that kubectl would make of it (YAML 1.1 scalars as its own
// printer resolves them). InvalidArgument, with line and column, for what is no YAML, for anchors
// and aliases (never expanded), and for what exceeds depth or node limits.
absl::StatusOr<json::value> ParseYaml(absl::string_view text, const Limits& limits,
                                      json::storage_ptr storage);

}  // namespace kg::ingest
