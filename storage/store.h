#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/types.h"

// Bytes on disk: permanent tables beside time buckets, over RocksDB. Knows keys and times, no
// meaning. See storage/README.md for the layout of every row.

namespace kg::storage {

// The permanent column families. Values are on disk in the manifest and in backups: never renumber.
enum class Table : uint8_t {
  kMeta = 0,      // format, scopes, bucket manifest, positions, counters, dirty queue
  kResource = 1,  // current state of a slot
  kAlias = 2,     // uid -> slot
  kEdge = 3,      // edges that are open
  kOpen = 4,      // state episodes that still hold, and what hangs on them
  kIncident = 5,
  kSystem = 6,    // MAC keys, policies, jobs
};

// The kind byte behind the scope of every row in a bucket. On disk: never renumber.
enum class RecordKind : uint8_t {
  kEpisode = 'E',
  kSubjectIndex = 'S',
  kEventIdIndex = 'X',
  kCauses = 'C',
  kEffects = 'D',
  kMembers = 'P',
  kClosedEdge = 'H',
  kRevision = 'R',
  kHangingDelete = 'T',
  kDeadLetter = 'L',
  kFeed = 'F',
};

enum class BucketState : uint8_t { kPreCreated = 0, kOpen = 1, kSealed = 2, kExpiring = 3, kDropped = 4 };

struct BucketInfo {
  Timestamp start;
  Timestamp end;
  BucketState state = BucketState::kPreCreated;
  uint64_t bytes = 0;  // live SST bytes, filled by Store::Buckets() only
};

struct StoreOptions {
  bool read_only = false;           // opens beside a running owner or on a copy; never rolls or expires
  bool create_if_missing = true;
  Duration retention = std::chrono::hours(24 * 7);
  uint64_t max_bytes = 0;           // retention by size; 0 is off
  Duration bucket_width{0};         // 0: retention / 28, rounded up to a whole width (README)
  uint64_t block_cache_bytes = 64ull << 20;
  uint64_t write_buffer_bytes = 64ull << 20;   // all memtables together
  uint64_t max_wal_bytes = 256ull << 20;
  uint64_t delete_bytes_per_second = 256ull << 20;
  int background_jobs = 2;
  bool sync = true;                 // off only for benchmarks and bulk loads that can be repeated
  uint64_t reserve_bytes = 8ull << 20;  // a file released first when the disk is full
  std::map<std::string, std::string> rocksdb_options;  // passed to RocksDB by its own option names
};

class Bucket;           // one time bucket's column family; shared, so that readers outlive its drop
using BucketPtr = std::shared_ptr<Bucket>;

// Walks rows in key order. Keys are what stands behind the scope (and, in a bucket, the kind byte).
// Views stay valid until the next call. Not thread-safe.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  virtual absl::string_view key() const = 0;
  virtual absl::string_view value() const = 0;
  // Not OK when the walk ended on damage instead of on its last row.
  virtual absl::Status status() const = 0;
};

// One consistent state of all tables and buckets, pinned until destroyed. Thread-safe.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  // Live buckets by start; those that expiry has taken are not among them.
  virtual const std::vector<BucketPtr>& buckets() const = 0;
  // The number of the last commit this snapshot contains.
  virtual uint64_t sequence() const = 0;

  // nullopt is an absent row, which is no error.
  virtual absl::StatusOr<std::optional<std::string>> Get(ScopeId scope, Table table,
                                                         absl::string_view key) const = 0;
  virtual absl::StatusOr<std::optional<std::string>> Get(const BucketPtr& bucket, ScopeId scope,
                                                         RecordKind kind,
                                                         absl::string_view key) const = 0;
  // All rows whose key begins with `prefix`, from the first at or after `from` on (a whole key that
  // begins with `prefix`; empty: from the start).
  virtual std::unique_ptr<Cursor> Scan(ScopeId scope, Table table, absl::string_view prefix,
                                       absl::string_view from = {}) const = 0;
  virtual std::unique_ptr<Cursor> Scan(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
                                       absl::string_view prefix,
                                       absl::string_view from = {}) const = 0;
};

Timestamp BucketStart(const BucketPtr& bucket);
Timestamp BucketEnd(const BucketPtr& bucket);

struct CommitInfo {
  uint64_t sequence = 0;      // grows by one with each commit
  uint64_t bytes = 0;
};

// One atomic batch, built while the bucket map can't change. Held by one thread, briefly: expiry and
// bucket creation wait for it. Destroying it uncommitted writes nothing.
class WriteSession {
 public:
  virtual ~WriteSession() = default;

  // The bucket that holds `t`; nullptr when t lies before the oldest live bucket or in a bucket that
  // was dropped, or was not among the times given to BeginWrite.
  virtual BucketPtr BucketFor(Timestamp t) const = 0;
  // Live buckets by start.
  virtual const std::vector<BucketPtr>& buckets() const = 0;

  virtual void Put(ScopeId scope, Table table, absl::string_view key, absl::string_view value) = 0;
  virtual void Delete(ScopeId scope, Table table, absl::string_view key) = 0;
  virtual void Put(const BucketPtr& bucket, ScopeId scope, RecordKind kind, absl::string_view key,
                   absl::string_view value) = 0;
  virtual void Delete(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
                      absl::string_view key) = 0;
  virtual size_t rows() const = 0;

  // Synced when it returns OK. On an error nothing of the batch may be relied on and the store is
  // read-only until it is reopened.
  [[nodiscard]] virtual absl::StatusOr<CommitInfo> Commit() = 0;
};

struct MaintenanceReport {
  std::vector<Timestamp> created, sealed, dropped;
  uint64_t orphan_files_removed = 0;
};

// Operation: one directory, one owner. Rows of the permanent tables live until deleted; rows of a
// bucket die with it. The manifest row of every bucket is in `meta`.
// Concurrency: every method may be called from any thread; WriteSessions exclude one another.
// Limitations: at most 48 live buckets.
class Store {
 public:
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // FailedPrecondition: the directory has a newer format, or holds something else.
  // Unavailable: another process owns it (the message says what to do).
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path,
                                                     const StoreOptions& options);

  // Creates the buckets that `times` need (those within retention of the data clock and not dropped
  // before), then holds the bucket map still for the session. Blocks while another session is open.
  virtual absl::StatusOr<std::unique_ptr<WriteSession>> BeginWrite(
      absl::Span<const Timestamp> times) = 0;

  virtual std::shared_ptr<const Snapshot> GetSnapshot() const = 0;

  // The largest time of data seen, never moving back; persisted with the next commit. Retention
  // counts from it. The caller has clamped it against the wall clock.
  virtual void AdvanceDataClock(Timestamp t) = 0;
  virtual Timestamp DataClock() const = 0;          // kBeginning before the first data
  virtual Timestamp OldestLive() const = 0;         // rows before it are expired, whether dropped yet or not

  // Pre-creates the next bucket, seals the past ones, drops by age and by size, sweeps orphan files.
  // Cheap when nothing is due.
  virtual absl::StatusOr<MaintenanceReport> Maintain() = 0;
  // Ends the open bucket now (its rest becomes a new one).
  virtual absl::Status CutOpenBucket() = 0;

  virtual std::vector<BucketInfo> Buckets() const = 0;
  virtual uint64_t DiskBytes() const = 0;
  // Not OK once a commit failed: then only reads go on.
  virtual absl::Status Health() const = 0;
  virtual absl::Status Flush() = 0;
  virtual std::string Property(const std::string& rocksdb_property) const = 0;

 protected:
  Store() = default;
};

}  // namespace kg::storage
