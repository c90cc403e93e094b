#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/internal/writer.h"

// All facts and what follows from them in text: names instead of ids, sorted, nothing that depends
// on the order of arrival.

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

std::string Writer::CanonicalDump() const {
  std::vector<std::string> lines;
  const auto scopes = identity_->scopes();
  auto scope_name = [&](ScopeId id) {
    const ScopeInfo& s = scopes[id.value - 1];
    return absl::StrCat(s.tenant, "|", s.cluster);
  };
  auto slot_name = [&](ResourceId id) {
    return id.value < slots_.size() && slots_[id.value] != nullptr ? NameOf(*slots_[id.value]->name)
                                                                   : std::string("?");
  };
  for (const auto& slot : slots_) {
    if (slot == nullptr) continue;
    const std::string at = absl::StrCat(scope_name(slot->name->scope), " ", NameOf(*slot->name));
    // A stub is told by the edges that refer to it; one that only a state without a trace named is
    // none.
    const std::vector<Incarnation> lives = Incarnations(*slot);
    if (!lives.empty() || !slot->lanes.empty()) lines.push_back(absl::StrCat("slot ", at));
    for (const Incarnation& i : lives) {
      lines.push_back(
          absl::StrCat("life ", at, " ", i.uid, " ", Text(i.alive), i.sighted ? " sighted" : ""));
    }
    for (const Lane& lane : slot->lanes) {
      for (const Stretch& s : lane.seen.stretches()) {
        lines.push_back(absl::StrCat("revision ", at, " ", lane.uid, " ",
                                     static_cast<int>(lane.shape), " ", Time(s.first), " ",
                                     absl::Hex(s.state)));
      }
    }
  }
  for (const auto& [edge, claims] : edges_) {
    std::vector<std::string> intervals;
    for (const Interval& i : Union(claims)) intervals.push_back(Text(i));
    if (intervals.empty()) continue;
    lines.push_back(absl::StrCat("edge ", scope_name(slots_[edge.from.value]->name->scope), " ",
                                 slot_name(edge.from), " ", rules_.EdgeType(edge.type).name, "#",
                                 edge.type.value, " ", slot_name(edge.to), " ",
                                 absl::StrJoin(intervals, " ")));
  }
  SnapshotArchive archive(published_.snapshot, rules_, published_.oldest);
  const Graph graph(*published_.graph, &archive);
  auto episode = [&](ScopeId scope, absl::string_view value) {
    auto e = records::DecodeEpisode(scope, value);
    if (!e.ok()) {
      lines.push_back("damaged episode");
      return;
    }
    const std::string at = absl::StrCat(scope_name(scope), " ", slot_name(e->resource), " ",
                                        e->event_id, " ", Time(e->onset));
    std::vector<std::string> points;
    for (const SeriesPoint& p : e->points) {
      points.push_back(absl::StrCat(Time(p.slot), ":", absl::Hex(p.seen), ":", p.source_count));
    }
    lines.push_back(absl::StrCat("episode ", at, " ", Time(e->earliest), " ", Time(e->end), " ",
                                 rules_.Class(e->cls).name, " n=", e->Occurrences(), " ", e->reason,
                                 " ", e->message, " ", absl::StrJoin(points, ",")));
    const BurstPtr burst = FindBurst(graph, e->resource, e->key());
    if (burst == nullptr) return;
    for (const CauseLink& c : burst->causes) {
      lines.push_back(absl::StrCat("link ", at, " <- ", slot_name(c.cause_resource), " ",
                                   rules_.Class(c.cause_class).name, " ", Time(c.cause.onset), " ",
                                   absl::Hex(c.cause.hash.value), " ", c.confidence));
    }
  };
  for (const ScopeInfo& scope : scopes) {
    for (auto c = published_.snapshot->Scan(scope.id, storage::Table::kOpen, "E"); c->Valid();
         c->Next()) {
      episode(scope.id, c->value());
    }
    for (const storage::BucketPtr& b : published_.snapshot->buckets()) {
      for (auto c = published_.snapshot->Scan(b, scope.id, storage::RecordKind::kEpisode, "");
           c->Valid(); c->Next()) {
        episode(scope.id, c->value());
      }
    }
  }
  published_.incidents.ForEach([&](const IncidentPtr& i) {
    std::vector<std::string> members;
    i->members.ForEach([&](const auto& m) {
      members.push_back(absl::StrCat(slot_name(m.second), "@", Time(m.first.onset), "#",
                                     absl::Hex(m.first.hash.value)));
      return true;
    });
    std::sort(members.begin(), members.end());
    lines.push_back(absl::StrCat("incident ", scope_name(i->scope), " ",
                                 slot_name(i->root_resource), "@", Time(i->root.onset), " ",
                                 absl::StrJoin(members, " ")));
    return true;
  });
  std::sort(lines.begin(), lines.end());
  return absl::StrCat(absl::StrJoin(lines, "\n"), "\n");
}

}  // namespace kg
