#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/meta_rows.h"
#include "engine/internal/verify/checker.h"

// What the store and the engine say of themselves, and which scopes and buckets there are.

namespace kg::verify {

using storage::Table;

namespace {

constexpr absl::string_view kKinds = "ESXCDPHRTLF";

std::string Hex(absl::string_view key) {
  std::string out = "key ";
  for (char c : key) absl::StrAppend(&out, absl::Hex(static_cast<uint8_t>(c), absl::kZeroPad2));
  return out;
}

}  // namespace

// Scopes by their rows, those that no row of meta names included, so that their rows are seen.
void Checker::ListHomes() {
  homes_.push_back({Table::kOpen, nullptr});
  for (const storage::BucketPtr& b : rows_.buckets()) homes_.push_back({Table::kOpen, b});
  std::vector<std::string> malformed;
  auto short_keys = [&](const Place& place) {
    for (const std::string& key : malformed) {
      findings_.Row(FindingKind::kDamaged, place, ScopeId(0), '?', Hex(key),
                    "the key is too short to be one", {});
    }
    malformed.clear();
  };
  for (Table table : {Table::kMeta, Table::kResource, Table::kAlias, Table::kEdge, Table::kOpen,
                      Table::kIncident, Table::kSystem}) {
    auto groups = storage::GroupsOf(rows_, table, &malformed);
    Note(groups.status());
    const Place place{table, nullptr};
    short_keys(place);
    if (groups.ok()) ListGroups(place, *groups);
  }
  for (size_t i = 1; i < homes_.size(); ++i) {
    auto groups = storage::GroupsOf(rows_, homes_[i].bucket, &malformed);
    Note(groups.status());
    short_keys(homes_[i]);
    if (groups.ok()) ListGroups(homes_[i], *groups);
  }
  std::sort(scopes_.begin(), scopes_.end());
}

void Checker::ListGroups(const Place& place, const std::vector<storage::RowGroup>& groups) {
  for (const storage::RowGroup& g : groups) {
    if (place.bucket != nullptr && !absl::StrContains(kKinds, g.kind)) {
      findings_.Row(FindingKind::kStray, place, g.scope, g.kind, "all rows of this kind",
                    "no kind of record is written so", {});
      continue;
    }
    if (g.scope.value == 0) continue;
    if (std::find(scopes_.begin(), scopes_.end(), g.scope) != scopes_.end()) continue;
    scopes_.push_back(g.scope);
    findings_.Row(FindingKind::kMissing, {Table::kMeta, nullptr}, g.scope, meta_rows::kScope,
                  absl::StrCat("scope ", g.scope.value),
                  absl::StrCat(PlaceName(place),
                               " has rows of it, but its row is gone: whose they are is lost"),
                  {});
  }
}

void Checker::CheckMeta() {
  const Place meta{Table::kMeta, nullptr};
  ForEachRow(Table::kMeta, ScopeId(0), "", [&](absl::string_view key, absl::string_view value) {
    if (!key.empty() && key[0] == storage::kOwnKeyByte) {
      findings_.Count('m', meta);  // read by storage::ReadState
    } else if (!key.empty() && key[0] == meta_rows::kScope) {
      findings_.Count(meta_rows::kScope, meta);
      const ScopeId id(meta_rows::ReadU32(key.substr(1)));
      auto names = records::DecodeScope(value);
      if (key.size() != 5 || id.value == 0 || !names.ok()) {
        findings_.Row(FindingKind::kDamaged, meta, ScopeId(0), meta_rows::kScope, Hex(key),
                      "whose rows these are can't be read", {});
        return;
      }
      scopes_.push_back(id);
      findings_.NameScope(id, absl::StrCat(names->first, "/", names->second));
    } else if (!key.empty() && key[0] == meta_rows::kPosition) {
      findings_.Count(meta_rows::kPosition, meta);
      auto p = records::DecodePosition(value);
      std::string expected;
      if (p.ok()) {
        expected = absl::StrCat("p", p->source);
        storage::keys::AppendU32(&expected, static_cast<uint32_t>(p->partition));
      }
      if (p.ok() && expected == key) return;
      findings_.Row(p.ok() ? FindingKind::kDisagrees : FindingKind::kDamaged, meta, ScopeId(0),
                    meta_rows::kPosition, absl::StrCat("source ", key.substr(1)),
                    "how far this source was read can't be told: without the row it is read from "
                    "its start again, which changes nothing that is known",
                    {Delete(Table::kMeta, ScopeId(0), std::string(key))});
    } else if (key == meta_rows::kExpired && value.size() == 8) {
      expired_until_ = meta_rows::ReadTime(value);
    } else if (key == meta_rows::kMigration) {
      old_ = true;  // under way
    } else if (key == meta_rows::kFeedSince && value.size() == 8) {
      feed_since_ = meta_rows::ReadTime(value);
    } else {
      findings_.Row(FindingKind::kStray, meta, ScopeId(0), '?', Hex(key),
                    "nothing writes such a row", {});
    }
  });
}

// Rows that name keys and policies are opaque here; dead letters from before the first data are
// not.
void Checker::CheckSystem() {
  const Place system{Table::kSystem, nullptr};
  ForEachRow(Table::kSystem, ScopeId(0), "", [&](absl::string_view key, absl::string_view value) {
    findings_.Count('k', system);
    const bool mac = absl::StartsWith(key, "mac/");
    if (!mac || absl::StrContains(value, ":")) return;
    findings_.Row(FindingKind::kDamaged, system, ScopeId(0), 'k', std::string(key),
                  "the key of hashed secrets can't be read", {});
  });
}

}  // namespace kg::verify
