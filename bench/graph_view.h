#pragma once

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/measure.h"
#include "engine/view.h"

namespace kg::bench {

inline constexpr Timestamp kStartOfWalks = FromMicros(1'767'225'600'000'000);

// A graph without a store, to put walks to. Names are made up from ids; there are no episodes.
class GraphView : public View {
 public:
  explicit GraphView(std::shared_ptr<const Graph> graph) : graph_(std::move(graph)) {
    auto rules = RuleBook::Load();
    Check(rules.status(), "loading the rules");
    rules_ = *std::move(rules);
    for (uint32_t i = 0; i < graph_->end_id(); ++i) {
      names_.push_back(std::make_shared<SlotName>(
          SlotName{ScopeId(1), "", "Pod", "bench", absl::StrCat("pod-", i)}));
    }
  }

  Timestamp as_of() const override { return kStartOfWalks; }
  Timestamp data_clock() const override { return kStartOfWalks; }
  Timestamp oldest() const override { return kBeginning; }
  const Graph& graph() const override { return *graph_; }
  const RuleBook& rules() const override { return *rules_; }
  IncidentPtr Tree(ScopeId scope, EpisodeKey root) const override {
    return FindTree(incidents_, scope, root);
  }
  IncidentPtr TreeById(ScopeId scope, uint64_t id) const override {
    return FindTreeById(incidents_, scope, id);
  }
  void ForEachTree(ScopeId scope,
                   const std::function<bool(const IncidentPtr&)>& fn) const override {
    ForEachTreeOf(incidents_, scope, fn);
  }
  bool derived_complete() const override { return true; }
  int64_t Links(ScopeId) const override { return 0; }
  std::vector<ScopeDescription> scopes() const override { return {{ScopeId(1), "", ""}}; }
  std::optional<ScopeId> FindScope(const ScopeName&) const override { return ScopeId(1); }
  std::shared_ptr<const SlotName> Name(ResourceId id) const override { return names_[id.value]; }
  std::optional<ResourceId> Find(ScopeId, const ObjectRef&) const override { return std::nullopt; }
  std::vector<ResourceId> List(ScopeId, const std::string&, const std::string&) const override {
    return {};
  }
  std::vector<ResourceId> Resolvers(ScopeId) const override { return {}; }
  absl::StatusOr<std::optional<EpisodeRecord>> Episode(ScopeId, EpisodeKey) const override {
    return std::optional<EpisodeRecord>();
  }
  absl::Status ForEachEpisode(ScopeId, Interval,
                              const std::function<bool(const EpisodeRecord&)>&) const override {
    return absl::OkStatus();
  }
  absl::Status ForEachEpisodeOf(ScopeId, ResourceId, Interval,
                                const std::function<bool(const EpisodeRecord&)>&) const override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<EpisodeKey>> FindEvent(ScopeId, const std::string&) const override {
    return std::vector<EpisodeKey>();
  }
  absl::StatusOr<std::vector<RevisionRecord>> Revisions(ScopeId, ResourceId,
                                                        Interval) const override {
    return std::vector<RevisionRecord>();
  }
  absl::StatusOr<std::vector<DeadLetter>> DeadLetters(ScopeId, size_t) const override {
    return std::vector<DeadLetter>();
  }

 private:
  std::shared_ptr<const Graph> graph_;
  std::shared_ptr<const RuleBook> rules_;
  IncidentIndex incidents_;
  std::vector<std::shared_ptr<const SlotName>> names_;
};

}  // namespace kg::bench
