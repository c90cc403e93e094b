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
      other_ids_.emplace_back(scope.value, HeadOf(EventIdKey(id)), k->hash.value);
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
  // What stands: (scope, hash, head of the key, home).
  using Row = std::tuple<uint32_t, uint64_t, uint64_t, HomeIndex>;
  absl::flat_hash_map<Row, uint64_t> rows;  // and a hash of the bursts it lists
  absl::flat_hash_set<std::tuple<uint32_t, uint64_t, uint64_t>> by_id;
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
        rows[{scope.value, row->hash.value, id, home}] = listed;
        by_id.insert({scope.value, id, row->hash.value});
      });
    }
  }
  for (size_t i = 0; i < bursts_.size();) {
    size_t end = i;
    std::vector<Interval> spans;
    for (; end < bursts_.size() && bursts_[end].scope == bursts_[i].scope &&
           bursts_[end].hash == bursts_[i].hash;
         ++end) {
      if (!bursts_[end].expired) spans.push_back({bursts_[end].onset, bursts_[end].end});
    }
    const BurstSeen& newest = bursts_[end - 1];
    i = end;
    if (newest.expired) continue;
    const ScopeId scope(newest.scope);
    auto row = rows.find({newest.scope, newest.hash.value, newest.hash.value, newest.home});
    if (row != rows.end() && (old_ || row->second == live(spans))) continue;
    auto value = Get(newest.home, scope, 'E', keys::Episode(newest.key()));
    if (!value.ok() || !value->has_value()) continue;
    auto rec = records::DecodeEpisode(scope, **value);
    if (!rec.ok()) continue;
    findings_.Row(row == rows.end() ? FindingKind::kMissing : FindingKind::kDisagrees,
                  homes_[newest.home], scope, 'X', absl::StrCat("id ", rec->event_id),
                  row == rows.end() ? "the episode can't be found by its id"
                                    : "it does not list the bursts that there are",
                  {Put(newest.home, scope, 'X', EventIdKey(rec->event_id),
                       records::EncodeEventId(EventIdKey(rec->event_id), {newest.hash, spans}))});
  }
  if (old_) return;
  std::sort(other_ids_.begin(), other_ids_.end());
  other_ids_.erase(std::unique(other_ids_.begin(), other_ids_.end()), other_ids_.end());
  for (const auto& id : other_ids_) {
    if (by_id.contains(id)) continue;
    const auto& [scope, head, hash] = id;
    for (const BurstSeen& b : bursts_) {
      if (b.scope != scope || b.hash.value != hash || b.expired) continue;
      auto value = Get(b.home, ScopeId(scope), 'E', keys::Episode(b.key()));
      if (!value.ok() || !value->has_value()) continue;
      auto rec = records::DecodeEpisode(ScopeId(scope), **value);
      if (!rec.ok()) continue;
      for (const std::string& other : rec->other_ids) {
        if (HeadOf(EventIdKey(other)) != head) continue;
        findings_.Row(
            FindingKind::kMissing, homes_[b.home], ScopeId(scope), 'X', absl::StrCat("id ", other),
            "the episode can't be found by this other id",
            {Put(b.home, ScopeId(scope), 'X', EventIdKey(other),
                 records::EncodeEventId(EventIdKey(other), {b.hash, {Interval{b.onset, b.end}}}))});
        break;
      }
    }
  }
}

}  // namespace kg::verify
