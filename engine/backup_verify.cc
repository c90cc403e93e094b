#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/backup.h"
#include "engine/internal/backup_copy.h"
#include "engine/internal/backup_dirs.h"
#include "engine/internal/backup_manifest.h"
#include "engine/verify.h"
#include "storage/files.h"

namespace kg {
namespace {

// What opening a store for reading may leave beside its files.
bool IsLeftByReaders(const std::string& name) {
  return name == "LOCK" || name == "LOG" || absl::StartsWith(name, "LOG.old.");
}

// One attempt at a backup's soundness. A problem of the backup is DataLoss; what ends the attempt
// itself is told apart by `stopped`.
class Verification {
 public:
  Verification(std::string dir, const BackupManifest& manifest, const VerifyBackupOptions& options)
      : dir_(std::move(dir)), manifest_(manifest), options_(options) {}

  absl::Status Run() {
    absl::Status status = CheckFiles();
    if (status.ok()) status = CheckContents();
    return status;
  }
  bool stopped() const { return stopped_; }

 private:
  absl::Status Tell(const char* step, uint64_t done) {
    if (!options_.progress) return absl::OkStatus();
    absl::Status told = options_.progress({step, done, manifest_.bytes()});
    stopped_ = stopped_ || !told.ok();
    return told;
  }

  absl::Status CheckFiles() {
    const auto present = storage::ListDirectory(dir_);
    if (!present.ok()) return absl::DataLossError(present.status().message());
    std::map<std::string, const BackupFile*> expected;
    for (const BackupFile& file : manifest_.files) expected[file.name] = &file;
    for (const std::string& name : *present) {
      if (expected.count(name) == 0 && !IsLeftByReaders(name))
        return absl::DataLossError(absl::StrCat(name, " is no part of the backup"));
    }
    uint64_t done = 0;
    for (const BackupFile& file : manifest_.files) {
      const auto sum = storage::SumFile(absl::StrCat(dir_, "/", file.name), [&](uint64_t more) {
        done += more;
        return Tell("checksums", done);
      });
      if (stopped_) return sum.status();
      if (absl::IsNotFound(sum.status()))
        return absl::DataLossError(absl::StrCat(file.name, " is missing"));
      if (!sum.ok()) return absl::DataLossError(sum.status().message());
      if (sum->bytes != file.bytes) {
        return absl::DataLossError(
            absl::StrCat(file.name, " has ", sum->bytes, " bytes instead of ", file.bytes));
      }
      if (sum->checksum != file.checksum) {
        return absl::DataLossError(absl::StrCat(file.name, " is damaged: its checksum is another"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckRows() {
    VerifyOptions rows;
    rows.database = internal::OptionsForCopy(manifest_);
    rows.files = false;  // their sums were those of the day they were made
    rows.progress = [this](const VerifyProgress&) { Tell("rows", 0).IgnoreError(); };
    const auto report = kg::Verify(dir_, rows);
    if (stopped_) return absl::CancelledError("stopped");
    if (!report.ok()) return absl::DataLossError(report.status().message());
    if (report->incomplete) return absl::DataLossError("not all of its rows can be read");
    // What nothing asks for does no harm: what retention has passed lies there until it is swept.
    const auto worst = std::find_if(report->findings.begin(), report->findings.end(),
                                    [](const Finding& f) { return f.kind != FindingKind::kStray; });
    if (worst == report->findings.end() && report->found == report->findings.size())
      return absl::OkStatus();
    const std::string first =
        worst == report->findings.end()
            ? "rows that nothing asks for"
            : absl::StrCat(worst->family, ", ", worst->record, ": ", worst->what);
    return absl::DataLossError(absl::StrCat("rows disagree, ", report->found, " in all: ", first));
  }

  absl::Status CheckContents() {
    if (absl::Status told = Tell("rows", 0); !told.ok()) return told;
    if (absl::Status rows = CheckRows(); !rows.ok()) return rows;
    const auto database = Database::Open(dir_, internal::OptionsForCopy(manifest_));
    if (!database.ok()) return absl::DataLossError(database.status().message());
    const auto stats = (*database)->Stats();
    if (!stats.ok()) return absl::DataLossError(stats.status().message());
    if (const std::string other = internal::StateDifference(manifest_, *stats); !other.empty())
      return absl::DataLossError(absl::StrCat("it opens, but ", other));
    if (!options_.ask) return absl::OkStatus();
    if (absl::Status told = Tell("question", 0); !told.ok()) return told;
    const absl::Status answered = options_.ask(**database);
    if (answered.ok()) return answered;
    return absl::DataLossError(absl::StrCat("it answers no question: ", answered.message()));
  }

  const std::string dir_;
  const BackupManifest& manifest_;
  const VerifyBackupOptions& options_;
  bool stopped_ = false;
};

}  // namespace

absl::StatusOr<BackupEntry> BackupFolder::Verify(const std::string& name,
                                                 const VerifyBackupOptions& options) const {
  auto entry = Find(name);
  if (!entry.ok()) return entry.status();
  if (entry->state == BackupEntry::State::kDamaged) {
    entry->check = BackupCheck{internal::NowOf(options.now), entry->problem};
    return entry;
  }
  if (entry->state != BackupEntry::State::kComplete) {
    return absl::FailedPreconditionError(
        absl::StrCat(entry->name, entry->state == BackupEntry::State::kUnderWay
                                      ? " is being made; wait for it"
                                      : " did not get finished; 'prune' removes it"));
  }
  const std::string dir = PathOf(entry->name);
  auto lock = internal::LockForReading(dir);
  if (!lock.ok()) return lock.status();
  Verification verification(absl::StrCat(dir, "/", internal::kDataFolder), *entry->manifest,
                            options);
  const absl::Status status = verification.Run();
  if (verification.stopped()) return status;
  entry->check = BackupCheck{internal::NowOf(options.now), std::string(status.message())};
  // On read-only media the outcome is told only.
  storage::ReplaceFile(absl::StrCat(dir, "/", internal::kCheckFile),
                       internal::EncodeCheck(*entry->check))
      .IgnoreError();
  return entry;
}

}  // namespace kg
