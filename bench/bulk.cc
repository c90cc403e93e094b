#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/setup.h"
#include "bench/store_rows.h"
#include "bench/walk_graph.h"

// A large graph told as mutations, and opened again.

namespace kg::bench {
namespace {

constexpr size_t kBulkBatch = 10'000;

ObjectRef PodRef(uint32_t n) {
  ObjectRef ref{"", true, "Pod", absl::StrCat("team-", n % 500), absl::StrCat("pod-", n), ""};
  ref.uid = absl::StrFormat("%08x-0000-4000-8000-%012x", n, n);
  return ref;
}

void Apply(Database* db, Batch* batch, bool last, double* seconds) {
  if (batch->mutations.size() < kBulkBatch && !last) return;
  const Stopwatch watch;
  Check(db->Apply(std::move(*batch)).status(), "applying");
  *seconds += watch.seconds();
  *batch = {};
}

// Tells of all nodes, then of all edges; the seconds that took.
double Tell(Database* db, const Csr& csr, Report* report) {
  double nodes_took = 0, edges_took = 0;
  Batch batch;
  for (uint32_t n = 0; n < csr.nodes(); ++n) {
    ObjectRecord o;
    o.ref = PodRef(n);
    o.at = kStart;
    o.created = kStart - 48h;
    o.generation = 1;
    o.fields = {{"metadata.labels.app", absl::StrCat("app-", n % 5000)},
                {"status.phase", "Running"}};
    batch.mutations.push_back(std::move(o));
    Apply(db, &batch, n + 1 == csr.nodes(), &nodes_took);
  }
  for (uint32_t n = 0; n < csr.nodes(); ++n) {
    for (uint32_t e = csr.first[n]; e < csr.first[n + 1]; ++e) {
      if (csr.other[e] == n) continue;
      EdgeRecord edge;
      edge.type = "CALLS";
      edge.from = PodRef(n);
      edge.to = PodRef(csr.other[e]);
      edge.at = kStart;
      edge.asserter = "declared";
      batch.mutations.push_back(std::move(edge));
      Apply(db, &batch, false, &edges_took);
    }
  }
  Apply(db, &batch, true, &edges_took);
  report->Note(absl::StrFormat("nodes %.0f/s, edges %.0f/s", csr.nodes() / nodes_took,
                               static_cast<double>(csr.other.size()) / edges_took));
  return nodes_took + edges_took;
}

}  // namespace

void RunBulk(const Settings& settings, Report* report) {
  const ScratchDir scratch(settings.scratch);
  const std::string dir = scratch.Sub("bulk");
  Random random(7);
  const uint32_t nodes = static_cast<uint32_t>(settings.bulk_edges / 10);
  const Csr csr = MakeCsr(nodes, settings.bulk_edges, Degrees::kUniform, &random);
  const std::string of = absl::StrFormat("%.0e nodes, %.0e edges", static_cast<double>(nodes),
                                         static_cast<double>(settings.bulk_edges));
  if (settings.bulk_edges < 10'000'000) {
    report->Skip(
        absl::StrFormat("10^7 edges were to be told; these are %d (--edges 10000000: "
                        "minutes, and about 10 GB of memory)",
                        settings.bulk_edges));
  }
  const uint64_t before = ResidentBytes();
  {
    const auto db = OpenAt(dir);
    const double took = Tell(db.get(), csr, report);
    report->Add({"bulk", "told as mutations: " + of, took, "s", Better::kLower, "", 0,
                 "one slot and one claim at a time",
                 settings.bulk_edges >= 10'000'000 ? 12.0 : 0.0});
    const double held = static_cast<double>(ResidentBytes() - before);
    report->Add({"bulk", "resident per edge, with its share of nodes",
                 held / static_cast<double>(db->Stats()->edges_open), "B", Better::kLower, "", 0,
                 "claims, names and states besides the graph"});
  }
  const Stopwatch watch;
  const uint64_t edges = CountRows(dir, ScopeId(1), {storage::Table::kEdge});
  const double scan = watch.seconds();
  report->Note(absl::StrFormat("%d rows of `edge` scanned in %.2f s", edges, scan));
  report->Add({"bulk", "open after a clean stop: " + of, OpenSeconds(dir), "s", Better::kLower,
               "scan of edge", scan, "slots, claims, then both ways of the graph", 5, 2.0});
  report->Add({"bulk", "open after SIGKILL: " + of, OpenSecondsAfterCrash(dir, 20'000, report), "s",
               Better::kLower, "scan of edge", scan, "the same, and the log replayed", 8, 2.0});
}

}  // namespace kg::bench
