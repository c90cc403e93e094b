#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/internal/rows.h"
#include "engine/internal/writer.h"

// All facts and what follows from them in text: names instead of ids, sorted, nothing that depends
// on the order of arrival, nor on when expiry last ran: what has ended before the oldest live time
// is left out, swept or not.

namespace kg {
namespace {

std::string NameOf(const SlotName& n) {
  return absl::StrCat(n.group, "/", n.kind, "/", n.ns, "/", n.name);
}

std::string Time(Timestamp t) {
  if (t == kForever) return "-";
  return absl::StrCat(ToMicros(t));
}

std::string Text(const Interval& i) {
  return absl::StrCat("[", Time(i.from), ",", Time(i.to), ")");
}

}  // namespace

// The lines of objects and edges.
void Writer::DumpTopology(Timestamp oldest, std::vector<std::string>* lines) const {
  const auto ended = [&](const Interval& i) { return i.to != kForever && i.to < oldest; };
  for (const auto& slot : slots_) {
    if (slot == nullptr) continue;
    const std::string at = absl::StrCat(DumpScope(slot->name->scope), " ", NameOf(*slot->name));
    const std::vector<Incarnation> lives = Incarnations(*slot);
    std::set<std::string> gone;  // uids of lives that retention has passed
    for (const Incarnation& i : lives) {
      if (ended(i.alive)) gone.insert(i.uid);
    }
    // A stub is told by the edges that refer to it; one that only a state without a trace named is
    // none.
    const bool stub = lives.empty() && slot->lanes.empty();
    if (stub || (!lives.empty() && gone.size() == lives.size())) continue;
    lines->push_back(absl::StrCat("slot ", at));
    for (const Incarnation& i : lives) {
      if (ended(i.alive)) continue;
      lines->push_back(
          absl::StrCat("life ", at, " ", i.uid, " ", Text(i.alive), i.sighted ? " sighted" : ""));
    }
    for (const Lane& lane : slot->lanes) {
      if (gone.count(lane.uid) > 0) continue;
      const std::vector<Stretch>& seen = lane.seen.stretches();
      for (size_t i = 0; i < seen.size(); ++i) {
        // A state holds until the next one was seen.
        if (i + 1 < seen.size() && seen[i + 1].first < oldest) continue;
        lines->push_back(absl::StrCat("revision ", at, " ", lane.uid, " ",
                                      static_cast<int>(lane.shape), " ", Time(seen[i].first), " ",
                                      absl::Hex(seen[i].state)));
      }
    }
  }
  for (const auto& [edge, claims] : edges_) {
    std::vector<std::string> intervals;
    for (const Interval& i : Union(claims)) {
      if (!ended(i)) intervals.push_back(Text(i));
    }
    if (intervals.empty()) continue;
    lines->push_back(absl::StrCat("edge ", DumpScope(slots_[edge.from.value]->name->scope), " ",
                                  DumpSlot(edge.from), " ", rules_.EdgeType(edge.type).name, "#",
                                  edge.type.value, " ", DumpSlot(edge.to), " ",
                                  absl::StrJoin(intervals, " ")));
  }
}

std::string Writer::DumpScope(ScopeId id) const {
  const ScopeInfo s = identity_->scopes()[id.value - 1];
  return absl::StrCat(s.tenant, "|", s.cluster);
}

std::string Writer::DumpSlot(ResourceId id) const {
  return id.value < slots_.size() && slots_[id.value] != nullptr ? NameOf(*slots_[id.value]->name)
                                                                 : std::string("?");
}

// One episode with its links; false when retention has passed it.
absl::StatusOr<bool> Writer::DumpEpisode(ScopeId scope, absl::string_view value, const Graph& graph,
                                         Timestamp oldest, std::vector<std::string>* lines) const {
  auto e = records::DecodeEpisode(scope, value);
  if (!e.ok()) return e.status();
  if (e->end < oldest) return false;
  const std::string at = absl::StrCat(DumpScope(scope), " ", DumpSlot(e->resource), " ",
                                      e->event_id, " ", Time(e->onset));
  std::vector<std::string> points;
  for (const SeriesPoint& p : e->points) {
    points.push_back(absl::StrCat(Time(p.slot), ":", absl::Hex(p.seen), ":", p.source_count));
  }
  lines->push_back(absl::StrCat("episode ", at, " ", Time(e->earliest), " ", Time(e->end), " ",
                                rules_.Class(e->cls).name, " n=", e->Occurrences(), " ", e->reason,
                                " ", e->message, " ", absl::StrJoin(points, ",")));
  const BurstPtr burst = FindBurst(graph, e->resource, e->key());
  if (burst == nullptr) return true;
  for (const CauseLink& c : burst->causes) {
    lines->push_back(absl::StrCat("link ", at, " <- ", DumpSlot(c.cause_resource), " ",
                                  rules_.Class(c.cause_class).name, " ", Time(c.cause.onset), " ",
                                  absl::Hex(c.cause.hash.value), " ", c.confidence));
  }
  return true;
}

absl::StatusOr<std::string> Writer::CanonicalDump() const {
  if (unwritten_) return absl::UnavailableError("a batch waits for the store to write again");
  const Timestamp oldest = clock_ == kBeginning ? kBeginning : store_->OldestLive();
  std::vector<std::string> lines;
  DumpTopology(oldest, &lines);
  SnapshotArchive archive(published_.snapshot, rules_, published_.oldest);
  const Graph graph(*published_.graph, &archive);
  std::set<BurstId> shown;
  for (const ScopeInfo& scope : identity_->scopes()) {
    auto episode = [&](absl::string_view key, absl::string_view value) -> absl::Status {
      auto live = DumpEpisode(scope.id, value, graph, oldest, &lines);
      const auto burst = storage::keys::ParseEpisode(key);
      if (live.ok() && *live && burst.has_value()) shown.insert({scope.id.value, *burst});
      return live.status();
    };
    auto open = [&](absl::string_view key, absl::string_view value) {
      return episode(key.substr(1), value);
    };
    auto status = ForEachRow(published_.snapshot->Scan(scope.id, storage::Table::kOpen, "E"), open);
    if (!status.ok()) return status;
    for (const storage::BucketPtr& b : published_.snapshot->buckets()) {
      status = ForEachRow(published_.snapshot->Scan(b, scope.id, storage::RecordKind::kEpisode, ""),
                          episode);
      if (!status.ok()) return status;
    }
  }
  if (!archive.status().ok()) return archive.status();
  auto tree = [&](const IncidentPtr& i) {
    std::vector<std::string> members;
    i->members.ForEach([&](const auto& m) {
      if (shown.count({i->scope.value, m.first}) == 0) return true;
      members.push_back(absl::StrCat(DumpSlot(m.second), "@", Time(m.first.onset), "#",
                                     absl::Hex(m.first.hash.value)));
      return true;
    });
    if (members.empty()) return true;
    std::sort(members.begin(), members.end());
    // The root may have expired, and its name with it: its key stays.
    lines.push_back(absl::StrCat("incident ", DumpScope(i->scope), " @", Time(i->root.onset), "#",
                                 absl::Hex(i->root.hash.value), " ", absl::StrJoin(members, " ")));
    return true;
  };
  published_.incidents.ForEach(tree);
  for (const ScopeInfo& scope : identity_->scopes()) {
    auto in_memory = [&](EpisodeKey root) {
      return FindTree(published_.incidents, scope.id, root) != nullptr;
    };
    auto status = ForEachStoredTree(*published_.snapshot, scope.id, published_.expired_until,
                                    in_memory, tree);
    if (!status.ok()) return status;
  }
  std::sort(lines.begin(), lines.end());
  return absl::StrCat(absl::StrJoin(lines, "\n"), "\n");
}

}  // namespace kg
