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
  // Format, scopes, bucket manifest, positions, counters, dirty queue. In ScopeId{0} the keys that
  // begin with byte 0x01 are the store's own; everything else of scope 0 is free for the callers.
  kMeta = 0,
  kResource = 1,  // current state of a slot
  kAlias = 2,     // uid -> slot
  kEdge = 3,      // edges that are open
  kOpen = 4,      // state episodes that still hold, and what hangs on them
  kIncident = 5,
  kSystem = 6,  // MAC keys, policies, jobs
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

enum class BucketState : uint8_t {
  kPreCreated = 0,
  kOpen = 1,
  kSealed = 2,
  kExpiring = 3,
  kDropped = 4
};

struct BucketInfo {
  Timestamp start;
  Timestamp end;
  BucketState state = BucketState::kPreCreated;
  uint64_t bytes = 0;  // live SST bytes, filled by Store::Buckets() only
  // The first commit made while the data clock stood in this bucket; 0 when there was none yet.
  // Feed rows go to the bucket of the clock, so this tells which buckets may hold a given sequence.
  uint64_t first_sequence = 0;
};

struct StoreOptions {
  // Reads a directory that nobody owns at the moment, or a copy; writes nothing, never rolls or
  // expires. Several may be open at once. Unavailable while an owner runs: its files come and go.
  bool read_only = false;
  bool create_if_missing = true;
  Duration retention = std::chrono::hours(24 * 7);
  uint64_t max_bytes = 0;    // retention by size; 0 is off
  Duration bucket_width{0};  // 0: retention / 28, rounded up to a whole width (README)
  uint64_t block_cache_bytes = 64ull << 20;
  uint64_t write_buffer_bytes = 64ull << 20;  // all memtables together
  uint64_t max_wal_bytes = 256ull << 20;
  int max_open_files = 0;  // table files kept open; 0: see TableFileLimit
  uint64_t delete_bytes_per_second = 256ull << 20;
  int background_jobs = 2;
  bool sync = true;  // off only for benchmarks and bulk loads that can be repeated
  uint64_t reserve_bytes = 8ull << 20;  // a file released first when the disk is full
  // Besides the reserve: a Maintain before which the disk was found full drops the oldest past
  // bucket.
  bool drop_oldest_when_full = false;
  std::map<std::string, std::string> rocksdb_options;  // passed to RocksDB by its own option names
};

// How many table files a store with these options keeps open: as set, else half of the descriptors
// that the process may have, at least 64 and at most 8192. Further files are opened when they are
// read and closed again.
int TableFileLimit(const StoreOptions& options);

class Bucket;  // one time bucket's column family; shared, so that readers outlive its drop
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
  virtual std::vector<BucketPtr> buckets() const = 0;
  // OK while it may be read. Whoever walks buckets asks at the end: a snapshot that is taken from
  // its reader meanwhile has none.
  virtual absl::Status status() const { return absl::OkStatus(); }
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
  uint64_t sequence = 0;  // grows by one with each commit
  uint64_t bytes = 0;
  // Rows put to or deleted from a bucket that is no longer live (or to none): left out, the rest of
  // the batch stands.
  uint64_t turned_away = 0;
};

// One atomic batch, built while the bucket map can't change. Held by one thread, briefly: expiry
// and bucket creation wait for it, so that thread must not call Maintain, CutOpenBucket, Checkpoint
// or BeginWrite meanwhile. Destroying it uncommitted writes nothing.
class WriteSession {
 public:
  virtual ~WriteSession() = default;

  // The live bucket that holds `t`; nullptr when there is none: t lies before the oldest live
  // bucket, in one that was dropped, later than the data clock plus two bucket widths, or in none
  // that exists already and t was not among the times given to BeginWrite. A row belongs to the
  // bucket of its key time; asking for it here is what keeps a later cut behind that time.
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
  // read-only until it is reopened. A batch without rows writes nothing and returns the last
  // sequence. The session is over afterwards: further rows are ignored, a second Commit is
  // FailedPrecondition.
  [[nodiscard]] virtual absl::StatusOr<CommitInfo> Commit() = 0;
};

