#include "storage/salvage.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "rocksdb/db.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/table_properties.h"
#include "storage/check.h"
#include "storage/internal/directory.h"
#include "storage/internal/format.h"
#include "storage/internal/options.h"
#include "storage/internal/rocks_status.h"

namespace kg::storage {
namespace {

namespace fs = std::filesystem;

// Rows by which a file is read into the store at a time.
constexpr size_t kRowsPerBatch = 2000;

absl::Status FromSystem(const std::error_code& error, absl::string_view what) {
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", error.message()));
}

bool IsTable(const std::string& name) {
  return absl::EndsWith(name, ".sst");
}

absl::StatusOr<internal::RocksOptions> Options() {
  StoreOptions plain;
  plain.block_cache_bytes = 16 << 20;
  auto rocks = internal::MakeRocksOptions(plain, rocksdb::Env::Default(),
                                          std::make_shared<internal::BackgroundWatch>([] {}));
  if (!rocks.ok()) return rocks.status();
  rocks->db.sst_file_manager.reset();
  rocks->db.create_missing_column_families = true;
  return rocks;
}

using Names = std::vector<std::string>;

struct OpenDb {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  Names names;

  ~OpenDb() {
    for (rocksdb::ColumnFamilyHandle* h : handles) {
      if (db != nullptr) db->DestroyColumnFamilyHandle(h).PermitUncheckedError();
    }
  }
  rocksdb::ColumnFamilyHandle* Find(const std::string& name) const {
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return handles[i];
    }
    return nullptr;
  }
};

std::unique_ptr<OpenDb> Open(const std::string& dir, const internal::RocksOptions& options,
                             const Names& names, rocksdb::Status* status) {
  auto out = std::make_unique<OpenDb>();
  out->names = names;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, options.family);
  rocksdb::DB* db = nullptr;
  *status = rocksdb::DB::Open(options.db, dir, families, &out->handles, &db);
  out->db.reset(db);
  return status->ok() ? std::move(out) : nullptr;
}

// Families that the MANIFEST names, that files name, and those that every store has.
Names FamiliesOf(const std::string& dir, const internal::RocksOptions& options) {
  Names names;
  rocksdb::DB::ListColumnFamilies(options.db, dir, &names).PermitUncheckedError();
  auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  };
  add(rocksdb::kDefaultColumnFamilyName);
  for (int i = 0; i < internal::kTables; ++i)
    add(std::string(internal::TableName(static_cast<Table>(i))));
  return names;
}

Names FamiliesOfFiles(const std::string& dir, const internal::RocksOptions& options, Names names) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (!IsTable(entry.path().filename().string())) continue;
    rocksdb::SstFileReader reader(rocksdb::Options(options.db, options.family));
    if (!reader.Open(entry.path().string()).ok()) continue;
    const auto properties = reader.GetTableProperties();
    const std::string& name = properties->column_family_name;
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  }
  return names;
}

// All that the logs hold into table files, so that nothing hangs on them any more.
absl::Status FlushAll(const OpenDb& open) {
  for (rocksdb::ColumnFamilyHandle* family : open.handles) {
    const rocksdb::Status s = open.db->Flush(rocksdb::FlushOptions(), family);
    if (!s.ok()) return internal::FromRocks(s, "flush of a copy");
  }
  return absl::OkStatus();
}

// A new MANIFEST from what the table files say of themselves.
absl::Status Rebuild(const std::string& dir, const internal::RocksOptions& options,
                     const Names& names) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, options.family);
  const rocksdb::Status s = rocksdb::RepairDB(dir, options.db, families, options.family);
  std::error_code ignored;
  fs::remove_all(fs::path(dir) / "lost", ignored);
  return internal::FromRocks(s, "a new MANIFEST");
}

// Rows of a damaged file that the store lacks, from both of its ends up to the damage.
void PutMissing(const std::string& file, const internal::RocksOptions& options, const OpenDb& open,
                rocksdb::ColumnFamilyHandle* family, LostRows* lost) {
  rocksdb::SstFileReader reader(rocksdb::Options(options.db, options.family));
  if (!reader.Open(file).ok()) return;
  uint64_t read = 0;
  rocksdb::WriteBatch batch;
  auto take = [&](const rocksdb::Iterator& row) {
    ++read;
    std::string known;
    if (open.db->Get(rocksdb::ReadOptions(), family, row.key(), &known).IsNotFound())
      batch.Put(family, row.key(), row.value()).PermitUncheckedError();
    if (batch.Count() < kRowsPerBatch) return;
    open.db->Write(rocksdb::WriteOptions(), &batch).PermitUncheckedError();
    batch.Clear();
  };
  std::unique_ptr<rocksdb::Iterator> row(reader.NewIterator(rocksdb::ReadOptions()));
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    take(*row);
    lost->after = row->key().ToString();
  }
  if (!row->status().ok()) {
    row.reset(reader.NewIterator(rocksdb::ReadOptions()));
    for (row->SeekToLast(); row->Valid() && row->key().ToString() > lost->after; row->Prev()) {
      take(*row);
      lost->before = row->key().ToString();
    }
  }
  open.db->Write(rocksdb::WriteOptions(), &batch).PermitUncheckedError();
  lost->rows -= std::min(lost->rows, read);
}

