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
                      "the name and the state of an object can't be read: they are lost, and what "
                      "refers to it leads nowhere",
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
        lanes_.push_back({*id, LaneTag(r), r.stretch.first, r.stretch.last, kForever});
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
            {k->resource, k->lane, row->stretch.first, row->stretch.last, k->valid_to});
      });
    }
  }
  std::sort(lanes_.begin(), lanes_.end(), [](const LaneEnd& a, const LaneEnd& b) {
    return std::tie(a.slot, a.tag, a.first, a.valid_to) <
           std::tie(b.slot, b.tag, b.first, b.valid_to);
  });
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const LaneEnd& now = lanes_[i];
    const ScopeId scope(slots_[now.slot.value].scope);
    const bool has_next =
        i + 1 < lanes_.size() && lanes_[i + 1].slot == now.slot && lanes_[i + 1].tag == now.tag;
    const Place place{Table::kResource, nullptr};
    const std::string where = absl::StrCat(SlotText(now.slot), " from ", TimeText(now.first));
    if (now.last < now.first || (has_next && lanes_[i + 1].first <= now.last)) {
      findings_.Row(FindingKind::kDisagrees, place, scope, 'R', where,
                    "two states of one object overlap in time", {});
    } else if (has_next && now.valid_to != lanes_[i + 1].first) {
      findings_.Row(FindingKind::kMissing, place, scope, 'R',
                    absl::StrCat(SlotText(now.slot), " from ", TimeText(now.valid_to)),
                    "the state of an object between two others is gone: it is lost", {});
    } else if (!has_next && now.valid_to != kForever) {
      findings_.Row(FindingKind::kMissing, place, scope, 'R',
                    absl::StrCat(SlotText(now.slot), " from ", TimeText(now.valid_to)),
                    "the newest state of an object is gone: it is lost", {});
    }
  }
  lanes_.clear();
}

}  // namespace kg::verify
