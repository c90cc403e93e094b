#include "engine/internal/verify/findings.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace kg {

const char* FindingKindName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kFile:
      return "file";
    case FindingKind::kDamaged:
      return "damaged";
    case FindingKind::kMissing:
      return "missing";
    case FindingKind::kStray:
      return "stray";
    case FindingKind::kDisagrees:
      return "disagrees";
  }
  return "unknown";
}

namespace verify {
namespace {

constexpr uint64_t kRowsPerReport = 4096;

}  // namespace

std::string RecordName(char kind) {
  switch (kind) {
    case 'E':
      return "episode (E)";
    case 'S':
      return "subject index (S)";
    case 'X':
      return "event id index (X)";
    case 'C':
      return "causes (C)";
    case 'D':
      return "effects (D)";
    case 'P':
      return "member (P)";
    case 'H':
      return "closed edge (H)";
    case 'R':
      return "revision (R)";
    case 'T':
      return "hanging delete (T)";
    case 'L':
      return "dead letter (L)";
    case 'F':
      return "feed (F)";
    case 's':
      return "scope";
    case 'p':
      return "position";
    case 'r':
      return "resource";
    case 'u':
      return "alias";
    case 'e':
      return "edge";
    case 'i':
      return "incident";
    case 'm':
      return "store";
    case 'k':
      return "system";
    default:
      return absl::StrCat("unknown kind 0x", absl::Hex(static_cast<uint8_t>(kind)));
  }
}

std::string TimeText(Timestamp t) {
  if (t == kForever) return "no end";
  if (t == kBeginning) return "the beginning";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromUnixMicros(ToMicros(t)),
                          absl::UTCTimeZone());
}

std::string FamilyText(const std::string& family) {
  if (family.empty()) return "what it held can't be told";
  absl::string_view digits = family;
  int64_t start = 0;
  if (absl::ConsumePrefix(&digits, "t@") && absl::SimpleAtoi(digits, &start))
    return absl::StrCat("it holds rows of the bucket from ", TimeText(FromMicros(start)), " on");
  return absl::StrCat("it holds rows of table ", family);
}

std::string KeyText(const storage::keys::EpisodeKey& key) {
  return absl::StrCat("onset ", TimeText(key.onset), " hash ",
                      absl::Hex(key.hash.value, absl::kZeroPad16));
}

std::string PlaceName(const Place& place) {
  if (place.bucket != nullptr)
    return absl::StrCat("bucket ", TimeText(storage::BucketStart(place.bucket)));
  switch (place.table) {
    case storage::Table::kMeta:
      return "table meta";
    case storage::Table::kResource:
      return "table resource";
    case storage::Table::kAlias:
      return "table alias";
    case storage::Table::kEdge:
      return "table edge";
    case storage::Table::kOpen:
      return "table open";
    case storage::Table::kIncident:
      return "table incident";
    case storage::Table::kSystem:
      return "table system";
  }
  return "table ?";
}

std::string Findings::ScopeName(ScopeId scope) const {
  const auto known = scopes_.find(scope.value);
  return known == scopes_.end() ? absl::StrCat("scope ", scope.value) : known->second;
}

void Findings::Add(Finding finding) {
  ++report_->found;
  if (finding.mendable) ++report_->mendable;
  if (report_->findings.size() < options_.max_findings)
    report_->findings.push_back(std::move(finding));
}

void Findings::Row(FindingKind kind, const Place& place, ScopeId scope, char record,
                   std::string key, std::string what, const std::vector<Fix>& fixes,
                   bool otherwise_mendable) {
  if (mend_ != nullptr) {
    for (const Fix& fix : fixes) mend_(fix);
  }
  Add({kind, scope.value == 0 ? "" : ScopeName(scope), PlaceName(place), RecordName(record),
       std::move(key), std::move(what), otherwise_mendable || !fixes.empty()});
}

void Findings::Finish() {
  for (size_t kind = 0; kind < counts_.size(); ++kind) {
    if (counts_[kind] > 0) report_->rows[RecordName(static_cast<char>(kind))] = counts_[kind];
  }
}

void Findings::Count(char record, const Place& place) {
  ++counts_[static_cast<uint8_t>(record)];
  if (++rows_ % kRowsPerReport != 0 || !options_.progress) return;
  options_.progress({"rows", rows_, 0, PlaceName(place)});
}

}  // namespace verify
}  // namespace kg
