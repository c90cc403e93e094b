#pragma once

#include <cstdint>
#include <string>

#include "bench/report.h"

namespace kg::bench {

struct Settings {
  bool quick = false;
  std::string scratch = "/tmp";  // on the disk to measure
  uint64_t events = 0;           // of the ingest run; 0: 50,000 quick, else 200,000
  uint64_t episodes = 0;  // the largest store for questions; 0: 100,000 quick, else 1,000,000
};

void RunIngest(const Settings& settings, Report* report);  // ingest.cc: linked events
void RunApply(const Settings& settings, Report* report);   // apply.cc: commits, refreshes
void RunLoad(const Settings& settings, Report* report);    // load.cc: kgctl load of JSON
void RunWalk(const Settings& settings, Report* report);    // walk.cc
void RunCauses(const Settings& settings, Report* report);  // causes.cc: questions, then open
void RunDisk(const Settings& settings, Report* report);    // disk.cc: bytes per episode

}  // namespace kg::bench
