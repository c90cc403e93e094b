#pragma once

#include <memory>

#include "absl/status/status.h"
#include "storage/store.h"

namespace kg {

// Calls fn(key, value) for each row until it returns an error. Not OK as well when the walk ended
// on rows that can't be read instead of on the last one: a loop that only asks whether the cursor
// is valid would take what follows for absent.
template <typename Fn>
absl::Status ForEachRow(const std::unique_ptr<storage::Cursor>& rows, Fn&& fn) {
  for (; rows->Valid(); rows->Next()) {
    if (absl::Status status = fn(rows->key(), rows->value()); !status.ok()) return status;
  }
  return rows->status();
}

}  // namespace kg
