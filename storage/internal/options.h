#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "rocksdb/options.h"
#include "storage/internal/listener.h"
#include "storage/store.h"

namespace kg::storage::internal {

// The same for every column family: buckets come and go, and one set of options is read back from
// no file but made here at each open.
struct RocksOptions {
  rocksdb::DBOptions db;
  rocksdb::ColumnFamilyOptions family;
};

// InvalidArgument when an entry of `rocksdb_options` is unknown, malformed, or would break what the
// store rests on; the message names it.
absl::StatusOr<RocksOptions> MakeRocksOptions(const StoreOptions& options, rocksdb::Env* env,
                                              std::shared_ptr<BackgroundWatch> watch);

}  // namespace kg::storage::internal
