#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/verify/checker.h"

// Episodes, and the two indexes by which they are found: of their subject, and of their id.

namespace kg::verify {

namespace keys = storage::keys;

namespace {

uint64_t HeadOf(absl::string_view key) {
  uint64_t v = 0;
  for (char c : key.substr(0, 8)) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

std::string EventIdKey(absl::string_view event_id) {
  return keys::EventId(keys::HashEventId(event_id));
}

}  // namespace

void Checker::ReadEpisodes() {
  for (HomeIndex home = 0; home < homes_.size(); ++home) {
    for (ScopeId scope : scopes_) ReadEpisodes(home, scope);
  }
  std::sort(bursts_.begin(), bursts_.end(), [](const BurstSeen& a, const BurstSeen& b) {
    return std::tie(a.scope, a.hash, a.onset, a.home) < std::tie(b.scope, b.hash, b.onset, b.home);
  });
}

void Checker::ReadEpisodes(HomeIndex home, ScopeId scope) {
  const storage::BucketPtr& bucket = homes_[home].bucket;
  ForEachRow(home, scope, 'E', [&](absl::string_view key, absl::string_view value) {
    findings_.Count('E', homes_[home]);
    const auto k = keys::ParseEpisode(key);
    auto rec = records::DecodeEpisode(scope, value);
    if (!k.has_value() || !rec.ok()) {
      // Of an object's own state it follows again, if what remains of it tells whose it was.
      findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'E',
                    k.has_value() ? KeyText(*k) : "a damaged key",
                    "an episode can't be read: what objects tell of themselves is derived again, "
                    "anything else is lost",
                    {Delete(home, scope, 'E', std::string(key))});
      return;
    }
    const bool in_home = bucket == nullptr ? rec->end == kForever
                                           : storage::BucketStart(bucket) <= rec->end &&
                                                 rec->end < storage::BucketEnd(bucket);
    const char* wrong = nullptr;
    if (rec->key() != *k) wrong = "key and value name different episodes";
    if (!in_home) wrong = "it stands in a place that does not hold its end";
    if (rec->end < rec->onset || rec->onset < rec->earliest) wrong = "its times are out of order";
    if (wrong != nullptr) {
      rederive_.resources.insert(rec->resource.value);
      findings_.Row(FindingKind::kDisagrees, homes_[home], scope, 'E', KeyText(*k), wrong,
                    {Delete(home, scope, 'E', std::string(key))});
      return;
    }
    const bool expired = rec->end != kForever && rec->end < oldest_;
    if (!expired && rec->resource.value != 0) NoteSlot(scope, rec->resource);
    bursts_.push_back({scope.value, k->hash, k->onset, rec->end, rec->resource, rec->cls, home,
                       rules_.Class(rec->cls).IsFailure(), rec->category == Category::kChange,
                       expired, kNone, false, false});
    if (expired) return;
    for (const std::string& id : rec->other_ids)
      other_ids_.emplace_back(scope.value, HeadOf(EventIdKey(id)), k->hash.value, home);
  });
}

uint32_t Checker::Find(ScopeId scope, const EpisodeKey& key) const {
  auto it = std::lower_bound(
      bursts_.begin(), bursts_.end(), key, [&](const BurstSeen& b, const EpisodeKey& k) {
        return std::tie(b.scope, b.hash, b.onset) < std::tie(scope.value, k.hash, k.onset);
      });
  const bool found = it != bursts_.end() && it->scope == scope.value && it->key() == key;
  return found ? static_cast<uint32_t>(it - bursts_.begin()) : kNone;
}

// Bursts of one id: one row each, and further apart than the gap that would have joined them.
void Checker::CheckSeries() {
  for (size_t i = 1; i < bursts_.size(); ++i) {
    const BurstSeen &a = bursts_[i - 1], &b = bursts_[i];
    if (a.scope != b.scope || a.hash != b.hash || a.expired || b.expired) continue;
    const ScopeId scope(b.scope);
    if (a.onset == b.onset) {
      const HomeIndex older = a.end < b.end ? a.home : b.home;
      findings_.Row(FindingKind::kDisagrees, homes_[older], scope, 'E', KeyText(b.key()),
                    absl::StrCat("the same burst stands in ",
                                 PlaceName(homes_[older == a.home ? b.home : a.home]),
                                 " as well, with a later end"),
                    {Delete(older, scope, 'E', keys::Episode(b.key()))});
    } else if (b.onset <= PlusGap(a.end)) {
      findings_.Row(FindingKind::kDisagrees, homes_[b.home], scope, 'E', KeyText(b.key()),
                    absl::StrCat("it follows the burst of ", TimeText(a.onset),
                                 " so closely that the two should be one"),
                    {});
    }
  }
}

void Checker::CheckSubjects(HomeIndex home, ScopeId scope) {
  SetSum told, asked;
  auto sum = [](absl::string_view key, absl::string_view value) {
    return keys::StableHash(absl::StrCat(key, value));
  };
  ForEachRow(home, scope, 'S', [&](absl::string_view key, absl::string_view value) {
    findings_.Count('S', homes_[home]);
    // Format 1 had a value that nobody read.
    told.Add(sum(key, old_ ? "" : value));
  });
  ForEachRow(home, scope, 'E', [&](absl::string_view key, absl::string_view value) {
    const auto k = keys::ParseEpisode(key);
    auto rec = records::DecodeEpisode(scope, value);
    if (!k.has_value() || !rec.ok()) return;
    asked.Add(sum(keys::Subject({rec->resource, *k}), ""));
  });
  if (told == asked) return;
  ForEachRow(home, scope, 'E', [&](absl::string_view key, absl::string_view value) {
    const auto k = keys::ParseEpisode(key);
    auto rec = records::DecodeEpisode(scope, value);
    if (!k.has_value() || !rec.ok()) return;
    const std::string subject = keys::Subject({rec->resource, *k});
    auto row = Get(home, scope, 'S', subject);
    if (!row.ok() || (row->has_value() && (old_ || (*row)->empty()))) return;
    findings_.Row(row->has_value() ? FindingKind::kDisagrees : FindingKind::kMissing, homes_[home],
                  scope, 'S', absl::StrCat(SlotText(rec->resource), " ", KeyText(*k)),
                  row->has_value() ? "it has a value, and none belongs there"
                                   : "an episode is not found by its subject",
                  {Put(home, scope, 'S', subject, "")});
  });
  ForEachRow(home, scope, 'S', [&](absl::string_view key, absl::string_view) {
    const auto k = keys::ParseSubject(key);
    const Fix gone = Delete(home, scope, 'S', std::string(key));
    if (!k.has_value()) {
      findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'S', "a damaged key",
                    "the key can't be read", {gone});
      return;
    }
    auto row = Get(home, scope, 'E', keys::Episode(k->burst));
    if (!row.ok()) return;
    auto rec = row->has_value() ? records::DecodeEpisode(scope, **row)
                                : absl::StatusOr<EpisodeRecord>(absl::NotFoundError(""));
    if (rec.ok() && rec->resource == k->resource) return;
    rederive_.resources.insert(k->resource.value);
    findings_.Row(FindingKind::kStray, homes_[home], scope, 'S',
                  absl::StrCat(SlotText(k->resource), " ", KeyText(k->burst)),
                  "its episode is gone: what objects tell of themselves is derived again, anything "
                  "else is lost",
                  {gone});
  });
}

