#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/meta_rows.h"
#include "engine/internal/verify/checker.h"

// Slots, the uids that lead to them, and the states of their objects over time.

namespace kg::verify {

using storage::Table;
namespace keys = storage::keys;

namespace {

uint64_t UidHash(ScopeId scope, absl::string_view uid) {
  return keys::StableHash(absl::StrCat(scope.value, "\n", uid));
}

// Of the row alone: nothing is resolved.
Slot SlotOf(const records::ResourceRow& row) {
  Slot slot;
  slot.name = std::make_shared<SlotName>(row.name);
  slot.lives = row.lives;
  slot.named_first = row.named_first;
  slot.named_last = row.named_last;
  slot.deletions = row.deletions;
  slot.mentions = row.mentions;
  for (const records::RevisionRow& r : row.newest) {
    Lane& lane = slot.LaneFor(r.uid, r.shape);
    (void)lane.seen.Restore({r.stretch}, "");  // without exact times there is nothing to damage
    lane.managed[r.stretch.state] = r.managed;
    auto state = std::make_shared<SeenState>();
    state->fields = r.fields;
    slot.states[r.stretch.state] = std::move(state);
  }
  return slot;
}

uint32_t LaneTag(const records::RevisionRow& r) {
  return static_cast<uint32_t>(
      keys::StableHash(absl::StrCat(r.uid, "\n", static_cast<int>(r.shape))));
}

}  // namespace

void Checker::CheckResources() {
  const Place place{Table::kResource, nullptr};
  absl::flat_hash_map<std::string, ResourceId> names;
  for (ScopeId scope : scopes_) {
    ForEachRow(Table::kResource, scope, "", [&](absl::string_view key, absl::string_view value) {
      findings_.Count('r', place);
      const auto id = keys::ParseResource(key);
      auto row = records::DecodeResource(value);
      if (!id.has_value() || id->value == 0 || !row.ok()) {
        findings_.Row(FindingKind::kDamaged, place, scope, 'r',
                      id.has_value() ? absl::StrCat("resource ", id->value) : "a damaged key",
                      "the name and the newest state of an object can't be read: they are lost",
                      {Delete(Table::kResource, scope, std::string(key))});
        return;
      }
      const SlotName& n = row->name;
      if (n.scope != scope) {
        findings_.Row(FindingKind::kDisagrees, place, scope, 'r',
                      absl::StrCat("resource ", id->value), "the row names another scope", {});
      }
      if (slots_.size() <= id->value) slots_.resize(id->value + 1);
      slots_[id->value] = {scope.value,
                           absl::StrCat(n.kind, " ", n.ns, n.ns.empty() ? "" : "/", n.name)};
      if (!n.name.empty()) {
        auto [other, fresh] = names.emplace(
            absl::StrCat(scope.value, "\n", n.group, "\n", n.kind, "\n", n.ns, "\n", n.name), *id);
        if (!fresh) {
          findings_.Row(FindingKind::kDisagrees, place, scope, 'r', SlotText(*id),
                        absl::StrCat("resource ", other->second.value, " has the same name"), {});
        }
      }
      for (const auto& [uid, life] : row->lives) {
        if (!uid.empty()) uids_.emplace_back(UidHash(scope, uid), *id);
      }
      for (const records::RevisionRow& r : row->newest) {
        lanes_.push_back({*id, LaneTag(r), r.stretch.first, r.stretch.last, kForever, 0});
      }
    });
  }
}

void Checker::CheckAliases() {
  const Place place{Table::kAlias, nullptr};
  absl::flat_hash_set<uint64_t> known;
  for (ScopeId scope : scopes_) {
    ForEachRow(Table::kAlias, scope, "", [&](absl::string_view key, absl::string_view value) {
      findings_.Count('u', place);
      if (key.empty() || key[0] != 'u' || value.size() != 4) {
        findings_.Row(FindingKind::kDamaged, place, scope, 'u', std::string(key),
                      "the object that a uid stands for can't be read",
                      {Delete(Table::kAlias, scope, std::string(key))});
        return;
      }
      const ResourceId id(meta_rows::ReadU32(value));
      if (lost_slots_.count(id) > 0) return;  // stands again, without a name
      if (!IsSlot(scope, id)) {
        findings_.Row(FindingKind::kStray, place, scope, 'u', absl::StrCat("uid ", key.substr(1)),
                      absl::StrCat("it leads to resource ", id.value, ", which is not there"),
                      {Delete(Table::kAlias, scope, std::string(key))});
        return;
      }
      known.insert(UidHash(scope, key.substr(1)));
    });
  }
  std::sort(uids_.begin(), uids_.end());
  for (const auto& [hash, id] : uids_) {
    if (known.contains(hash)) continue;
    const ScopeId scope(slots_[id.value].scope);
    auto value = rows_.Get(scope, Table::kResource, keys::Resource(id));
    Note(value.status());
    if (!value.ok() || !value->has_value()) continue;
    auto row = records::DecodeResource(**value);
    if (!row.ok()) continue;
    for (const auto& [uid, life] : row->lives) {
      if (uid.empty() || UidHash(scope, uid) != hash) continue;
      std::string slot;
      keys::AppendU32(&slot, id.value);
      findings_.Row(FindingKind::kMissing, place, scope, 'u', absl::StrCat("uid ", uid),
                    absl::StrCat(SlotText(id), " can't be found by its uid"),
                    {Put(Table::kAlias, scope, absl::StrCat("u", uid), slot)});
    }
  }
  uids_.clear();
}

void Checker::CheckRevisions() {
  for (HomeIndex home = 1; home < homes_.size(); ++home) {
    for (ScopeId scope : scopes_) {
      ForEachRow(home, scope, 'R', [&](absl::string_view key, absl::string_view value) {
        findings_.Count('R', homes_[home]);
        const auto k = keys::ParseRevision(key);
        auto row = records::DecodeRevision(value);
        if (!k.has_value() || !row.ok()) {
          findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'R',
                        k.has_value()
                            ? absl::StrCat(SlotText(k->resource), " from ", TimeText(k->valid_from),
                                           " to ", TimeText(k->valid_to))
                            : "a damaged key",
                        "the state of an object at that time can't be read: it is lost",
                        {Delete(home, scope, 'R', std::string(key))});
          return;
        }
        const bool in_home = storage::BucketStart(homes_[home].bucket) <= k->valid_to &&
                             k->valid_to < storage::BucketEnd(homes_[home].bucket);
        const std::string where =
            absl::StrCat(SlotText(k->resource), " from ", TimeText(k->valid_from));
        if (!in_home || k->lane != LaneTag(*row) || k->valid_from != row->stretch.first) {
          findings_.Row(FindingKind::kDisagrees, homes_[home], scope, 'R', where,
                        in_home ? "key and value name different times or sources"
                                : "it stands in a bucket that does not hold its end",
                        {Delete(home, scope, 'R', std::string(key))});
          return;
        }
        if (k->valid_to < oldest_) return;
        if (!IsSlot(scope, k->resource)) {
          findings_.Row(FindingKind::kStray, homes_[home], scope, 'R', where,
                        "it is the state of an object that is not there",
                        {Delete(home, scope, 'R', std::string(key))});
          return;
        }
        lanes_.push_back(
            {k->resource, k->lane, row->stretch.first, row->stretch.last, k->valid_to, home});
      });
    }
  }
  std::sort(lanes_.begin(), lanes_.end(), [](const LaneEnd& a, const LaneEnd& b) {
    return std::tie(a.slot, a.tag, a.first, a.valid_to) <
           std::tie(b.slot, b.tag, b.first, b.valid_to);
  });
  for (size_t i = 0; i < lanes_.size(); ++i) CheckLane(i);
  lanes_.clear();
}

