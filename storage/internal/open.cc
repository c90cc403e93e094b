// Opening: refuse what is not ours, load the manifest, finish what a crash interrupted.

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/files.h"
#include "storage/internal/directory.h"
#include "storage/internal/log_state.h"
#include "storage/internal/options.h"
#include "storage/internal/rocks_status.h"
#include "storage/internal/snapshot.h"
#include "storage/internal/store_impl.h"

namespace kg::storage::internal {
namespace {

std::string DrawStoreId() {
  std::random_device source;
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&id, "%08x", source());
  return id;
}

absl::Status RefuseFamily(const std::string& path, const std::string& name) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " has a column family \"", name,
                   "\" that this version does not know: it is the store of a newer version, or of "
                   "another program. "
                   "Open it with that version, or choose another directory"));
}

// A database without our tables is ours only if it is an empty one: a creation that was
// interrupted.
absl::Status CheckAdoptable(const std::string& path, const RocksOptions& options) {
  rocksdb::DBOptions quiet = options.db;
  quiet.listeners.clear();
  quiet.sst_file_manager.reset();
  rocksdb::DB* opened = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status s = rocksdb::DB::OpenForReadOnly(
      quiet, path, {{rocksdb::kDefaultColumnFamilyName, options.family}}, &handles, &opened);
  if (!s.ok()) return FromRocks(s, absl::StrCat("open ", path));
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::unique_ptr<rocksdb::Iterator> row(db->NewIterator(rocksdb::ReadOptions(), handles[0]));
  row->SeekToFirst();
  const bool empty = !row->Valid() && row->status().ok();
  row.reset();
  db->DestroyColumnFamilyHandle(handles[0]).PermitUncheckedError();
  if (empty) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, " holds another program's RocksDB: choose an empty directory for the store"));
}

// All families to open, the default one first, then the tables, then the buckets.
absl::StatusOr<std::vector<std::string>> FamiliesToOpen(const std::string& path,
                                                        DirectoryContent content, bool read_only,
                                                        const RocksOptions& options) {
  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  for (int i = 0; i < kTables; ++i) names.emplace_back(TableName(static_cast<Table>(i)));
  if (content != DirectoryContent::kDatabase) return names;

  std::vector<std::string> found;
  const rocksdb::Status s = rocksdb::DB::ListColumnFamilies(options.db, path, &found);
  if (!s.ok()) return FromRocks(s, absl::StrCat("open ", path));
  int tables = 0;
  for (const std::string& name : found) {
    if (name == rocksdb::kDefaultColumnFamilyName) continue;
    if (TableOfName(name).has_value()) {
      ++tables;
    } else if (StartOfName(name).has_value()) {
      names.push_back(name);
    } else {
      return RefuseFamily(path, name);
    }
  }
  if (tables == kTables) return names;
  if (read_only) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is no complete store of this program"));
  }
  if (absl::Status adoptable = CheckAdoptable(path, options); !adoptable.ok()) return adoptable;
  return names;
}

struct Opened {
  std::shared_ptr<RocksDb> db;
  std::map<Timestamp, std::shared_ptr<ColumnFamily>> buckets;
};

absl::StatusOr<Opened> OpenRocks(const std::string& path, const RocksOptions& options,
                                 bool read_only, const std::vector<std::string>& names,
                                 const std::shared_ptr<BackgroundWatch>& watch,
                                 std::unique_ptr<OwnerMark>* mark) {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) descriptors.emplace_back(name, options.family);
  rocksdb::DB* raw = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status s =
      read_only ? rocksdb::DB::OpenForReadOnly(options.db, path, descriptors, &handles, &raw)
                : rocksdb::DB::Open(options.db, path, descriptors, &handles, &raw);
  if (!s.ok()) {
    const std::string text = s.ToString();
    // RocksDB has no code of its own for this one.
    if (absl::StrContains(text, "While lock file") || absl::StrContains(text, "lock hold by")) {
      return OwnedError(path);
    }
    return FromRocks(s, absl::StrCat("open ", path));
  }
  std::array<rocksdb::ColumnFamilyHandle*, kTables> tables;
  std::copy_n(handles.begin() + 1, kTables, tables.begin());
  Opened opened;
  opened.db = std::make_shared<RocksDb>(std::unique_ptr<rocksdb::DB>(raw), handles[0], tables,
                                        watch, std::move(*mark));
  for (size_t i = 1 + kTables; i < handles.size(); ++i) {
    opened.buckets[*StartOfName(names[i])] = std::make_shared<ColumnFamily>(opened.db, handles[i]);
  }
  return opened;
}

// How a store is opened, and what is found damaged in it on the way.
struct OpenPlan {
  std::string path;
  RocksOptions rocks;
  bool read_only;
  std::vector<std::string> families;
  absl::Status damage;
};

absl::Status DamageOf(const absl::Status& found) {
  return absl::DataLossError(
      absl::StrCat(found.message(),
                   "; the store only reads what is left: restore a backup, or run 'kgctl verify "
                   "--repair'"));
}

