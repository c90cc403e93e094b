#include "engine/verify.h"

#include <boost/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tools/kgctl/command.h"
#include "tools/kgctl/settings.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

constexpr absl::Duration kQuiet = absl::Seconds(1);  // nothing is said of what takes less

// One line that is written over, on a terminal; a line now and then elsewhere.
class ProgressLine {
 public:
  explicit ProgressLine(Environment* env) : env_(env) {}
  ~ProgressLine() {
    if (shown_ && env_->err_is_terminal) env_->err << "\r\x1b[K" << std::flush;
  }
  void Show(const VerifyProgress& p) {
    const absl::Time now = absl::Now();
    const absl::Duration pause = env_->err_is_terminal ? absl::Milliseconds(200) : 10 * kQuiet;
    if (now - begun_ < kQuiet || (shown_ && now - last_ < pause)) return;
    last_ = now;
    shown_ = true;
    std::string text = absl::StrCat("kgctl verify: ", p.step, " ");
    if (p.total > 0) {
      absl::StrAppendFormat(&text, "%d of %d MiB", p.done >> 20, p.total >> 20);
    } else {
      absl::StrAppend(&text, p.done);
    }
    absl::StrAppend(&text, p.at.empty() ? "" : ", ", p.at);
    env_->err << (env_->err_is_terminal ? "\r\x1b[K" : "") << text
              << (env_->err_is_terminal ? "" : "\n") << std::flush;
  }

 private:
  Environment* const env_;
  const absl::Time begun_ = absl::Now();
  absl::Time last_ = begun_;
  bool shown_ = false;
};

json::object ToJson(const Finding& f) {
  json::object out;
  out["kind"] = FindingKindName(f.kind);
  out["scope"] = f.scope;
  out["family"] = f.family;
  out["record"] = f.record;
  out["key"] = f.key;
  out["what"] = f.what;
  out["mendable"] = f.mendable;
  return out;
}

json::object ToJson(const VerifyReport& r, const std::string& data_dir) {
  json::object out;
  out["data_dir"] = data_dir;
  out["ok"] = r.ok();
  out["format"] = r.format_version;
  out["store_id"] = r.store_id;
  out["epoch"] = r.epoch;
  out["commit"] = r.sequence;
  out["files"] = r.files;
  out["file_bytes"] = r.file_bytes;
  out["incomplete"] = r.incomplete;
  out["found"] = r.found;
  out["mendable"] = r.mendable;
  json::object rows;
  for (const auto& [record, count] : r.rows) rows[record] = count;
  out["rows"] = std::move(rows);
  json::array findings;
  for (const Finding& f : r.findings) findings.push_back(ToJson(f));
  out["findings"] = std::move(findings);
  return out;
}

json::object ToJson(const RepairReport& r, const std::string& data_dir) {
  json::object out = ToJson(r.after, data_dir);
  json::object repair;
  repair["found"] = r.before.found;
  repair["rows_written"] = r.rows_written;
  repair["original"] = r.original;
  repair["lost"] = json::array(r.lost.begin(), r.lost.end());
  json::array findings;
  for (const Finding& f : r.before.findings) findings.push_back(ToJson(f));
  repair["findings"] = std::move(findings);
  out["repair"] = std::move(repair);
  return out;
}

class VerifyCommand : public Command {
 public:
  std::string name() const override { return "verify"; }
  std::string about() const override { return "Check every file and row of a data directory"; }
  std::string examples() const override {
    return "  kgctl verify                               # of the directory that questions ask\n"
           "  kgctl verify --data-dir /backup/kg -o json # of a copy, for machines\n"
           "  kgctl verify --repair                      # put right what follows from other rows";
  }
  std::string notes() const override {
    return "No node may run on the directory. Without --repair it is only read; what is found is "
           "told "
           "with the\nrow or file it was found in, what is wrong, and whether it can be mended. "
           "The "
           "exit code is 0 when\nnothing is wrong and 1 when something is. Give --retention where "
           "the node has another than the\ndefault: what it has passed is compared with "
           "nothing.\n\n"
           "--repair works in a copy beside the directory that shares its files and takes its "
           "place "
           "at the\nend; the directory as it was stays beside it, under a name that is told. Rows "
           "that follow from\nothers are written anew, links are derived again, and of damaged "
           "files "
           "what can be read is kept.\nThe exit code is that of the repaired directory. Readers of "
           "the feed start over.";
  }
  void Define(FlagSet* flags) override {
    settings_.Define(kVerify, flags);
    flags->Switch("--repair", &repair_, "Mend what can be mended");
    flags->Switch("--discard-original", &discard_,
                  "With --repair: do not keep the directory as it was");
    flags->Text("-o,--output", "FORMAT", &output_, "table (default), wide or json");
  }

