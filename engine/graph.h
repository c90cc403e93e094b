#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/internal/persistent_vector.h"
#include "engine/rules.h"
#include "storage/keys.h"
#include "storage/types.h"

// The graph in memory, as one commit left it. Everything here is immutable once published: a commit
// copies what it changes and shares the rest, so readers need no lock.

namespace kg {

using storage::keys::EpisodeKey;

// What a slot is called. Group and kind are canonical ("apps", "Deployment").
struct SlotName {
  ScopeId scope;
  std::string group;
  std::string kind;
  std::string ns;
  std::string name;
  auto operator<=>(const SlotName&) const = default;
};

// One life of a slot: from creation (or first sighting) to deletion or replacement.
struct Incarnation {
  std::string uid;  // empty: nobody named one
  Interval alive;
  bool sighted = false;  // the start is the first sighting, not a creation time

  bool operator==(const Incarnation&) const = default;
};

struct OpenEdge {
  Timestamp from;
  uint32_t other = 0;
  uint16_t type = 0;
  uint16_t flags = 0;
};

struct ClosedEdge {
  Timestamp from;
  Timestamp to;
  uint32_t other = 0;
  uint16_t type = 0;
  uint16_t flags = 0;
};

enum EdgeFlags : uint16_t {
  kEdgeHeuristic = 1,  // parsed out of text, not declared
  kEdgeOptional = 2,   // the reference is marked optional
};

struct OpenEdgeLess {
  bool operator()(const OpenEdge& a, const OpenEdge& b) const {
    return std::tie(a.type, a.other) < std::tie(b.type, b.other);
  }
};
struct ClosedEdgeLess {
  bool operator()(const ClosedEdge& a, const ClosedEdge& b) const {
    return std::tie(a.type, a.other, a.to, a.from) < std::tie(b.type, b.other, b.to, b.from);
  }
};

// POTENTIAL_CAUSE: a cause of the burst that holds it. confidence = 0.3 temporal + 0.3 distance +
// 0.4 domain. `path` leads from the cause's slot to the effect's; types[i] joins path[i],
// path[i+1].
struct CauseLink {
  EpisodeKey cause;
  ResourceId cause_resource;
  ClassId cause_class;
  double temporal = 0;
  double distance = 0;
  double domain = 0;
  double confidence = 0;
  int prior_row = 0;
  PathKind path_kind = PathKind::kSelf;
  std::vector<ResourceId> path;
  std::vector<EdgeTypeId> types;
  std::vector<bool> against_arrow;

  bool operator==(const CauseLink&) const = default;
};

// Runs of an episode further apart than this are separate bursts.
inline constexpr Duration kEpisodeGap = std::chrono::minutes(10);
inline Timestamp PlusGap(Timestamp t) {
  return t > kForever - kEpisodeGap ? kForever : t + kEpisodeGap;
}

// A maximal run of occurrences of one episode, or of the time it held. What an answer prints beyond
// this is read from the E row.
struct Burst {
  EpisodeKey key;  // (onset latest, hash of the event id)
  ResourceId resource;
  ClassId cls;
  std::vector<ClassId> more_classes;  // of a change that was several at once
  Category category = Category::kInfo;
  Severity severity = Severity::kInfo;
  Timestamp earliest;
  Timestamp end;  // kForever while it holds
  UidTag uid;
  ResourceId blamed;              // the object its message names as missing, exhausted or refusing
  std::vector<CauseLink> causes;  // best first, at most 5

  bool open() const { return end == kForever; }
};
using BurstPtr = std::shared_ptr<const Burst>;

struct BurstLess {
  static const EpisodeKey& Key(const BurstPtr& b) { return b->key; }
  static const EpisodeKey& Key(const EpisodeKey& k) { return k; }
  static EpisodeKey Key(Timestamp t) { return {t, EpisodeHash(0)}; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return Key(a) < Key(b);
  }
};

// The bursts of one slot by key. Those of a span of time are found without looking at what was over
// before, however much that is: the few that last for more than kLong stand in a list of their own
// as well.
class Bursts {
 public:
  static constexpr Duration kLong = std::chrono::hours(1);

