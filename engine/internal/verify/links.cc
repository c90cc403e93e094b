#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/verify/checker.h"
#include "engine/links.h"

// POTENTIAL_CAUSE: C beside the effect, and D for each cause that it names.

namespace kg::verify {

namespace keys = storage::keys;

namespace {

constexpr size_t kMostLinks = 5;

}  // namespace

void Checker::CheckCauses(HomeIndex home, ScopeId scope) {
  ForEachRow(home, scope, 'C', [&](absl::string_view key, absl::string_view value) {
    findings_.Count('C', homes_[home]);
    const auto k = keys::ParseEpisode(key);
    auto links = records::DecodeCauses(value);
    const Fix gone = Delete(home, scope, 'C', std::string(key));
    if (!k.has_value()) {
      findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'C', "a damaged key",
                    "the key can't be read", {gone});
      return;
    }
    const uint32_t index = Find(scope, *k);
    if (index == kNone || bursts_[index].home != home || !bursts_[index].watched()) {
      findings_.Row(
          FindingKind::kStray, homes_[home], scope, 'C', KeyText(*k),
          index == kNone ? "the effect is gone" : "the effect stands elsewhere, or is no failure",
          {gone});
      return;
    }
    BurstSeen& effect = bursts_[index];
    auto rederive = [&] { rederive_.effects.push_back({scope, *k, effect.resource}); };
    if (!links.ok() || links->empty() || links->size() > kMostLinks) {
      rederive();
      findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'C', KeyText(*k),
                    "the causes of a failure can't be read: they are derived again", {gone});
      return;
    }
    for (const CauseLink& l : *links) {
      const uint32_t cause = Find(scope, l.cause);
      const bool there = cause != kNone && !bursts_[cause].expired && bursts_[cause].watched();
      if (there || l.cause.onset < oldest_ || effect.expired) continue;
      rederive();
      findings_.Row(FindingKind::kDisagrees, homes_[home], scope, 'C', KeyText(*k),
                    absl::StrCat("it names a cause that is not there, ", KeyText(l.cause)), {gone});
    }
    for (const CauseLink& l : *links) {
      if (!Groups(l)) continue;
      const uint32_t cause = Find(scope, l.cause);
      if (cause != kNone && !bursts_[cause].expired) {
        effect.parent = cause;
      } else {
        effect.parent_expired = l.cause.onset < oldest_;
      }
      break;
    }
  });
}

void Checker::CheckEffects(HomeIndex home, ScopeId scope) {
  SetSum told, asked;
  ForEachRow(home, scope, 'D', [&](absl::string_view key, absl::string_view) {
    findings_.Count('D', homes_[home]);
    told.Add(keys::StableHash(key));
  });
  ForEachRow(home, scope, 'C', [&](absl::string_view key, absl::string_view value) {
    const auto k = keys::ParseEpisode(key);
    auto links = records::DecodeCauses(value);
    if (!k.has_value() || !links.ok()) return;
    for (const CauseLink& l : *links) asked.Add(keys::StableHash(keys::Effect({l.cause, *k})));
  });
  if (told == asked) return;
  auto text = [](const keys::EffectKey& k) {
    return absl::StrCat("cause ", KeyText(k.cause), " effect ", KeyText(k.effect));
  };
  ForEachRow(home, scope, 'C', [&](absl::string_view key, absl::string_view value) {
    const auto k = keys::ParseEpisode(key);
    auto links = records::DecodeCauses(value);
    if (!k.has_value() || !links.ok()) return;
    for (const CauseLink& l : *links) {
      const keys::EffectKey d{l.cause, *k};
      auto row = Get(home, scope, 'D', keys::Effect(d));
      if (!row.ok() || row->has_value()) continue;
      findings_.Row(FindingKind::kMissing, homes_[home], scope, 'D', text(d),
                    "the effect names this cause, but is not found from it",
                    {Put(home, scope, 'D', keys::Effect(d), "")});
    }
  });
  ForEachRow(home, scope, 'D', [&](absl::string_view key, absl::string_view) {
    const auto d = keys::ParseEffect(key);
    const Fix gone = Delete(home, scope, 'D', std::string(key));
    if (!d.has_value()) {
      findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'D', "a damaged key",
                    "the key can't be read", {gone});
      return;
    }
    auto row = Get(home, scope, 'C', keys::Episode(d->effect));
    if (!row.ok()) return;
    auto links = row->has_value()
                     ? records::DecodeCauses(**row)
                     : absl::StatusOr<std::vector<CauseLink>>(std::vector<CauseLink>());
    const bool named = links.ok() && std::any_of(links->begin(), links->end(), [&](const auto& l) {
                         return l.cause == d->cause;
                       });
    if (named) return;
    const uint32_t effect = Find(scope, d->effect);
    if (effect != kNone && bursts_[effect].watched())
      rederive_.effects.push_back({scope, d->effect, bursts_[effect].resource});
    findings_.Row(FindingKind::kStray, homes_[home], scope, 'D', text(*d),
                  effect == kNone ? "the effect is gone"
                                  : "the effect does not name this cause: its causes are derived "
                                    "again",
                  {gone});
  });
}

}  // namespace kg::verify
