#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace kg::ingest {

// Takes credentials out of text before anything stores it. The ordered list of rules stands in
// redactor.cc; each counts what it took. Not thread-safe: one per stream.
class Redactor {
 public:
  // Replaces what looks like a credential in `text` by "[redacted]". True when something was.
  bool Text(std::string* text);
  // The value of something called `name` (an env variable, an annotation, a flag): when the name
  // says secret, all of it goes but the host of a URL; else as Text.
  bool NamedValue(absl::string_view name, std::string* value);
  // A command line as a list: also the element behind a flag that takes a secret.
  bool ArgumentAfter(absl::string_view previous, std::string* argument);

  // pass, secret, token, key, credential, dsn, authorization, anywhere and in any case.
  static bool IsSecretName(absl::string_view name);
  // Names that by themselves are a secret's wherever they stand ("password", "apiKey").
  static bool IsSecretLeaf(absl::string_view name);

  // Takings so far, by rule.
  const std::map<std::string, uint64_t>& counts() const { return counts_; }

 private:
  std::map<std::string, uint64_t> counts_;
};

}  // namespace kg::ingest
