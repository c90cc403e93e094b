#pragma once

#include <cassert>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// What every benchmark needs to take its time.

namespace kg::bench {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Processor time of the calling thread: what a question costs, whoever else uses the machine
// meanwhile.
class CpuStopwatch {
 public:
  double seconds() const { return Now() - start_; }

 private:
  static double Now();
  double start_ = Now();
};

// Small, and the same everywhere: the same seed gives the same run.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // In [0, n); n > 0.
  uint64_t Below(uint64_t n) {
    assert(n > 0);
    return Next() % n;
  }
  bool Chance(double p) { return static_cast<double>(Next() >> 11) * 0x1.0p-53 < p; }

 private:
  uint64_t state_;
};

// The value below which the fraction `q` of the samples lies; 0 without samples. Sorts them.
double Quantile(std::vector<double>* samples, double q);

// Bytes of memory that the process has resident now.
uint64_t ResidentBytes();
// Bytes of all files below `dir`.
uint64_t BytesBelow(const std::string& dir);

// How often a small append can be made durable in `dir`, per second.
double FdatasyncRate(const std::string& dir, double seconds);

// When, on how many processors, under which load: what absolute figures depend on.
std::string MachineText();

// A fresh folder below `base`, removed with all it holds.
class ScratchDir {
 public:
  explicit ScratchDir(const std::string& base);
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  const std::string& path() const { return path_; }
  std::string Sub(absl::string_view name) const;

 private:
  std::string path_;
};

// Ends the program: a benchmark that can't run has no figure.
void Check(const absl::Status& status, absl::string_view what);

}  // namespace kg::bench
