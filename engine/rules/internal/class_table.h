#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/rules.h"
#include "engine/rules/internal/table.h"

namespace kg::rules {

// classes.tsv and groups.tsv: the classes by id and name, and the sets of them that other tables
// name.
class ClassTable {
 public:
  static absl::StatusOr<ClassTable> Load(absl::string_view classes, absl::string_view groups);

  const ClassInfo& Class(ClassId id) const;  // unknown ids: the unclassified class
  ClassId ByName(absl::string_view name) const;
  const std::vector<ClassInfo>& classes() const { return classes_; }
  // Position in classes(); ids are sparse. The id must be one of classes().
  size_t IndexOf(ClassId id) const { return index_[id.value] - 1; }
  bool Has(ClassId id) const { return id.value < index_.size() && index_[id.value] != 0; }

  // A class named in another table; the error lists what is near.
  absl::StatusOr<ClassId> Named(const Table& table, const Row& row, size_t column) const;

  // A list such as `IMG_*|@exit|!EXIT_UNKNOWN`, ascending. Classes of categories outside of
  // `allowed` are left out where a pattern brings them, and an error where they are named.
  absl::StatusOr<std::vector<ClassId>> Expand(const Table& table, const Row& row, size_t column,
                                              const std::vector<Category>& allowed) const;

 private:
  absl::Status AddClass(const Table& table, const Row& row);
  absl::Status AddItem(const Table& table, const Row& row, size_t column, absl::string_view item,
                       const std::vector<Category>& allowed, std::vector<bool>* chosen) const;

  ClassInfo unclassified_;
  std::vector<ClassInfo> classes_;
  std::vector<uint16_t> index_;  // by id: position + 1, 0 for none
  absl::flat_hash_map<std::string, ClassId> by_name_;
  absl::flat_hash_map<std::string, std::vector<ClassId>> groups_;
};

inline const std::vector<Category>& AllCategories() {
  static const auto& all = *new std::vector<Category>{
      Category::kChange, Category::kState, Category::kSymptom, Category::kInfo, Category::kNoise};
  return all;
}

}  // namespace kg::rules
