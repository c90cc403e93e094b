#include "engine/internal/writer.h"

// What is over for longer than the memory window leaves the graph; the rows that every commit wrote
// of it stay. Who needs it again reads it back.

namespace kg {

void Writer::NoteHistory(const absl::Status& status) {
  if (history_.ok()) history_ = status;
}

const Node* Writer::Whole(ResourceId id, const Node&) {
  Node& node = graph_->Mutable(id);
  NoteHistory(ReadHistory(*published_.snapshot, rules_, expired_until_, id, &node));
  return &node;
}

// After the batch's rows are committed: they are then what can be read back.
void Writer::LeaveMemory() {
  if (clock_ == kBeginning || clock_ < kBeginning + options_.memory_window) return;
  const bool soon =
      left_memory_ != kBeginning && clock_ < left_memory_ + options_.memory_window / 24;
  if (soon) return;
  left_memory_ = clock_;
  for (const auto& slot : slots_) {
    if (slot != nullptr) LeaveMemory(clock_ - options_.memory_window, slot->id);
  }
  ForgetSpans();
  ForgetTrees();
}

void Writer::LeaveMemory(Timestamp horizon, ResourceId id) {
  const Node* node = graph_->Find(id);
  if (node == nullptr) return;
  std::vector<EpisodeKey> bursts;
  node->bursts.ForEach([&](const BurstPtr& b) {
    if (b->key.onset >= horizon) return false;
    if (b->end < horizon) bursts.push_back(b->key);
    return true;
  });
  auto over = [&](const PersistentVector<ClosedEdge, ClosedEdgeLess>& closed) {
    std::vector<ClosedEdge> out;
    closed.ForEach([&](const ClosedEdge& e) {
      if (e.to < horizon) out.push_back(e);
      return true;
    });
    return out;
  };
  const std::vector<ClosedEdge> out = over(node->out_closed), in = over(node->in_closed);
  if (bursts.empty() && out.empty() && in.empty()) return;
  Node& changed = graph_->Mutable(id);
  for (const EpisodeKey& key : bursts) changed.bursts.Erase(key);
  for (const ClosedEdge& e : out) changed.out_closed.Erase(e);
  for (const ClosedEdge& e : in) changed.in_closed.Erase(e);
  changed.complete_since = std::max(changed.complete_since, horizon);
}

// Where the rows of a burst stand.
Timestamp Writer::EndOf(const BurstId& id) const {
  auto home = bursts_.find(id);
  if (home != bursts_.end()) return home->second.end;
  auto old = old_end_.find(id);
  return old == old_end_.end() ? kForever : old->second;
}

}  // namespace kg
