#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/store.h"

// Reading a store for damage: its files against their checksums, and its rows as they stand, those
// included that no typed read would show.

namespace kg::storage {

// A file that is not as it was written.
struct FileDamage {
  std::string file;  // its name in the directory
  std::string what;  // what is wrong and what hangs on it, in words
  // Of a table file: the column family whose rows it holds ("edge", "t@<start µs>"); empty when not
  // even that can be read.
  std::string family;
};

struct FileCheck {
  uint64_t files = 0;
  uint64_t bytes = 0;
  std::vector<FileDamage> damages;
};

// `done` of `total` bytes are checked; `file` is next.
using FileProgress = std::function<void(uint64_t done, uint64_t total, const std::string& file)>;

// Reads every file of a store that nobody has open for writing: each block of the table files,
// each record of the logs (WAL and MANIFEST) against its checksum, CURRENT and the presence of what
// it names. A log that ends within a record is what a crash leaves, and no damage. Files that
// RocksDB does not need to answer (LOG, OPTIONS, LOCK) are not read. Writes nothing. NotFound when
// there is no store at `path`, Unavailable while a node runs on it.
absl::StatusOr<FileCheck> CheckFiles(const std::string& path, const FileProgress& progress);

// What the store's own rows say of its state.
struct StoreState {
  uint32_t format_version = 0;
  Timestamp data_clock = kBeginning;
  uint64_t sequence = 0;
  Timestamp dropped_until = kBeginning;
  std::vector<BucketInfo> buckets;  // by start, without bytes
};
// DataLoss names the row that can't be read.
absl::StatusOr<StoreState> ReadState(const Snapshot& snapshot);

// A run of rows that share what stands before their keys. `kind` is 0 in a permanent table, and may
// be no RecordKind where a bucket is damaged.
struct RowGroup {
  ScopeId scope;
  char kind = 0;
};

// All groups that have rows, in order; `malformed` (optional) receives whole keys that are too
// short to belong to any. One seek per group.
absl::StatusOr<std::vector<RowGroup>> GroupsOf(const Snapshot& snapshot, Table table,
                                               std::vector<std::string>* malformed);
absl::StatusOr<std::vector<RowGroup>> GroupsOf(const Snapshot& snapshot, const BucketPtr& bucket,
                                               std::vector<std::string>* malformed);

// The keys of `meta`, scope 0, that are the store's own begin with this byte.
inline constexpr char kOwnKeyByte = '\x01';

}  // namespace kg::storage
