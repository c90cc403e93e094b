#include "bench/measure.h"

#include <fcntl.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kg::bench {

double CpuStopwatch::Now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

uint64_t Random::Next() {
  state_ += 0x9e3779b97f4a7c15ull;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

double Quantile(std::vector<double>* samples, double q) {
  if (samples->empty()) return 0;
  std::sort(samples->begin(), samples->end());
  const size_t i = static_cast<size_t>(q * static_cast<double>(samples->size()));
  return (*samples)[std::min(i, samples->size() - 1)];
}

uint64_t ResidentBytes() {
  malloc_trim(0);  // what was freed is not part of what is held
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t BytesBelow(const std::string& dir) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir, error)) {
    if (entry.is_regular_file(error)) bytes += entry.file_size(error);
  }
  return bytes;
}

double FdatasyncRate(const std::string& dir, double seconds) {
  const std::string path = absl::StrCat(dir, "/fdatasync");
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  if (fd < 0) return 0;
  const std::string block(1024, 'x');
  uint64_t n = 0;
  const Stopwatch watch;
  while (watch.seconds() < seconds) {
    if (write(fd, block.data(), block.size()) < 0 || fdatasync(fd) != 0) break;
    ++n;
  }
  const double rate = static_cast<double>(n) / watch.seconds();
  close(fd);
  unlink(path.c_str());
  return rate;
}

std::string MachineText() {
  double load[3] = {0, 0, 0};
  getloadavg(load, 3);
  char date[32];
  const time_t now = time(nullptr);
  tm utc;
  gmtime_r(&now, &utc);
  strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &utc);
  return absl::StrFormat("%s, %d processors, load average %.1f %.1f %.1f", date,
                         sysconf(_SC_NPROCESSORS_ONLN), load[0], load[1], load[2]);
}

ScratchDir::ScratchDir(const std::string& base) {
  std::string pattern = absl::StrCat(base, "/kg-bench-XXXXXX");
  if (mkdtemp(pattern.data()) == nullptr)
    Check(absl::InternalError(base), "making a scratch folder");
  path_ = pattern;
}

ScratchDir::~ScratchDir() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string ScratchDir::Sub(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

void Check(const absl::Status& status, absl::string_view what) {
  if (status.ok()) return;
  const std::string text = absl::StrCat("kg_bench: ", what, ": ", status.ToString());
  std::fprintf(stderr, "%s\n", text.c_str());
  std::exit(1);
}

}  // namespace kg::bench
