#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "engine/internal/verify/findings.h"
#include "engine/internal/verify/rederive.h"
#include "engine/records.h"
#include "engine/rules.h"
#include "storage/check.h"
#include "storage/store.h"

namespace kg::verify {

// Reads every row of one snapshot once or twice and compares rows with those that they follow from.
//
// Operation: what is large is compared by order-independent sums of hashes first, one per home;
// only where they differ the rows are looked up one by one. Limitations: rows that retention has
// passed are read, and compared with none that may have gone before them.
// Concurrency: one thread, once.
class Checker {
 public:
  // All must outlive it. `oldest`: start of retention.
  Checker(const storage::Snapshot& rows, const RuleBook& rules, Timestamp oldest,
          const storage::StoreState& state, Findings* findings, Rederive* rederive);

  // Not OK when rows could not be read to their end; then what was found stands, and more may be
  // wrong.
  absl::Status Run();

 private:
  using EpisodeKey = storage::keys::EpisodeKey;
  using HomeIndex = uint16_t;
  static constexpr uint32_t kNone = 0xffffffff;

  // One E row.
  struct BurstSeen {
    uint32_t scope;
    EpisodeHash hash;
    Timestamp onset;
    Timestamp end;
    ResourceId resource;
    ClassId cls;
    HomeIndex home;
    bool failure, change, expired;
    uint32_t parent;  // index of the burst it hangs on
    bool has_children;
    bool parent_expired;  // it hangs on one that retention took

    EpisodeKey key() const { return {onset, hash}; }
    bool watched() const { return (failure || change) && resource.value != 0; }
  };

  // One state of an object, of one source.
  struct LaneEnd {
    ResourceId slot;
    uint32_t tag;
    Timestamp first;  // of the stretch
    Timestamp last;
    Timestamp valid_to;  // kForever: the newest
    HomeIndex home;
  };

  // Walks the rows of one kind of one scope in one home: fn(key, value).
  template <typename Fn>
  void ForEachRow(HomeIndex home, ScopeId scope, char kind, Fn&& fn);
  template <typename Fn>
  void ForEachRow(storage::Table table, ScopeId scope, absl::string_view prefix, Fn&& fn);
  absl::StatusOr<std::optional<std::string>> Get(HomeIndex home, ScopeId scope, char kind,
                                                 absl::string_view key);
  // The same as fixes.
  Fix Put(HomeIndex home, ScopeId scope, char kind, std::string key, std::string value) const;
  Fix Delete(HomeIndex home, ScopeId scope, char kind, std::string key) const;
  static Fix Put(storage::Table table, ScopeId scope, std::string key, std::string value);
  static Fix Delete(storage::Table table, ScopeId scope, std::string key);
  void Note(const absl::Status& status);  // of reading

  // meta.cc: what there is to look at, and what the store says of itself
  void ListHomes();
  void ListGroups(const Place& place, const std::vector<storage::RowGroup>& groups);
  void CheckMeta();
  void CheckSystem();

  // slots.cc
  void CheckResources();
  void CheckAliases();
  void MendLostSlots();
  void CheckRevisions();
  void CheckLane(size_t i);
  std::vector<Fix> HoldUntil(const LaneEnd& state, Timestamp until);
  std::vector<Fix> MakeNewest(const LaneEnd& state);

  // edges.cc
  void CheckEdges();
  void CheckClosedEdges(HomeIndex home, ScopeId scope);

  // episodes.cc
  void ReadEpisodes();
  void ReadEpisodes(HomeIndex home, ScopeId scope);
  void CheckSeries();
  void CheckSubjects(HomeIndex home, ScopeId scope);
  void CheckEventIds();
  void ReportEventId(HomeIndex home, ScopeId scope, EpisodeHash hash,
                     const std::vector<Interval>& spans, bool stands);
  void CheckOtherIds(
      const absl::flat_hash_set<std::tuple<uint32_t, uint64_t, uint64_t, HomeIndex>>& by_id);
  uint32_t Find(ScopeId scope, const EpisodeKey& key) const;  // index in bursts_, or kNone

  // links.cc
  void CheckCauses(HomeIndex home, ScopeId scope);
  void CheckEffects(HomeIndex home, ScopeId scope);

  // trees.cc
  void CutCircles();
  uint32_t RootOf(uint32_t burst) const;
  void CheckTrees();
  void CheckMembers(HomeIndex home, ScopeId scope);

  // feed.cc
  void CheckFeed();
  void CheckHanging();
  void CheckLetters();

  std::string SlotText(ResourceId id) const;
  // A row refers to it.
  void NoteSlot(ScopeId scope, ResourceId id) {
    if (!IsSlot(scope, id)) lost_slots_.emplace(id, scope);
  }
  bool IsSlot(ScopeId scope, ResourceId id) const {
    return id.value < slots_.size() && slots_[id.value].scope == scope.value;
  }

  const storage::Snapshot& rows_;
  const RuleBook& rules_;
  Timestamp oldest_;
  bool old_ = false;  // rows may stand as an earlier format wrote them
  const storage::StoreState& state_;
  Findings& findings_;
  Rederive& rederive_;

  absl::Status read_;
  std::vector<Place> homes_;              // [0] is table open, then buckets by start
  std::vector<ScopeId> scopes_;           // that have rows or a name
  Timestamp feed_since_ = kBeginning;     // of what ended before, the feed need not tell
  Timestamp expired_until_ = kBeginning;  // what the engine says it has settled expiry up to

  struct SlotSeen {
    uint32_t scope = 0;  // 0: there is no such slot
    std::string name;
  };
  std::vector<SlotSeen> slots_;               // by id
  std::map<ResourceId, ScopeId> lost_slots_;  // that rows refer to
  std::vector<LaneEnd> lanes_;
  std::vector<std::pair<uint64_t, ResourceId>> uids_;  // hash of (scope, uid) of lives
  std::vector<BurstSeen> bursts_;                      // by (scope, hash, onset)
  // (scope, head of the X key, hash) of the other ids under which bursts may be asked for.
  std::vector<std::tuple<uint32_t, uint64_t, uint64_t, HomeIndex>> other_ids_;
  absl::flat_hash_map<uint64_t, std::pair<ScopeId, Timestamp>> anchors_;  // of incident rows
};

// Sums up hashes so that order does not matter.
class SetSum {
 public:
  void Add(uint64_t hash) {
    sum_ += hash * 0x9E3779B97F4A7C15ull + 1;
    mix_ ^= hash;
    ++count_;
  }
  bool operator==(const SetSum&) const = default;

 private:
  uint64_t sum_ = 0, mix_ = 0, count_ = 0;
};

template <typename Fn>
void Checker::ForEachRow(storage::Table table, ScopeId scope, absl::string_view prefix, Fn&& fn) {
  auto c = rows_.Scan(scope, table, prefix);
  for (; c->Valid(); c->Next()) fn(c->key(), c->value());
  Note(c->status());
}

template <typename Fn>
void Checker::ForEachRow(HomeIndex home, ScopeId scope, char kind, Fn&& fn) {
  const Place& place = homes_[home];
  if (place.bucket == nullptr) {
    ForEachRow(place.table, scope, absl::string_view(&kind, 1),
               [&](absl::string_view key, absl::string_view value) { fn(key.substr(1), value); });
    return;
  }
  auto c = rows_.Scan(place.bucket, scope, static_cast<storage::RecordKind>(kind), "");
  for (; c->Valid(); c->Next()) fn(c->key(), c->value());
  Note(c->status());
}

}  // namespace kg::verify
