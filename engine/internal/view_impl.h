#pragma once

#include <memory>

#include "engine/internal/archive.h"
#include "engine/internal/identity.h"
#include "engine/internal/writer.h"
#include "engine/view.h"

namespace kg {

class ViewImpl : public View {
 public:
  ViewImpl(Published published, Timestamp as_of, std::shared_ptr<const RuleBook> rules,
           std::shared_ptr<const Identity> identity)
      : p_(std::move(published)),
        as_of_(as_of),
        rules_(std::move(rules)),
        identity_(std::move(identity)),
        archive_(p_.snapshot, *rules_, p_.oldest),
        graph_(*p_.graph, &archive_) {}

  Timestamp as_of() const override { return as_of_; }
  Timestamp data_clock() const override { return p_.clock; }
  Timestamp oldest() const override { return p_.oldest; }
  const Graph& graph() const override { return graph_; }
  absl::Status status() const override { return archive_.status(); }
  std::vector<DamagedTime> damage() const override {
    return p_.damage == nullptr ? std::vector<DamagedTime>() : *p_.damage;
  }
  int64_t Links(ScopeId scope) const override;
  const RuleBook& rules() const override { return *rules_; }
  IncidentPtr Tree(ScopeId scope, EpisodeKey root) const override;
  IncidentPtr TreeById(ScopeId scope, uint64_t id) const override;
  void ForEachTree(ScopeId scope, const std::function<bool(const IncidentPtr&)>& fn) const override;
  bool derived_complete() const override { return true; }

  std::vector<ScopeDescription> scopes() const override;
  std::optional<ScopeId> FindScope(const ScopeName& name) const override {
    return identity_->FindScope(name);
  }
  std::shared_ptr<const SlotName> Name(ResourceId id) const override {
    // Of what was forgotten since, this view's graph alone still has the name.
    const Node* node = p_.graph->Find(id);
    return node != nullptr && node->name != nullptr ? node->name : identity_->Name(id);
  }
  std::optional<ResourceId> Find(ScopeId scope, const ObjectRef& ref) const override;
  std::vector<ResourceId> List(ScopeId scope, const std::string& ns,
                               const std::string& kind) const override;

  std::vector<ResourceId> Resolvers(ScopeId scope) const override;

  absl::StatusOr<std::optional<EpisodeRecord>> Episode(ScopeId scope,
                                                       EpisodeKey key) const override;
  absl::Status ForEachEpisode(ScopeId scope, Interval when,
                              const std::function<bool(const EpisodeRecord&)>& fn) const override;
  absl::Status ForEachEpisodeOf(ScopeId scope, ResourceId resource, Interval when,
                                const std::function<bool(const EpisodeRecord&)>& fn) const override;
  absl::StatusOr<std::vector<EpisodeKey>> FindEvent(ScopeId scope,
                                                    const std::string& event_id) const override;
  absl::StatusOr<std::vector<RevisionRecord>> Revisions(ScopeId scope, ResourceId id,
                                                        Interval when) const override;
  absl::StatusOr<std::vector<DeadLetter>> DeadLetters(ScopeId scope, size_t limit) const override;

 private:
  const Published p_;
  const Timestamp as_of_;
  const std::shared_ptr<const RuleBook> rules_;
  const std::shared_ptr<const Identity> identity_;
  mutable SnapshotArchive archive_;
  const Graph graph_;
};

}  // namespace kg
