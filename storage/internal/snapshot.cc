#include "storage/internal/snapshot.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/internal/rocks_status.h"

namespace kg::storage::internal {
namespace {

std::string WholeKey(const RowPrefix& prefix, absl::string_view key) {
  return absl::StrCat(prefix.view(), key);
}

// Whoever reads, what is damaged shows in the store's health.
absl::Status ReadStatus(const RocksDb& db, const rocksdb::Status& s, absl::string_view what) {
  absl::Status status = FromRocks(s, what);
  // A row that is absent is no error to get here: it is a file that is.
  if (absl::IsNotFound(status)) status = absl::DataLossError(status.message());
  if (absl::IsDataLoss(status)) db.watch().NoteDamage(status);
  return status;
}

// A walk over nothing: what a bucket that is none contains.
class EmptyCursor final : public Cursor {
 public:
  bool Valid() const override { return false; }
  void Next() override {}
  absl::string_view key() const override { return {}; }
  absl::string_view value() const override { return {}; }
  absl::Status status() const override { return absl::OkStatus(); }
};

}  // namespace

PrefixScan::PrefixScan(std::shared_ptr<RocksDb> db, const rocksdb::Snapshot* snapshot,
                       rocksdb::ColumnFamilyHandle* family, const RowPrefix& row_prefix,
                       absl::string_view prefix, absl::string_view from)
    : db_(std::move(db)),
      cut_(row_prefix.size),
      end_(PrefixEnd(WholeKey(row_prefix, prefix))),
      end_slice_(end_) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  options.total_order_seek = true;
  if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
  iterator_.reset((*db_)->NewIterator(options, family));
  iterator_->Seek(WholeKey(row_prefix, std::max(prefix, from)));
}

absl::string_view PrefixScan::key() const {
  absl::string_view key = ToView(iterator_->key());
  key.remove_prefix(cut_);
  return key;
}

absl::string_view PrefixScan::value() const {
  return ToView(iterator_->value());
}

absl::Status PrefixScan::status() const {
  return ReadStatus(*db_, iterator_->status(), "scan");
}

SnapshotImpl::SnapshotImpl(std::shared_ptr<RocksDb> db, const rocksdb::Snapshot* pin,
                           std::shared_ptr<const BucketMap> map)
    : db_(std::move(db)), pin_(pin), map_(std::move(map)), sequence_(ReadSequence()) {}

absl::StatusOr<uint64_t> SnapshotImpl::ReadSequence() const {
  auto row = GetRow(db_->table(Table::kMeta), ProgressKey());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return 0;
  auto progress = DecodeProgress(**row);
  if (!progress.ok()) return progress.status();
  return progress->sequence;
}

SnapshotImpl::~SnapshotImpl() {
  (*db_)->ReleaseSnapshot(pin_);
}

absl::StatusOr<std::optional<std::string>> SnapshotImpl::GetRow(rocksdb::ColumnFamilyHandle* family,
                                                                absl::string_view whole_key) const {
  rocksdb::ReadOptions options;
  options.snapshot = pin_;
  std::string value;
  const rocksdb::Status s = (*db_)->Get(options, family, ToSlice(whole_key), &value);
  if (s.IsNotFound()) return std::optional<std::string>();
  if (!s.ok()) return ReadStatus(*db_, s, "read");
  return std::optional<std::string>(std::move(value));
}

absl::StatusOr<std::optional<std::string>> SnapshotImpl::Get(ScopeId scope, Table table,
                                                             absl::string_view key) const {
  if (!sequence_.ok()) return sequence_.status();
  return GetRow(db_->table(table), WholeKey(RowPrefix(scope), key));
}

absl::StatusOr<std::optional<std::string>> SnapshotImpl::Get(const BucketPtr& bucket, ScopeId scope,
                                                             RecordKind kind,
                                                             absl::string_view key) const {
  if (bucket == nullptr) return std::optional<std::string>();
  return GetRow(bucket->family->handle(), WholeKey(RowPrefix(scope, kind), key));
}

std::unique_ptr<Cursor> SnapshotImpl::Scan(ScopeId scope, Table table, absl::string_view prefix,
                                           absl::string_view from) const {
  return std::make_unique<PrefixScan>(db_, pin_, db_->table(table), RowPrefix(scope), prefix, from);
}

std::unique_ptr<Cursor> SnapshotImpl::Scan(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
                                           absl::string_view prefix, absl::string_view from) const {
  if (bucket == nullptr) return std::make_unique<EmptyCursor>();
  return std::make_unique<PrefixScan>(db_, pin_, bucket->family->handle(), RowPrefix(scope, kind),
                                      prefix, from);
}

std::unique_ptr<Cursor> SnapshotImpl::ScanFamily(rocksdb::ColumnFamilyHandle* family,
                                                 absl::string_view from) const {
  return std::make_unique<PrefixScan>(db_, pin_, family, RowPrefix::None(), "", from);
}

}  // namespace kg::storage::internal
