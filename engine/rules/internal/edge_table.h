#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/rules.h"
#include "engine/rules/internal/class_table.h"
#include "engine/rules/internal/kind_table.h"

namespace kg::rules {

// edges.tsv and edge_paths.tsv.
class EdgeTable {
 public:
  static absl::StatusOr<std::unique_ptr<EdgeTable>> Load(absl::string_view edges,
                                                         absl::string_view paths,
                                                         const ClassTable& classes,
                                                         const KindTable& kinds);

  const EdgeTypeInfo& Type(EdgeTypeId id) const;  // unknown: travels none
  EdgeTypeId ByName(absl::string_view name) const;
  const std::vector<EdgeTypeInfo>& types() const { return types_; }
  const std::vector<EdgePath>& paths() const { return paths_; }

 private:
  absl::Status AddType(const Table& table, const Row& row, const ClassTable& classes);
  absl::Status AddPath(const Table& table, const Row& row, const KindTable& kinds);

  EdgeTypeInfo unknown_;
  std::vector<EdgeTypeInfo> types_;
  std::vector<uint16_t> index_;  // by id: position + 1, 0 for none
  absl::flat_hash_map<std::string, EdgeTypeId> by_name_;
  std::vector<EdgePath> paths_;
};

}  // namespace kg::rules
