#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/database.h"
#include "tests/soak/churn.h"

// Runs a database with its clock run fast, hour after hour, and fails unless memory, handles, files
// and buckets are flat: of each, the median of the last quarter of the hours may exceed that of the
// second quarter by the tolerance printed, and by no more. An hour is a bucket; six are kept, so
// all that is to expire has begun to well within the first quarter.

namespace kg::soak {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr int kFewestRolls = 40;
constexpr Timestamp kStart = FromMicros(1'700'006'400'000'000);

// What one hour left behind.
struct Sample {
  double rss_bytes = 0;
  double handles = 0;
  double files = 0;
  double disk_bytes = 0;
  double buckets = 0;
};

// One thing that must be flat, and how far it may be off: a share and something besides.
struct Measure {
  const char* name;
  double Sample::*value;
  double share;
  double besides;
};
constexpr Measure kMeasures[] = {{"resident bytes", &Sample::rss_bytes, 0.10, 8 << 20},
                                 {"open handles", &Sample::handles, 0.10, 4},
                                 {"files", &Sample::files, 0.25, 12},
                                 {"bytes on disk", &Sample::disk_bytes, 0.25, 8 << 20},
                                 {"buckets", &Sample::buckets, 0, 2}};

double Entries(const std::string& dir) {
  std::error_code error;
  double count = 0;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error))
    ++count;
  return count;
}

double Bytes(const std::string& dir) {
  std::error_code error;
  double bytes = 0;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const auto size = it->file_size(gone);
    if (!gone) bytes += static_cast<double>(size);
  }
  return bytes;
}

double ResidentBytes() {
  // What the allocator merely keeps for later is not in use.
  ::malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  double all = 0, resident = 0;
  statm >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double MedianOf(const std::vector<Sample>& samples, double Sample::*value, size_t quarter) {
  std::vector<double> values;
  for (size_t i = samples.size() * quarter / 4; i < samples.size() * (quarter + 1) / 4; ++i)
    values.push_back(samples[i].*value);
  return Median(std::move(values));
}

int Fail(const absl::Status& status) {
  std::printf("failed: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Judge(const std::vector<Sample>& samples) {
  int grown = 0;
  std::printf("%-16s %14s %14s %14s\n", "median of", "2nd quarter", "last quarter", "allowed");
  for (const Measure& m : kMeasures) {
    const double second = MedianOf(samples, m.value, 1);
    const double last = MedianOf(samples, m.value, 3);
    const double allowed = second * (1 + m.share) + m.besides;
    grown += last > allowed ? 1 : 0;
    std::printf("%-16s %14.0f %14.0f %14.0f%s\n", m.name, second, last, allowed,
                last > allowed ? "  GROWN" : "");
  }
  return grown == 0 ? 0 : 1;
}

// One hour of data, then what a node does from time to time, and a question or two.
absl::Status Hour(Database* database, Churn* churn, Timestamp* clock) {
  for (int minute = 0; minute < 60; ++minute) {
    Batch batch;
    batch.mutations = churn->Minute(*clock);
    *clock += std::chrono::minutes(1);
    batch.positions = {{"soak", 0, ToMicros(*clock), -1, ""}};
    auto result = database->Apply(std::move(batch));
    if (!result.ok()) return result.status();
  }
  const auto view = database->GetView();
  const ScopeId scope = view->scopes().front().id;
  int seen = 0;
  auto read = view->ForEachEpisode(scope, {view->data_clock() - std::chrono::hours(1), kForever},
                                   [&](const EpisodeRecord&) { return ++seen < 1000; });
  if (!read.ok()) return read;
  if (seen == 0) return absl::InternalError("the last hour is empty");
  return database->Maintain();
}

int Run(Duration duration, const std::string& dir) {
  Timestamp clock = kStart;
  DatabaseOptions options;
  options.retention = std::chrono::hours(6);
  options.memory_window = std::chrono::hours(2);
  options.block_cache_bytes = 8u << 20;
  options.write_buffer_bytes = 8u << 20;
  options.max_wal_bytes = 8u << 20;  // else the log grows until it has 256 MiB
  options.sync = false;
  options.limits.view_age = std::chrono::hours(1);
  options.now = [&clock] { return clock; };
  auto database = Database::Open(dir, options);
  if (!database.ok()) return Fail(database.status());

  Churn churn(42);
  std::vector<Sample> samples;
  std::shared_ptr<const View> forgotten;  // by a client that never comes back
  const auto end = Steady::now() + duration;
  std::printf("%6s %10s %8s %6s %10s %8s\n", "roll", "RSS KiB", "handles", "files", "disk KiB",
              "buckets");
  while (Steady::now() < end || samples.size() <= kFewestRolls) {
    if (auto status = Hour(database->get(), &churn, &clock); !status.ok()) return Fail(status);
    if (forgotten == nullptr) forgotten = (*database)->GetView();
    const auto stats = (*database)->Stats();
    if (!stats.ok()) return Fail(stats.status());
    samples.push_back({ResidentBytes(), Entries("/proc/self/fd"), Entries(dir), Bytes(dir),
                       static_cast<double>(stats->buckets.size())});
    const Sample& s = samples.back();
    if (samples.size() % std::max<size_t>(1, samples.size() / 40) == 0) {
      std::printf("%6zu %10.0f %8.0f %6.0f %10.0f %8.0f\n", samples.size(), s.rss_bytes / 1024,
                  s.handles, s.files, s.disk_bytes / 1024, s.buckets);
      std::fflush(stdout);
    }
  }
  std::printf("%zu bucket rolls\n", samples.size());
  return Judge(samples);
}

int Main(int argc, char** argv) {
  Duration duration = std::chrono::minutes(10);
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const int number = i + 1 < argc ? std::atoi(argv[i + 1]) : 0;
    if (flag == "--minutes" && number > 0) {
      duration = std::chrono::minutes(number);
    } else if (flag == "--seconds" && number > 0) {
      duration = std::chrono::seconds(number);
    } else {
      std::printf("kg_soak [--minutes N | --seconds N]   (default 10 minutes, at least %d rolls)\n",
                  kFewestRolls);
      return 2;
    }
    ++i;
  }
  std::string dir = (fs::temp_directory_path() / "kg-soak-XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr) return 1;
  const int code = Run(duration, dir + "/data");
  std::error_code ignored;
  fs::remove_all(dir, ignored);
  return code;
}

}  // namespace
}  // namespace kg::soak

int main(int argc, char** argv) {
  return kg::soak::Main(argc, argv);
}
