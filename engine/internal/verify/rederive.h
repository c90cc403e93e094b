#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "storage/keys.h"
#include "storage/types.h"

namespace kg::verify {

// What only the engine can derive again, noted beside the findings.
struct Rederive {
  struct Effect {
    ScopeId scope;
    storage::keys::EpisodeKey key;
    ResourceId resource;
  };
  std::vector<Effect> effects;              // whose causes are to be looked for anew
  absl::flat_hash_set<uint32_t> resources;  // whose edges and episodes follow from their states
  std::set<std::pair<uint32_t, uint32_t>> edges;  // from and to of edges that were lost

  bool empty() const { return effects.empty() && resources.empty() && edges.empty(); }
};

}  // namespace kg::verify
