#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/json_text.h"
#include "storage/files.h"
#include "tools/kgctl/backup_place.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

// The age of something made at an RFC 3339 time.
std::string AgeText(const json::value& value, const std::string& path) {
  absl::Time made;
  if (!absl::ParseTime(absl::RFC3339_full, Str(value, path), &made, nullptr)) return "-";
  const absl::Duration age = absl::Now() - made;
  // One unit, as kubectl has it: the column stays narrow.
  for (const auto& [unit, letter] :
       {std::pair(absl::Hours(24), "d"), std::pair(absl::Hours(1), "h"),
        std::pair(absl::Minutes(1), "m")}) {
    if (age >= unit) return absl::StrCat(age / unit, letter);
  }
  return absl::StrCat(std::max<int64_t>(0, absl::ToInt64Seconds(age)), "s");
}

std::string VerifiedText(const json::value& backup) {
  if (IsNull(backup, "verified")) return "never";
  if (!IsNull(backup, "verified.problem"))
    return absl::StrCat("BAD: ", Str(backup, "verified.problem"));
  return TimeText(backup, "verified.at");
}

class Backup : public Command {
 public:
  std::string name() const override { return "backup"; }
  std::string about() const override { return "Copies of the data: create, list, verify, prune"; }
  std::string examples() const override {
    return "  kgctl backup create --backup-dir /backup/kg    # of ./kg-data, into a folder\n"
           "  kgctl backup create --server http://kg:8080    # of a running node, into its folder\n"
           "  kgctl backup create --output - | ssh store 'cat > kg.tar.zst'\n"
           "  kgctl backup list\n"
           "  kgctl backup verify latest\n"
           "  kgctl backup prune --keep 7 --keep-days 30";
  }
  std::string notes() const override {
    return "A node goes on taking input while it is copied. What did not change since the last "
           "backup is\nstored once: OWN is what only this one has. On the disk of the data "
           "directory "
           "a backup guards\nagainst mistakes only; keep one elsewhere. verify reads every byte, "
           "opens the copy and asks it\nwhat is wrong; it exits 1 when the backup is bad. prune "
           "keeps "
           "what --keep or --keep-days asks for,\nand always the last good one. 'kgctl restore' "
           "makes a data directory of a backup.";
  }
  void Define(FlagSet* flags) override {
    flags->Argument("action", &action_, "create, list, verify or prune (default list)");
    flags->Argument("name", &backup_, "Backup to verify, by name; latest is the newest good one");
    flags->Text("--output", "FILE", &file_,
                "create: a .tar.zst instead of an entry of the folder; - is standard output");
    flags->Text("--keep", "N", &keep_, "prune: keep the newest N good ones");
    flags->Text("--keep-days", "N", &keep_days_, "prune: keep good ones younger than N days");
    place_.Define(kBackup, flags);
    flags->Text("-o,--format", "FORMAT", &format_, "table, wide, json, yaml or name");
  }

  absl::StatusOr<int> Run(Environment* env) override {
    if (absl::Status checked = CheckFlags(*env); !checked.ok()) return checked;
    if (absl::Status settled = place_.Settle(); !settled.ok()) return settled;
    const std::unique_ptr<BackupPlace> backups = BackupPlace::Open(place_);
    if (action_ == "list") return List(backups.get(), env);
    if (action_ == "prune") return Prune(backups.get(), env);
    if (action_ == "verify") return Verify(backups.get(), env);
    return file_.empty() ? Create(backups.get(), env) : CreateArchive(backups.get(), env);
  }

 private:
  absl::Status CheckFlags(const Environment& env) const {
    const auto wrong = [](const std::string& why) { return absl::InvalidArgumentError(why); };
    if (action_ != "create" && action_ != "list" && action_ != "verify" && action_ != "prune")
      return wrong(
          absl::StrCat("'", action_, "' is no action; give create, list, verify or prune"));
    if (action_ == "verify" && backup_.empty())
      return wrong("name the backup to verify, or latest");
    if (action_ != "verify" && !backup_.empty())
      return wrong(absl::StrCat("'", action_, "' takes no name"));
    if (action_ != "create" && !file_.empty()) return wrong("--output belongs to create");
    if (action_ != "prune" && !(keep_.empty() && keep_days_.empty()))
      return wrong("--keep and --keep-days belong to prune");
    if (format_ != "table" && format_ != "wide" && format_ != "json" && format_ != "yaml" &&
        format_ != "name")
      return wrong(
          absl::StrCat("-o ", format_, " is no format; give table, wide, json, yaml or name"));
    if (file_ == "-" && env.out_is_terminal)
      return wrong("an archive would spoil the terminal; send it to a file or a pipe");
    return absl::OkStatus();
  }

  // True when a format for machines was asked for, and has been written.
  bool PrintForMachines(const json::value& answer, Environment* env) const {
    if (format_ == "json") env->out << server::ToJsonText(answer, server::JsonLayout::kPretty);
    if (format_ == "yaml") env->out << server::ToYamlText(answer);
    return format_ == "json" || format_ == "yaml";
  }

