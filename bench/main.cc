#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/measure.h"

namespace kg::bench {
namespace {

struct Benchmark {
  const char* name;
  void (*run)(const Settings&, Report*);
  const char* what;
};
constexpr Benchmark kBenchmarks[] = {
    {"ingest", RunIngest, "events with links, storms, beside RocksDB and SQLite"},
    {"apply", RunApply, "single commits, refreshes, one more change"},
    {"load", RunLoad, "kgctl load of events, of refreshes, of the predecessor's mix"},
    {"walk", RunWalk, "breadth-first walks over a million nodes and ten million edges"},
    {"causes", RunCauses, "root cause and blast radius with many episodes stored; opening them"},
    {"disk", RunDisk, "bytes per episode by kind of row"},
};

int Usage(int code) {
  std::puts(
      "kg_bench [--quick] [--json FILE] [--dir DIR] [--events N] [--episodes N] [NAME...]\n"
      "  --quick       small sizes\n"
      "  --json FILE   the figures as JSON, too\n"
      "  --dir DIR     where to keep scratch data (default /tmp); measures that disk\n"
      "  --events N    of the ingest run\n"
      "  --episodes N  of the largest store that questions are put to");
  for (const Benchmark& b : kBenchmarks) std::printf("  %-8s %s\n", b.name, b.what);
  return code;
}

int Run(int argc, char** argv) {
  Settings settings;
  std::string json;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (a == "--quick") {
      settings.quick = true;
    } else if (a == "--json") {
      json = value();
    } else if (a == "--dir") {
      settings.scratch = value();
    } else if (a == "--events") {
      settings.events = std::strtoull(value().c_str(), nullptr, 10);
    } else if (a == "--episodes") {
      settings.episodes = std::strtoull(value().c_str(), nullptr, 10);
    } else if (a == "--help" || a == "-h") {
      return Usage(0);
    } else if (a[0] == '-') {
      return Usage(2);
    } else {
      names.push_back(a);
    }
  }
  if (settings.events == 0) settings.events = settings.quick ? 50'000 : 200'000;
  if (settings.episodes == 0) settings.episodes = settings.quick ? 100'000 : 1'000'000;
  for (const std::string& name : names) {
    bool known = false;
    for (const Benchmark& b : kBenchmarks) known = known || name == b.name;
    if (!known) return Usage(2);
  }
  Report report;
  for (const Benchmark& b : kBenchmarks) {
    bool wanted = names.empty();
    for (const std::string& name : names) wanted = wanted || name == b.name;
    if (wanted) b.run(settings, &report);
  }
  report.PrintTable();
  if (!json.empty()) Check(report.WriteJson(json), "writing the figures");
  return 0;
}

}  // namespace
}  // namespace kg::bench

int main(int argc, char** argv) {
  return kg::bench::Run(argc, argv);
}