  absl::StatusOr<int> Run(Environment* env) override {
    if (absl::Status settled = settings_.Settle(); !settled.ok()) return settled;
    if (output_ != "table" && output_ != "wide" && output_ != "json") {
      return absl::InvalidArgumentError(
          absl::StrCat("-o ", output_, " is no format; give table, wide or json"));
    }
    const std::string& data_dir = settings_.Text(Setting::kDataDir);
    VerifyOptions options;
    options.database = DatabaseOptionsFrom(settings_);
    if (discard_ && !repair_)
      return absl::InvalidArgumentError("--discard-original goes with --repair only");
    auto line = std::make_unique<ProgressLine>(env);
    options.progress = [&line](const VerifyProgress& p) { line->Show(p); };
    if (repair_) {
      auto repaired = Repair(data_dir, {options, !discard_});
      line.reset();
      if (!repaired.ok()) return repaired.status();
      return Tell(*repaired, data_dir, env);
    }
    auto report = Verify(data_dir, options);
    line.reset();
    if (!report.ok()) return report.status();
    if (output_ == "json") {
      env->out << json::serialize(ToJson(*report, data_dir)) << "\n";
    } else {
      Print(*report, data_dir, env);
    }
    return report->ok() ? kExitOk : kExitFailed;
  }

 private:
  int Tell(const RepairReport& r, const std::string& data_dir, Environment* env) const {
    if (output_ == "json") {
      env->out << json::serialize(ToJson(r, data_dir)) << "\n";
      return r.after.ok() ? kExitOk : kExitFailed;
    }
    if (r.before.ok()) {
      Print(r.before, data_dir, env);
      return kExitOk;
    }
    Print(r.before, data_dir, env);
    for (const std::string& lost : r.lost) env->out << "lost: " << lost << "\n";
    if (r.rows_written == 0 && r.lost.empty() && r.original.empty()) {
      env->out << "nothing of it can be mended: restore a backup\n";
    } else {
      env->out << "\nrepaired, " << r.rows_written << " rows written; "
               << (r.original.empty() ? "the directory as it was is gone"
                                      : absl::StrCat("the directory as it was: ", r.original))
               << "\n";
      Print(r.after, data_dir, env);
    }
    return r.after.ok() ? kExitOk : kExitFailed;
  }

  void Print(const VerifyReport& r, const std::string& data_dir, Environment* env) const {
    uint64_t rows = 0;
    for (const auto& [record, count] : r.rows) rows += count;
    env->out << data_dir << ": format " << r.format_version << ", " << r.files << " files of "
             << (r.file_bytes + 1023) / 1024 << " KiB, " << rows << " rows up to commit "
             << r.sequence << "\n";
    PageStyle style;
    style.color = env->out_is_terminal;
    style.wide = output_ == "wide";
    if (style.wide || r.found == 0) {
      Table counts({"RECORD", "ROWS"});
      for (const auto& [record, count] : r.rows) counts.Add({record, absl::StrCat(count)});
      counts.Print(style, env->out);
    }
    if (r.ok()) {
      env->out << Green(style, "nothing is wrong") << "\n";
      return;
    }
    for (const Finding& f : r.findings) {
      env->out << Red(style, absl::StrCat(FindingKindName(f.kind), ":")) << " " << f.family
               << (f.record.empty() ? "" : ", ") << f.record << (f.scope.empty() ? "" : " of ")
               << f.scope << (f.key.empty() ? "" : ", ") << f.key << "\n";
      const std::string what = absl::StrCat(f.what, f.mendable ? " (can be mended)" : "");
      for (const std::string& line : Wrap(what, kPageColumns - 4))
        env->out << "    " << line << "\n";
    }
    if (r.found > r.findings.size()) env->out << "and " << r.found - r.findings.size() << " more\n";
    env->out << r.found << (r.found == 1 ? " finding, " : " findings, ") << r.mendable
             << " of which can be mended" << (r.incomplete ? "; not all could be looked at" : "")
             << "\n";
  }

  Settings settings_;
  std::string output_ = "table";
  bool repair_ = false;
  bool discard_ = false;
};

}  // namespace

CommandPtr MakeVerify() {
  return std::make_unique<VerifyCommand>();
}

}  // namespace kg::kgctl
