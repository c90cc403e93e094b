#pragma once

#include <cstdint>
#include <string>

#include "bench/report.h"

namespace kg::bench {

struct Settings {
  bool quick = false;
  bool peers = false;              // walks on other databases as well
  std::string python = "python3";  // that has the package `kuzu`
  std::string scratch = "/tmp";    // on the disk to measure
  uint64_t events = 0;             // of an ingest run; 0: 50,000 quick, else 200,000
  uint64_t episodes = 0;           // of the store that grows; 0: 100,000 quick, else 10,000,000
  double grow_seconds = 0;         // it stops growing then; 0: 15 quick, else 300
  uint64_t bulk_edges = 0;         // 0: 100,000 quick, else 1,000,000
};

void RunIngest(const Settings& settings, Report* report);  // ingest.cc: linked events
void RunApply(const Settings& settings, Report* report);   // apply.cc: commits, refreshes
void RunLoad(const Settings& settings, Report* report);    // load.cc: kgctl load of JSON
void RunWalk(const Settings& settings, Report* report);    // walk.cc: the graph as it is
void RunPast(const Settings& settings, Report* report);    // past.cc: the graph as it was
void RunGrow(const Settings& settings, Report* report);    // grow.cc: one store that fills
void RunBulk(const Settings& settings, Report* report);    // bulk.cc: a large graph told at once
void RunDisk(const Settings& settings, Report* report);    // disk.cc: bytes per episode
void RunPeers(const Settings& settings, Report* report);   // peers.cc: walks on other databases

// How long Database::Open takes, of a directory that was closed well, and of one whose owner died
// by SIGKILL after `warnings` events more. In grow.cc.
double OpenSeconds(const std::string& dir);
double OpenSecondsAfterCrash(const std::string& dir, uint64_t warnings, Report* report);

}  // namespace kg::bench
