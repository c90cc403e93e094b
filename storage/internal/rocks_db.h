#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "rocksdb/db.h"
#include "storage/internal/directory.h"
#include "storage/internal/format.h"
#include "storage/internal/listener.h"
#include "storage/store.h"

namespace kg::storage::internal {

// An open RocksDB with the handles of the permanent tables. Closed with its last owner: the store,
// a snapshot, a cursor or a column family of a bucket, whichever goes last. Thread-safe.
class RocksDb {
 public:
  // Takes ownership of all; `tables` is indexed by Table, `mark` is null when open for reading
  // only.
  RocksDb(std::unique_ptr<rocksdb::DB> db, rocksdb::ColumnFamilyHandle* default_family,
          std::array<rocksdb::ColumnFamilyHandle*, kTables> tables,
          std::shared_ptr<BackgroundWatch> watch, std::unique_ptr<OwnerMark> mark);
  ~RocksDb();
  RocksDb(const RocksDb&) = delete;
  RocksDb& operator=(const RocksDb&) = delete;

  rocksdb::DB* operator->() const { return db_.get(); }
  rocksdb::DB* get() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* table(Table t) const { return tables_[static_cast<size_t>(t)]; }
  BackgroundWatch& watch() const { return *watch_; }

 private:
  const std::unique_ptr<OwnerMark> mark_;  // before db_: given up after it is closed
  const std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* const default_family_;
  const std::array<rocksdb::ColumnFamilyHandle*, kTables> tables_;
  const std::shared_ptr<BackgroundWatch> watch_;
};

// The handle of a bucket's column family. It stays readable after the family was dropped; the files
// go with the last owner (in the background, see avoid_unnecessary_blocking_io).
class ColumnFamily {
 public:
  ColumnFamily(std::shared_ptr<RocksDb> db, rocksdb::ColumnFamilyHandle* handle)
      : db_(std::move(db)), handle_(handle) {}
  ~ColumnFamily() { (*db_)->DestroyColumnFamilyHandle(handle_); }
  ColumnFamily(const ColumnFamily&) = delete;
  ColumnFamily& operator=(const ColumnFamily&) = delete;

  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }

 private:
  const std::shared_ptr<RocksDb> db_;
  rocksdb::ColumnFamilyHandle* const handle_;
};

}  // namespace kg::storage::internal