  bool empty() const { return all_.empty(); }
  size_t size() const { return all_.size(); }
  const BurstPtr* Find(EpisodeKey key) const { return all_.Find(key); }

  // Puts `b` in the place of the one with its key, or among them.
  void Put(BurstPtr b) {
    if (IsLong(*b)) {
      lasting_.Upsert(b);
    } else {
      lasting_.Erase(b->key);
    }
    all_.Upsert(std::move(b));
  }
  void Erase(EpisodeKey key) {
    lasting_.Erase(key);
    all_.Erase(key);
  }

  // fn(const BurstPtr&) until it returns false, here and below. All, by key.
  template <typename Fn>
  void ForEach(Fn&& fn) const {
    all_.ForEach(fn);
  }
  // Those not before `key`.
  template <typename Fn>
  void ForEachFrom(EpisodeKey key, Fn&& fn) const {
    all_.ForEachFrom(key, fn);
  }
  // Those that began before when.to and were there at when.from or later, by key.
  template <typename Fn>
  void ForEachIn(Interval when, Fn&& fn) const {
    const Timestamp near = Near(when.from);
    bool go_on = true;
    lasting_.ForEach([&](const BurstPtr& b) {
      if (b->key.onset >= near || b->key.onset >= when.to) return false;
      return go_on = b->end < when.from || fn(b);
    });
    if (!go_on) return;
    all_.ForEachFrom(EpisodeKey{near, EpisodeHash(0)}, [&](const BurstPtr& b) {
      if (b->key.onset >= when.to) return false;
      return b->end < when.from || bool(fn(b));
    });
  }
  // Those before `until` that were there at `since` or later, the newest first.
  template <typename Fn>
  void ForEachBefore(EpisodeKey until, Timestamp since, Fn&& fn) const {
    const Timestamp near = Near(since);
    bool go_on = true;
    all_.ForEachBefore(until, [&](const BurstPtr& b) {
      if (b->key.onset < near) return false;
      return go_on = b->end < since || fn(b);
    });
    if (!go_on) return;
    lasting_.ForEachBefore(std::min(until, EpisodeKey{near, EpisodeHash(0)}),
                           [&](const BurstPtr& b) { return b->end < since || bool(fn(b)); });
  }

 private:
  static bool IsLong(const Burst& b) { return b.open() || b.end - b.key.onset > kLong; }
  // What began before this and was there at `t` is long.
  static Timestamp Near(Timestamp t) { return t < kBeginning + kLong ? kBeginning : t - kLong; }

  PersistentVector<BurstPtr, BurstLess, 64> all_, lasting_;
};

struct Node {
  std::shared_ptr<const SlotName> name;
  std::vector<Incarnation> incarnations;  // by start
  PersistentVector<OpenEdge, OpenEdgeLess> out, in;
  PersistentVector<ClosedEdge, ClosedEdgeLess> out_closed, in_closed;
  Bursts bursts;  // failures and changes only
  // Bursts and closed edges that ended before this are not all here: memory holds a window of time,
  // the store holds the rest.
  Timestamp complete_since = kBeginning;

  // The life that `t` falls into; nullptr: it did not exist then.
  const Incarnation* AliveAt(Timestamp t) const;
};

// Where the history that memory no longer holds is read from.
class NodeArchive {
 public:
  virtual ~NodeArchive() = default;
  // The node with all its bursts and closed edges, in memory or not; stays as long as the archive.
  virtual const Node* Whole(ResourceId id, const Node& recent) = 0;
};

// One version, cheap to copy. Thread-safe where its archive is.
class Graph {
 public:
  Graph() = default;
  // As `o`, with its history from `archive`, which must outlive this.
  Graph(const Graph& o, NodeArchive* archive) : pages_(o.pages_), archive_(archive) {}

