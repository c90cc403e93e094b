#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/meta_rows.h"
#include "engine/internal/verify/checker.h"

// The feed against what it tells of; deletes that came first, and dead letters.

namespace kg::verify {

using storage::Table;
namespace keys = storage::keys;

namespace {

constexpr Duration kDatedAhead = 1h;

uint64_t ReadU64(absl::string_view bytes) {
  uint64_t v = 0;
  for (char c : bytes.substr(0, 8)) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

uint64_t RefHash(uint32_t scope, absl::string_view episode_key) {
  return keys::StableHash(absl::StrCat(scope, "\n", episode_key));
}

// Adds the episodes that a row tells of; false: it can't be read to its end.
bool ReadFeed(absl::string_view row, std::vector<uint64_t>* episodes) {
  while (!row.empty()) {
    const size_t size = row[0] == 'E' ? 21 : row[0] == 'I' ? 13 : 0;
    if (size == 0 || row.size() < size) return false;
    if (row[0] == 'E')
      episodes->push_back(RefHash(meta_rows::ReadU32(row.substr(1)), row.substr(5, 16)));
    row.remove_prefix(size);
  }
  return true;
}

}  // namespace

void Checker::CheckFeed() {
  const ScopeId none(0);
  std::vector<uint64_t> told;
  uint64_t last = 0, first = 0;
  bool lost = false;
  for (HomeIndex home = 1; home < homes_.size(); ++home) {
    const Timestamp start = storage::BucketStart(homes_[home].bucket);
    const auto info = std::find_if(state_.buckets.begin(), state_.buckets.end(),
                                   [&](const storage::BucketInfo& b) { return b.start == start; });
    ForEachRow(home, none, 'F', [&](absl::string_view key, absl::string_view value) {
      findings_.Count('F', homes_[home]);
      const uint64_t sequence = ReadU64(key);
      const std::string where = absl::StrCat("commit ", sequence);
      const char* wrong = nullptr;
      if (key.size() != 12 || !ReadFeed(value, &told)) {
        wrong = "what a commit changed can't be read";
      } else if (sequence > state_.sequence) {
        wrong = "it is of a commit after the last";
      } else if (info != state_.buckets.end() &&
                 (info->first_sequence == 0 || sequence < info->first_sequence)) {
        wrong = "its bucket holds only later commits, so readers that go on from it miss it";
      } else if (sequence <= last) {
        wrong = "an earlier bucket holds a later commit";
      }
      last = std::max(last, sequence);
      if (first == 0) first = sequence;
      if (wrong == nullptr) return;
      lost = true;
      findings_.Row(FindingKind::kDamaged, homes_[home], none, 'F', where,
                    absl::StrCat(wrong, ": readers of the feed must start over"),
                    {Delete(home, none, 'F', std::string(key))});
    });
  }
  if (lost) return;  // what is missing follows from that
  std::sort(told.begin(), told.end());
  // What a sender dates ahead ends in a later bucket than that of the commit which tells of it, and
  // that one may have gone.
  const Timestamp since =
      state_.dropped_until == kBeginning ? kBeginning : state_.dropped_until + kDatedAhead;
  for (const BurstSeen& b : bursts_) {
    // A row is written when the clock has reached its end; what still holds may be older than the
    // feed.
    if (b.expired || b.end == kForever || b.end < since || b.end <= feed_since_) continue;
    const std::string key = keys::Episode(b.key());
    if (std::binary_search(told.begin(), told.end(), RefHash(b.scope, key))) continue;
    findings_.Row(FindingKind::kMissing, homes_[b.home], ScopeId(b.scope), 'F', KeyText(b.key()),
                  "the feed does not tell of this episode: its readers must start over", {}, true);
  }
}

void Checker::CheckHanging() {
  for (HomeIndex home = 1; home < homes_.size(); ++home) {
    const storage::BucketPtr& b = homes_[home].bucket;
    for (ScopeId scope : scopes_) {
      ForEachRow(home, scope, 'T', [&](absl::string_view key, absl::string_view value) {
        findings_.Count('T', homes_[home]);
        auto row = records::DecodeHanging(scope, value);
        const bool whole = key.size() == 24 && row.ok();
        const Timestamp at = whole ? meta_rows::ReadTime(key.substr(16)) : kBeginning;
        if (whole && key == keys::HangingDelete(keys::Hash128Of(value), at) &&
            storage::BucketStart(b) <= at && at < storage::BucketEnd(b))
          return;
        findings_.Row(whole ? FindingKind::kDisagrees : FindingKind::kDamaged, homes_[home], scope,
                      'T', whole ? TimeText(at) : "a damaged row",
                      "what was deleted before it was told of can't be read: it is lost",
                      {Delete(home, scope, 'T', std::string(key))});
      });
    }
  }
}

void Checker::CheckLetters() {
  auto check = [&](const Place& place, ScopeId scope, absl::string_view key,
                   absl::string_view value, const Fix& gone) {
    findings_.Count('L', place);
    auto letter = records::DecodeDeadLetter(scope, value);
    const std::string id = absl::BytesToHexString(key);
    if (letter.ok() && DeadLetterId(*letter) == id) return;
    findings_.Row(letter.ok() ? FindingKind::kDisagrees : FindingKind::kDamaged, place, scope, 'L',
                  absl::StrCat("letter ", id),
                  "a record that could not be applied can't be read either: it is lost", {gone});
  };
  for (ScopeId scope : scopes_) {
    const Place system{Table::kSystem, nullptr};
    ForEachRow(Table::kSystem, scope, "L", [&](absl::string_view key, absl::string_view value) {
      check(system, scope, key.substr(1), value, Delete(Table::kSystem, scope, std::string(key)));
    });
    for (HomeIndex home = 1; home < homes_.size(); ++home) {
      ForEachRow(home, scope, 'L', [&](absl::string_view key, absl::string_view value) {
        check(homes_[home], scope, key, value, Delete(home, scope, 'L', std::string(key)));
      });
    }
  }
}

}  // namespace kg::verify
