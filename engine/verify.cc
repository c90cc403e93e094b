#include "engine/verify.h"

#include "absl/strings/str_cat.h"
#include "engine/internal/verify/checker.h"
#include "storage/check.h"

namespace kg {
namespace {

storage::StoreOptions ReadOnly(const VerifyOptions& options) {
  storage::StoreOptions s;
  s.read_only = true;
  s.create_if_missing = false;
  s.retention = options.database.retention;
  s.block_cache_bytes = options.database.block_cache_bytes;
  return s;
}

absl::Status VerifyFiles(const std::string& path, const VerifyOptions& options,
                         VerifyReport* report, verify::Findings* findings) {
  auto checked =
      storage::CheckFiles(path, [&](uint64_t done, uint64_t total, const std::string& file) {
        if (options.progress) options.progress({"files", done, total, file});
      });
  if (!checked.ok()) return checked.status();
  report->files = checked->files;
  report->file_bytes = checked->bytes;
  for (const storage::FileDamage& d : checked->damages) {
    const bool table = d.file.size() > 4 && d.file.substr(d.file.size() - 4) == ".sst";
    findings->Add({FindingKind::kFile, "", d.file, "", "",
                   table ? absl::StrCat(d.what, "; ", verify::FamilyText(d.family)) : d.what,
                   false});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VerifyReport> Verify(const std::string& path, const VerifyOptions& options) {
  VerifyReport report;
  verify::Findings findings(&report, options, nullptr);
  auto rules = RuleBook::Load(options.database.rules_dir);
  if (!rules.ok()) return rules.status();
  if (options.files) {
    if (auto s = VerifyFiles(path, options, &report, &findings); !s.ok()) return s;
  }
  auto store = storage::Store::Open(path, ReadOnly(options));
  if (!store.ok()) {
    const bool refused = absl::IsNotFound(store.status()) || absl::IsUnavailable(store.status()) ||
                         absl::IsFailedPrecondition(store.status());
    if (refused && report.found == 0) return store.status();
    findings.Add({FindingKind::kFile, "", path, "", "",
                  absl::StrCat("the store can't be opened: ", store.status().message()), false});
    report.incomplete = true;
    return report;
  }
  const storage::StoreIdentity identity = (*store)->Identity();
  report.format_version = identity.format_version;
  report.store_id = identity.store_id;
  report.epoch = identity.epoch;
  const std::shared_ptr<const storage::Snapshot> snapshot = (*store)->GetSnapshot();
  auto state = storage::ReadState(*snapshot);
  if (!state.ok()) {
    findings.Add({FindingKind::kDamaged, "", "table meta", "store", "",
                  std::string(state.status().message()), false});
    report.incomplete = true;
    return report;
  }
  report.data_clock = state->data_clock;
  report.sequence = state->sequence;
  verify::Rederive rederive;
  verify::Checker checker(*snapshot, **rules, (*store)->OldestLive(), *state, &findings, &rederive);
  if (auto read = checker.Run(); !read.ok()) {
    findings.Add({FindingKind::kFile, "", path, "", "",
                  absl::StrCat("rows can't be read to their end: ", read.message()), false});
    report.incomplete = true;
  }
  return report;
}

}  // namespace kg
