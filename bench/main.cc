#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/measure.h"
#include "bench/tasks.h"

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
    {"peers", RunPeers, "three hops on SQLite and Kuzu, with --peers"},
    {"past", RunPast, "walks as of a past moment"},
    {"grow", RunGrow, "one store that fills: ingest, questions, readers, opening, memory"},
    {"bulk", RunBulk, "a large graph as mutations; opening it"},
    {"disk", RunDisk, "bytes per episode by kind of row, compacted"},
};

int Usage(int code) {
  std::puts(
      "kg_bench [--quick] [--peers] [--json FILE] [--dir DIR] [NAME...]\n"
      "  --quick       small sizes\n"
      "  --peers       walks on SQLite and Kuzu as well\n"
      "  --python PROGRAM  for Kuzu: has its package (python3)\n"
      "  --json FILE   the figures as JSON, too\n"
      "  --dir DIR     where to keep scratch data (default /tmp); measures that disk\n"
      "  --events N    of the ingest run (200000)\n"
      "  --episodes N  of the store that grows (10000000)\n"
      "  --minutes N   for how long it may grow (5)\n"
      "  --edges N     of the bulk load (1000000)");
  for (const Benchmark& b : kBenchmarks) std::printf("  %-8s %s\n", b.name, b.what);
  return code;
}

void SetDefaults(Settings* s) {
  const bool quick = s->quick;
  if (s->events == 0) s->events = quick ? 50'000 : 200'000;
  if (s->episodes == 0) s->episodes = quick ? 100'000 : 10'000'000;
  if (s->grow_seconds == 0) s->grow_seconds = quick ? 15 : 300;
  if (s->bulk_edges == 0) s->bulk_edges = quick ? 100'000 : 1'000'000;
}

int Run(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--task") == 0) {
    return DoTask(std::vector<std::string>(argv + 2, argv + argc));
  }
  Settings settings;
  std::string json;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (a == "--quick") {
      settings.quick = true;
    } else if (a == "--peers") {
      settings.peers = true;
    } else if (a == "--python") {
      settings.python = value();
    } else if (a == "--json") {
      json = value();
    } else if (a == "--dir") {
      settings.scratch = value();
    } else if (a == "--events") {
      settings.events = std::strtoull(value().c_str(), nullptr, 10);
    } else if (a == "--episodes") {
      settings.episodes = std::strtoull(value().c_str(), nullptr, 10);
    } else if (a == "--minutes") {
      settings.grow_seconds = std::strtod(value().c_str(), nullptr) * 60;
    } else if (a == "--edges") {
      settings.bulk_edges = std::strtoull(value().c_str(), nullptr, 10);
    } else if (a == "--help" || a == "-h") {
      return Usage(0);
    } else if (a[0] == '-') {
      return Usage(2);
    } else {
      names.push_back(a);
    }
  }
  SetDefaults(&settings);
  for (const std::string& name : names) {
    bool known = false;
    for (const Benchmark& b : kBenchmarks) known = known || name == b.name;
    if (!known) return Usage(2);
  }
  Report report;
  for (const Benchmark& b : kBenchmarks) {
    bool wanted = names.empty();
    for (const std::string& name : names) wanted = wanted || name == b.name;
    if (!wanted) continue;
    const Stopwatch watch;
    b.run(settings, &report);
    report.Note(absl::StrFormat("%s took %.0f s", b.name, watch.seconds()));
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