  absl::StatusOr<int> List(BackupPlace* backups, Environment* env) const {
    const auto answer = backups->List();
    if (!answer.ok()) return answer.status();
    if (PrintForMachines(*answer, env)) return kExitOk;
    Table table({"NAME", "STATE", "AGE", "SIZE", "OWN", "DATA UP TO", "VERIFIED"});
    for (const json::value& backup : List(*answer)) {
      if (format_ == "name") {
        env->out << Printable(Str(backup, "name")) << "\n";
        continue;
      }
      table.Add({Str(backup, "name"), Str(backup, "state"), AgeText(backup, "made"),
                 SizeText(static_cast<uint64_t>(Int(backup, "bytes"))),
                 SizeText(static_cast<uint64_t>(Int(backup, "own_bytes"))),
                 TimeText(backup, "data_clock"), VerifiedText(backup)});
    }
    if (format_ == "name") return kExitOk;
    if (table.empty()) {
      env->out << "there is no backup in " << Printable(Str(*answer, "folder")) << "\n";
      return kExitOk;
    }
    PageStyle style;
    style.wide = true;  // a name is there to be typed again
    table.Print(style, env->out);
    return kExitOk;
  }
  static json::array List(const json::value& answer) { return kgctl::List(answer, "backups"); }

  absl::StatusOr<int> Create(BackupPlace* backups, Environment* env) const {
    absl::StatusOr<json::value> made = json::value();
    {
      ProgressNotes notes("kgctl backup", env);
      made = backups->Create(&notes);
    }
    if (!made.ok()) return made.status();
    if (PrintForMachines(*made, env)) return kExitOk;
    env->out << Printable(Str(*made, "name")) << "\n";
    if (format_ == "name") return kExitOk;
    env->err << "data up to " << TimeText(*made, "data_clock") << ", commit "
             << Int(*made, "commit") << ", " << SizeText(static_cast<uint64_t>(Int(*made, "bytes")))
             << " of which " << SizeText(static_cast<uint64_t>(Int(*made, "own_bytes")))
             << " are its own, in " << Int(*made, "took_ms") << " ms\n";
    return kExitOk;
  }

  absl::StatusOr<int> CreateArchive(BackupPlace* backups, Environment* env) const {
    ProgressNotes notes("kgctl backup", env);
    if (file_ == "-") {
      const absl::Status sent = backups->CreateArchive(
          [env](absl::string_view bytes) {
            env->out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
            return env->out.good() ? absl::OkStatus()
                                   : absl::InternalError("can't write to standard output");
          },
          &notes);
      if (!sent.ok()) return sent;
      env->out.flush();
      if (!env->out.good()) return absl::InternalError("can't write to standard output");
      return kExitOk;
    }
    // A name that is there stands for a whole archive.
    const std::string part = absl::StrCat(file_, ".part");
    if (absl::Status s = storage::RemoveAll(part); !s.ok()) return s;
    auto writer = storage::FileWriter::Create(part);
    if (!writer.ok()) return writer.status();
    absl::Status status = backups->CreateArchive(
        [&](absl::string_view bytes) { return (*writer)->Write(bytes); }, &notes);
    if (status.ok()) status = (*writer)->Finish().status();
    if (status.ok() && ::rename(part.c_str(), file_.c_str()) != 0)
      status = absl::ErrnoToStatus(errno, absl::StrCat("rename ", part));
    if (!status.ok()) {
      storage::RemoveAll(part).IgnoreError();
      return status;
    }
    return kExitOk;
  }

  absl::StatusOr<int> Verify(BackupPlace* backups, Environment* env) const {
    absl::StatusOr<json::value> found = json::value();
    {
      ProgressNotes notes("kgctl backup", env);
      found = backups->Verify(backup_, &notes);
    }
    if (!found.ok()) return found.status();
    const std::string problem = Str(*found, "verified.problem");
    const int code = problem.empty() ? kExitOk : kExitFailed;
    if (PrintForMachines(*found, env)) return code;
    const std::string name = Printable(Str(*found, "name"));
    if (format_ == "name") {
      env->out << name << "\n";
    } else if (problem.empty()) {
      env->out << name << ": sound; " << Int(*found, "files") << " files, "
               << SizeText(static_cast<uint64_t>(Int(*found, "bytes"))) << ", "
               << Int(*found, "counts.resources") << " resources, "
               << Int(*found, "counts.episodes") << " episodes, data up to "
               << TimeText(*found, "data_clock") << "\n";
    } else {
      env->out << name << ": BAD: " << Printable(problem) << "\n";
    }
    return code;
  }

  absl::StatusOr<int> Prune(BackupPlace* backups, Environment* env) const {
    const auto report = backups->Prune(keep_, keep_days_);
    if (!report.ok()) return report.status();
    if (PrintForMachines(*report, env)) return kExitOk;
    for (const json::value& name : kgctl::List(*report, "removed"))
      env->out << (format_ == "name" ? "" : "removed ") << Printable(Str(name)) << "\n";
    for (const json::value& name : kgctl::List(*report, "in_use"))
      env->err << "in use, kept for now: " << Printable(Str(name)) << "\n";
    if (format_ != "name") {
      env->out << "kept " << kgctl::List(*report, "kept").size() << ", freed "
               << SizeText(static_cast<uint64_t>(Int(*report, "freed_bytes"))) << "\n";
    }
    return kExitOk;
  }

  std::string action_ = "list";
  std::string backup_, file_, keep_, keep_days_;
  std::string format_ = "table";
  Place place_;
};

}  // namespace

CommandPtr MakeBackup() {
  return std::make_unique<Backup>();
}

}  // namespace kg::kgctl