void Checker::CheckEventIds() {
  // What stands under the bursts' own id: (scope, hash, home), and a hash of the bursts it lists.
  absl::flat_hash_map<std::tuple<uint32_t, uint64_t, HomeIndex>, uint64_t> rows;
  // Under any id: (scope, head of the key, hash, home).
  absl::flat_hash_set<std::tuple<uint32_t, uint64_t, uint64_t, HomeIndex>> by_id;
  auto live = [&](const std::vector<Interval>& bursts) {
    std::string text;
    for (const Interval& b : bursts) {
      if (b.to == kForever || b.to >= oldest_)
        absl::StrAppend(&text, ToMicros(b.from), " ", ToMicros(b.to), "\n");
    }
    return text.empty() ? 0 : keys::StableHash(text);
  };
  for (HomeIndex home = 0; home < homes_.size(); ++home) {
    for (ScopeId scope : scopes_) {
      ForEachRow(home, scope, 'X', [&](absl::string_view key, absl::string_view value) {
        findings_.Count('X', homes_[home]);
        auto row = records::DecodeEventId(key, value);
        const Fix gone = Delete(home, scope, 'X', std::string(key));
        const bool format_1 = key.size() == sizeof(keys::Hash128);
        if (!row.ok() || (format_1 && !old_)) {
          findings_.Row(FindingKind::kDamaged, homes_[home], scope, 'X',
                        absl::StrCat("id ", absl::Hex(HeadOf(key), absl::kZeroPad16)),
                        "where the bursts of an id are can't be read", {gone});
          return;
        }
        const uint64_t listed = live(row->bursts);
        if (listed == 0) return;  // of what has expired
        auto first = std::lower_bound(bursts_.begin(), bursts_.end(), row->hash,
                                      [&](const BurstSeen& b, EpisodeHash h) {
                                        return std::tie(b.scope, b.hash) < std::tie(scope.value, h);
                                      });
        if (first == bursts_.end() || first->scope != scope.value || first->hash != row->hash) {
          findings_.Row(FindingKind::kStray, homes_[home], scope, 'X',
                        absl::StrCat("id ", absl::Hex(HeadOf(key), absl::kZeroPad16)),
                        "the bursts that it names are gone", {gone});
          return;
        }
        // Whose own id a row of format 1 is of can't be told from it.
        const uint64_t id = format_1 ? row->hash.value : HeadOf(key);
        if (id == row->hash.value) rows[{scope.value, id, home}] = listed;
        by_id.insert({scope.value, id, row->hash.value, home});
      });
    }
  }
  for (size_t i = 0; i < bursts_.size();) {
    const BurstSeen& any = bursts_[i];
    // Format 1 listed all of them beside the newest.
    std::map<HomeIndex, std::vector<Interval>> homes;
    for (; i < bursts_.size() && bursts_[i].scope == any.scope && bursts_[i].hash == any.hash;
         ++i) {
      const BurstSeen& b = bursts_[i];
      if (b.expired) continue;
      if (old_) homes.clear();
      homes[b.home].push_back({b.onset, b.end});
    }
    for (const auto& [home, spans] : homes) {
      auto row = rows.find({any.scope, any.hash.value, home});
      const bool stands = row != rows.end();
      const bool right = stands && (old_ || row->second == live(spans));
      if (stands) rows.erase(row);
      if (!right) ReportEventId(home, ScopeId(any.scope), any.hash, spans, stands);
    }
  }
  if (old_) return;
  for (const auto& [row, listed] : rows) {
    const auto& [scope, hash, home] = row;
    const std::string key = keys::EventId(EpisodeHash(hash));
    findings_.Row(FindingKind::kStray, homes_[home], ScopeId(scope), 'X',
                  absl::StrCat("id ", absl::Hex(hash, absl::kZeroPad16)),
                  "the bursts that it names stand elsewhere",
                  {Delete(home, ScopeId(scope), 'X', key)});
  }
  CheckOtherIds(by_id);
}