// Who a store is. Cursors handed to clients name the epoch: an older one means "gone, start over".
struct StoreIdentity {
  uint32_t format_version = 0;  // at most NewestFormat()
  std::string store_id;         // 32 hex digits, drawn at creation; a restored copy keeps it
  uint64_t epoch = 0;           // grows when history was replaced: restore, repair
};

// The newest format that this program reads and writes.
uint32_t NewestFormat();

struct MaintenanceReport {
  std::vector<Timestamp> created, sealed, dropped;
  uint64_t orphan_files_removed = 0;
};

// Operation: one directory, one owner. Rows of the permanent tables live until deleted; rows of a
// bucket die with it. The manifest row of every bucket is in `meta`. Snapshots, cursors and bucket
// pointers may outlive the Store; the directory stays locked until the last of them is gone.
// Concurrency: every method may be called from any thread; WriteSessions exclude one another.
// Limitations: at most 48 live buckets; beyond that the newest one before a time is made longer.
class Store {
 public:
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // FailedPrecondition: the directory has a newer format, or holds something else.
  // Unavailable: another process owns it (the message says what to do).
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path,
                                                     const StoreOptions& options);

  // Creates the buckets that `times` need, then holds the bucket map still for the session. No
  // bucket is created for a time outside [OldestLive, data clock + 2 bucket widths], nor before the
  // first AdvanceDataClock, so call that first. Blocks while another session is open.
  // FailedPrecondition when the store is read-only, by option or after a failed commit. Another
  // error (ResourceExhausted: the disk is full) when background work holds writes up: try again
  // later.
  virtual absl::StatusOr<std::unique_ptr<WriteSession>> BeginWrite(
      absl::Span<const Timestamp> times) = 0;

  virtual std::shared_ptr<const Snapshot> GetSnapshot() const = 0;

  // The largest time of data seen, never moving back; persisted with the next commit. Retention
  // counts from it. The caller has clamped it against the wall clock.
  virtual void AdvanceDataClock(Timestamp t) = 0;
  virtual Timestamp DataClock() const = 0;  // kBeginning before the first data
  virtual Timestamp OldestLive()
      const = 0;  // rows before it are expired, whether dropped yet or not

  // Pre-creates the next bucket, seals the past ones, drops by age and by size, sweeps orphan
  // files. Cheap when nothing is due.
  virtual absl::StatusOr<MaintenanceReport> Maintain() = 0;
  // Ends the bucket of the data clock now, just behind the clock and the newest time written to it;
  // its rest becomes a new one. OK and nothing done when no rest is left.
  virtual absl::Status CutOpenBucket() = 0;
  // A consistent, synced copy in `dir`, which must not exist yet; Open takes it like any store.
  // AlreadyExists otherwise.
  virtual absl::Status Checkpoint(const std::string& dir) = 0;

  virtual std::vector<BucketInfo> Buckets() const = 0;
  virtual StoreIdentity Identity() const = 0;
  // Begins a new epoch, synced: after a restore or a repair.
  virtual absl::Status BeginEpoch() = 0;
  // Marks the directory as one of the newest format, synced: programs that know only earlier
  // formats refuse it from then on. For who brings its rows there.
  virtual absl::Status AdoptFormat() = 0;
  // The width of new buckets: from the options, see README.
  virtual Duration BucketWidth() const = 0;
  virtual uint64_t DiskBytes() const = 0;  // live SST files and WAL
  virtual uint64_t LogBytes() const = 0;   // of these, the WAL
  // Not OK once a commit failed: then only reads go on, until the store is opened again. Not OK,
  // too, while background work is held up, as on a full disk: that passes with its cause.
  virtual absl::Status Health() const = 0;
  virtual absl::Status Flush() = 0;
  // A RocksDB property, summed over all column families where it is a number; empty when unknown.
  virtual std::string Property(const std::string& rocksdb_property) const = 0;

 protected:
  Store() = default;
};

}  // namespace kg::storage
