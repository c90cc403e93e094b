#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/limits.h"
#include "engine/mutation.h"
#include "engine/rules.h"
#include "engine/view.h"
#include "storage/types.h"

namespace kg {

namespace storage {
class Store;
struct StoreOptions;
}  // namespace storage

struct DatabaseOptions {
  bool read_only = false;
  bool create_if_missing = true;
  Duration retention = std::chrono::hours(24 * 7);
  uint64_t max_bytes = 0;  // retention by size; 0 is off
  // What ended longer ago is read from the store when it is asked for; answers are the same.
  Duration memory_window = std::chrono::hours(24);
  uint64_t block_cache_bytes = 64ull << 20;
  uint64_t write_buffer_bytes = 64ull << 20;
  bool sync = true;
  std::string rules_dir;        // overrides of the built-in tables, by file name
  std::string default_tenant;   // records that name none belong to these; "" leaves it
  std::string default_cluster;  // to the first name that comes
  Duration future_tolerance =
      std::chrono::minutes(10);    // later than the wall clock by more: refused
  std::function<Timestamp()> now;  // the wall clock; empty: the system's
  DatabaseLimits limits;
  int max_open_files = 0;  // see storage::TableFileLimit
  uint64_t max_wal_bytes = 256ull << 20;
  std::map<std::string, std::string> rocksdb_options;
  // Opens the store at a path; empty: storage::Store::Open. Lets a test put a disk of its own
  // beneath the database.
  std::function<absl::StatusOr<std::unique_ptr<storage::Store>>(const std::string&,
                                                                const storage::StoreOptions&)>
      open_store;
  // Told what takes its time at open, a sentence each; may be empty.
  std::function<void(const std::string&)> notice;
};

struct ApplyResult {
  int64_t applied = 0;    // mutations that said something new
  int64_t unchanged = 0;  // that confirmed what was known
  int64_t refused = 0;  // older than retention, or dated in the future; the latter are dead letters
  int64_t dead_letters = 0;
  std::vector<std::string> problems;  // why, for the first few refused
  uint64_t sequence = 0;              // the commit that holds it
};

struct BucketStats {
  Timestamp start, end;
  std::string state;  // pre-created, open, sealed, expiring
  uint64_t bytes = 0;
};

struct DatabaseStats {
  std::vector<ScopeDescription> scopes;
  int64_t resources = 0;          // slots with a life at the data clock
  int64_t resources_deleted = 0;  // slots whose last life has ended
  int64_t stubs = 0;              // slots that are only referred to
  int64_t edges_open = 0;
  int64_t episodes = 0;  // bursts stored, normal ones included
  // Of these, what the writer works on: the memory window and what was touched outside of it.
  int64_t event_ids_in_memory = 0;
  int64_t bursts_in_memory = 0;  // failures and changes
  int64_t links = 0;             // POTENTIAL_CAUSE edges stored
  int64_t dead_letters = 0;
  // Since this process opened the database.
  int64_t failures = 0;        // new or changed failure bursts
  int64_t effects_linked = 0;  // failure bursts whose causes were looked for, again ones included
  int64_t candidates_scored = 0;  // bursts weighed as causes in doing so
  uint64_t rows_written = 0;      // puts and deletes of all commits
  uint64_t bytes_written = 0;     // of their keys and values
  std::vector<BucketStats> buckets;
  uint64_t disk_bytes = 0;
  Timestamp data_clock = kBeginning;
  Timestamp oldest = kBeginning;
  std::vector<SourcePosition> positions;
  std::map<std::string, LimitUse> limits;  // by the key of the setting; see "Limits" in the README
  uint64_t views = 0;                      // that hold a snapshot at this moment
  uint64_t callers_waiting = 0;            // of Apply, for their commit
  uint64_t sequence = 0;                   // of the last commit
  // Who the store is, see storage::StoreIdentity.
  uint32_t format_version = 0;
  bool format_is_old = false;  // not all rows are as this version writes them
  std::string store_id;
  uint64_t epoch = 0;
};

// The graph database. Open one per directory; share it between threads.
class Database {
 public:
  virtual ~Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Unavailable: another process owns the directory (the message says what to do).
  // A directory of an earlier format is brought to this version's when it is opened for writing,
  // after a checkpoint inside of it; an interruption is made up for at the next open. Opened for
  // reading it answers as it is.
  // FailedPrecondition: a newer format or foreign data. InvalidArgument: a rule table of
  // `rules_dir` is wrong. DataLoss: a file that all depends on is damaged; the message names it.
  // Where the damage costs only what one time bucket or the end of the log holds, it opens and
  // reads the rest: Health says which file, nothing is written, View::damage tells which time is
  // concerned.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const DatabaseOptions& options);

  // Folds a batch into the facts with one durable commit, positions included, and derives links and
  // incidents of what it touched. Thread-safe; returns when durable. A batch that only confirms
  // what is known writes nothing (its confirmation becomes durable within 10 minutes of data time).
  // Refused mutations are no error: the result counts them. InvalidArgument: the batch is larger
  // than DatabaseLimits allow; nothing was applied, and a part of it may be. After an error nothing
  // of the batch shows. Health says whether the next one may succeed (it was the disk that was
  // full, say) or the database only reads until it is opened again; the batch may then be there
  // after all, and Position tells.
  [[nodiscard]] virtual absl::StatusOr<ApplyResult> Apply(Batch batch) = 0;

  // Derives what earlier batches left dirty and writes pending confirmations.
  [[nodiscard]] virtual absl::Status Settle() = 0;

  // Rolls, seals and drops buckets as the data clock demands.
  [[nodiscard]] virtual absl::Status Maintain() = 0;

  // A consistent, synced copy of everything acknowledged so far, confirmations included, in `dir`;
  // Open takes it like any database. Returns what exactly is in it. Files that don't change any
  // more are linked where `dir` is on the same file system, else copied. Writers wait while it is
  // made, but not for the memory that is written to files before. AlreadyExists when there is
  // something at `dir`.
  [[nodiscard]] virtual absl::StatusOr<DatabaseStats> Checkpoint(const std::string& dir) = 0;

  // What is known now, asked as of `as_of` (kForever: the data clock). Older than
  // DatabaseLimits::view_age it gives up its snapshot at the next GetView or Maintain: from then on
  // what needs a read from disk is DeadlineExceeded.
  virtual std::shared_ptr<const View> GetView(Timestamp as_of) const = 0;
  std::shared_ptr<const View> GetView() const { return GetView(kForever); }

  virtual std::shared_ptr<const RuleBook> rules() const = 0;
  // The key under which decoders hash what must not be stored, as (key id, 32 bytes).
  virtual std::pair<std::string, std::string> MacKey() const = 0;
  // Where a source was read up to; nullopt: never.
  virtual std::optional<SourcePosition> Position(const std::string& source,
                                                 int partition) const = 0;
  virtual absl::StatusOr<DatabaseStats> Stats() const = 0;
  // The directory, as it was given to Open.
  virtual const std::string& path() const = 0;
  // OK while it can write and all it was asked to read was whole; else why not, with the file where
  // one is damaged (DataLoss).
  virtual absl::Status Health() const = 0;

  // Every fact within retention in canonical text, without internal ids: equal for equal facts,
  // whatever the order they came in and whenever expired rows were swept. For tests and
  // verification.
  virtual absl::StatusOr<std::string> CanonicalDump() const = 0;

 protected:
  Database() = default;
};

}  // namespace kg
