#include "storage/archive.h"

#include "absl/strings/str_cat.h"
#include "engine/backup.h"
#include "engine/internal/backup_dirs.h"
#include "engine/internal/backup_manifest.h"
#include "storage/files.h"

namespace kg {
namespace {

constexpr size_t kPiece = 128 << 10;

class ArchiveImpl : public BackupArchive {
 public:
  static absl::StatusOr<std::unique_ptr<BackupArchive>> Begin(
      const std::string& dir, std::unique_ptr<storage::PathLock> lock,
      std::unique_ptr<internal::Staging> staging) {
    auto manifest = internal::ReadManifest(dir);
    if (!manifest.ok()) return manifest.status();
    auto writer = storage::ArchiveWriter::Create();
    if (!writer.ok()) return writer.status();
    auto archive = std::make_unique<ArchiveImpl>(dir, *std::move(manifest), *std::move(writer));
    archive->lock_ = std::move(lock);
    archive->staging_ = std::move(staging);
    // As it stands on disk: the seal is part of it.
    const auto sealed = storage::ReadWholeFile(absl::StrCat(dir, "/", internal::kManifestFile),
                                               internal::kMaxManifestBytes);
    if (!sealed.ok()) return sealed.status();
    absl::Status begun = archive->writer_->BeginFile(internal::kManifestFile, sealed->size());
    if (begun.ok()) begun = archive->writer_->Write(*sealed);
    if (!begun.ok()) return begun;
    return std::unique_ptr<BackupArchive>(std::move(archive));
  }

  ArchiveImpl(std::string dir, BackupManifest manifest,
              std::unique_ptr<storage::ArchiveWriter> writer)
      : dir_(std::move(dir)),
        manifest_(std::move(manifest)),
        buffer_(new char[kPiece]),
        writer_(std::move(writer)) {}

  absl::StatusOr<std::string> Next() override {
    std::string out = writer_->TakeOutput();
    while (out.size() < kPiece && !finished_) {
      if (absl::Status advanced = Advance(); !advanced.ok()) return advanced;
      out += writer_->TakeOutput();
    }
    return out;
  }

  const BackupManifest& manifest() const override { return manifest_; }
  uint64_t done_bytes() const override { return done_; }

 private:
  absl::Status Advance() {
    if (reader_ != nullptr) return CopySome();
    if (next_ == manifest_.files.size()) {
      finished_ = true;
      return writer_->Finish();
    }
    const BackupFile& file = manifest_.files[next_];
    auto reader =
        storage::FileReader::Open(absl::StrCat(dir_, "/", internal::kDataFolder, "/", file.name));
    if (!reader.ok()) return Damaged(file, reader.status().message());
    reader_ = *std::move(reader);
    left_ = file.bytes;
    return writer_->BeginFile(absl::StrCat(internal::kDataFolder, "/", file.name), file.bytes);
  }

  absl::Status CopySome() {
    const BackupFile& file = manifest_.files[next_];
    const auto got = reader_->Read(buffer_.get(), kPiece);
    if (!got.ok()) return got.status();
    if (*got > left_ || (*got == 0 && left_ > 0)) return Damaged(file, "its size is another");
    left_ -= *got;
    done_ += *got;
    if (*got > 0) return writer_->Write(absl::string_view(buffer_.get(), *got));
    reader_.reset();
    ++next_;
    return absl::OkStatus();
  }

  absl::Status Damaged(const BackupFile& file, absl::string_view why) const {
    return absl::DataLossError(
        absl::StrCat("the backup ", dir_, " is damaged: ", file.name, ": ", why));
  }

  const std::string dir_;
  const BackupManifest manifest_;
  const std::unique_ptr<char[]> buffer_;
  std::unique_ptr<internal::Staging> staging_;
  std::unique_ptr<storage::PathLock> lock_;
  const std::unique_ptr<storage::ArchiveWriter> writer_;
  std::unique_ptr<storage::FileReader> reader_;  // of the file at next_, once begun
  size_t next_ = 0;
  uint64_t left_ = 0, done_ = 0;
  bool finished_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BackupArchive>> BackupArchive::Open(const std::string& dir) {
  auto lock = internal::LockForReading(dir);
  if (absl::IsNotFound(lock.status())) {
    return absl::FailedPreconditionError(absl::StrCat(dir, " is no complete backup"));
  }
  if (!lock.ok()) return lock.status();
  return ArchiveImpl::Begin(dir, *std::move(lock), nullptr);
}

absl::StatusOr<std::unique_ptr<BackupArchive>> BackupArchive::Make(Database* database,
                                                                   const BackupOptions& options) {
  auto staging = internal::Staging::Claim(database->path());
  if (!staging.ok()) return staging.status();
  internal::MakeBackupOptions make;
  make.database = database;
  make.backup_dir = absl::StrCat((*staging)->path(), "/archive");
  make.options = &options;
  if (absl::Status s = storage::MakePrivateDirectory(make.backup_dir); !s.ok()) return s;
  if (auto made = internal::MakeBackup(make); !made.ok()) return made.status();
  return ArchiveImpl::Begin(make.backup_dir, nullptr, *std::move(staging));
}

}  // namespace kg
