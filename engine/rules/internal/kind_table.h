#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/rules.h"

namespace kg::rules {

// group_kinds.tsv.
class KindTable {
 public:
  static absl::StatusOr<std::unique_ptr<KindTable>> Load(absl::string_view text);

  // By kind, plural or short name in any case.
  std::optional<KindInfo> ByName(absl::string_view name) const;
  const std::vector<KindInfo>& kinds() const { return kinds_; }

 private:
  std::vector<KindInfo> kinds_;
  absl::flat_hash_map<std::string, size_t> by_name_;
};

}  // namespace kg::rules