  // What a slot is now: its name, lives, open edges and recent history. nullptr for ids that this
  // version does not know.
  const Node* Find(ResourceId id) const {
    const size_t page = id.value / kPage;
    return page < pages_->size() ? (*(*pages_)[page])[id.value % kPage].get() : nullptr;
  }
  // The same with all bursts and closed edges that were there at `since` or later.
  const Node* Find(ResourceId id, Timestamp since) const {
    const Node* node = Find(id);
    const bool complete = node == nullptr || node->complete_since <= since || archive_ == nullptr;
    return complete ? node : archive_->Whole(id, *node);
  }
  // Fetches into the cache what reading a node and its edges will touch, a part at a time: first
  // kSlot, some nodes later kNode, then kEdges. Ids that are not there do no harm.
  enum class Part : uint8_t { kSlot, kNode, kEdges };
  void Prefetch(ResourceId id, Part part) const {
    const size_t page = id.value / kPage;
    if (page >= pages_->size()) return;
    const std::shared_ptr<const Node>& slot = (*(*pages_)[page])[id.value % kPage];
    if (part == Part::kSlot) return __builtin_prefetch(&slot);
    const Node* node = slot.get();
    if (node == nullptr) return;
    if (part == Part::kEdges) return node->out.Prefetch(), node->in.Prefetch();
    __builtin_prefetch(&node->out);
    __builtin_prefetch(&node->complete_since);
  }
  uint32_t end_id() const { return static_cast<uint32_t>(pages_->size() * kPage); }

  // fn(other, type, flags, interval) for each edge of `id` valid at `at`, until it returns false.
  template <typename Fn>
  void ForEachEdge(ResourceId id, storage::keys::Direction direction, Timestamp at, Fn&& fn) const {
    const Node* node = Find(id, at);
    if (node == nullptr) return;
    const bool out = direction == storage::keys::Direction::kOut;
    bool go_on = true;
    (out ? node->out : node->in).ForEach([&](const OpenEdge& e) {
      if (e.from > at) return true;
      return go_on =
                 fn(ResourceId(e.other), EdgeTypeId(e.type), e.flags, Interval{e.from, kForever});
    });
    if (!go_on) return;
    (out ? node->out_closed : node->in_closed).ForEach([&](const ClosedEdge& e) {
      if (e.from > at || at >= e.to) return true;
      return bool(fn(ResourceId(e.other), EdgeTypeId(e.type), e.flags, Interval{e.from, e.to}));
    });
  }

 private:
  friend class GraphBuilder;
  static constexpr size_t kPage = 256;
  using Page = std::array<std::shared_ptr<const Node>, kPage>;
  using Pages = std::vector<std::shared_ptr<const Page>>;
  std::shared_ptr<const Pages> pages_ = std::make_shared<Pages>();
  NodeArchive* archive_ = nullptr;
};

// Walks a graph's nodes in the order of a queue that may still grow: At(queue, i) right before
// queue[i] is read has what the next ones need on its way from memory.
class WalkAhead {
 public:
  explicit WalkAhead(const Graph& graph) : graph_(graph) {}

  template <typename Queue, typename IdOf>
  void At(const Queue& queue, size_t i, IdOf&& id_of) const {
    if (i + 3 * kStride < queue.size())
      graph_.Prefetch(id_of(queue[i + 3 * kStride]), Graph::Part::kSlot);
    if (i + 2 * kStride < queue.size())
      graph_.Prefetch(id_of(queue[i + 2 * kStride]), Graph::Part::kNode);
    if (i + kStride < queue.size()) graph_.Prefetch(id_of(queue[i + kStride]), Graph::Part::kEdges);
  }

 private:
  static constexpr size_t kStride = 4;  // nodes: reading one takes about a quarter of a cache miss
  const Graph& graph_;
};

// Makes the next version. One thread. Changes of a node must not touch what its memory lacks.
class GraphBuilder {
 public:
  // `archive`: for graph(); may be nullptr, else it must outlive this.
  explicit GraphBuilder(const Graph& base, NodeArchive* archive = nullptr);

  // A node to change, made where there is none. Valid until Publish.
  Node& Mutable(ResourceId id);
  void Remove(ResourceId id);
  const Node* Find(ResourceId id) const { return graph_.Find(id); }
  // What has been changed so far, to read from; later changes show in it.
  const Graph& graph() const { return graph_; }
  // This version, without archive. Nothing may be changed any more.
  std::shared_ptr<const Graph> Publish();

 private:
  std::shared_ptr<Graph::Pages> pages_;
  Graph graph_;  // of pages_
  std::vector<bool> own_page_;
  std::vector<std::vector<bool>> own_node_;
};

}  // namespace kg
