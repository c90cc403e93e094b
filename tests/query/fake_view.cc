#include "tests/query/fake_view.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace kg::query::testing {

const RuleBook& FakeWorld::Rules() {
  static const auto* rules = new std::shared_ptr<const RuleBook>(*RuleBook::Load());
  return **rules;
}

uint64_t Seed() {
  const char* seed = std::getenv("KG_SEED");
  return seed == nullptr ? 20260302 : std::strtoull(seed, nullptr, 10);
}

FakeWorld::FakeWorld(uint64_t id_seed) : id_seed_(id_seed) {}

ResourceId FakeWorld::NextId() {
  constexpr uint32_t kRange = 8192;  // a power of two: multiplying by an odd number permutes it
  ++used_;
  if (id_seed_ == 0) return ResourceId(used_);
  const uint32_t odd = static_cast<uint32_t>(id_seed_ * 2 + 1);
  return ResourceId(1 + ((used_ * odd + static_cast<uint32_t>(id_seed_ >> 7)) % kRange));
}

ResourceId FakeWorld::Add(const std::string& kind, const std::string& ns, const std::string& name,
                          std::vector<Incarnation> lives) {
  const auto info = Rules().KindByName(kind);
  const ResourceId id = NextId();
  names_[id] = SlotName{kScope, info ? info->group : "", info ? info->kind : kind, ns, name};
  lives_[id] = std::move(lives);
  return id;
}

void FakeWorld::Connect(ResourceId from, const std::string& type, ResourceId to, Interval valid,
                        uint16_t flags) {
  edges_.push_back({from, to, Rules().EdgeTypeByName(type), flags, valid});
}

EpisodeKey FakeWorld::Happen(ResourceId resource, const std::string& cls, Timestamp onset,
                             Timestamp end, const std::string& reason, const std::string& message) {
  const SlotName& name = names_.at(resource);
  EpisodeRecord r;
  r.scope = kScope;
  r.resource = resource;
  r.cls = Rules().ClassByName(cls);
  r.category = Rules().Class(r.cls).category;
  r.severity = Rules().Class(r.cls).severity;
  r.earliest = r.onset = onset;
  r.end = end;
  r.event_id =
      absl::StrCat(name.kind, "/", name.ns, "/", name.name, "/", cls, "/", ToMicros(onset));
  r.etype = "k8s.event";
  r.reason = reason.empty() ? cls : reason;
  r.message = message;
  r.message_time = onset;
  r.AddPoint(onset, 1, 1);
  const EpisodeKey key = r.key();
  episodes_[key].record = std::move(r);
  return key;
}

EpisodeRecord& FakeWorld::Record(EpisodeKey key) {
  return episodes_.at(key).record;
}

void FakeWorld::Link(EpisodeKey effect, EpisodeKey cause, double confidence,
                     std::vector<std::string> types, std::vector<ResourceId> path) {
  CauseLink link;
  link.cause = cause;
  link.cause_resource = episodes_.at(cause).record.resource;
  link.cause_class = episodes_.at(cause).record.cls;
  link.temporal = link.distance = link.domain = link.confidence = confidence;
  link.path = std::move(path);
  if (link.path.empty()) link.path = {link.cause_resource};
  for (size_t i = 0; i < types.size(); ++i) {
    link.types.push_back(Rules().EdgeTypeByName(types[i]));
    bool along = false;
    for (const Edge& e : edges_)
      along = along || (e.from == link.path[i] && e.to == link.path[i + 1]);
    link.against_arrow.push_back(!along);
  }
  episodes_.at(effect).causes.push_back(std::move(link));
}

void FakeWorld::Revise(ResourceId id, RevisionRecord revision) {
  revisions_[id].push_back(std::move(revision));
}

class FakeView : public View {
 public:
  FakeView(const FakeWorld& world, Timestamp as_of) : world_(world), as_of_(as_of) {
    BuildGraph();
    BuildIncidents();
  }

  Timestamp as_of() const override { return as_of_; }
  Timestamp data_clock() const override { return as_of_; }
  Timestamp oldest() const override { return T(-7 * 24 * 3600); }
  const Graph& graph() const override { return *graph_; }
  const RuleBook& rules() const override { return FakeWorld::Rules(); }
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
  int64_t Links(ScopeId) const override {
    int64_t links = 0;
    for (uint32_t i = 0; i < graph_->end_id(); ++i) {
      const Node* node = graph_->Find(ResourceId(i));
      if (node == nullptr) continue;
      node->bursts.ForEach([&](const BurstPtr& b) {
        links += static_cast<int64_t>(b->causes.size());
        return true;
      });
    }
    return links;
  }

  std::vector<ScopeDescription> scopes() const override {
    return {{FakeWorld::kScope, "acme", "prod"}};
  }
  std::optional<ScopeId> FindScope(const ScopeName& name) const override {
    if (!name.tenant.empty() && name.tenant != "acme") return std::nullopt;
    if (!name.cluster.empty() && name.cluster != "prod") return std::nullopt;
    return FakeWorld::kScope;
  }

  std::shared_ptr<const SlotName> Name(ResourceId id) const override {
    const Node* node = graph_->Find(id);
    return node == nullptr ? nullptr : node->name;
  }
  std::optional<ResourceId> Find(ScopeId scope, const ObjectRef& ref) const override {
    for (const auto& n : world_.names_) {
      if (n.second.kind != ref.kind || (ref.group_known && n.second.group != ref.group)) continue;
      if (!ref.name.empty() && n.second.name == ref.name && n.second.ns == ref.ns) return n.first;
      if (ref.uid.empty()) continue;
      for (const Incarnation& life : world_.lives_.at(n.first)) {
        if (life.uid == ref.uid) return n.first;
      }
    }
    return std::nullopt;
  }
  std::vector<ResourceId> List(ScopeId scope, const std::string& ns,
                               const std::string& kind) const override {
    std::vector<std::pair<SlotName, ResourceId>> found;
    for (const auto& n : world_.names_) {
      if (!ns.empty() && n.second.ns != ns) continue;
      if (kind.empty() || n.second.kind == kind) found.emplace_back(n.second, n.first);
    }
    std::sort(found.begin(), found.end());
    std::vector<ResourceId> ids;
    for (const auto& f : found) ids.push_back(f.second);
    return ids;
  }

