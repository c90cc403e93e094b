#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/asserters.h"
#include "engine/internal/rows.h"
#include "engine/internal/writer.h"

// References that know a uid and no name get a slot of their own. Once a record names both, all
// that was said of that slot belongs to the named one, and the nameless is forgotten.

namespace kg {

using storage::keys::EdgeKey;

void Writer::NoteNameless(const EdgeKey& edge) {
  for (ResourceId end : {edge.from, edge.to}) {
    if (slots_[end.value]->name->name.empty()) nameless_edges_[end].insert(edge);
  }
}

void Writer::Redirect(ResourceId nameless, ResourceId to) {
  Slot& from = SlotFor(nameless);
  Slot& slot = SlotFor(to);
  Touch(from);
  Touch(slot);
  for (const auto& [uid, life] : from.lives) {
    Life& l = slot.lives[uid];
    if (life.created != kBeginning)
      l.created = l.created == kBeginning ? life.created : std::min(l.created, life.created);
    l.first_seen = std::min(l.first_seen, life.first_seen);
    l.last_seen = std::max(l.last_seen, life.last_seen);
    l.deleted = std::min(l.deleted, life.deleted);
    l.deleting = std::min(l.deleting, life.deleting);
  }
  for (const auto& [mention, at] : from.mentions) {
    auto [it, fresh] = slot.mentions.try_emplace(mention, at);
    it->second = std::min(it->second, at);
  }
  from.lives.clear();
  from.mentions.clear();
  RedirectTopology(nameless, to);
  RedirectEpisodes(nameless, to);
  redirected_.push_back(nameless);
  wants_commit_ = true;
}

void Writer::RedirectTopology(ResourceId nameless, ResourceId to) {
  auto found = nameless_edges_.find(nameless);
  if (found == nameless_edges_.end()) return;
  const std::set<EdgeKey> edges = std::move(found->second);
  nameless_edges_.erase(found);
  const ScopeId scope = slots_[to.value]->name->scope;
  // Pairs stand first (type 0), so that edges find their deletions.
  for (int pass = 0; pass < 2; ++pass) {
    for (const EdgeKey& edge : edges) {
      if ((edge.type.value == 0) != (pass == 0)) continue;
      EdgeKey moved = edge;
      (edge.from == nameless ? moved.from : moved.to) = to;
      const ResourceId other = edge.from == nameless ? edge.to : edge.from;
      auto others = nameless_edges_.find(other);
      if (others != nameless_edges_.end()) others->second.erase(edge);
      const std::pair<uint32_t, uint32_t> pair{edge.from.value, edge.to.value};
      if (pass == 0) {
        const std::vector<Timestamp> deletes = pairs_[pair].deletes;
        for (Timestamp t : deletes) {
          if (moved.from != moved.to) DeletePair(scope, moved, t);
        }
        continue;
      }
      const StretchList said = std::move(topology_[edge]);
      topology_.erase(edge);
      pairs_.erase(pair);
      unconfirmed_edges_.erase(edge);
      SetClaim(edge, asserters::Topology(), {}, 0);
      if (moved.from == moved.to) continue;
      TopologyOf(moved).Absorb(said, clock_);
      for (const Stretch& s : said.stretches()) {
        if (s.state == 2) WriteHangingDelete(scope, moved, s.first);
      }
      RefoldTopology(moved);
    }
  }
  for (const EdgeKey& edge : edges) pairs_.erase({edge.from.value, edge.to.value});
}

void Writer::RedirectEpisodes(ResourceId nameless, ResourceId to) {
  const ScopeId scope = slots_[to.value]->name->scope;
  std::set<EpisodeKey> bursts;
  const std::string prefix = storage::keys::SubjectPrefix(nameless);
  const storage::Snapshot& s = *published_.snapshot;
  auto learn = [&](absl::string_view bytes) {
    const auto key = storage::keys::ParseSubject(bytes);
    if (!key.has_value()) return absl::DataLossError("the key of a subject row is damaged");
    bursts.insert(key->burst);
    return absl::OkStatus();
  };
  NoteHistory(
      ForEachRow(s.Scan(scope, storage::Table::kOpen, absl::StrCat("S", prefix)),
                 [&](absl::string_view key, absl::string_view) { return learn(key.substr(1)); }));
  for (const storage::BucketPtr& b : s.buckets()) {
    NoteHistory(ForEachRow(s.Scan(b, scope, storage::RecordKind::kSubjectIndex, prefix),
                           [&](absl::string_view key, absl::string_view) { return learn(key); }));
  }
  for (const EpisodeKey& key : bursts) {
    const EpisodeId id{scope.value, key.hash.value};
    const Spans& spans = SpansOf(id, kBeginning);
    const bool stands = std::any_of(spans.begin(), spans.end(),
                                    [&](const Interval& i) { return i.from == key.onset; });
    if (!stands) continue;  // this batch has merged it into another
    spans_before_.try_emplace(id, spans);
    LoadDoc(id, key.onset);
  }
  for (auto& [id, docs] : docs_) {
    for (auto& doc : docs) {
      if (doc->gone || doc->now.resource != nameless) continue;
      doc->now.resource = to;
      doc->changed = true;
    }
  }
}

void Writer::ForgetRedirected() {
  for (ResourceId id : redirected_) {
    DeleteTable(storage::Table::kResource, slots_[id.value]->name->scope,
                storage::keys::Resource(id));
    unconfirmed_.erase(id);
    facets_.erase(id);
    nameless_edges_.erase(id);
    graph_->Remove(id);
    slots_[id.value].reset();
  }
  redirected_.clear();
}

}  // namespace kg
