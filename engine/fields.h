#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/mutation.h"

// Reading the flattened leaves of an object (see Field).

namespace kg {

using Fields = std::vector<Field>;

// The value at `path`; empty where there is none.
absl::string_view ValueAt(const Fields& fields, absl::string_view path);
bool Has(const Fields& fields, absl::string_view path);

// The run of fields whose path begins with `prefix`.
struct FieldRange {
  const Field* begin_ = nullptr;
  const Field* end_ = nullptr;
  const Field* begin() const { return begin_; }
  const Field* end() const { return end_; }
  bool empty() const { return begin_ == end_; }
};
FieldRange Under(const Fields& fields, absl::string_view prefix);

// The members of a map such as `metadata.labels`, by key.
std::map<std::string, std::string> MapAt(const Fields& fields, absl::string_view path);

// The keys of the elements of a list such as `spec.containers`, in order.
std::vector<std::string> ElementKeys(const Fields& fields, absl::string_view path);

// Does `path` match `pattern`, where each [*] stands for one bracket? `elements` receives what the
// brackets held, with the path up to and including each.
bool MatchPath(absl::string_view pattern, absl::string_view path,
               std::vector<std::string>* element_paths);

// Canonical bytes of a state: what StableHash and comparisons run over.
std::string CanonicalBytes(const Fields& fields);

// "path: before -> after" for each leaf that differs, by path. Keyed hashes of secrets are compared
// only under one key: after a rotation nobody knows whether the value changed.
struct FieldChange {
  std::string path;
  std::string text;
};
std::vector<FieldChange> Diff(const Fields& before, const Fields& after);

}  // namespace kg
