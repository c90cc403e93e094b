#include <zstd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/backup_manifest.h"
#include "storage/archive.h"
#include "storage/files.h"
#include "tests/engine/backup_support.h"

// Backups as streams: there and back, cut off, and as somebody hostile would make them.

namespace kg::backups {
namespace {

namespace fs = std::filesystem;
using semantics::RequireSameDump;

struct Made {
  TempDir dir;
  Stream stream;
  std::unique_ptr<Database> db = stream.Open(dir.Sub("db"));
  BackupFolder folder{dir.Sub("backups")};
  std::string backup;
  std::string archive;

  explicit Made(int batches = 50) {
    stream.ApplyUpTo(db.get(), batches);
    backup = folder.PathOf(MustCreate(folder, db.get()).name);
    archive = MustArchive(backup);
  }

  // All but the database, whose background work goes on.
  std::vector<std::string> Everything() const {
    std::vector<std::string> all = Tree(dir.Sub("."));
    all.erase(std::remove_if(all.begin(), all.end(),
                             [](const std::string& path) { return absl::StartsWith(path, "db/"); }),
              all.end());
    return all;
  }

  // Refused, with nothing written anywhere but what goes again.
  absl::Status Refused(const std::string& bytes) {
    const std::vector<std::string> before = Everything();
    const absl::Status status = RestoreBytes(bytes, dir.Sub("out/target"));
    fs::remove(dir.Sub("out"));
    CHECK(Everything() == before);
    return status;
  }
};

std::string Plain(const std::string& compressed) {
  std::string out;
  ZSTD_DStream* stream = ZSTD_createDStream();
  ZSTD_inBuffer in = {compressed.data(), compressed.size(), 0};
  std::string piece(1 << 20, '\0');
  while (in.pos < in.size) {
    ZSTD_outBuffer to = {piece.data(), piece.size(), 0};
    REQUIRE_FALSE(ZSTD_isError(ZSTD_decompressStream(stream, &to, &in)));
    out.append(piece, 0, to.pos);
  }
  ZSTD_freeDStream(stream);
  return out;
}

// An archive of a manifest and whatever files.
struct Entry {
  std::string name;
  std::string bytes;
};
std::string Pack(const std::vector<Entry>& entries) {
  auto writer = storage::ArchiveWriter::Create();
  REQUIRE(writer.ok());
  for (const Entry& entry : entries) {
    REQUIRE((*writer)->BeginFile(entry.name, entry.bytes.size()).ok());
    REQUIRE((*writer)->Write(entry.bytes).ok());
  }
  REQUIRE((*writer)->Finish().ok());
  return (*writer)->TakeOutput();
}

TEST_CASE("a backup goes through a tar and back") {
  Made made;
  REQUIRE(RestoreBytes(made.archive, made.dir.Sub("target")).ok());
  auto db = made.stream.Open(made.dir.Sub("target"));
  REQUIRE(NextBatch(*db) == 50);
  RequireSameDump(made.stream.DumpAfter(50), Dump(db.get()), "from the archive");
  made.stream.ApplyUpTo(db.get(), 60);
  RequireSameDump(made.stream.DumpAfter(60), Dump(db.get()), "gone on");
  // Decompressed by somebody on the way it is as good.
  CHECK(RestoreBytes(Plain(made.archive), made.dir.Sub("target2")).ok());
  // A target that is not empty is refused before anything is read.
  CHECK(absl::IsFailedPrecondition(RestoreBytes("nonsense", made.dir.Sub("target"))));
}

TEST_CASE("a database becomes an archive without a folder") {
  Made made;
  {
    auto archive = BackupArchive::Make(made.db.get(), {});
    REQUIRE(archive.ok());
    // Another one would take the same place.
    CHECK(absl::IsUnavailable(BackupArchive::Make(made.db.get(), {}).status()));
    // What comes later is not in it.
    made.stream.ApplyUpTo(made.db.get(), 60);
    REQUIRE(made.db->Maintain().ok());
    std::string all;
    for (auto piece = (*archive)->Next(); piece.ok() && !piece->empty();
         piece = (*archive)->Next()) {
      CHECK(piece->size() < 1 << 20);
      all += *piece;
    }
    REQUIRE(RestoreBytes(all, made.dir.Sub("target")).ok());
  }
  CHECK_FALSE(Exists(made.dir.Sub("db") + "/" + storage::kStagingFolder));
  auto db = made.stream.Open(made.dir.Sub("target"));
  RequireSameDump(made.stream.DumpAfter(50), Dump(db.get()), "from the archive");
}

TEST_CASE("a stream that is cut off anywhere is refused") {
  Made made(20);
  const std::string plain = Plain(made.archive);
  for (int i = 0; i < 40; ++i) {
    const size_t keep = made.archive.size() * static_cast<size_t>(i) / 40;
    INFO(keep << " of " << made.archive.size());
    CHECK_FALSE(made.Refused(made.archive.substr(0, keep)).ok());
  }
  CHECK_FALSE(made.Refused(made.archive.substr(0, made.archive.size() - 1)).ok());
  // Without its compression nothing but the manifest tells that something is missing.
  for (size_t keep = 0; keep + 2048 < plain.size(); keep += 512 * 37)
    CHECK_FALSE(made.Refused(plain.substr(0, keep)).ok());
}

TEST_CASE("a damaged backup can't be shipped and a damaged stream can't be restored") {
  Made made(20);
  // Beyond the manifest, so that the archive itself stays well formed.
  std::string plain = Plain(made.archive);
  const size_t at = plain.find("data/");
  REQUIRE(at != std::string::npos);
  plain[at + 512 + 10] = static_cast<char>(plain[at + 512 + 10] ^ 1);
  CHECK(absl::IsDataLoss(made.Refused(plain)));

  const std::string sst = OwnSst(made.backup);
  fs::resize_file(sst, fs::file_size(sst) - 1);
  auto archive = BackupArchive::Open(made.backup);
  REQUIRE(archive.ok());
  absl::StatusOr<std::string> piece = (*archive)->Next();
  while (piece.ok() && !piece->empty()) piece = (*archive)->Next();
  CHECK(absl::IsDataLoss(piece.status()));
}

TEST_CASE("an archive holds what its manifest names and nothing else") {
  Made made(20);
  BackupManifest manifest = *internal::ReadManifest(made.backup);
  manifest.files = {{"CURRENT", 5, ChecksumOf("12345")}, {"b.sst", 3, ""}};
  const Entry first{"backup.manifest", internal::EncodeManifest(manifest)};
  const Entry current{"data/CURRENT", "12345"}, sst{"data/b.sst", "123"};
  const auto refusal = [&](const std::vector<Entry>& entries) {
    const absl::Status status = made.Refused(Pack(entries));
    CHECK_FALSE(status.ok());
    return std::string(status.message());
  };
  CHECK(absl::StrContains(refusal({}), "must come first"));
  CHECK(absl::StrContains(refusal({current, first}), "must come first"));
  CHECK(absl::StrContains(refusal({first}), "cut off"));
  for (const char* elsewhere : {"../evil", "data/../../evil", "/tmp/evil", "data/sub/evil", "data/",
                                "evil", "data//CURRENT", "data/CURRENT/", "data/./CURRENT"}) {
    INFO(elsewhere);
    CHECK_FALSE(made.Refused(Pack({first, {elsewhere, "12345"}, sst})).ok());
  }
  CHECK(absl::StrContains(refusal({first, {"data/CURRENT", "123456"}}), "another size"));
  CHECK(absl::StrContains(refusal({first, {"data/CURRENT", "1234"}}), "another size"));
  CHECK(absl::StrContains(refusal({first, current, current}), "not once more"));
  CHECK(absl::StrContains(refusal({first, current, sst}), "checksum"));

  // Manifests that lie.
  const auto with_files = [&](std::vector<BackupFile> files) {
    manifest.files = std::move(files);
    return refusal({{"backup.manifest", internal::EncodeManifest(manifest)}, current, sst});
  };
  CHECK(absl::StrContains(with_files({{"../evil", 5, ""}}), "no backup"));
  CHECK(absl::StrContains(with_files({{"", 5, ""}}), "no backup"));
  CHECK(absl::StrContains(with_files({{"..", 5, ""}}), "no backup"));
  CHECK(absl::StrContains(with_files({{"CURRENT", 5, ""}, {"CURRENT", 5, ""}}), "no backup"));
  CHECK(absl::StrContains(with_files({{"a", ~0ull, ""}, {"b", 5, ""}}), "absurd"));
  CHECK(absl::StrContains(with_files({{"bomb.sst", 1ull << 60, ""}}), "MiB"));
  ++manifest.format_version;
  CHECK(absl::StrContains(with_files({}), "newer"));
}

TEST_CASE("mutilated archives are refused whatever was done to them") {
  Made made(10);
  const std::string plain = Plain(made.archive);
  const char* given = ::getenv("KG_SEED");
  const uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  INFO("KG_SEED=" << seed);
  semantics::Random random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = random.OneIn(4) ? made.archive : plain;
    for (uint64_t edits = 1 + random.Below(4); edits > 0; --edits) {
      // Most of it in headers, where lengths and kinds are.
      const size_t at = random.OneIn(2)
                            ? random.Below(bytes.size())
                            : random.Below(bytes.size() / 512 + 1) * 512 + random.Below(512);
      if (at >= bytes.size()) continue;
      switch (random.Below(4)) {
        case 0:
          bytes[at] = static_cast<char>(random.Next());
          break;
        case 1:
          bytes.erase(at, random.Below(1024));
          break;
        case 2:
          bytes.insert(at, bytes.substr(random.Below(bytes.size()), random.Below(1024)));
          break;
        default:
          bytes[at] = static_cast<char>("0127xgKLS5"[random.Below(10)]);
      }
    }
    INFO("round " << round);
    const std::vector<std::string> before = made.Everything();
    const absl::Status status = RestoreBytes(bytes, made.dir.Sub("out/target"));
    if (status.ok()) {
      // What was changed did not matter: the time of a file, say. Then it is whole.
      auto db = made.stream.Open(made.dir.Sub("out/target"));
      CHECK(NextBatch(*db) == 10);
    }
    fs::remove_all(made.dir.Sub("out"));
    REQUIRE(made.Everything() == before);
  }
}

}  // namespace
}  // namespace kg::backups
