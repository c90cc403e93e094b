#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/internal/identity.h"
#include "engine/internal/meta_rows.h"
#include "engine/internal/migrate.h"
#include "engine/internal/verify/checker.h"
#include "engine/internal/verify/mend.h"
#include "engine/internal/writer.h"
#include "engine/verify.h"
#include "storage/salvage.h"

// Mending what Verify finds. Each round mends what the rows as they stand allow; what only follows
// from that is found in the next.

namespace kg {
namespace {

constexpr int kMostRounds = 6;

storage::StoreOptions OwnerOptions(const DatabaseOptions& database) {
  storage::StoreOptions s;
  s.create_if_missing = false;
  s.retention = database.retention;
  s.block_cache_bytes = database.block_cache_bytes;
  s.write_buffer_bytes = database.write_buffer_bytes;
  return s;
}

// A row of a bucket by its whole key: scope, kind, and the onset where the key begins with one.
std::string RowText(absl::string_view key) {
  if (key.size() < 5) return "";
  std::string out = verify::RecordName(key[4]);
  const bool timed = key[4] == 'E' || key[4] == 'C' || key[4] == 'D';
  if (timed && key.size() >= 13)
    absl::StrAppend(&out, " of ", verify::TimeText(meta_rows::ReadTime(key.substr(5))));
  return out;
}

std::string LostText(const storage::LostRows& lost) {
  std::string out =
      absl::StrCat(lost.all ? std::string("all rows") : absl::StrCat(lost.rows, " rows"),
                   " of file ", lost.file, ", ", verify::FamilyText(lost.family));
  if (lost.family.size() < 2 || lost.family.substr(0, 2) != "t@") return out;
  const std::string after = RowText(lost.after), before = RowText(lost.before);
  absl::StrAppend(&out, after.empty() ? "" : "; behind ", after,
                  before.empty()  ? ""
                  : after.empty() ? "; before "
                                  : " and before ",
                  before);
  return out;
}

// Derives again what only the engine can.
absl::Status DeriveAgain(storage::Store* store, const RuleBook& rules,
                         const DatabaseOptions& options, const verify::Rederive& what,
                         uint64_t* rows) {
  DatabaseOptions o = options;
  if (!o.now) o.now = [] { return FromMicros(absl::ToUnixMicros(absl::Now())); };
  Identity identity(rules, o.default_tenant, o.default_cluster);
  Writer writer(store, &rules, &identity, o);
  if (auto s = writer.Restore(); !s.ok()) return s;
  if (auto s = writer.DeriveAgain(what); !s.ok()) return s;
  *rows += writer.published().work.rows_written;
  return absl::OkStatus();
}

// One round; true: there was something to mend.
absl::StatusOr<bool> MendOnce(storage::Store* store, const RuleBook& rules,
                              const VerifyOptions& options, uint64_t* rows) {
  VerifyReport report;
  verify::Mender mender(store);
  verify::Rederive rederive;
  {
    verify::Findings findings(&report, options, [&](const verify::Fix& fix) { mender.Take(fix); });
    const std::shared_ptr<const storage::Snapshot> snapshot = store->GetSnapshot();
    auto state = storage::ReadState(*snapshot);
    if (!state.ok()) return state.status();
    verify::Checker checker(*snapshot, rules, store->OldestLive(), *state, &findings, &rederive);
    if (auto s = checker.Run(); !s.ok()) return s;
  }
  if (auto s = mender.Finish(); !s.ok()) return s;
  *rows += mender.rows();
  if (!rederive.empty()) {
    if (auto s = DeriveAgain(store, rules, options.database, rederive, rows); !s.ok()) return s;
  }
  return mender.rows() > 0 || !rederive.empty();
}

// Readers start over, so what the feed lacks up to here is no loss to them.
absl::Status BeginFeed(storage::Store* store) {
  auto session = store->BeginWrite({});
  if (!session.ok()) return session.status();
  std::string clock;
  storage::keys::AppendTime(&clock, store->DataClock());
  (*session)->Put(ScopeId(0), storage::Table::kMeta, meta_rows::kFeedSince, clock);
  if (auto s = (*session)->Commit().status(); !s.ok()) return s;
  return store->BeginEpoch();
}

absl::Status MendRows(const std::string& dir, const VerifyOptions& options, uint64_t* rows) {
  auto rules = RuleBook::Load(options.database.rules_dir);
  if (!rules.ok()) return rules.status();
  auto store = storage::Store::Open(dir, OwnerOptions(options.database));
  if (!store.ok()) return store.status();
  if (auto s = Migrate(store->get(), absl::StrCat(dir, "/", kBeforeMigration), {}); !s.ok())
    return s;
  for (int round = 0; round < kMostRounds; ++round) {
    auto more = MendOnce(store->get(), **rules, options, rows);
    if (!more.ok()) return more.status();
    if (!*more) break;
  }
  if (auto s = BeginFeed(store->get()); !s.ok()) return s;
  return (*store)->Flush();
}

// A name beside `path` that is free.
std::string Beside(const std::string& path, absl::string_view what) {
  std::string base = path;
  while (base.size() > 1 && base.back() == '/') base.pop_back();
  const std::string name = absl::StrCat(
      base, ".", what, "-", absl::FormatTime("%Y%m%dT%H%M%SZ", absl::Now(), absl::UTCTimeZone()));
  std::error_code error;
  std::string free = name;
  for (int i = 2; std::filesystem::exists(free, error); ++i) free = absl::StrCat(name, "-", i);
  return free;
}

// The copy in which the work is done; gone at the end unless it took the original's place.
class WorkCopy {
 public:
  explicit WorkCopy(std::string dir) : dir_(std::move(dir)) {}
  ~WorkCopy() {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  WorkCopy(const WorkCopy&) = delete;
  WorkCopy& operator=(const WorkCopy&) = delete;
  const std::string& dir() const { return dir_; }

 private:
  const std::string dir_;
};

bool AnyFile(const VerifyReport& report) {
  for (const Finding& f : report.findings) {
    if (f.kind == FindingKind::kFile) return true;
  }
  return report.incomplete;
}

}  // namespace

absl::StatusOr<RepairReport> Repair(const std::string& path, const RepairOptions& options) {
  auto before = Verify(path, options.verify);
  if (!before.ok()) return before.status();
  RepairReport out;
  out.before = *before;
  out.after = *before;
  if (before->ok() || (before->mendable == 0 && !AnyFile(*before))) return out;
  if (options.verify.progress) options.verify.progress({"repair", 0, 0, "a copy"});
  const WorkCopy work(Beside(path, "repair"));
  if (auto s = storage::CopyStore(path, work.dir()); !s.ok()) return s;
  if (AnyFile(*before)) {
    auto lost = storage::Salvage(work.dir());
    if (!lost.ok()) return lost.status();
    for (const storage::LostRows& l : *lost) out.lost.push_back(LostText(l));
  }
  if (auto s = MendRows(work.dir(), options.verify, &out.rows_written); !s.ok()) return s;
  auto after = Verify(work.dir(), options.verify);
  if (!after.ok()) return after.status();
  out.after = *after;
  const std::string aside = Beside(path, "before-repair");
  if (auto s = storage::SwapIn(work.dir(), path, aside); !s.ok()) return s;
  out.original = aside;
  if (options.keep_original) return out;
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  if (!error) out.original.clear();
  return out;
}

}  // namespace kg
