#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/graph_view.h"
#include "bench/process.h"
#include "bench/sqlite_peer.h"
#include "bench/walk_graph.h"
#include "query/describe.h"
#include "query/walk.h"

// The same walk of three edges on other databases.

namespace kg::bench {
namespace {

constexpr int kHops = 3;
constexpr int kWalks = 200;

struct Result {
  double p50 = 0, p99 = 0;  // microseconds
  double nodes = 0;         // reached, on average
};

template <typename Walk>
Result Time(const std::vector<uint32_t>& origins, Walk&& walk) {
  std::vector<double> times;
  double nodes = 0;
  for (uint32_t origin : origins) {
    const CpuStopwatch watch;
    nodes += static_cast<double>(walk(origin));
    times.push_back(watch.seconds() * 1e6);
  }
  return {Quantile(&times, 0.5), Quantile(&times, 0.99),
          nodes / static_cast<double>(origins.size())};
}

Result WalkKg(const Csr& csr, const std::vector<uint32_t>& origins) {
  const GraphView view(MakeGraph(csr, EdgeTypeId(1)));
  const query::Describer say(view);
  auto walk = [&](uint32_t origin) {
    query::BudgetMeter meter(query::Budget{});
    return query::HopWalk(say, ResourceId(origin + 1), kHops, query::WalkDirection::kOut, {},
                          &meter)
        .reached()
        .size();
  };
  Time(origins, walk);
  return Time(origins, walk);
}

Result WalkSqlite(const std::string& file, const Csr& csr, const std::vector<uint32_t>& origins,
                  Report* report) {
  sqlite3* db = OpenSql(file);
  const Stopwatch watch;
  ExecSql(db, "CREATE TABLE edge(src INT, dst INT, PRIMARY KEY(src, dst)) WITHOUT ROWID; BEGIN");
  Result result;
  {
    Sql insert(db, "INSERT INTO edge VALUES(?1, ?2)");
    for (uint32_t n = 0; n < csr.nodes(); ++n) {
      for (uint32_t e = csr.first[n]; e < csr.first[n + 1]; ++e)
        insert.Bind(1, n).Bind(2, csr.other[e]).Run();
    }
    ExecSql(db, "COMMIT; ANALYZE");
    report->Note(absl::StrFormat("SQLite: loaded in %.1f s", watch.seconds()));
    Sql walk(db,
             "WITH RECURSIVE r(n, h) AS (VALUES(?1, 0) UNION SELECT dst, h + 1 FROM r JOIN edge "
             "ON src = n WHERE h < ?2) SELECT count(DISTINCT n) FROM r");
    auto run = [&](uint32_t origin) {
      walk.Bind(1, origin).Bind(2, kHops).Step();
      const int64_t nodes = walk.Int(0);
      walk.Reset();
      return nodes;
    };
    Time(origins, run);
    result = Time(origins, run);
  }
  sqlite3_close(db);
  return result;
}

// Kuzu has no package in Debian; its own for Python is driven by a script.
bool WalkKuzu(const ScratchDir& scratch, const Settings& settings, const Csr& csr,
              const std::vector<uint32_t>& origins, Result* result, Report* report) {
  if (RunProcess({"/usr/bin/env", settings.python, "-c", "import kuzu"}).exit_code != 0) {
    report->Skip(absl::StrCat("Kuzu: ", settings.python,
                              " has no package `kuzu` (tools/bench "
                              "--peers installs it where python3-venv and PyPI are at hand)"));
    return false;
  }
  std::ofstream edges(scratch.Sub("edges.csv")), from(scratch.Sub("origins.txt"));
  for (uint32_t n = 0; n < csr.nodes(); ++n) {
    for (uint32_t e = csr.first[n]; e < csr.first[n + 1]; ++e)
      edges << n << ',' << csr.other[e] << '\n';
  }
  for (uint32_t origin : origins) from << origin << '\n';
  edges.close();
  from.close();
  const ProcessResult run =
      RunProcess({"/usr/bin/env", settings.python, KG_BENCH_DIR "/kuzu_peer.py", scratch.path(),
                  absl::StrCat(csr.nodes()), absl::StrCat(kHops)});
  double load = 0;
  std::istringstream words(run.output);
  if (run.exit_code != 0 || !(words >> load >> result->p50 >> result->p99 >> result->nodes)) {
    report->Skip("Kuzu: its script failed; see above");
    return false;
  }
  report->Note(absl::StrFormat("Kuzu: loaded in %.1f s; times are by the clock on the wall", load));
  return true;
}

void AddPeer(const std::string& name, const Result& kg, const Result& peer, Report* report) {
  const bool same = std::abs(kg.nodes - peer.nodes) <= 0.01 * kg.nodes;
  const std::string reached =
      absl::StrFormat("nodes reached: kg %.0f, %s %.0f", kg.nodes, name, peer.nodes);
  for (bool p99 : {false, true}) {
    report->Add({"peers", absl::StrCat("3-hop walk", p99 ? ", p99" : ", p50"),
                 p99 ? kg.p99 : kg.p50, "us", Better::kLower, name,
                 !same ? 0
                 : p99 ? peer.p99
                       : peer.p50,
                 reached});
  }
}

}  // namespace

void RunPeers(const Settings& settings, Report* report) {
  if (!settings.peers) {
    report->Skip("walks on SQLite and Kuzu: --peers runs them");
    return;
  }
  const ScratchDir scratch(settings.scratch);
  Random random(7);
  const uint32_t nodes = settings.quick ? 100'000 : 1'000'000;
  const Csr csr = MakeCsr(nodes, uint64_t{nodes} * 10, Degrees::kUniform, &random);
  report->Note(absl::StrFormat("%d nodes, %d edges, uniform", nodes, csr.other.size()));
  std::vector<uint32_t> origins;
  for (int i = 0; i < kWalks; ++i) origins.push_back(static_cast<uint32_t>(random.Below(nodes)));
  const Result kg = WalkKg(csr, origins);
  AddPeer("SQLite", kg, WalkSqlite(scratch.Sub("walk.sqlite"), csr, origins, report), report);
  Result kuzu;
  if (WalkKuzu(scratch, settings, csr, origins, &kuzu, report)) AddPeer("Kuzu", kg, kuzu, report);
}

}  // namespace kg::bench
