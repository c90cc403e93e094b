#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "engine/internal/verify/findings.h"
#include "storage/store.h"

namespace kg::verify {

// Makes one part of an open session. What belongs to a bucket that is gone is left out.
void Apply(const Fix& fix, storage::WriteSession* session);

// Writes fixes in batches of their own. Not thread-safe.
class Mender {
 public:
  explicit Mender(storage::Store* store) : store_(store) {}

  void Take(const Fix& fix);
  // What is left; not OK when any batch failed.
  absl::Status Finish();
  uint64_t rows() const { return rows_; }

 private:
  void Write();

  storage::Store* const store_;
  std::vector<Fix> fixes_;
  absl::Status status_;
  uint64_t rows_ = 0;
};

}  // namespace kg::verify
