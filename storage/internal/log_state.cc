#include "storage/internal/log_state.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/internal/log_check.h"
#include "storage/internal/rocks_status.h"

namespace kg::storage::internal {
namespace {

constexpr size_t kBlock = 32768;
constexpr size_t kHeader = 7;
constexpr size_t kSector = 512;
constexpr size_t kZerosAtEnd = 16;  // no commit ends in so many

uint32_t Byte(absl::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

// One record at `at`, as its header describes it.
struct Record {
  absl::string_view bytes;
  size_t at;

  size_t length() const { return Byte(bytes, at + 4) | Byte(bytes, at + 5) << 8; }
  bool FitsBlock() const { return at % kBlock + kHeader + length() <= kBlock; }
  bool FitsFile() const { return at + kHeader + length() <= bytes.size(); }
  bool Matches(size_t payload) const {
    const uint32_t type = Byte(bytes, at + 6);
    if (type < 1 || type > 4) return false;
    uint32_t stored = 0;
    for (int i = 3; i >= 0; --i) stored = stored << 8 | Byte(bytes, at + static_cast<size_t>(i));
    const uint32_t crc = Crc32c(bytes.data() + at + 6, 1 + payload);  // of the type as well
    return stored == ((crc >> 15 | crc << 17) + 0xa282ead8u);
  }
  bool Whole() const { return FitsBlock() && FitsFile() && Matches(length()); }
};

bool OnlyZeros(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// Within the block any byte may be where the next record begins; each later block begins with one.
bool WholeRecordFollows(absl::string_view bytes, size_t after) {
  const size_t block_end = (after / kBlock + 1) * kBlock;
  for (size_t at = after + 1; at + kHeader <= bytes.size();) {
    if (Record{bytes, at}.Whole()) return true;
    at = at < block_end ? at + 1 : at + kBlock;
  }
  return false;
}

bool HasUnwrittenSector(absl::string_view bytes, size_t from) {
  for (size_t at = from; at < bytes.size();) {
    const size_t end = std::min(bytes.size(), (at / kSector + 1) * kSector);
    if (OnlyZeros(bytes.substr(at, end - at))) return true;
    at = end;
  }
  return false;
}

LogState StateOfBadRecord(absl::string_view bytes, size_t at) {
  if (OnlyZeros(bytes.substr(at))) return LogState::kTorn;
  if (WholeRecordFollows(bytes, at)) return LogState::kDamaged;
  const Record record{bytes, at};
  // A length that was damaged in the last record makes it look cut short.
  const size_t rest = bytes.size() - at - kHeader;
  if (at % kBlock + kHeader + rest <= kBlock && record.Matches(rest)) return LogState::kDamaged;
  // The file had grown on disk, what was written into it had not got there.
  const size_t zeros = std::min(kZerosAtEnd, bytes.size() - at);
  if (OnlyZeros(bytes.substr(bytes.size() - zeros))) return LogState::kTorn;
  if (HasUnwrittenSector(bytes, at)) return LogState::kTorn;
  const bool cut_short = record.FitsBlock() && !record.FitsFile();
  return cut_short ? LogState::kTorn : LogState::kDamaged;
}

absl::StatusOr<std::string> ReadWhole(rocksdb::Env* env, const std::string& file) {
  std::string bytes;
  const rocksdb::Status s = rocksdb::ReadFileToString(env, file, &bytes);
  if (!s.ok()) return FromRocks(s, absl::StrCat("read ", file));
  return bytes;
}

absl::Status Damaged(const std::string& file, const std::string& how) {
  return absl::DataLossError(absl::StrCat(file, " is damaged: ", how));
}

}  // namespace

LogEnd EndOfLog(absl::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    if (kBlock - at % kBlock < kHeader) {  // what is left of a block when no header fits
      at = std::min(bytes.size(), (at / kBlock + 1) * kBlock);
      continue;
    }
    if (at + kHeader > bytes.size()) return {LogState::kTorn, at};
    const Record record{bytes, at};
    if (!record.Whole()) return {StateOfBadRecord(bytes, at), at};
    at += kHeader + record.length();
  }
  return {LogState::kWhole, at};
}

absl::Status CheckManifest(rocksdb::Env* env, const std::string& path) {
  const std::string current = path + "/CURRENT";
  auto name = ReadWhole(env, current);
  if (!name.ok()) return name.status();
  uint64_t number = 0;
  const bool names_one = absl::StartsWith(*name, "MANIFEST-") && absl::EndsWith(*name, "\n") &&
                         absl::SimpleAtoi(name->substr(9, name->size() - 10), &number);
  if (!names_one) return Damaged(current, "it names no MANIFEST");
  const std::string manifest = absl::StrCat(path, "/", name->substr(0, name->size() - 1));
  if (env->FileExists(manifest).IsNotFound()) {
    return Damaged(current, absl::StrCat("it names ", manifest, ", which is not there"));
  }
  auto bytes = ReadWhole(env, manifest);
  if (!bytes.ok()) return bytes.status();
  const LogEnd end = EndOfLog(*bytes);
  if (end.state != LogState::kDamaged && end.offset > 0) return absl::OkStatus();
  return Damaged(manifest, absl::StrCat("no whole record at byte ", end.offset));
}

absl::Status CheckWriteAheadLogs(rocksdb::Env* env, const std::string& path) {
  std::vector<std::string> names;
  if (const rocksdb::Status s = env->GetChildren(path, &names); !s.ok()) {
    return FromRocks(s, absl::StrCat("list ", path));
  }
  std::map<uint64_t, std::string> logs;
  for (const std::string& name : names) {
    uint64_t number = 0;
    const bool is_log =
        absl::EndsWith(name, ".log") && absl::SimpleAtoi(name.substr(0, name.size() - 4), &number);
    if (is_log) logs[number] = absl::StrCat(path, "/", name);
  }
  std::string torn;
  for (const auto& [number, file] : logs) {
    auto bytes = ReadWhole(env, file);
    if (!bytes.ok()) return bytes.status();
    const LogEnd end = EndOfLog(*bytes);
    if (end.state == LogState::kDamaged) {
      return Damaged(file, absl::StrCat("no whole record at byte ", end.offset,
                                        "; commits behind it were acknowledged"));
    }
    // Each commit syncs what the logs before it hold, so none of those can have lost its end.
    if (!torn.empty() && end.offset > 0) {
      return Damaged(torn, absl::StrCat("its end is missing though ", file, " was written later"));
    }
    if (end.state == LogState::kTorn) torn = file;
  }
  return absl::OkStatus();
}

}  // namespace kg::storage::internal