  std::vector<ResourceId> Resolvers(ScopeId) const override {
    return {world_.resolvers_.begin(), world_.resolvers_.end()};
  }

  absl::StatusOr<std::optional<EpisodeRecord>> Episode(ScopeId, EpisodeKey key) const override {
    const auto e = world_.episodes_.find(key);
    if (e == world_.episodes_.end()) return std::optional<EpisodeRecord>();
    return std::optional<EpisodeRecord>(e->second.record);
  }
  absl::Status ForEachEpisode(ScopeId, Interval when,
                              const std::function<bool(const EpisodeRecord&)>& fn) const override {
    for (const auto& e : world_.episodes_) {
      const EpisodeRecord& r = e.second.record;
      if (r.onset > as_of_ || r.onset >= when.to || (r.end < when.from && r.onset < when.from))
        continue;
      if (!fn(r)) break;
    }
    return absl::OkStatus();
  }
  absl::Status ForEachEpisodeOf(
      ScopeId scope, ResourceId resource, Interval when,
      const std::function<bool(const EpisodeRecord&)>& fn) const override {
    return ForEachEpisode(scope, when,
                          [&](const EpisodeRecord& r) { return r.resource != resource || fn(r); });
  }
  absl::StatusOr<std::vector<EpisodeKey>> FindEvent(ScopeId,
                                                    const std::string& event_id) const override {
    std::vector<EpisodeKey> keys;
    for (const auto& e : world_.episodes_) {
      const EpisodeRecord& r = e.second.record;
      const bool other = std::count(r.other_ids.begin(), r.other_ids.end(), event_id) != 0;
      if (r.event_id == event_id || other) keys.push_back(e.first);
    }
    return keys;
  }
  absl::StatusOr<std::vector<RevisionRecord>> Revisions(ScopeId, ResourceId id,
                                                        Interval when) const override {
    std::vector<RevisionRecord> found;
    const auto revisions = world_.revisions_.find(id);
    if (revisions == world_.revisions_.end()) return found;
    for (const RevisionRecord& r : revisions->second) {
      if (r.valid.Overlaps(when)) found.push_back(r);
    }
    std::sort(found.begin(), found.end(),
              [](const RevisionRecord& a, const RevisionRecord& b) { return a.valid < b.valid; });
    return found;
  }
  absl::StatusOr<std::vector<DeadLetter>> DeadLetters(ScopeId, size_t) const override {
    return std::vector<DeadLetter>();
  }

 private:
  void BuildGraph() {
    GraphBuilder builder{Graph()};
    for (const auto& n : world_.names_) {
      Node& node = builder.Mutable(n.first);
      node.name = std::make_shared<SlotName>(n.second);
      node.incarnations = world_.lives_.at(n.first);
    }
    for (const FakeWorld::Edge& e : world_.edges_) {
      Node& from = builder.Mutable(e.from);
      Node& to = builder.Mutable(e.to);
      if (e.valid.to == kForever) {
        from.out.Upsert({e.valid.from, e.to.value, e.type.value, e.flags});
        to.in.Upsert({e.valid.from, e.from.value, e.type.value, e.flags});
      } else {
        from.out_closed.Upsert({e.valid.from, e.valid.to, e.to.value, e.type.value, e.flags});
        to.in_closed.Upsert({e.valid.from, e.valid.to, e.from.value, e.type.value, e.flags});
      }
    }
    for (const auto& e : world_.episodes_) {
      const EpisodeRecord& r = e.second.record;
      if (r.category > Category::kSymptom) continue;
      auto burst = std::make_shared<Burst>();
      burst->key = e.first;
      burst->resource = r.resource;
      burst->cls = r.cls;
      burst->category = r.category;
      burst->severity = r.severity;
      burst->earliest = r.earliest;
      burst->end = r.end;
      burst->causes = e.second.causes;
      builder.Mutable(r.resource).bursts.Put(BurstPtr(std::move(burst)));
    }
    graph_ = builder.Publish();
  }

  void BuildIncidents() {
    std::map<EpisodeKey, std::shared_ptr<IncidentTree>> trees;
    for (const auto& e : world_.episodes_) {
      if (e.second.record.category > Category::kSymptom) continue;
      EpisodeKey root = e.first;
      while (!world_.episodes_.at(root).causes.empty())
        root = world_.episodes_.at(root).causes[0].cause;
      auto& tree = trees[root];
      if (tree == nullptr) {
        tree = std::make_shared<IncidentTree>();
        tree->scope = FakeWorld::kScope;
        tree->root = root;
        tree->root_resource = world_.episodes_.at(root).record.resource;
      }
      tree->members.Upsert({e.first, e.second.record.resource});
    }
    for (const auto& t : trees) incidents_.Upsert(t.second);
  }

  const FakeWorld& world_;
  const Timestamp as_of_;
  std::shared_ptr<const Graph> graph_;
  IncidentIndex incidents_;
};

std::shared_ptr<const View> FakeWorld::At(Timestamp as_of) const {
  return std::make_shared<FakeView>(*this, as_of);
}

}  // namespace kg::query::testing
