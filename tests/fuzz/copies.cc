#include <filesystem>
#include <string>

#include <zstd.h>

#include "engine/backup.h"
#include "engine/internal/backup_manifest.h"
#include "storage/archive.h"
#include "storage/keys.h"
#include "tests/fuzz/database.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/rows.h"

namespace kg::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMagicBytes = 8;
constexpr size_t kSumBytes = 16;

// Pieces of an archive of sizes that its own bytes decide.
storage::ArchiveReader::Read Pieces(absl::string_view bytes, size_t* at) {
  return [bytes, at](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (*at >= bytes.size()) return 0;
    const size_t wanted = 1 + static_cast<uint8_t>(bytes[*at]) * size_t{5};
    const size_t piece = std::min({wanted, size, bytes.size() - *at});
    bytes.copy(buffer, piece, *at);
    *at += piece;
    return piece;
  };
}

void ReadFiles(storage::ArchiveReader* reader) {
  constexpr uint64_t kEnough = 4 << 20;
  uint64_t total = 0;
  char buffer[4096];
  while (total < kEnough) {
    const auto file = reader->Next();
    if (!file.ok() || !file->has_value()) return;
    uint64_t bytes = 0;
    while (total < kEnough) {
      const auto read = reader->ReadFile(buffer, sizeof(buffer));
      if (!read.ok()) return;
      if (*read == 0) break;
      Expect(*read <= sizeof(buffer), "no more is read than there is room for");
      bytes += *read;
      total += *read;
    }
    Expect(bytes <= (*file)->bytes, "a file has no more bytes than its header says");
    ++total;  // so that a million empty files end as well
  }
}

std::string Unpacked(const std::string& archive) {
  std::string out(16 << 20, '\0');
  ZSTD_DCtx* const context = ZSTD_createDCtx();
  ZSTD_inBuffer in{archive.data(), archive.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  while (in.pos < in.size && to.pos < to.size) {
    if (ZSTD_isError(ZSTD_decompressStream(context, &to, &in))) break;
  }
  ZSTD_freeDCtx(context);
  out.resize(to.pos);
  return out;
}

std::string SomeArchive() {
  auto writer = storage::ArchiveWriter::Create();
  Expect(writer.ok(), "an archive can be made");
  std::string out;
  for (const auto& [name, text] : {std::pair<const char*, std::string>{"backup.manifest", "abc"},
                                   {"data/000012.sst", std::string(700, 'x')},
                                   {"empty", ""}}) {
    Expect((*writer)->BeginFile(name, text.size()).ok() && (*writer)->Write(text).ok(), name);
  }
  Expect((*writer)->Finish().ok(), "an archive ends");
  return (*writer)->TakeOutput();
}

// A whole backup, as it is shipped.
std::string RealArchive() {
  const std::unique_ptr<Database> database = SmallDatabase::Open();
  auto archive = BackupArchive::Make(database.get(), BackupOptions());
  Expect(archive.ok(), "a backup can be made");
  std::string out;
  while (true) {
    const auto piece = (*archive)->Next();
    Expect(piece.ok(), "a backup can be read");
    if (piece->empty()) return out;
    out += *piece;
  }
}

}  // namespace

void BackupManifests(absl::string_view input) {
  const auto sum = storage::keys::Hash128Of(input);
  std::string sealed = "KGBACKUP";
  sealed.append(reinterpret_cast<const char*>(sum.data()), sum.size());
  sealed.append(input.data(), input.size());
  const auto manifest = internal::DecodeManifest(sealed);
  if (manifest.ok()) {
    const std::string written = internal::EncodeManifest(*manifest);
    const auto again = internal::DecodeManifest(written);
    Expect(again.ok() && internal::EncodeManifest(*again) == written, "a manifest reads back");
    internal::OptionsForCopy(*manifest);
    internal::StateDifference(*manifest, DatabaseStats());
  }
  (void)internal::DecodeCheck(sealed);
  // As it stands: no checksum is right.
  (void)internal::DecodeManifest(input);
}

Seeds ManifestSeeds() {
  BackupManifest manifest;
  manifest.format_version = 1;
  manifest.store_id = "00112233445566778899aabbccddeeff";
  manifest.data_clock = FromMicros(9);
  manifest.oldest = FromMicros(2);
  manifest.counts = {{"resources", 3}};
  manifest.positions = {{"file:0123", 3, 4711, 2, "topic"}};
  manifest.files = {{"000012.sst", 9, "00112233445566778899aabbccddeeff"}, {"CURRENT", 1, "x"}};
  return {internal::EncodeManifest(manifest).substr(kMagicBytes + kSumBytes),
          internal::EncodeCheck({FromMicros(5), "damaged"}).substr(kMagicBytes + kSumBytes)};
}

void Archives(absl::string_view input) {
  size_t at = 0;
  auto reader = storage::ArchiveReader::Create(Pieces(input, &at));
  if (reader.ok()) ReadFiles(reader->get());
}

Seeds ArchiveSeeds() {
  const std::string archive = SomeArchive();
  return {archive, Unpacked(archive)};
}

void Restores(absl::string_view input) {
  static const ScratchDir scratch;
  const std::string target = scratch / "data";
  size_t at = 0;
  const auto restored = RestoreArchive(Pieces(input, &at), {target, {}});
  if (!restored.ok()) Expect(!fs::exists(target), "a restore that failed leaves nothing");
  std::error_code ignored;
  fs::remove_all(target, ignored);
  const bool clean = fs::is_empty(scratch.path(), ignored);
  Expect(clean, "a restore leaves nothing beside its target");
}

Seeds RestoreSeeds() {
  const std::string archive = RealArchive();
  return {archive, Unpacked(archive)};
}

}  // namespace kg::fuzz
