#pragma once

#include <memory>
#include <vector>

#include "bench/measure.h"
#include "engine/graph.h"

// Graphs to walk over: as plain arrays, the least that a graph can be, and as the engine holds the
// same edges.

namespace kg::bench {

// Out-edges of each node, one after the other.
struct Csr {
  std::vector<uint32_t> first;  // per node, and one beyond
  std::vector<uint32_t> other;

  uint32_t nodes() const { return static_cast<uint32_t>(first.size() - 1); }
};

enum class Degrees { kUniform, kSkewed };

// Skewed: few nodes have very many edges, as hubs do (power law, both ways).
Csr MakeCsr(uint32_t nodes, uint64_t edges, Degrees degrees, Random* random);

// The same edges as the engine keeps them, both ways. Ids are one higher: 0 is none. Of the edges a
// share `closed` ended at `ended`.
std::shared_ptr<const Graph> MakeGraph(const Csr& csr, EdgeTypeId type, double closed = 0,
                                       Timestamp ended = kForever);

// Which nodes a walk has been to, cleared by counting on.
class Visited {
 public:
  explicit Visited(size_t n) : stamp_(n, 0) {}
  void Clear() { ++now_; }
  bool Add(uint32_t id) {
    if (stamp_[id] == now_) return false;
    stamp_[id] = now_;
    return true;
  }

 private:
  std::vector<uint32_t> stamp_;
  uint32_t now_ = 0;
};

// Breadth first along outgoing edges until `touch` nodes are known; how many were.
size_t WalkCsr(const Csr& csr, uint32_t origin, size_t touch, Visited* visited,
               std::vector<uint32_t>* queue);
size_t WalkGraph(const Graph& graph, uint32_t origin, Timestamp at, size_t touch, Visited* visited,
                 std::vector<uint32_t>* queue);

// Microseconds of processor time of walk(origin) for each origin from which `touch` nodes can be
// reached.
template <typename Walk>
std::vector<double> WalkTimes(const std::vector<uint32_t>& origins, size_t touch, Walk&& walk) {
  std::vector<double> times;
  for (uint32_t origin : origins) {
    const CpuStopwatch watch;
    const size_t reached = walk(origin);
    const double took = watch.seconds() * 1e6;
    if (reached >= touch) times.push_back(took);  // a node without ways on is no walk
  }
  return times;
}

}  // namespace kg::bench
