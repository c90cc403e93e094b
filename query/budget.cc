#include "query/budget.h"

#include <chrono>

namespace kg::query {
namespace {

// Reading the clock costs more than a step of a walk.
constexpr uint64_t kStepsPerClockRead = 64;

Timestamp SteadyNow() {
  return Timestamp(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace

BudgetMeter::BudgetMeter(const Budget& budget, Clock clock)
    : budget_(budget), clock_(clock ? std::move(clock) : Clock(SteadyNow)), start_(clock_()) {}

void BudgetMeter::Enter(absl::string_view where) {
  where_.assign(where.data(), where.size());
}

void BudgetMeter::Cut(const char* limit, uint64_t seen) {
  if (!truncated_) truncated_ = Truncated{limit, where_, seen};
}

bool BudgetMeter::TimeLeft() {
  if (budget_.time.count() == 0 || steps_++ % kStepsPerClockRead != 0) return true;
  const Duration used = clock_() - start_;
  if (used <= budget_.time) return true;
  Cut("time", static_cast<uint64_t>(used.count()));
  spent_ = true;
  return false;
}

bool BudgetMeter::Take(uint64_t n, uint64_t limit, uint64_t* seen, const char* name) {
  if (spent_ || !TimeLeft()) return false;
  if (limit != 0 && *seen + n > limit) {
    Cut(name, *seen);
    spent_ = true;
    return false;
  }
  *seen += n;
  return true;
}

bool BudgetMeter::TakeNodes(uint64_t n) {
  return Take(n, budget_.nodes, &nodes_, "nodes");
}
bool BudgetMeter::TakeEdges(uint64_t n) {
  return Take(n, budget_.edges, &edges_, "edges");
}
bool BudgetMeter::TakeBytes(uint64_t n) {
  return Take(n, budget_.bytes, &bytes_, "bytes");
}

bool BudgetMeter::FitsNodes(uint64_t n) const {
  return !spent_ && (budget_.nodes == 0 || nodes_ + n <= budget_.nodes);
}

bool BudgetMeter::FitsEdges(uint64_t n) const {
  return !spent_ && (budget_.edges == 0 || edges_ + n <= budget_.edges);
}

uint64_t BudgetMeter::NodesLeft() const {
  if (spent_) return 0;
  return budget_.nodes == 0 ? UINT64_MAX : budget_.nodes - nodes_;
}

bool BudgetMeter::RoomForResult(uint64_t have) {
  if (budget_.results == 0 || have < budget_.results) return true;
  Cut("results", have);
  return false;
}

}  // namespace kg::query