struct DamagedTable {
  std::string path;  // moved out of the way
  LostRows lost;
};

absl::StatusOr<std::vector<DamagedTable>> SetDamagedAside(const std::string& dir,
                                                          const internal::RocksOptions& options) {
  auto files = CheckFiles(dir, nullptr);
  if (!files.ok()) return files.status();
  std::vector<DamagedTable> out;
  for (const FileDamage& d : files->damages) {
    if (!IsTable(d.file)) continue;
    DamagedTable table;
    table.path = absl::StrCat(dir, "/", d.file, ".damaged");
    table.lost.file = d.file;
    table.lost.family = d.family;
    table.lost.all = true;
    std::error_code error;
    fs::rename(fs::path(dir) / d.file, table.path, error);
    if (error) return FromSystem(error, absl::StrCat("set aside ", d.file));
    rocksdb::SstFileReader reader(rocksdb::Options(options.db, options.family));
    if (reader.Open(table.path).ok()) {
      table.lost.rows = reader.GetTableProperties()->num_entries;
      table.lost.all = false;
    }
    out.push_back(std::move(table));
  }
  return out;
}

}  // namespace

absl::Status CopyStore(const std::string& path, const std::string& target) {
  if (absl::Status s = internal::CheckUnowned(path); !s.ok()) return s;
  std::error_code error;
  if (fs::exists(target, error)) return absl::AlreadyExistsError(absl::StrCat(target, " exists"));
  fs::create_directory(target, error);
  if (error) return FromSystem(error, absl::StrCat("create ", target));
  for (auto entry = fs::directory_iterator(path, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool ours = IsTable(name) || absl::EndsWith(name, ".log") || name == "CURRENT" ||
                      name == "IDENTITY" || absl::StartsWith(name, "MANIFEST-");
    if (!ours || !entry->is_regular_file()) continue;
    if (IsTable(name)) {
      fs::create_hard_link(entry->path(), fs::path(target) / name, error);
    } else {
      fs::copy_file(entry->path(), fs::path(target) / name, error);
    }
    if (error) return FromSystem(error, absl::StrCat("copy ", name, " to ", target));
  }
  return FromSystem(error, absl::StrCat("list ", path));
}

absl::StatusOr<std::vector<LostRows>> Salvage(const std::string& dir) {
  auto options = Options();
  if (!options.ok()) return options.status();
  Names names = FamiliesOf(dir, *options);
  rocksdb::Status opened;
  // The logs first, as long as the MANIFEST tells whose rows they hold.
  if (auto db = Open(dir, *options, names, &opened)) {
    if (absl::Status s = FlushAll(*db); !s.ok()) return s;
  }
  auto damaged = SetDamagedAside(dir, *options);
  if (!damaged.ok()) return damaged.status();
  if (!opened.ok() || !damaged->empty()) {
    names = FamiliesOfFiles(dir, *options, std::move(names));
    if (absl::Status s = Rebuild(dir, *options, names); !s.ok()) return s;
  }
  auto db = Open(dir, *options, names, &opened);
  if (db == nullptr) return internal::FromRocks(opened, "open what could be saved");
  std::vector<LostRows> lost;
  for (DamagedTable& table : *damaged) {
    rocksdb::ColumnFamilyHandle* family = db->Find(table.lost.family);
    if (family != nullptr && !table.lost.all)
      PutMissing(table.path, *options, *db, family, &table.lost);
    std::error_code ignored;
    fs::remove(table.path, ignored);
    lost.push_back(std::move(table.lost));
  }
  if (absl::Status s = FlushAll(*db); !s.ok()) return s;
  return lost;
}

absl::Status SwapIn(const std::string& target, const std::string& path, const std::string& aside) {
  std::error_code error;
  if (fs::exists(aside, error)) return absl::AlreadyExistsError(absl::StrCat(aside, " exists"));
  if (absl::Status s = internal::SyncDirectory(target); !s.ok()) return s;
  fs::rename(path, aside, error);
  if (error) return FromSystem(error, absl::StrCat("rename ", path, " to ", aside));
  fs::rename(target, path, error);
  if (error) return FromSystem(error, absl::StrCat("rename ", target, " to ", path));
  return internal::SyncDirectory(path);
}

}  // namespace kg::storage
