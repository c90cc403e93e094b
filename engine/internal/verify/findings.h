#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/verify.h"
#include "storage/keys.h"
#include "storage/store.h"

namespace kg::verify {

// Where a row stands: a permanent table, or a bucket.
struct Place {
  storage::Table table = storage::Table::kOpen;
  storage::BucketPtr bucket;  // null: in `table`
};

// A put or a delete that mends something.
struct Fix {
  Place place;
  ScopeId scope;
  char kind = 0;  // of a bucket's row
  std::string key;
  std::string value;
  bool is_delete = false;
};

// What rows of this kind are called: "episode (E)", "slot", "alias" …
std::string RecordName(char kind);
std::string PlaceName(const Place& place);
std::string TimeText(Timestamp t);
// Which rows a file of this column family ("t@<start µs>" or a table's name) holds, in words.
std::string FamilyText(const std::string& family);
std::string KeyText(const storage::keys::EpisodeKey& key);

// Takes what is found, and hands on how to mend it.
class Findings {
 public:
  // `mend` (may be empty) receives every fix as it is found.
  Findings(VerifyReport* report, const VerifyOptions& options, std::function<void(const Fix&)> mend)
      : report_(report), options_(options), mend_(std::move(mend)) {}

  void NameScope(ScopeId scope, std::string name) { scopes_[scope.value] = std::move(name); }
  std::string ScopeName(ScopeId scope) const;

  void Add(Finding finding);
  // About a row; mendable where there are fixes, or `otherwise_mendable`.
  void Row(FindingKind kind, const Place& place, ScopeId scope, char record, std::string key,
           std::string what, const std::vector<Fix>& fixes, bool otherwise_mendable = false);

  // One more row of this kind was read.
  void Count(char record, const Place& place);
  // Puts the counts into the report.
  void Finish();

 private:
  VerifyReport* const report_;
  const VerifyOptions& options_;
  const std::function<void(const Fix&)> mend_;
  std::map<uint32_t, std::string> scopes_;
  std::array<uint64_t, 256> counts_{};
  uint64_t rows_ = 0;
};

}  // namespace kg::verify
