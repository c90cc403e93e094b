#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace kg::ingest {

enum class Syntax { kJson, kYaml, kLogs, kNone };

struct Sniffed {
  Syntax syntax = Syntax::kNone;
  std::string hint;  // for kNone: what it is instead, and what to do
};

// What a stream is, from its first bytes (4 KiB are enough; `all` says that there are no more).
Sniffed Sniff(absl::string_view head, bool all);

}  // namespace kg::ingest
