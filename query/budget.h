#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "storage/types.h"

namespace kg::query {

// What a question may cost. A limit of 0 is no limit.
struct Budget {
  Duration time = std::chrono::seconds(2);
  uint64_t nodes = 100'000;       // slots visited
  uint64_t edges = 1'000'000;     // edges looked at
  uint64_t bytes = 256ull << 20;  // of episodes and revisions read
  uint64_t results = 10'000;      // rows of one list in an answer
};

// A question that stopped early: which limit ("time", "nodes", "edges", "bytes", "results"), in
// which part of the work, and how much of the limited thing it had seen by then (microseconds for
// time).
struct Truncated {
  std::string limit;
  std::string where;
  uint64_t seen = 0;
  auto operator<=>(const Truncated&) const = default;
};

// Counts what a question costs as it runs. The first limit passed is final: every later call is
// refused, so a walk that asks before each step unwinds by itself. One thread.
class BudgetMeter {
 public:
  // A clock that never goes back; empty: the system's steady clock.
  using Clock = std::function<Timestamp()>;

  explicit BudgetMeter(const Budget& budget, Clock clock = {});

  // What the work that follows is called in `Truncated::where`.
  void Enter(absl::string_view where);

  // Each takes its cost and is true while the budget lasts; the step that passes a limit is
  // refused.
  bool TakeNodes(uint64_t n = 1);
  bool TakeEdges(uint64_t n = 1);
  bool TakeBytes(uint64_t n);
  // True while `n` more nodes or edges would fit; takes nothing.
  bool FitsNodes(uint64_t n) const;
  bool FitsEdges(uint64_t n) const;
  uint64_t NodesLeft() const;
  // Lists ask before they grow: is there room behind `have` rows? Unlike the others this ends only
  // the list at hand: it notes the cut, and later calls go on.
  bool RoomForResult(uint64_t have);

  bool spent() const { return spent_; }
  const Budget& budget() const { return budget_; }
  // Set once something was cut.
  const std::optional<Truncated>& truncated() const { return truncated_; }

 private:
  bool Take(uint64_t n, uint64_t limit, uint64_t* seen, const char* name);
  bool TimeLeft();
  void Cut(const char* limit, uint64_t seen);

  const Budget budget_;
  const Clock clock_;
  const Timestamp start_;
  std::string where_;
  uint64_t nodes_ = 0, edges_ = 0, bytes_ = 0;
  uint64_t steps_ = 0;
  bool spent_ = false;
  std::optional<Truncated> truncated_;
};

}  // namespace kg::query
