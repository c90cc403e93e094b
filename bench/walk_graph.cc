#include "bench/walk_graph.h"

#include <algorithm>

namespace kg::bench {

using storage::keys::Direction;

Csr MakeCsr(uint32_t nodes, uint64_t edges, Degrees degrees, Random* random) {
  auto pick = [&]() -> uint32_t {
    if (degrees == Degrees::kUniform) return static_cast<uint32_t>(random->Below(nodes));
    const double u = static_cast<double>(random->Next() >> 11) * 0x1.0p-53;
    // A cubed uniform puts a hundredth of the nodes at a fifth of the edges; scattered, so that
    // neighbouring ids have nothing in common.
    const uint64_t rank = static_cast<uint64_t>(u * u * u * nodes);
    return static_cast<uint32_t>(rank * 2'654'435'761ull % nodes);
  };
  std::vector<std::pair<uint32_t, uint32_t>> list;
  list.reserve(edges);
  for (uint64_t i = 0; i < edges; ++i) {
    const uint32_t from = pick();
    list.emplace_back(from, pick());
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  Csr csr;
  csr.first.assign(nodes + 1, 0);
  for (const auto& [from, to] : list) ++csr.first[from + 1];
  for (uint32_t i = 0; i < nodes; ++i) csr.first[i + 1] += csr.first[i];
  csr.other.reserve(list.size());
  for (const auto& [from, to] : list) csr.other.push_back(to);
  return csr;
}

std::shared_ptr<const Graph> MakeGraph(const Csr& csr, EdgeTypeId type, double closed,
                                       Timestamp ended) {
  const uint32_t nodes = csr.nodes();
  struct In {
    uint32_t from;
    bool closed;
  };
  std::vector<std::vector<In>> in(nodes);
  GraphBuilder builder{Graph()};
  Random random(9);
  for (uint32_t n = 0; n < nodes; ++n) {
    for (uint32_t e = csr.first[n]; e < csr.first[n + 1]; ++e) {
      const uint32_t other = csr.other[e];
      const bool over = closed > 0 && random.Chance(closed);
      if (over) {
        builder.Mutable(ResourceId(n + 1))
            .out_closed.Upsert({kBeginning, ended, other + 1, type.value, 0});
      } else {
        builder.Mutable(ResourceId(n + 1)).out.Upsert({kBeginning, other + 1, type.value, 0});
      }
      in[other].push_back({n + 1, over});
    }
  }
  for (uint32_t n = 0; n < nodes; ++n) {
    for (const In& e : in[n]) {
      Node& node = builder.Mutable(ResourceId(n + 1));
      if (e.closed) {
        node.in_closed.Upsert({kBeginning, ended, e.from, type.value, 0});
      } else {
        node.in.Upsert({kBeginning, e.from, type.value, 0});
      }
    }
    std::vector<In>().swap(in[n]);
  }
  return builder.Publish();
}

size_t WalkCsr(const Csr& csr, uint32_t origin, size_t touch, Visited* visited,
               std::vector<uint32_t>* queue) {
  visited->Clear();
  queue->clear();
  visited->Add(origin);
  queue->push_back(origin);
  for (size_t i = 0; i < queue->size() && queue->size() < touch; ++i) {
    const uint32_t n = (*queue)[i];
    for (uint32_t e = csr.first[n]; e < csr.first[n + 1] && queue->size() < touch; ++e) {
      if (visited->Add(csr.other[e])) queue->push_back(csr.other[e]);
    }
  }
  return queue->size();
}

size_t WalkGraph(const Graph& graph, uint32_t origin, Timestamp at, size_t touch, Visited* visited,
                 std::vector<uint32_t>* queue) {
  visited->Clear();
  queue->clear();
  visited->Add(origin);
  queue->push_back(origin);
  for (size_t i = 0; i < queue->size() && queue->size() < touch; ++i) {
    graph.ForEachEdge(ResourceId((*queue)[i]), Direction::kOut, at,
                      [&](ResourceId other, EdgeTypeId, uint16_t, Interval) {
                        if (visited->Add(other.value)) queue->push_back(other.value);
                        return queue->size() < touch;
                      });
  }
  return queue->size();
}

}  // namespace kg::bench
