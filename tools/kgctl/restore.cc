#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/backup.h"
#include "server/backup_render.h"
#include "server/json_text.h"
#include "server/times.h"
#include "storage/files.h"
#include "tools/kgctl/backup_place.h"
#include "tools/kgctl/settings.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

absl::StatusOr<size_t> ReadStandardInput(char* buffer, size_t size) {
  ssize_t got = -1;
  do {
    got = ::read(STDIN_FILENO, buffer, size);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return absl::ErrnoToStatus(errno, "read standard input");
  return static_cast<size_t>(got);
}

class Restore : public Command {
 public:
  std::string name() const override { return "restore"; }
  std::string about() const override { return "Make a data directory of a backup"; }
  std::string examples() const override {
    return "  kgctl restore latest --backup-dir /backup/kg --data-dir /var/lib/kg/data\n"
           "  kgctl restore 20260302T105226.000123Z --data-dir ./again\n"
           "  ssh store 'cat kg.tar.zst' | kgctl restore --input - --data-dir ./again";
  }
  std::string notes() const override {
    return "The data directory must not be there, or be empty; where a disk is mounted name a "
           "directory\nbelow. All is copied beside it and checked against the backup's checksums, "
           "and moved there at\nthe end: a restore that is ended leaves nothing. Sources go on at "
           "the positions of the backup.\nA running node is not restored into: start one on the "
           "new "
           "directory.";
  }
  void Define(FlagSet* flags) override {
    flags->Argument("backup", &backup_,
                    "A backup's name, latest, or the path of its directory (with a /)");
    flags->Text("--input", "FILE", &file_, "A .tar.zst instead; - is standard input");
    settings_.Define(kRestore, flags);
  }

  absl::StatusOr<int> Run(Environment* env) override {
    if (backup_.empty() == file_.empty())
      return absl::InvalidArgumentError("name a backup (latest, say), or an archive with --input");
    if (absl::Status settled = settings_.Settle(); !settled.ok()) return settled;
    absl::StatusOr<BackupManifest> restored = absl::UnknownError("");
    {
      ProgressNotes notes("kgctl restore", env);
      RestoreOptions options;
      options.data_dir = settings_.Text(Setting::kDataDir);
      options.progress = [&notes](const BackupProgress& p) {
        notes.Show(p.step, p.done_bytes, p.total_bytes);
        return absl::OkStatus();
      };
      restored = file_.empty() ? FromFolder(options) : FromArchive(options);
    }
    if (!restored.ok()) return restored.status();
    Print(*restored, env);
    return kExitOk;
  }

 private:
  absl::StatusOr<BackupManifest> FromFolder(const RestoreOptions& options) const {
    if (backup_.find('/') != std::string::npos) return RestoreBackup(backup_, options);
    const BackupFolder folder(settings_.Text(Setting::kBackupDir));
    const auto entry = folder.Find(backup_);
    if (!entry.ok()) return entry.status();
    return RestoreBackup(folder.PathOf(entry->name), options);
  }

  absl::StatusOr<BackupManifest> FromArchive(const RestoreOptions& options) const {
    if (file_ == "-") return RestoreArchive(ReadStandardInput, options);
    auto reader = storage::FileReader::Open(file_);
    if (!reader.ok()) return reader.status();
    return RestoreArchive([&](char* buffer, size_t size) { return (*reader)->Read(buffer, size); },
                          options);
  }

  void Print(const BackupManifest& m, Environment* env) const {
    env->out << "restored to " << Printable(settings_.Text(Setting::kDataDir)) << ": data up to "
             << server::FormatTimeForPeople(m.data_clock) << ", commit " << m.sequence;
    for (const char* what : {"resources", "episodes"}) {
      if (const auto count = m.counts.find(what); count != m.counts.end())
        env->out << ", " << count->second << " " << what;
    }
    env->out << "\n";
    for (const SourcePosition& p : m.positions) {
      if (absl::StartsWith(p.source, "file:")) continue;  // read whole
      env->out << "goes on at " << Printable(p.source) << " " << p.partition << " behind offset "
               << p.offset << "\n";
    }
  }

  std::string backup_, file_;
  Settings settings_;
};

}  // namespace

CommandPtr MakeRestore() {
  return std::make_unique<Restore>();
}

}  // namespace kg::kgctl
