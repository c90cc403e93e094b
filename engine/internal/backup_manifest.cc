#include "engine/internal/backup_manifest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "schemas/manifest_generated.h"
#include "storage/files.h"
#include "storage/records.h"

namespace kg::internal {
namespace {

constexpr uint32_t kManifestVersion = 1;
constexpr absl::string_view kMagic = "KGBACKUP";
constexpr size_t kSealBytes = 8 + sizeof(XXH128_canonical_t);
constexpr size_t kMaxNameBytes = 255;

std::string Seal(const std::string& table) {
  XXH128_canonical_t sum;
  XXH128_canonicalFromHash(&sum, XXH3_128bits(table.data(), table.size()));
  return absl::StrCat(
      kMagic, absl::string_view(reinterpret_cast<const char*>(sum.digest), sizeof(sum)), table);
}

absl::StatusOr<absl::string_view> Unseal(absl::string_view bytes) {
  if (bytes.size() < kSealBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    return absl::DataLossError("this is no backup's manifest");
  }
  const absl::string_view table = bytes.substr(kSealBytes);
  XXH128_canonical_t sum;
  XXH128_canonicalFromHash(&sum, XXH3_128bits(table.data(), table.size()));
  const absl::string_view own(reinterpret_cast<const char*>(sum.digest), sizeof(sum));
  if (bytes.substr(kMagic.size(), sizeof(sum)) != own) {
    return absl::DataLossError("the manifest is damaged: its checksum is another");
  }
  return table;
}

// What a file of the store may be called; nothing that leads elsewhere.
bool IsPlainName(const std::string& name) {
  if (name.empty() || name.size() > kMaxNameBytes || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
}

absl::Status CheckFiles(const std::vector<BackupFile>& files) {
  std::set<std::string> names;
  uint64_t total = 0;
  for (const BackupFile& file : files) {
    if (!IsPlainName(file.name) || !names.insert(file.name).second) {
      return absl::DataLossError("the manifest names files as no backup does");
    }
    if (total + file.bytes < total) return absl::DataLossError("the manifest names absurd sizes");
    total += file.bytes;
  }
  return absl::OkStatus();
}

auto KeyOf(const SourcePosition& p) {
  return std::tie(p.source, p.partition, p.offset, p.epoch, p.topic_id);
}

void SortPositions(std::vector<SourcePosition>* positions) {
  std::sort(positions->begin(), positions->end(),
            [](const auto& a, const auto& b) { return KeyOf(a) < KeyOf(b); });
}

}  // namespace

std::string EncodeManifest(const BackupManifest& m) {
  fb::BackupManifestT t;
  t.version = kManifestVersion;
  t.format_version = m.format_version;
  t.store_id = m.store_id;
  t.epoch = m.epoch;
  t.sequence = m.sequence;
  t.data_clock = ToMicros(m.data_clock);
  t.oldest = ToMicros(m.oldest);
  t.begun = ToMicros(m.begun);
  t.finished = ToMicros(m.finished);
  for (const auto& [name, value] : m.counts) {
    auto count = std::make_unique<fb::BackupCountT>();
    count->name = name;
    count->value = value;
    t.counts.push_back(std::move(count));
  }
  for (const SourcePosition& p : m.positions) {
    auto position = std::make_unique<fb::BackupPositionT>();
    position->source = p.source;
    position->partition = p.partition;
    position->offset = p.offset;
    position->epoch = p.epoch;
    position->topic_id = p.topic_id;
    t.positions.push_back(std::move(position));
  }
  for (const BackupFile& f : m.files) {
    auto file = std::make_unique<fb::BackupFileT>();
    file->name = f.name;
    file->bytes = f.bytes;
    file->checksum = f.checksum;
    t.files.push_back(std::move(file));
  }
  flatbuffers::FlatBufferBuilder builder;
  return Seal(storage::EncodeTable(&builder, fb::BackupManifest::Pack(builder, &t)));
}

absl::StatusOr<BackupManifest> DecodeManifest(absl::string_view bytes) {
  const auto table = Unseal(bytes);
  if (!table.ok()) return table.status();
  const auto decoded = storage::DecodeTable<fb::BackupManifest>(*table);
  if (!decoded.ok()) return absl::DataLossError("the manifest is damaged");
  if ((*decoded)->version() > kManifestVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the backup was made by a newer kgctl (manifest ", (*decoded)->version(),
                     ", this one knows up to ", kManifestVersion, "): use that one"));
  }
  fb::BackupManifestT t;
  (*decoded)->UnPackTo(&t);
  BackupManifest m;
  m.format_version = t.format_version;
  m.store_id = t.store_id;
  m.epoch = t.epoch;
  m.sequence = t.sequence;
  m.data_clock = FromMicros(t.data_clock);
  m.oldest = FromMicros(t.oldest);
  m.begun = FromMicros(t.begun);
  m.finished = FromMicros(t.finished);
  for (const auto& count : t.counts) m.counts[count->name] = count->value;
  for (const auto& p : t.positions)
    m.positions.push_back({p->source, p->partition, p->offset, p->epoch, p->topic_id});
  for (const auto& f : t.files) m.files.push_back({f->name, f->bytes, f->checksum});
  if (absl::Status checked = CheckFiles(m.files); !checked.ok()) return checked;
  return m;
}

std::string EncodeCheck(const BackupCheck& check) {
  fb::BackupCheckT t;
  t.at = ToMicros(check.at);
  t.problem = check.problem;
  flatbuffers::FlatBufferBuilder builder;
  return Seal(storage::EncodeTable(&builder, fb::BackupCheck::Pack(builder, &t)));
}

absl::StatusOr<BackupCheck> DecodeCheck(absl::string_view bytes) {
  const auto table = Unseal(bytes);
  if (!table.ok()) return table.status();
  const auto decoded = storage::DecodeTable<fb::BackupCheck>(*table);
  if (!decoded.ok()) return decoded.status();
  fb::BackupCheckT t;
  (*decoded)->UnPackTo(&t);
  return BackupCheck{FromMicros(t.at), t.problem};
}

absl::StatusOr<BackupManifest> ReadManifest(const std::string& backup_dir) {
  const std::string path = absl::StrCat(backup_dir, "/", kManifestFile);
  const auto bytes = storage::ReadWholeFile(path, kMaxManifestBytes);
  if (!bytes.ok()) return bytes.status();
  auto manifest = DecodeManifest(*bytes);
  if (!manifest.ok()) {
    return absl::Status(manifest.status().code(),
                        absl::StrCat(path, ": ", manifest.status().message()));
  }
  return manifest;
}

BackupManifest DescribeState(const DatabaseStats& stats) {
  BackupManifest m;
  m.format_version = stats.format_version;
  m.store_id = stats.store_id;
  m.epoch = stats.epoch;
  m.sequence = stats.sequence;
  m.data_clock = stats.data_clock;
  m.oldest = stats.oldest;
  m.counts = {{"resources", stats.resources},
              {"resources_deleted", stats.resources_deleted},
              {"stubs", stats.stubs},
              {"edges_open", stats.edges_open},
              {"episodes", stats.episodes},
              {"links", stats.links},
              {"dead_letters", stats.dead_letters}};
  m.positions = stats.positions;
  SortPositions(&m.positions);
  return m;
}

std::string StateDifference(const BackupManifest& manifest, const DatabaseStats& stats) {
  const BackupManifest found = DescribeState(stats);
  if (found.store_id != manifest.store_id) return "it is another store";
  if (found.sequence != manifest.sequence) {
    return absl::StrCat("its last commit is ", found.sequence, ", not ", manifest.sequence);
  }
  if (found.data_clock != manifest.data_clock) return "its data clock is another";
  std::vector<SourcePosition> expected = manifest.positions;
  SortPositions(&expected);
  const bool same =
      std::equal(expected.begin(), expected.end(), found.positions.begin(), found.positions.end(),
                 [](const auto& a, const auto& b) { return KeyOf(a) == KeyOf(b); });
  if (!same) return "its source positions are others";
  for (const auto& [name, value] : manifest.counts) {
    const auto it = found.counts.find(name);
    if (it == found.counts.end()) continue;  // not kept by this program
    // What retention had passed, but not been swept of yet, is not read again by an open.
    const bool may_shrink = name != "resources" && name != "edges_open";
    if (it->second > value || (it->second < value && !may_shrink))
      return absl::StrCat(name, ": ", it->second, " instead of ", value);
  }
  return "";
}

DatabaseOptions OptionsForCopy(const BackupManifest& manifest) {
  DatabaseOptions options;
  options.read_only = true;
  options.create_if_missing = false;
  options.block_cache_bytes = 16ull << 20;
  // A span that no clock can hold is none that a database had.
  int64_t span = 0;
  const bool holds =
      !__builtin_sub_overflow(ToMicros(manifest.data_clock), ToMicros(manifest.oldest), &span);
  if (holds && manifest.oldest > kBeginning && span > 0) options.retention = Duration(span);
  return options;
}

}  // namespace kg::internal