// RocksDB takes any damage to the log for an end that was being written, and drops what follows
// without a word. So it is asked to accept no irregularity; where it finds one, the logs are looked
// at here: a torn end is what a power cut leaves, everything else is damage. A damaged store is
// opened for reading: writing would remove the evidence.
absl::StatusOr<Opened> OpenOrDiagnose(OpenPlan* plan, const std::shared_ptr<BackgroundWatch>& watch,
                                      std::unique_ptr<OwnerMark> mark) {
  plan->rocks.db.wal_recovery_mode = rocksdb::WALRecoveryMode::kAbsoluteConsistency;
  auto opened = OpenRocks(plan->path, plan->rocks, plan->read_only, plan->families, watch, &mark);
  if (opened.ok() || !absl::IsDataLoss(opened.status())) return opened;

  absl::Status damage = CheckWriteAheadLogs(plan->rocks.db.env, plan->path);
  if (!damage.ok() && !absl::IsDataLoss(damage)) return damage;
  plan->rocks.db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  if (damage.ok()) {
    opened = OpenRocks(plan->path, plan->rocks, plan->read_only, plan->families, watch, &mark);
    if (opened.ok() || !absl::IsDataLoss(opened.status())) return opened;
    damage = opened.status();
  }
  plan->damage = DamageOf(damage);
  plan->read_only = true;
  plan->rocks.db.paranoid_checks = false;  // one damaged table does not hide the others
  plan->rocks.db.create_if_missing = false;
  opened = OpenRocks(plan->path, plan->rocks, true, plan->families, watch, &mark);
  if (!opened.ok()) return damage;
  return opened;
}

absl::StatusOr<DirectoryContent> PrepareDirectory(const std::string& path,
                                                  const StoreOptions& options) {
  auto content = InspectDirectory(path);
  if (!content.ok() || *content == DirectoryContent::kDatabase) return content;
  if (options.read_only || !options.create_if_missing) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", path));
  }
  if (absl::Status s = MakeDirectories(path); !s.ok()) return s;
  return content;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreImpl>> StoreImpl::Open(const std::string& path,
                                                           const StoreOptions& options,
                                                           const Hooks& hooks) {
  auto width = ChooseWidth(options.retention, options.bucket_width);
  if (!width.ok()) return width.status();
  auto content = PrepareDirectory(path, options);
  if (!content.ok()) return content.status();
  std::unique_ptr<OwnerMark> mark;
  if (options.read_only) {
    if (absl::Status s = CheckUnowned(path); !s.ok()) return s;
  } else {
    auto claimed = OwnerMark::Claim(path);
    if (!claimed.ok()) return claimed.status();
    mark = *std::move(claimed);
  }

  auto watch = std::make_shared<BackgroundWatch>([path] { ReleaseReserve(path); });
  rocksdb::Env* env = hooks.env != nullptr ? hooks.env : rocksdb::Env::Default();
  auto rocks = MakeRocksOptions(options, env, watch);
  if (!rocks.ok()) return rocks.status();
  rocks->db.create_if_missing = *content != DirectoryContent::kDatabase;
  rocks->db.create_missing_column_families = true;
  if (*content == DirectoryContent::kDatabase) {
    if (absl::Status whole = CheckManifest(env, path); !whole.ok()) return whole;
  }
  auto names = FamiliesToOpen(path, *content, options.read_only, *rocks);
  if (!names.ok()) return names.status();
  OpenPlan plan{path, *std::move(rocks), options.read_only, *std::move(names), absl::OkStatus()};
  auto opened = OpenOrDiagnose(&plan, watch, std::move(mark));
  if (!opened.ok()) return opened.status();

  StoreOptions effective = options;
  effective.read_only = plan.read_only;
  std::unique_ptr<StoreImpl> store(
      new StoreImpl(path, effective, hooks, *width, plan.rocks.family, opened->db));
  if (absl::Status s = store->Load(opened->buckets, plan.damage); !s.ok()) return s;
  if (!effective.read_only) {
    // Left by a backup that was killed; its links keep files on the disk.
    RemoveAll(absl::StrCat(path, "/", kStagingFolder)).IgnoreError();
    EnsureReserve(path, options.reserve_bytes);
  }
  return store;
}

absl::Status StoreImpl::Load(const Families& families, const absl::Status& damage) {
  const std::shared_ptr<const Snapshot> meta = GetSnapshot();
  {
    absl::MutexLock lock(&map_mu_);
    failure_ = damage;
    absl::Status s = LoadIdentity(*meta);
    if (s.ok()) s = LoadProgress(*meta);
    if (s.ok()) s = LoadBuckets(*meta, families);
    if (s.ok() && !options_.read_only) s = DropUnfinished(families);
    if (!s.ok()) return s;
    Publish();
  }
  if (options_.read_only) return absl::OkStatus();
  absl::MutexLock maintenance(&maintenance_mu_);
  MaintenanceReport report;
  if (absl::Status s = DropExpiring(&report); !s.ok()) return s;
  return SweepOrphans(&report);
}

