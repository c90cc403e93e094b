#include "storage/check.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/table_properties.h"
#include "storage/internal/directory.h"
#include "storage/internal/format.h"
#include "storage/internal/log_check.h"
#include "storage/internal/options.h"
#include "storage/internal/rocks_status.h"
#include "storage/internal/snapshot.h"

namespace kg::storage {
namespace {

namespace fs = std::filesystem;

struct StoreFile {
  std::string name;
  uint64_t bytes = 0;
};

// By name; table files, logs and MANIFESTs.
std::vector<StoreFile> FilesToCheck(const std::string& path) {
  std::vector<StoreFile> files;
  std::error_code error;
  for (auto entry = fs::directory_iterator(path, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool ours = absl::EndsWith(name, ".sst") || absl::EndsWith(name, ".log") ||
                      absl::StartsWith(name, "MANIFEST-");
    std::error_code ignored;
    if (ours) files.push_back({name, entry->file_size(ignored)});
  }
  std::sort(files.begin(), files.end(),
            [](const StoreFile& a, const StoreFile& b) { return a.name < b.name; });
  return files;
}

// The MANIFEST that CURRENT names; empty, with the damage told, when it names none.
std::string ManifestOf(const std::string& path, FileCheck* out) {
  std::ifstream in(fs::path(path) / "CURRENT", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  absl::string_view name = text;
  ++out->files;
  out->bytes += text.size();
  uint64_t number = 0;
  absl::string_view digits = name;
  const bool good = absl::ConsumeSuffix(&name, "\n") && absl::ConsumePrefix(&digits, "MANIFEST-") &&
                    absl::ConsumeSuffix(&digits, "\n") && absl::SimpleAtoi(digits, &number);
  if (!good) {
    out->damages.push_back(
        {"CURRENT", "does not name a MANIFEST: the store can't be opened with it", ""});
    return "";
  }
  std::error_code error;
  if (!fs::exists(fs::path(path) / std::string(name), error)) {
    out->damages.push_back(
        {"CURRENT", absl::StrCat("names ", name, ", which is not there: the store can't be opened"),
         ""});
    return "";
  }
  return std::string(name);
}

void CheckLogFile(const std::string& path, const StoreFile& file, bool is_manifest,
                  FileCheck* out) {
  auto log = internal::CheckLog(absl::StrCat(path, "/", file.name));
  if (!log.ok()) {
    out->damages.push_back({file.name, std::string(log.status().message()), ""});
    return;
  }
  if (!log->damaged_at.has_value()) return;
  const std::string where =
      absl::StrCat("the record at byte ", *log->damaged_at, " does not match its checksum: ");
  out->damages.push_back({file.name,
                          is_manifest ? absl::StrCat(where, "the store can't be opened with it")
                                      : absl::StrCat(where, "commits are read up to there only, ",
                                                     log->records_behind_damage,
                                                     " records behind it are out of reach"),
                          ""});
}

void CheckTableFile(const std::string& path, const StoreFile& file, const rocksdb::Options& options,
                    FileCheck* out) {
  rocksdb::SstFileReader reader(options);
  rocksdb::Status s = reader.Open(absl::StrCat(path, "/", file.name));
  std::string family;
  if (s.ok()) {
    const auto properties = reader.GetTableProperties();
    if (properties != nullptr) family = properties->column_family_name;
    s = reader.VerifyChecksum();
  }
  if (!s.ok()) out->damages.push_back({file.name, s.ToString(), family});
}

absl::StatusOr<std::vector<RowGroup>> Groups(const Snapshot& snapshot,
                                             rocksdb::ColumnFamilyHandle* family, size_t prefix,
                                             std::vector<std::string>* malformed) {
  const auto& rows = static_cast<const internal::SnapshotImpl&>(snapshot);
  std::vector<RowGroup> groups;
  std::string from;
  for (;;) {
    const std::unique_ptr<Cursor> c = rows.ScanFamily(family, from);
    if (!c->Valid()) {
      if (!c->status().ok()) return c->status();
      return groups;
    }
    const absl::string_view key = c->key();
    if (key.size() < prefix) {
      if (malformed != nullptr) malformed->emplace_back(key);
      from = absl::StrCat(key, absl::string_view("\0", 1));
      continue;
    }
    uint32_t scope = 0;
    for (size_t i = 0; i < 4; ++i) scope = scope << 8 | static_cast<uint8_t>(key[i]);
    groups.push_back({ScopeId(scope), prefix > 4 ? key[4] : '\0'});
    from = internal::PrefixEnd(key.substr(0, prefix));
    if (from.empty()) return groups;
  }
}

}  // namespace

absl::StatusOr<FileCheck> CheckFiles(const std::string& path, const FileProgress& progress) {
  auto content = internal::InspectDirectory(path);
  if (!content.ok()) return content.status();
  if (*content != internal::DirectoryContent::kDatabase)
    return absl::NotFoundError(absl::StrCat("there is no store in ", path));
  if (absl::Status s = internal::CheckUnowned(path); !s.ok()) return s;
  auto rocks = internal::MakeRocksOptions({}, rocksdb::Env::Default(),
                                          std::make_shared<internal::BackgroundWatch>([] {}));
  if (!rocks.ok()) return rocks.status();
  rocks->db.listeners.clear();
  rocks->db.sst_file_manager.reset();
  const rocksdb::Options options(rocks->db, rocks->family);

  FileCheck out;
  const std::string manifest = ManifestOf(path, &out);
  const std::vector<StoreFile> files = FilesToCheck(path);
  uint64_t total = 0, done = 0;
  for (const StoreFile& f : files) total += f.bytes;
  for (const StoreFile& f : files) {
    if (progress) progress(done, total, f.name);
    done += f.bytes;
    const bool is_manifest = absl::StartsWith(f.name, "MANIFEST-");
    if (is_manifest && f.name != manifest && !manifest.empty()) continue;  // of an earlier time
    if (absl::EndsWith(f.name, ".sst")) {
      CheckTableFile(path, f, options, &out);
    } else {
      CheckLogFile(path, f, is_manifest, &out);
    }
    ++out.files;
    out.bytes += f.bytes;
  }
  if (progress) progress(total, total, "");
  return out;
}

absl::StatusOr<StoreState> ReadState(const Snapshot& snapshot) {
  StoreState out;
  auto row = snapshot.Get(ScopeId{}, Table::kMeta, internal::FormatKey().substr(4));
  if (!row.ok()) return row.status();
  if (row->has_value()) {
    auto identity = internal::DecodeFormat(**row);
    if (!identity.ok()) return absl::DataLossError("the format row of the store is damaged");
    out.format_version = identity->format_version;
  }
  row = snapshot.Get(ScopeId{}, Table::kMeta, internal::ProgressKey().substr(4));
  if (!row.ok()) return row.status();
  if (row->has_value()) {
    auto progress = internal::DecodeProgress(**row);
    if (!progress.ok()) return absl::DataLossError("the progress row of the store is damaged");
    out.data_clock = progress->data_clock;
    out.sequence = progress->sequence;
  }
  row = snapshot.Get(ScopeId{}, Table::kMeta, internal::ExpiryKey().substr(4));
  if (!row.ok()) return row.status();
  if (row->has_value()) {
    auto dropped = internal::DecodeExpiry(**row);
    if (!dropped.ok()) return absl::DataLossError("the expiry row of the store is damaged");
    out.dropped_until = *dropped;
  }
  auto c = snapshot.Scan(ScopeId{}, Table::kMeta, internal::BucketRowPrefix().substr(4), "");
  for (; c->Valid(); c->Next()) {
    auto bucket = internal::DecodeBucket(c->value());
    if (!bucket.ok()) return absl::DataLossError("a bucket row of the store is damaged");
    out.buckets.push_back(*bucket);
  }
  if (!c->status().ok()) return c->status();
  return out;
}

absl::StatusOr<std::vector<RowGroup>> GroupsOf(const Snapshot& snapshot, Table table,
                                               std::vector<std::string>* malformed) {
  const auto& rows = static_cast<const internal::SnapshotImpl&>(snapshot);
  return Groups(snapshot, rows.TableFamily(table), 4, malformed);
}

absl::StatusOr<std::vector<RowGroup>> GroupsOf(const Snapshot& snapshot, const BucketPtr& bucket,
                                               std::vector<std::string>* malformed) {
  return Groups(snapshot, bucket->family->handle(), 5, malformed);
}

}  // namespace kg::storage