void Checker::ReportEventId(HomeIndex home, ScopeId scope, EpisodeHash hash,
                            const std::vector<Interval>& spans, bool stands) {
  auto value = Get(home, scope, 'E', keys::Episode({spans.back().from, hash}));
  if (!value.ok() || !value->has_value()) return;
  auto rec = records::DecodeEpisode(scope, **value);
  if (!rec.ok()) return;
  const std::string key = EventIdKey(rec->event_id);
  findings_.Row(stands ? FindingKind::kDisagrees : FindingKind::kMissing, homes_[home], scope, 'X',
                absl::StrCat("id ", rec->event_id),
                stands ? "it does not list the bursts that there are"
                       : "the episode can't be found by its id",
                {Put(home, scope, 'X', key, records::EncodeEventId(key, {hash, spans}))});
}

// Each burst's other ids lead to it as well, with all bursts of its id that stand beside it.
void Checker::CheckOtherIds(
    const absl::flat_hash_set<std::tuple<uint32_t, uint64_t, uint64_t, HomeIndex>>& by_id) {
  std::sort(other_ids_.begin(), other_ids_.end());
  other_ids_.erase(std::unique(other_ids_.begin(), other_ids_.end()), other_ids_.end());
  for (const auto& [scope, head, hash, home] : other_ids_) {
    if (by_id.contains({scope, head, hash, home})) continue;
    std::vector<Interval> spans;
    for (const BurstSeen& b : bursts_) {
      if (b.scope == scope && b.hash.value == hash && !b.expired && b.home == home)
        spans.push_back({b.onset, b.end});
    }
    for (const Interval& span : spans) {
      auto value = Get(home, ScopeId(scope), 'E', keys::Episode({span.from, EpisodeHash(hash)}));
      if (!value.ok() || !value->has_value()) continue;
      auto rec = records::DecodeEpisode(ScopeId(scope), **value);
      if (!rec.ok()) continue;
      auto other = std::find_if(
          rec->other_ids.begin(), rec->other_ids.end(),
          [&, wanted = head](const std::string& id) { return HeadOf(EventIdKey(id)) == wanted; });
      if (other == rec->other_ids.end()) continue;
      const std::string key = EventIdKey(*other);
      findings_.Row(FindingKind::kMissing, homes_[home], ScopeId(scope), 'X',
                    absl::StrCat("id ", *other), "the episode can't be found by this other id",
                    {Put(home, ScopeId(scope), 'X', key,
                         records::EncodeEventId(key, {EpisodeHash(hash), spans}))});
      break;
    }
  }
}

}  // namespace kg::verify
