#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/view.h"

// A graph made by hand, so that questions are tested without a store.

namespace kg::query::testing {

inline Timestamp T(int64_t seconds) {
  return FromMicros(1'772'445'600'000'000 + seconds * 1'000'000);
}

struct FakeEpisode {
  EpisodeRecord record;
  std::vector<CauseLink> causes;
};

// What a test says about the world. Ids are drawn from `id_seed`, so that two worlds told the same
// have other ids; 0 numbers them in order.
class FakeWorld {
 public:
  explicit FakeWorld(uint64_t id_seed = 0);

  ResourceId Add(const std::string& kind, const std::string& ns, const std::string& name,
                 std::vector<Incarnation> lives = {{"", {kBeginning, kForever}, false}});
  void Connect(ResourceId from, const std::string& type, ResourceId to,
               Interval valid = {kBeginning, kForever}, uint16_t flags = 0);
  // The class decides category and severity. Returns the key; event ids are made unique by name.
  EpisodeKey Happen(ResourceId resource, const std::string& cls, Timestamp onset, Timestamp end,
                    const std::string& reason = "", const std::string& message = "");
  EpisodeRecord& Record(EpisodeKey key);
  // A best link; `path` from the cause's slot to the effect's, empty on the same slot.
  void Link(EpisodeKey effect, EpisodeKey cause, double confidence,
            std::vector<std::string> types = {}, std::vector<ResourceId> path = {});
  // Names are resolved by this.
  void Resolve(ResourceId id) { resolvers_.insert(id); }
  void Revise(ResourceId id, RevisionRecord revision);

  // Incidents are the trees of the links told so far.
  std::shared_ptr<const View> At(Timestamp as_of) const;

  static const RuleBook& Rules();
  static constexpr ScopeId kScope{1};

 private:
  friend class FakeView;
  struct Edge {
    ResourceId from, to;
    EdgeTypeId type;
    uint16_t flags;
    Interval valid;
  };
  ResourceId NextId();

  uint64_t id_seed_;
  uint32_t used_ = 0;
  std::map<ResourceId, SlotName> names_;
  std::map<ResourceId, std::vector<Incarnation>> lives_;
  std::vector<Edge> edges_;
  std::set<ResourceId> resolvers_;
  std::map<EpisodeKey, FakeEpisode> episodes_;
  std::map<ResourceId, std::vector<RevisionRecord>> revisions_;
};

// KG_SEED, or a fixed one; tests print it when they fail.
uint64_t Seed();

}  // namespace kg::query::testing
