#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "engine/database.h"
#include "engine/internal/identity.h"

namespace kg {

// Holds batches against DatabaseLimits before they are folded, and counts what was too much.
//
// Operation: Screen each batch, then, right before it is folded, Admit it.
// Concurrency: Screen, Note and exceeded from any thread; the rest by the writer's thread alone.
class Bounds {
 public:
  // `limits` must outlive it. `scopes_per_tenant`: that a new tenant begins with.
  Bounds(const DatabaseLimits& limits, uint64_t scopes_per_tenant)
      : limits_(limits), scopes_per_tenant_(scopes_per_tenant) {}

  // What needs no look at the database. Records that are too large become dead letters of the same
  // batch, long messages are cut. The bytes of the batch; InvalidArgument: the batch as a whole is
  // too large, with what to do.
  absl::StatusOr<uint64_t> Screen(Batch* batch, Timestamp now, ApplyResult* result);
  // May batches of so much become one commit?
  bool FitTogether(uint64_t mutations, uint64_t bytes) const {
    return (limits_.batch_mutations == 0 || mutations <= limits_.batch_mutations) &&
           (limits_.batch_bytes == 0 || bytes <= limits_.batch_bytes);
  }

  // What depends on what is known: further scopes and positions. `has(source, partition)`: is its
  // position known?
  template <typename HasPosition>
  void Admit(Batch* batch, Timestamp now, const Identity& identity, const HasPosition& has,
             ApplyResult* result);

  // What is known is from here on what is stored, with as many positions.
  void Restart(uint64_t positions) {
    admitted_.clear();
    positions_ = positions;
  }
  uint64_t positions() const { return positions_; }

  enum Limit {
    kBatchMutations,
    kBatchBytes,
    kRecordBytes,
    kRecordItems,
    kNameBytes,
    kMessageBytes,
    kScopes,
    kDeadLetters,
    kPositions,
    kLimits
  };
  void Note(Limit limit, uint64_t times = 1) { exceeded_[limit] += times; }
  uint64_t exceeded(Limit limit) const { return exceeded_[limit]; }

 private:
  void AdmitScopes(Batch* batch, Timestamp now, const Identity& identity, ApplyResult* result);
  bool Fits(const ScopeName& name, const Identity& identity);

  const DatabaseLimits& limits_;
  const uint64_t scopes_per_tenant_;
  std::atomic<uint64_t> exceeded_[kLimits] = {};
  std::atomic<uint64_t> positions_{0};
  // Names that were let through; each belongs to a scope that is there or is about to be.
  absl::flat_hash_set<std::pair<std::string, std::string>> admitted_;
  uint64_t about_to_be_ = 0;  // scopes of the batch at hand that are not there yet
};

template <typename HasPosition>
void Bounds::Admit(Batch* batch, Timestamp now, const Identity& identity, const HasPosition& has,
                   ApplyResult* result) {
  AdmitScopes(batch, now, identity, result);
  std::vector<SourcePosition> kept;
  for (SourcePosition& p : batch->positions) {
    const bool known = has(p.source, p.partition);
    if (!known && limits_.positions != 0 && positions_ >= limits_.positions) {
      Note(kPositions);
      result->problems.push_back(
          "the position of a source was not kept, as there are as many as are allowed "
          "(--max-positions): what it covers will be read again");
      continue;
    }
    if (!known) ++positions_;
    kept.push_back(std::move(p));
  }
  batch->positions = std::move(kept);
}

}  // namespace kg
