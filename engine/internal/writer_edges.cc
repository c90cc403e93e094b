#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/asserters.h"
#include "engine/internal/writer.h"

// Edges: who asserts them, and the intervals that come of it.

namespace kg {
namespace {

using storage::keys::Direction;
using storage::keys::EdgeKey;

constexpr uint64_t kUp = 1;
constexpr uint64_t kDown = 2;  // larger, so that of one instant the deletion wins

// The predecessor's rule for relationship types: letters, digits and '_', upper case.
std::string TypeName(absl::string_view type) {
  std::string out;
  for (char c : type) out.push_back(absl::ascii_isalnum(c) ? absl::ascii_toupper(c) : '_');
  if (out.empty()) return "R_REL";
  if (!absl::ascii_isalpha(out[0])) out.insert(0, "R_");
  return out;
}

// Types that no table names share the numbers from 1024 on, by a hash of the name.
EdgeTypeId TypeFor(const RuleBook& rules, absl::string_view type) {
  const std::string name = TypeName(type);
  const EdgeTypeId known = rules.EdgeTypeByName(name);
  if (known.value != 0) return known;
  return EdgeTypeId(static_cast<uint16_t>(1024 + storage::keys::StableHash(name) % 60'000));
}

// The first time at which only one of the two was there; kForever: none.
Timestamp FirstDifference(const std::vector<Interval>& a, const std::vector<Interval>& b) {
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i >= a.size()) return b[i].from;
    if (i >= b.size()) return a[i].from;
    if (a[i].from != b[i].from) return std::min(a[i].from, b[i].from);
    if (a[i].to != b[i].to) return std::min(a[i].to, b[i].to);
  }
  return kForever;
}

}  // namespace

std::vector<Interval> Writer::Union(const records::Claims& claims) {
  std::vector<Interval> all;
  for (const auto& [asserter, claim] : claims) {
    all.insert(all.end(), claim.intervals.begin(), claim.intervals.end());
  }
  Normalize(&all);
  return all;
}

// What retention has passed takes no part any more, however late a claim to it is made anew.
std::vector<Interval> Writer::Live(std::vector<Interval> intervals) const {
  intervals.erase(std::remove_if(intervals.begin(), intervals.end(),
                                 [&](const Interval& i) { return i.to < expired_until_; }),
                  intervals.end());
  return intervals;
}

void Writer::SetClaim(const EdgeKey& edge, uint64_t asserter, std::vector<Interval> intervals,
                      uint16_t flags) {
  records::Claims& claims = edges_[edge];
  if (touched_edges_.count(edge) == 0) touched_edges_[edge] = Union(claims);
  if (intervals.empty()) {
    claims.erase(asserter);
  } else {
    claims[asserter] = {std::move(intervals), flags};
  }
  wants_commit_ = true;
}

void Writer::FoldTopology(const EdgeRecord& r, ApplyResult* result) {
  const ScopeId scope = identity_->ScopeFor(r.scope);
  const ResourceId from = ResolveRef(scope, r.from);
  const ResourceId to = ResolveRef(scope, r.to);
  if (from == to) return Refuse(Mutation(r), "an edge names one object twice", result);
  if (r.presence == Presence::kDeleted && r.type.empty()) {
    DeletePair(scope, {from, EdgeTypeId(0), to}, r.at) ? ++result->applied : ++result->unchanged;
    return;
  }
  const EdgeKey edge{from, TypeFor(rules_, r.type), to};
  const bool up = r.presence == Presence::kPresent;
  switch (TopologyOf(edge).Insert(r.at, up ? kUp : kDown, 0, clock_)) {
    case StretchList::Outcome::kNothing:
    case StretchList::Outcome::kPoint:
      ++result->unchanged;
      return;
    case StretchList::Outcome::kConfirmed:
      ++result->unchanged;
      unconfirmed_edges_.insert(edge);
      break;
    case StretchList::Outcome::kChanged:
      RefoldTopology(edge);
      ++result->applied;
      break;
  }
  if (!up) WriteHangingDelete(scope, edge, r.at);
}

// A deletion is kept by itself, for a claim that comes later with an earlier time.
void Writer::WriteHangingDelete(ScopeId scope, const EdgeKey& edge, Timestamp at) {
  RowOp op;
  op.in_table = false;
  op.bucket_time = at;
  op.kind = storage::RecordKind::kHangingDelete;
  op.scope = scope;
  op.value = records::EncodeEdgeDeletion(edge);
  op.key = storage::keys::HangingDelete(storage::keys::Hash128Of(op.value), at);
  ops_.push_back(std::move(op));
  wants_commit_ = true;
}

// What the topology topic said of an edge; made, with the deletions that named no type, where
// nothing was said yet.
StretchList& Writer::TopologyOf(const EdgeKey& edge) {
  auto [it, fresh] = topology_.try_emplace(edge);
  if (fresh) {
    Pair& pair = pairs_[{edge.from.value, edge.to.value}];
    pair.types.push_back(edge.type);
    for (Timestamp d : pair.deletes) it->second.Insert(d, kDown, 0, clock_);
    NoteNameless(edge);
  }
  return it->second;
}

// All edges between two slots ended. False: known.
bool Writer::DeletePair(ScopeId scope, const EdgeKey& pair_key, Timestamp at) {
  Pair& pair = pairs_[{pair_key.from.value, pair_key.to.value}];
  auto where = std::lower_bound(pair.deletes.begin(), pair.deletes.end(), at);
  if (where != pair.deletes.end() && *where == at) return false;
  pair.deletes.insert(where, at);
  NoteNameless(pair_key);
  WriteHangingDelete(scope, pair_key, at);
  for (EdgeTypeId type : pair.types) {
    const EdgeKey edge{pair_key.from, type, pair_key.to};
    topology_[edge].Insert(at, kDown, 0, clock_);
    RefoldTopology(edge);
  }
  return true;
}

void Writer::RefoldTopology(const EdgeKey& edge) {
  std::vector<Interval> intervals;
  const auto& stretches = topology_[edge].stretches();
  for (size_t i = 0; i < stretches.size(); ++i) {
    if (stretches[i].state != kUp) continue;
    intervals.push_back(
        {stretches[i].first, i + 1 < stretches.size() ? stretches[i + 1].first : kForever});
  }
  SetClaim(edge, asserters::Topology(), std::move(intervals), 0);
}

// Repeats of what is known, where they are not on disk yet.
void Writer::WriteEdgeConfirmations() {
  for (const EdgeKey& edge : unconfirmed_edges_) {
    auto claims = edges_.find(edge);
    if (claims == edges_.end()) continue;
    const std::vector<Interval> now = Union(claims->second);
    if (now.empty() || now.back().to != kForever)
      continue;  // a closed one is told by its deletions
    PutTable(storage::Table::kEdge, slots_[edge.from.value]->name->scope, storage::keys::Edge(edge),
             records::EncodeEdge(claims->second, &topology_[edge]));
  }
  unconfirmed_edges_.clear();
}

void Writer::WriteEdges() {
  for (const auto& [edge, all_before] : touched_edges_) {
    const std::vector<Interval> before = Live(all_before);
    const records::Claims& claims = edges_[edge];
    const std::vector<Interval> now = Live(Union(claims));
    // What one source declares is no mere guess.
    uint16_t flags = claims.empty() ? 0 : claims.begin()->second.flags;
    for (const auto& [asserter, claim] : claims) flags &= claim.flags;
    const ScopeId scope = slots_[edge.from.value]->name->scope;
    const auto is_open = [](const std::vector<Interval>& v) {
      return !v.empty() && v.back().to == kForever;
    };

    const Timestamp changed = FirstDifference(before, now);
    Node& from = graph_->Mutable(edge.from);
    Node& to = graph_->Mutable(edge.to);
    const auto ends = {std::make_pair(&from, true), std::make_pair(&to, false)};
    for (const auto& [node, out] : ends) {
      if (changed < node->complete_since) Whole(out ? edge.from : edge.to, *node);
    }
    // What has left memory is as it was, or it was fetched.
    const auto is_here = [](const Node& node, const Interval& i) {
      return i.to >= node.complete_since;
    };
    for (const Interval& i : before) {
      for (const auto& [node, out] : ends) {
        const uint32_t other = out ? edge.to.value : edge.from.value;
        if (i.to == kForever) {
          (out ? node->out : node->in).Erase(OpenEdge{i.from, other, edge.type.value, 0});
        } else if (is_here(*node, i)) {
          (out ? node->out_closed : node->in_closed)
              .Erase(ClosedEdge{i.from, i.to, other, edge.type.value, 0});
        }
      }
      if (i.to == kForever || std::find(now.begin(), now.end(), i) != now.end()) continue;
      DeleteAtEnd(i.to, storage::RecordKind::kClosedEdge, scope,
                  storage::keys::ClosedEdge(
                      {edge.from, Direction::kOut, i.to, edge.type, edge.to, i.from}));
      DeleteAtEnd(
          i.to, storage::RecordKind::kClosedEdge, scope,
          storage::keys::ClosedEdge({edge.to, Direction::kIn, i.to, edge.type, edge.from, i.from}));
    }
    auto topology = topology_.find(edge);
    const std::string row =
        records::EncodeEdge(claims, topology == topology_.end() ? nullptr : &topology->second);
    unconfirmed_edges_.erase(edge);
    for (const Interval& i : now) {
      for (const auto& [node, out] : ends) {
        const uint32_t other = out ? edge.to.value : edge.from.value;
        if (i.to == kForever) {
          (out ? node->out : node->in).Upsert(OpenEdge{i.from, other, edge.type.value, flags});
        } else if (is_here(*node, i)) {
          (out ? node->out_closed : node->in_closed)
              .Upsert(ClosedEdge{i.from, i.to, other, edge.type.value, flags});
        }
      }
      if (i.to == kForever) continue;
      PutAtEnd(
          i.to, storage::RecordKind::kClosedEdge, scope,
          storage::keys::ClosedEdge({edge.from, Direction::kOut, i.to, edge.type, edge.to, i.from}),
          row);
      PutAtEnd(
          i.to, storage::RecordKind::kClosedEdge, scope,
          storage::keys::ClosedEdge({edge.to, Direction::kIn, i.to, edge.type, edge.from, i.from}),
          "");
    }
    edges_open_ += int64_t{is_open(now)} - int64_t{is_open(before)};
    if (is_open(now)) {
      PutTable(storage::Table::kEdge, scope, storage::keys::Edge(edge), row);
    } else if (is_open(before)) {
      DeleteTable(storage::Table::kEdge, scope, storage::keys::Edge(edge));
    }
    if (now != before) {
      const Interval span{changed, kForever};
      // Only where failure arrives over it: the other end's other neighbours are none the wiser.
      const Travels travels = rules_.EdgeType(edge.type).travels;
      if (travels == Travels::kToFrom || travels == Travels::kBoth) MarkDirty(edge.from, span);
      if (travels == Travels::kFromTo || travels == Travels::kBoth) MarkDirty(edge.to, span);
    }
    if (claims.empty()) edges_.erase(edge);
  }
}

}  // namespace kg
