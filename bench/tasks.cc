#include "bench/tasks.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/setup.h"
#include "bench/wire.h"

namespace kg::bench {
namespace {

int Crash(const std::string& dir, uint64_t warnings) {
  Cluster cluster(kResources, 31);
  const auto db = OpenAt(dir);
  const Timestamp clock = db->GetView()->data_clock();
  ApplyEvents(db.get(), 0, warnings, 1, [&](uint64_t i) {
    return cluster.Warning(i, clock + std::chrono::milliseconds(10 * i), 4000);
  });
  std::raise(SIGKILL);
  return 1;
}

int Workload(const std::string& dir, uint64_t events) {
  Cluster cluster(kResources, 1);
  const auto db = OpenWith(dir, cluster);
  EventMix mix;
  ApplyEvents(db.get(), 0, events, 1, [&](uint64_t i) { return cluster.Event(i, mix); });
  std::printf("%llu\n", static_cast<unsigned long long>(ResidentBytes()));
  return 0;
}

int Mix(const std::string& file, uint64_t percent) {
  const MixCounts counts = WriteMix(file, static_cast<double>(percent) / 100);
  std::printf("%llu messages, %llu bytes\n", static_cast<unsigned long long>(counts.messages()),
              static_cast<unsigned long long>(counts.bytes));
  return 0;
}

}  // namespace

int DoTask(const std::vector<std::string>& a) {
  if (a.size() != 3) return 2;
  const uint64_t n = std::strtoull(a[2].c_str(), nullptr, 10);
  if (a[0] == "crash") return Crash(a[1], n);
  if (a[0] == "workload") return Workload(a[1], n);
  if (a[0] == "mix") return Mix(a[1], n);
  if (a[0] == "events") return WriteEvents(a[1], n), 0;
  if (a[0] == "states") return WriteStates(a[1], 0, static_cast<int>(n)), 0;
  return 2;
}

}  // namespace kg::bench
