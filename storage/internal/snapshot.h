#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "storage/internal/bucket_map.h"
#include "storage/internal/rocks_db.h"
#include "storage/store.h"

namespace kg::storage::internal {

// The only place that makes a RocksDB iterator. No column family has a prefix extractor, so every
// seek is in total order; the upper bound ends the walk and keeps it off the tombstones behind.
// Owns all it reads, so it may outlive its snapshot.
class PrefixScan final : public Cursor {
 public:
  // `row_prefix` is what is cut from the keys shown; `from` empty or a whole key behind it.
  // `snapshot` is used in the constructor only.
  PrefixScan(std::shared_ptr<RocksDb> db, const rocksdb::Snapshot* snapshot,
             rocksdb::ColumnFamilyHandle* family, const RowPrefix& row_prefix,
             absl::string_view prefix, absl::string_view from);

  bool Valid() const override { return iterator_->Valid(); }
  void Next() override { iterator_->Next(); }
  absl::string_view key() const override;
  absl::string_view value() const override;
  absl::Status status() const override;

 private:
  const std::shared_ptr<RocksDb> db_;
  const size_t cut_;
  const std::string end_;
  const rocksdb::Slice end_slice_;  // RocksDB keeps a pointer to it
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class SnapshotImpl final : public Snapshot {
 public:
  // `pin` was taken while `map` was the published one; released here.
  SnapshotImpl(std::shared_ptr<RocksDb> db, const rocksdb::Snapshot* pin,
               std::shared_ptr<const BucketMap> map);
  ~SnapshotImpl() override;

  std::vector<BucketPtr> buckets() const override { return *map_; }
  uint64_t sequence() const override { return sequence_.ok() ? *sequence_ : 0; }
  absl::StatusOr<std::optional<std::string>> Get(ScopeId scope, Table table,
                                                 absl::string_view key) const override;
  absl::StatusOr<std::optional<std::string>> Get(const BucketPtr& bucket, ScopeId scope,
                                                 RecordKind kind,
                                                 absl::string_view key) const override;
  std::unique_ptr<Cursor> Scan(ScopeId scope, Table table, absl::string_view prefix,
                               absl::string_view from) const override;
  std::unique_ptr<Cursor> Scan(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
                               absl::string_view prefix, absl::string_view from) const override;

  // All rows of a family under their whole keys, from the first at or after `from` on.
  std::unique_ptr<Cursor> ScanFamily(rocksdb::ColumnFamilyHandle* family,
                                     absl::string_view from) const;
  rocksdb::ColumnFamilyHandle* TableFamily(Table table) const { return db_->table(table); }

 private:
  absl::StatusOr<uint64_t> ReadSequence() const;
  absl::StatusOr<std::optional<std::string>> GetRow(rocksdb::ColumnFamilyHandle* family,
                                                    absl::string_view whole_key) const;

  const std::shared_ptr<RocksDb> db_;
  const rocksdb::Snapshot* const pin_;
  const std::shared_ptr<const BucketMap> map_;
  // Read through the pin: the row is part of each commit, so it names exactly the last one
  // contained.
  const absl::StatusOr<uint64_t> sequence_;
};

}  // namespace kg::storage::internal