// A state holds until the next one is seen; the newest of all stands with the slot.
void Checker::CheckLane(size_t i) {
  const LaneEnd& now = lanes_[i];
  const ScopeId scope(slots_[now.slot.value].scope);
  const LaneEnd* next =
      i + 1 < lanes_.size() && lanes_[i + 1].slot == now.slot && lanes_[i + 1].tag == now.tag
          ? &lanes_[i + 1]
          : nullptr;
  const Place place{Table::kResource, nullptr};
  const std::string where = absl::StrCat(SlotText(now.slot), " from ", TimeText(now.first));
  if (now.last < now.first || (next != nullptr && next->first <= now.last)) {
    findings_.Row(FindingKind::kDisagrees, place, scope, 'R', where,
                  "two states of one object overlap in time", {});
  } else if (next != nullptr && now.valid_to != next->first) {
    findings_.Row(FindingKind::kMissing, place, scope, 'R',
                  absl::StrCat(SlotText(now.slot), " from ", TimeText(now.valid_to)),
                  "the state of an object between two others is gone: it is lost, the one before "
                  "is taken to have held until the next",
                  HoldUntil(now, next->first));
  } else if (next == nullptr && now.valid_to != kForever) {
    findings_.Row(FindingKind::kMissing, place, scope, 'R',
                  absl::StrCat(SlotText(now.slot), " from ", TimeText(now.valid_to)),
                  "the newest state of an object is gone: it is lost, the one before is taken to "
                  "hold still",
                  MakeNewest(now));
  }
}

