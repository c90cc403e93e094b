#include "engine/internal/verify/checker.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/meta_rows.h"

namespace kg::verify {

using storage::Table;

Checker::Checker(const storage::Snapshot& rows, const RuleBook& rules, Timestamp oldest,
                 const storage::StoreState& state, Findings* findings, Rederive* rederive)
    : rows_(rows),
      rules_(rules),
      oldest_(oldest),
      old_(state.format_version < storage::NewestFormat()),
      state_(state),
      findings_(*findings),
      rederive_(*rederive) {}

absl::Status Checker::Run() {
  CheckMeta();
  oldest_ = std::max(oldest_, expired_until_);
  ListHomes();
  CheckResources();
  CheckRevisions();
  CheckEdges();
  ReadEpisodes();
  if (!read_.ok()) {  // whatever refers to what could not be read would be told as wrong
    findings_.Finish();
    return read_;
  }
  MendLostSlots();
  CheckAliases();
  CheckSeries();
  for (HomeIndex home = 0; home < homes_.size(); ++home) {
    for (ScopeId scope : scopes_) {
      CheckSubjects(home, scope);
      CheckCauses(home, scope);
      CheckEffects(home, scope);
    }
  }
  CheckEventIds();
  CheckTrees();
  CheckHanging();
  CheckLetters();
  CheckSystem();
  CheckFeed();
  findings_.Finish();
  return read_;
}

void Checker::Note(const absl::Status& status) {
  if (read_.ok()) read_ = status;
}

absl::StatusOr<std::optional<std::string>> Checker::Get(HomeIndex home, ScopeId scope, char kind,
                                                        absl::string_view key) {
  const Place& place = homes_[home];
  auto row = place.bucket == nullptr
                 ? rows_.Get(scope, place.table, absl::StrCat(absl::string_view(&kind, 1), key))
                 : rows_.Get(place.bucket, scope, static_cast<storage::RecordKind>(kind), key);
  Note(row.status());
  return row;
}

Fix Checker::Put(HomeIndex home, ScopeId scope, char kind, std::string key,
                 std::string value) const {
  if (homes_[home].bucket == nullptr) key.insert(key.begin(), kind);
  return {homes_[home], scope, kind, std::move(key), std::move(value), false};
}

Fix Checker::Delete(HomeIndex home, ScopeId scope, char kind, std::string key) const {
  Fix fix = Put(home, scope, kind, std::move(key), "");
  fix.is_delete = true;
  return fix;
}

Fix Checker::Put(Table table, ScopeId scope, std::string key, std::string value) {
  return {{table, nullptr}, scope, 0, std::move(key), std::move(value), false};
}

Fix Checker::Delete(Table table, ScopeId scope, std::string key) {
  return {{table, nullptr}, scope, 0, std::move(key), "", true};
}

std::string Checker::SlotText(ResourceId id) const {
  if (id.value >= slots_.size() || slots_[id.value].scope == 0)
    return absl::StrCat("resource ", id.value);
  return absl::StrCat("resource ", id.value, " (", slots_[id.value].name, ")");
}

}  // namespace kg::verify
