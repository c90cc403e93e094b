#include "storage/internal/session.h"

#include <algorithm>
#include <array>

#include "storage/internal/rocks_status.h"
#include "storage/internal/store_impl.h"

namespace kg::storage::internal {
namespace {

// RocksDB joins the parts while it copies them into the batch.
struct KeyParts {
  std::array<rocksdb::Slice, 2> slices;
  rocksdb::SliceParts parts;

  KeyParts(const RowPrefix& prefix, absl::string_view key)
      : slices{ToSlice(prefix.view()), ToSlice(key)}, parts(slices.data(), 2) {}
  KeyParts(const KeyParts&) = delete;
  KeyParts& operator=(const KeyParts&) = delete;
};

void PutRow(rocksdb::WriteBatch* batch, rocksdb::ColumnFamilyHandle* family,
            const RowPrefix& prefix, absl::string_view key, absl::string_view value) {
  const KeyParts whole(prefix, key);
  const rocksdb::Slice slice = ToSlice(value);
  batch->Put(family, whole.parts, rocksdb::SliceParts(&slice, 1)).PermitUncheckedError();
}

void DeleteRow(rocksdb::WriteBatch* batch, rocksdb::ColumnFamilyHandle* family,
               const RowPrefix& prefix, absl::string_view key) {
  const KeyParts whole(prefix, key);
  batch->Delete(family, whole.parts).PermitUncheckedError();
}

}  // namespace

SessionImpl::SessionImpl(StoreImpl* store, std::shared_ptr<const BucketMap> map)
    : store_(store), map_(std::move(map)), uses_(map_->size()) {}

SessionImpl::~SessionImpl() {
  End();
}

void SessionImpl::End() {
  if (store_ != nullptr) store_->EndSession();
  store_ = nullptr;
}

BucketPtr SessionImpl::BucketFor(Timestamp t) const {
  const std::optional<size_t> index = IndexOfBucket(*map_, t);
  if (!index.has_value()) return nullptr;
  uses_[*index].newest = std::max(uses_[*index].newest, t);
  return (*map_)[*index];
}

rocksdb::ColumnFamilyHandle* SessionImpl::Reach(const BucketPtr& bucket) {
  const std::optional<size_t> index =
      bucket == nullptr ? std::nullopt : IndexOfBucket(*map_, bucket->span.from);
  if (!index.has_value() || (*map_)[*index]->family != bucket->family) {
    ++turned_away_;
    return nullptr;
  }
  uses_[*index].written = true;
  return bucket->family->handle();
}

void SessionImpl::Put(ScopeId scope, Table table, absl::string_view key, absl::string_view value) {
  if (store_ == nullptr) return;
  PutRow(&batch_, store_->TableFamily(table), RowPrefix(scope), key, value);
}

void SessionImpl::Delete(ScopeId scope, Table table, absl::string_view key) {
  if (store_ == nullptr) return;
  DeleteRow(&batch_, store_->TableFamily(table), RowPrefix(scope), key);
}

void SessionImpl::Put(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
                      absl::string_view key, absl::string_view value) {
  if (store_ == nullptr) return;
  if (rocksdb::ColumnFamilyHandle* family = Reach(bucket)) {
    PutRow(&batch_, family, RowPrefix(scope, kind), key, value);
  }
}

void SessionImpl::Delete(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
                         absl::string_view key) {
  if (store_ == nullptr) return;
  if (rocksdb::ColumnFamilyHandle* family = Reach(bucket)) {
    DeleteRow(&batch_, family, RowPrefix(scope, kind), key);
  }
}

absl::StatusOr<CommitInfo> SessionImpl::Commit() {
  if (store_ == nullptr) return absl::FailedPreconditionError("this session has ended");
  absl::StatusOr<CommitInfo> info = store_->CommitSession(&batch_, *map_, uses_);
  if (info.ok()) info->turned_away = turned_away_;
  End();
  return info;
}

}  // namespace kg::storage::internal
