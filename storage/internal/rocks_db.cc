#include "storage/internal/rocks_db.h"

namespace kg::storage::internal {

RocksDb::RocksDb(std::unique_ptr<rocksdb::DB> db, rocksdb::ColumnFamilyHandle* default_family,
                 std::array<rocksdb::ColumnFamilyHandle*, kTables> tables,
                 std::shared_ptr<BackgroundWatch> watch, std::unique_ptr<OwnerMark> mark)
    : mark_(std::move(mark)),
      db_(std::move(db)),
      default_family_(default_family),
      tables_(tables),
      watch_(std::move(watch)) {}

RocksDb::~RocksDb() {
  for (rocksdb::ColumnFamilyHandle* handle : tables_) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(handle);
  }
  if (default_family_ != nullptr) db_->DestroyColumnFamilyHandle(default_family_);
  // An error here has nowhere to go and loses nothing: commits were synced.
  db_->Close().PermitUncheckedError();
}

}  // namespace kg::storage::internal
