#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/meta_rows.h"
#include "engine/internal/writer.h"

// What retention has passed goes from the working state and from the permanent tables. Rows in
// buckets went with their buckets; nothing here makes anything dirty: what was derived stays as it
// was.

namespace kg {
namespace {

bool Ended(Timestamp end, Timestamp oldest) {
  return end != kForever && end < oldest;
}

}  // namespace

// A line that moves by whole widths of a bucket, and with drops by size: what is known is then a
// function of the batches alone, whenever maintenance runs and however often the database is opened
// in between.
Timestamp Writer::ExpiryLine() const {
  if (clock_ == kBeginning) return kBeginning;
  const Timestamp by_age = clock_ - options_.retention, oldest = store_->OldestLive();
  if (oldest > by_age) return std::max(expired_until_, oldest);
  const int64_t width = store_->BucketWidth().count();
  return std::max(expired_until_, FromMicros(ToMicros(by_age) / width * width));
}

// Rides along with the commit whose clock passes the line.
void Writer::ExpireDue() {
  const Timestamp line = ExpiryLine();
  if (line <= expired_until_) return;
  expired_until_ = line;
  moved_.clear();
  ExpireBursts(line);
  ExpireEdges(line);
  ExpireListings(line);
  ExpireRevisions(line);
  ExpireSlots(line);
  UpdateTrees();
  std::string until;
  storage::keys::AppendTime(&until, line);
  PutTable(storage::Table::kMeta, ScopeId(0), meta_rows::kExpired, std::move(until));
}

absl::StatusOr<uint64_t> Writer::AfterDrop() {
  Begin();
  wants_commit_ = ExpiryLine() > expired_until_;
  if (auto status = IndexDeadLetters(*store_->GetSnapshot()); !status.ok()) return Fail(status);
  return Commit(false);
}

void Writer::ExpireBursts(Timestamp oldest) {
  UncountEnded(oldest);
  ExpireColdTrees(oldest);
  for (auto it = spans_.begin(); it != spans_.end();) {
    Spans& spans = it->second.spans;
    spans.erase(std::remove_if(spans.begin(), spans.end(),
                               [&](const Interval& s) { return Ended(s.to, oldest); }),
                spans.end());
    if (spans.empty()) {
      alert_runs_.erase(it->first);
      spans_.erase(it++);
    } else {
      ++it;
    }
  }
  std::vector<BurstId> gone;
  for (const auto& [id, home] : bursts_) {
    if (!Ended(home.end, oldest)) continue;
    gone.push_back(id);
    old_end_.try_emplace(id, home.end);
  }
  std::sort(gone.begin(), gone.end());
  for (const BurstId& id : gone) ExpireBurst(id);
}

void Writer::ExpireBurst(const BurstId& id) {
  const ResourceId slot = bursts_.at(id).resource;
  const Node* node = graph_->Find(slot);
  if (node != nullptr && node->bursts.Find(id.second) != nullptr) {
    graph_->Mutable(slot).bursts.Erase(id.second);
  }
  auto root = root_.find(id);
  if (root != root_.end()) {
    const BurstId top = root->second;
    if (top != id && children_.contains(id)) expired_root_[id] = top;
    MoveMember(id, top, std::nullopt);
  }
  cut_.erase(id);
  auto parent = parent_.find(id);
  if (parent != parent_.end()) {
    auto siblings = children_.find(parent->second);
    if (siblings != children_.end()) {
      siblings->second.erase(id);
      if (siblings->second.empty()) {
        moved_.insert(parent->second);  // a change without effects is no incident
        expired_root_.erase(parent->second);
        children_.erase(siblings);
      }
    }
    parent_.erase(parent);
  }
  implicit_effects_[id.first].erase(id);
  bursts_.erase(id);
}

void Writer::ExpireEdges(Timestamp oldest) {
  for (auto it = edges_.begin(); it != edges_.end();) {
    // A claim that is over still tells since when an edge holds that others assert.
    std::vector<Interval> gone = Union(it->second);
    gone.erase(std::remove_if(gone.begin(), gone.end(),
                              [&](const Interval& i) { return !Ended(i.to, oldest); }),
               gone.end());
    for (auto claim = it->second.begin(); claim != it->second.end() && !gone.empty();) {
      auto& intervals = claim->second.intervals;
      intervals.erase(std::remove_if(intervals.begin(), intervals.end(),
                                     [&](const Interval& i) { return i.to <= gone.back().to; }),
                      intervals.end());
      claim = intervals.empty() ? it->second.erase(claim) : std::next(claim);
    }
    if (!gone.empty()) {
      auto drop = [&](ResourceId at, ResourceId other, bool out) {
        Node& node = graph_->Mutable(at);
        auto& closed = out ? node.out_closed : node.in_closed;
        std::vector<ClosedEdge> gone;
        closed.ForEach([&](const ClosedEdge& e) {
          if (e.type == it->first.type.value && e.other == other.value && Ended(e.to, oldest))
            gone.push_back(e);
          return true;
        });
        for (const ClosedEdge& e : gone) closed.Erase(e);
      };
      drop(it->first.from, it->first.to, true);
      drop(it->first.to, it->first.from, false);
    }
    if (it->second.empty()) {
      topology_.erase(it->first);
      edges_.erase(it++);
    } else {
      ++it;
    }
  }
  for (auto it = pairs_.begin(); it != pairs_.end();) {
    auto& deletes = it->second.deletes;
    deletes.erase(deletes.begin(), std::lower_bound(deletes.begin(), deletes.end(), oldest));
    auto& types = it->second.types;
    types.erase(std::remove_if(types.begin(), types.end(),
                               [&](EdgeTypeId type) {
                                 return !topology_.contains({ResourceId(it->first.first), type,
                                                             ResourceId(it->first.second)});
                               }),
                types.end());
    if (deletes.empty() && types.empty()) {
      pairs_.erase(it++);
    } else {
      ++it;
    }
  }
}

// What a listing ended stays so without it. A life with a uid remembers by itself; one that only a
// name tells of is ended by a deletion of that name from now on, as nothing older can come any
// more.
void Writer::ExpireListings(Timestamp oldest) {
  for (const auto& slot : slots_) {
    if (slot == nullptr) continue;
    for (const Incarnation& i : Incarnations(*slot)) {
      auto& deletions = slot->deletions;
      if (!Ended(i.alive.to, oldest) || slot->lives.count(i.uid) > 0) continue;
      auto at = std::lower_bound(deletions.begin(), deletions.end(), i.alive.to);
      if (at != deletions.end() && *at == i.alive.to) continue;
      deletions.insert(at, i.alive.to);
      WriteSlot(*slot);
    }
  }
  for (auto& [kind, listings] : listings_) {
    for (auto& [ns, times] : listings) {
      times.erase(times.begin(), std::lower_bound(times.begin(), times.end(), oldest));
    }
  }
}

void Writer::ExpireRevisions(Timestamp oldest) {
  for (auto& slot : slots_) {
    if (slot == nullptr) continue;
    // One that ended a life still does.
    const std::vector<Incarnation> lives = Incarnations(*slot);
    auto ended_a_life = [&](Timestamp d) {
      return std::any_of(lives.begin(), lives.end(),
                         [&](const Incarnation& i) { return i.alive.to == d; });
    };
    slot->deletions.erase(
        std::remove_if(slot->deletions.begin(), slot->deletions.end(),
                       [&](Timestamp d) { return d < oldest && !ended_a_life(d); }),
        slot->deletions.end());
    absl::flat_hash_set<uint64_t> used;
    for (Lane& lane : slot->lanes) {
      lane.seen.DropBefore(oldest);
      for (const Stretch& s : lane.seen.stretches()) used.insert(s.state);
      for (auto it = lane.managed.begin(); it != lane.managed.end();) {
        it = used.contains(it->first) ? std::next(it) : lane.managed.erase(it);
      }
    }
    absl::erase_if(slot->states, [&](const auto& s) { return !used.contains(s.first); });
    absl::erase_if(slot->changes, [&](const auto& c) {
      return !used.contains(c.first.first) || !used.contains(c.first.second);
    });
  }
}

// A slot whose last life has ended and that nothing refers to any more is forgotten.
void Writer::ExpireSlots(Timestamp oldest) {
  absl::flat_hash_set<ResourceId> gone;
  for (auto& slot : slots_) {
    if (slot == nullptr || slot->referenced >= oldest) continue;
    const auto lives = Incarnations(*slot);
    if (!lives.empty() && !Ended(lives.back().alive.to, oldest)) continue;
    const Node* node = graph_->graph().Find(slot->id, oldest);
    if (node != nullptr && !(node->out.empty() && node->in.empty() && node->out_closed.empty() &&
                             node->in_closed.empty() && node->bursts.empty())) {
      continue;
    }
    const SlotName& n = *slot->name;
    DeleteTable(storage::Table::kResource, n.scope, storage::keys::Resource(slot->id));
    gone.insert(slot->id);
    facets_.erase(slot->id);
    template_children_.erase(slot->id);
    template_changes_.erase(slot->id);
    dns_changed_ = dns_[n.scope.value].erase(slot->id) > 0 || dns_changed_;
    unconfirmed_.erase(slot->id);
    auto ns = namespaces_.find({n.scope.value, n.ns});
    if (ns != namespaces_.end()) {
      ns->second.pods.erase(slot->id);
      ns->second.selectors.erase(slot->id);
    }
    for (auto& [deployment, children] : template_children_) children.erase(slot->id);
    graph_->Remove(slot->id);
    slot.reset();
  }
  if (gone.empty()) return;
  for (const auto& [scope, uid] : identity_->Forget(gone))
    DeleteTable(storage::Table::kAlias, scope, absl::StrCat("u", uid));
}

}  // namespace kg
