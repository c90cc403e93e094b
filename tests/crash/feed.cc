#include "tests/crash/feed.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "storage/store.h"

namespace kg::crash {
namespace {

constexpr size_t kScopeBytes = 4, kEpisodeBytes = 16, kIncidentBytes = 8;

uint64_t BigEndian(absl::string_view bytes) {
  uint64_t v = 0;
  for (const char c : bytes) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

absl::StatusOr<FeedRow> ParseRow(absl::string_view key, absl::string_view value) {
  FeedRow row;
  row.sequence = BigEndian(key.substr(0, 8));
  while (!value.empty()) {
    const size_t size = 1 + kScopeBytes + (value[0] == 'E' ? kEpisodeBytes : kIncidentBytes);
    if ((value[0] != 'E' && value[0] != 'I') || value.size() < size)
      return absl::DataLossError(absl::StrCat("feed row ", row.sequence, " is damaged"));
    if (value[0] == 'E') row.episodes.emplace(value.substr(1, size - 1));
    value.remove_prefix(size);
  }
  return row;
}

absl::StatusOr<std::vector<FeedRow>> ReadRows(const std::string& dir) {
  storage::StoreOptions options;
  options.read_only = true;
  auto store = storage::Store::Open(dir, options);
  if (!store.ok()) return store.status();
  const auto snapshot = (*store)->GetSnapshot();
  std::vector<FeedRow> rows;
  for (const storage::BucketPtr& b : snapshot->buckets()) {
    const auto c = snapshot->Scan(b, ScopeId(0), storage::RecordKind::kFeed, "");
    for (; c->Valid(); c->Next()) {
      auto row = ParseRow(c->key(), c->value());
      if (!row.ok()) return row.status();
      if (!row->episodes.empty()) rows.push_back(*std::move(row));
    }
    if (!c->status().ok()) return c->status();
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<FeedRow>> ReadFeed(Database* db, const std::string& dir) {
  if (auto made = db->Checkpoint(dir); !made.ok()) return made.status();
  auto rows = ReadRows(dir);
  std::filesystem::remove_all(dir);
  return rows;
}

std::string CompareFeeds(const std::vector<FeedRow>& expected, const std::vector<FeedRow>& got) {
  for (size_t i = 1; i < got.size(); ++i) {
    if (got[i].sequence <= got[i - 1].sequence)
      return absl::StrCat("feed row ", got[i].sequence, " stands behind ", got[i - 1].sequence);
  }
  const size_t both = std::min(expected.size(), got.size());
  // Both hold what retention holds; the older end depends on when the buckets were dropped.
  if (both + 200 < std::max(expected.size(), got.size()) || (both == 0 && !expected.empty()))
    return absl::StrCat(got.size(), " feed rows instead of ", expected.size());
  for (size_t back = 1; back <= both; ++back) {
    const FeedRow& row = got[got.size() - back];
    if (row.episodes != expected[expected.size() - back].episodes)
      return absl::StrCat("feed row ", row.sequence, ", the last but ", back - 1,
                          ", tells of other episodes");
  }
  return "";
}

}  // namespace kg::crash