absl::Status StoreImpl::LoadIdentity(const Snapshot& meta) {
  auto row = meta.Get(ScopeId{}, Table::kMeta, FormatKey().substr(4));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return InitializeIdentity(meta);
  auto identity = DecodeFormat(**row);
  if (!identity.ok()) return identity.status();
  if (identity->format_version > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " has format ", identity->format_version, ", this version knows up to ",
                     kFormatVersion, ": use a newer kgctl, or restore a backup made by this one"));
  }
  if (identity->format_version == 0) return absl::DataLossError("damaged format row");
  identity_ = *std::move(identity);
  return absl::OkStatus();
}

// A new store: only where nothing at all was written yet.
absl::Status StoreImpl::InitializeIdentity(const Snapshot& meta) {
  const std::unique_ptr<Cursor> any = meta.Scan(ScopeId{}, Table::kMeta, "", "");
  if (any->Valid() || !any->status().ok()) {
    return absl::DataLossError(absl::StrCat(path_, " has lost its format row: restore a backup"));
  }
  if (options_.read_only) return absl::NotFoundError(absl::StrCat("there is no store in ", path_));
  identity_ = StoreIdentity{kFormatVersion, DrawStoreId(), 1};
  rocksdb::WriteOptions write;
  write.sync = true;
  return FromRocks(
      (*db_)->Put(write, db_->table(Table::kMeta), FormatKey(), EncodeFormat(identity_)),
      absl::StrCat("create ", path_));
}

absl::Status StoreImpl::LoadProgress(const Snapshot& meta) {
  auto row = meta.Get(ScopeId{}, Table::kMeta, ProgressKey().substr(4));
  if (!row.ok()) return row.status();
  if (row->has_value()) {
    auto progress = DecodeProgress(**row);
    if (!progress.ok()) return progress.status();
    sequence_ = progress->sequence;
    data_clock_us_.store(ToMicros(progress->data_clock));
  }
  row = meta.Get(ScopeId{}, Table::kMeta, ExpiryKey().substr(4));
  if (!row.ok()) return row.status();
  if (row->has_value()) {
    auto dropped_until = DecodeExpiry(**row);
    if (!dropped_until.ok()) return dropped_until.status();
    dropped_until_us_.store(ToMicros(*dropped_until));
  }
  return absl::OkStatus();
}

absl::Status StoreImpl::LoadBuckets(const Snapshot& meta, const Families& families) {
  Timestamp newest_in_clock_bucket = kBeginning;
  auto progress = meta.Get(ScopeId{}, Table::kMeta, ProgressKey().substr(4));
  if (progress.ok() && progress->has_value()) {
    newest_in_clock_bucket = DecodeProgress(**progress)->newest_in_clock_bucket;
  }
  const std::string prefix = BucketRowPrefix().substr(4);
  std::unique_ptr<Cursor> rows = meta.Scan(ScopeId{}, Table::kMeta, prefix, "");
  for (; rows->Valid(); rows->Next()) {
    auto row = DecodeBucket(rows->value());
    if (!row.ok()) return row.status();
    Entry entry;
    entry.row = *row;
    const Interval span{row->start, row->end};
    const auto family = families.find(row->start);
    if (family != families.end()) {
      entry.bucket = std::make_shared<Bucket>(span, family->second);
    } else if (row->state == BucketState::kExpiring) {
      entry.family_dropped = true;
    } else {
      return absl::DataLossError(absl::StrCat(path_, " has lost the column family ",
                                              BucketName(row->start), ": restore a backup"));
    }
    // Only of the bucket of the clock the newest time is kept on disk. One ahead of it that has
    // rows counts as full, so that it is never cut in front of them.
    if (span.Contains(DataClock())) entry.newest = newest_in_clock_bucket;
    if (span.from > DataClock() && row->state == BucketState::kOpen)
      entry.newest = span.to - Duration(1);
    entries_[row->start] = std::move(entry);
  }
  return rows->status();
}

// A family without a row: its creation was interrupted, so it is empty.
absl::Status StoreImpl::DropUnfinished(const Families& families) {
  for (const auto& [start, family] : families) {
    if (entries_.count(start) > 0) continue;
    PrefixScan any(db_, nullptr, family->handle(), RowPrefix::None(), "", "");
    if (any.Valid() || !any.status().ok()) {
      return absl::DataLossError(absl::StrCat(path_, " has rows in ", BucketName(start),
                                              " but no manifest row for it: restore a backup"));
    }
    if (rocksdb::Status s = (*db_)->DropColumnFamily(family->handle()); !s.ok()) {
      return FromRocks(s, "drop of an unfinished bucket");
    }
  }
  return absl::OkStatus();
}

}  // namespace kg::storage::internal
