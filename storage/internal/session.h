#pragma once

#include <memory>
#include <vector>

#include "rocksdb/write_batch.h"
#include "storage/internal/bucket_map.h"
#include "storage/store.h"

namespace kg::storage::internal {

class StoreImpl;

// What one session did to the bucket at the same index of its map.
struct BucketUse {
  bool written = false;
  Timestamp newest = kBeginning;  // largest time BucketFor was asked for
};

class SessionImpl final : public WriteSession {
 public:
  // The store's writer lock and its gate (shared) are held by this thread and released by the
  // session.
  SessionImpl(StoreImpl* store, std::shared_ptr<const BucketMap> map);
  ~SessionImpl() override;

  BucketPtr BucketFor(Timestamp t) const override;
  const std::vector<BucketPtr>& buckets() const override { return *map_; }
  void Put(ScopeId scope, Table table, absl::string_view key, absl::string_view value) override;
  void Delete(ScopeId scope, Table table, absl::string_view key) override;
  void Put(const BucketPtr& bucket, ScopeId scope, RecordKind kind, absl::string_view key,
           absl::string_view value) override;
  void Delete(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
              absl::string_view key) override;
  size_t rows() const override { return static_cast<size_t>(batch_.Count()); }
  absl::StatusOr<CommitInfo> Commit() override;

 private:
  // nullptr, and counted, when the bucket is none of this session's map: that is what keeps a
  // dropped column family out of the batch.
  rocksdb::ColumnFamilyHandle* Reach(const BucketPtr& bucket);
  void End();

  StoreImpl* store_;  // nullptr once the session is over
  const std::shared_ptr<const BucketMap> map_;
  mutable std::vector<BucketUse> uses_;
  rocksdb::WriteBatch batch_;
  uint64_t turned_away_ = 0;
};

}  // namespace kg::storage::internal
