#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/slot.h"
#include "engine/internal/verify/checker.h"

// Open edges, and the intervals of those that ended, told from both ends.

namespace kg::verify {

using storage::Table;
namespace keys = storage::keys;
using keys::Direction;

namespace {

std::vector<Interval> UnionOf(const records::EdgeRow& row) {
  std::vector<Interval> all;
  for (const auto& [asserter, claim] : row.claims)
    all.insert(all.end(), claim.intervals.begin(), claim.intervals.end());
  Normalize(&all);
  return all;
}

// An interval may have lost its beginning to expiry since.
bool Supports(const std::vector<Interval>& intervals, const Interval& i, Timestamp oldest) {
  return std::any_of(intervals.begin(), intervals.end(), [&](const Interval& s) {
    return s.to == i.to && (s.from == i.from || i.from < oldest);
  });
}

keys::ClosedEdgeKey Twin(const keys::ClosedEdgeKey& k) {
  return {k.other,    k.direction == Direction::kOut ? Direction::kIn : Direction::kOut,
          k.valid_to, k.type,
          k.resource, k.valid_from};
}

}  // namespace

void Checker::CheckEdges() {
  const Place place{Table::kEdge, nullptr};
  for (ScopeId scope : scopes_) {
    ForEachRow(Table::kEdge, scope, "", [&](absl::string_view key, absl::string_view value) {
      findings_.Count('e', place);
      const auto k = keys::ParseEdge(key);
      auto row = records::DecodeEdge(value);
      const std::string where =
          k.has_value() ? absl::StrCat(SlotText(k->from), " ", rules_.EdgeType(k->type).name, "#",
                                       k->type.value, " ", SlotText(k->to))
                        : "a damaged key";
      if (!k.has_value() || !row.ok()) {
        if (k.has_value()) rederive_.edges.insert({k->from.value, k->to.value});
        findings_.Row(FindingKind::kDamaged, place, scope, 'e', where,
                      "who says that the edge is there can't be read: what objects say of it is "
                      "derived again, what the topology topic said is lost",
                      {Delete(Table::kEdge, scope, std::string(key))});
        return;
      }
      const std::vector<Interval> intervals = UnionOf(*row);
      if (intervals.empty() || intervals.back().to != kForever) {
        findings_.Row(FindingKind::kDisagrees, place, scope, 'e', where,
                      "it stands among the open edges, but nobody says that it is there now",
                      {Delete(Table::kEdge, scope, std::string(key))});
        return;
      }
      for (ResourceId end : {k->from, k->to}) NoteSlot(scope, end);
      for (const Interval& i : intervals) {
        if (i.to == kForever || i.to < oldest_) continue;
        const keys::ClosedEdgeKey closed{k->from, Direction::kOut, i.to, k->type, k->to, i.from};
        for (HomeIndex home = 1; home < homes_.size(); ++home) {
          const storage::BucketPtr& b = homes_[home].bucket;
          if (i.to < storage::BucketStart(b) || storage::BucketEnd(b) <= i.to) continue;
          auto there = Get(home, scope, 'H', keys::ClosedEdge(closed));
          if (!there.ok() || there->has_value()) continue;
          findings_.Row(FindingKind::kMissing, homes_[home], scope, 'H',
                        absl::StrCat(where, " until ", TimeText(i.to)),
                        "the edge was there before, but its row of that time is gone",
                        {Put(home, scope, 'H', keys::ClosedEdge(closed), std::string(value)),
                         Put(home, scope, 'H', keys::ClosedEdge(Twin(closed)), "")});
        }
      }
    });
  }
  for (HomeIndex home = 1; home < homes_.size(); ++home) {
    for (ScopeId scope : scopes_) CheckClosedEdges(home, scope);
  }
}

void Checker::CheckClosedEdges(HomeIndex home, ScopeId scope) {
  const storage::BucketPtr& b = homes_[home].bucket;
  SetSum out, in;
  auto where = [&](const keys::ClosedEdgeKey& k) {
    const bool is_out = k.direction == Direction::kOut;
    return absl::StrCat(SlotText(is_out ? k.resource : k.other), " ", rules_.EdgeType(k.type).name,
                        "#", k.type.value, " ", SlotText(is_out ? k.other : k.resource), " from ",
                        TimeText(k.valid_from), " until ", TimeText(k.valid_to));
  };
  ForEachRow(home, scope, 'H', [&](absl::string_view key, absl::string_view value) {
    findings_.Count('H', homes_[home]);
    const auto k = keys::ParseClosedEdge(key);
    const bool is_out = k.has_value() && k->direction == Direction::kOut;
    absl::StatusOr<records::EdgeRow> row = records::EdgeRow();
    if (is_out) row = records::DecodeEdge(value);
    if (!k.has_value() || !row.ok()) {
      std::vector<Fix> fixes = {Delete(home, scope, 'H', std::string(key))};
      if (k.has_value()) {
        fixes.push_back(Delete(home, scope, 'H', keys::ClosedEdge(Twin(*k))));
        rederive_.edges.insert({k->resource.value, k->other.value});
        rederive_.edges.insert({k->other.value, k->resource.value});
      }
      findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'H',
                    k.has_value() ? where(*k) : "a damaged key",
                    "who said that the edge was there can't be read: what objects say of it is "
                    "derived again, what the topology topic said is lost",
                    fixes);
      return;
    }
    const bool in_home =
        storage::BucketStart(b) <= k->valid_to && k->valid_to < storage::BucketEnd(b);
    if (!in_home) {
      findings_.Row(FindingKind::kDisagrees, homes_[home], scope, 'H', where(*k),
                    "it stands in a bucket that does not hold its end",
                    {Delete(home, scope, 'H', std::string(key))});
      return;
    }
    (is_out ? out : in)
        .Add(keys::StableHash(is_out ? absl::string_view(key)
                                     : absl::string_view(keys::ClosedEdge(Twin(*k)))));
    if (!is_out || k->valid_to < oldest_) return;
    for (ResourceId end : {k->resource, k->other}) NoteSlot(scope, end);
    if (!Supports(UnionOf(*row), {k->valid_from, k->valid_to}, oldest_)) {
      findings_.Row(FindingKind::kDisagrees, homes_[home], scope, 'H', where(*k),
                    "none of those who said that the edge was there name this time",
                    {Delete(home, scope, 'H', std::string(key)),
                     Delete(home, scope, 'H', keys::ClosedEdge(Twin(*k)))});
    }
  });
  if (out == in) return;
  ForEachRow(home, scope, 'H', [&](absl::string_view key, absl::string_view value) {
    const auto k = keys::ParseClosedEdge(key);
    if (!k.has_value()) return;
    const std::string twin_key = keys::ClosedEdge(Twin(*k));
    auto twin = Get(home, scope, 'H', twin_key);
    if (!twin.ok() || twin->has_value()) return;
    if (k->direction == Direction::kOut) {
      findings_.Row(FindingKind::kMissing, homes_[home], scope, 'H', where(*k),
                    "the edge is told from its beginning only, the row of its other end is gone",
                    {Put(home, scope, 'H', twin_key, "")});
    } else {
      rederive_.edges.insert({k->other.value, k->resource.value});
      findings_.Row(FindingKind::kMissing, homes_[home], scope, 'H', where(*k),
                    "the edge is told from its far end only: what objects say of it is derived "
                    "again, what the topology topic said is lost",
                    {Delete(home, scope, 'H', std::string(key))});
    }
  });
}

}  // namespace kg::verify