std::vector<Fix> Checker::HoldUntil(const LaneEnd& state, Timestamp until) {
  const ScopeId scope(slots_[state.slot.value].scope);
  keys::RevisionKey key{state.slot, state.valid_to, state.first, state.tag};
  auto row = Get(state.home, scope, 'R', keys::Revision(key));
  if (!row.ok() || !row->has_value()) return {};
  std::vector<Fix> fixes = {Delete(state.home, scope, 'R', keys::Revision(key))};
  key.valid_to = until;
  for (HomeIndex home = 1; home < homes_.size(); ++home) {
    const storage::BucketPtr& b = homes_[home].bucket;
    if (storage::BucketStart(b) <= until && until < storage::BucketEnd(b))
      fixes.push_back(Put(home, scope, 'R', keys::Revision(key), **row));
  }
  return fixes;
}

std::vector<Fix> Checker::MakeNewest(const LaneEnd& state) {
  const ScopeId scope(slots_[state.slot.value].scope);
  const keys::RevisionKey key{state.slot, state.valid_to, state.first, state.tag};
  auto row = Get(state.home, scope, 'R', keys::Revision(key));
  auto slot = rows_.Get(scope, Table::kResource, keys::Resource(state.slot));
  if (!row.ok() || !row->has_value() || !slot.ok() || !slot->has_value()) return {};
  auto revision = records::DecodeRevision(**row);
  auto resource = records::DecodeResource(**slot);
  if (!revision.ok() || !resource.ok()) return {};
  resource->newest.push_back(*std::move(revision));
  return {Put(Table::kResource, scope, keys::Resource(state.slot),
              records::EncodeResource(SlotOf(*resource))),
          Delete(state.home, scope, 'R', keys::Revision(key))};
}

// What rows refer to stands again under a name that says so.
void Checker::MendLostSlots() {
  for (const auto& [id, scope] : lost_slots_) {
    records::ResourceRow row;
    row.name = {scope, "", "Unknown", "", absl::StrCat("lost-", id.value)};
    row.named_first = kForever;
    row.named_last = kBeginning;
    findings_.Row(
        FindingKind::kMissing, {Table::kResource, nullptr}, scope, 'r',
        absl::StrCat("resource ", id.value),
        absl::StrCat("edges or episodes refer to an object that has no row: its name is "
                     "lost, it is called ",
                     row.name.name, " from now on"),
        {Put(Table::kResource, scope, keys::Resource(id), records::EncodeResource(SlotOf(row)))});
  }
}

}  // namespace kg::verify
