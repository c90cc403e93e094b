#include "engine/database.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>

#include "absl/base/thread_annotations.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/internal/bounds.h"
#include "engine/internal/identity.h"
#include "engine/internal/leases.h"
#include "engine/internal/migrate.h"
#include "engine/internal/view_impl.h"
#include "engine/internal/writer.h"
#include "storage/store.h"

namespace kg {
namespace {

Timestamp SystemNow() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

storage::StoreOptions StoreOptionsFrom(const DatabaseOptions& o) {
  storage::StoreOptions s;
  s.read_only = o.read_only;
  s.create_if_missing = o.create_if_missing;
  s.retention = o.retention;
  s.max_bytes = o.max_bytes;
  s.block_cache_bytes = o.block_cache_bytes;
  s.write_buffer_bytes = o.write_buffer_bytes;
  s.sync = o.sync;
  s.max_open_files = o.max_open_files;
  s.max_wal_bytes = o.max_wal_bytes;
  s.rocksdb_options = o.rocksdb_options;
  return s;
}

const char* StateName(storage::BucketState s) {
  switch (s) {
    case storage::BucketState::kPreCreated:
      return "pre-created";
    case storage::BucketState::kOpen:
      return "open";
    case storage::BucketState::kSealed:
      return "sealed";
    case storage::BucketState::kExpiring:
      return "expiring";
    case storage::BucketState::kDropped:
      return "dropped";
  }
  return "unknown";
}

// With a limit on disk use, maintenance follows at the latest when so much of it was written.
constexpr uint64_t kMaintenanceShare = 32;
constexpr absl::Duration kWaitForMore = absl::Microseconds(200);
// Parsed once per process: they never change.
const absl::StatusOr<std::shared_ptr<const RuleBook>>& BuiltInRules() {
  static const auto* const rules =
      new absl::StatusOr<std::shared_ptr<const RuleBook>>(RuleBook::Load());
  return *rules;
}

constexpr char kMacKeyRow[] = "mac/current";

absl::Status BringToFormat(const std::string& path, const DatabaseOptions& options,
                           storage::Store* store) {
  auto needed = NeedsMigration(*store);
  if (!needed.ok() || !*needed) return needed.status();
  const std::string copy = absl::StrCat(path, "/", kBeforeMigration);
  if (options.notice) {
    options.notice(absl::StrCat("bringing ", path, " to format ", storage::NewestFormat(),
                                "; as it was it stays in ", copy,
                                ", which can be removed once all is well"));
  }
  return Migrate(store, copy, {});
}

class DatabaseImpl : public Database {
 public:
  DatabaseImpl(std::string path, DatabaseOptions options, std::shared_ptr<const RuleBook> rules,
               std::unique_ptr<storage::Store> store)
      : path_(std::move(path)),
        options_(std::move(options)),
        rules_(std::move(rules)),
        store_(std::move(store)),
        leases_(std::make_shared<Leases>(options_.limits.view_age, options_.now)),
        // One of its own and, where one is set, that of the default cluster.
        bounds_(options_.limits, options_.default_cluster.empty() ? 1 : 2) {}

  absl::Status Init() {
    absl::MutexLock lock(&write_mutex_);
    if (auto status = EnsureMacKey(); !status.ok()) return status;
    return RestoreWriter();
  }

  absl::StatusOr<ApplyResult> Apply(Batch batch) override {
    if (options_.read_only)
      return absl::FailedPreconditionError("the database is open for reading only");
    Request request{std::move(batch), 0, {}, {}, absl::OkStatus(), false};
    auto bytes = bounds_.Screen(&request.batch, options_.now(), &request.refused);
    if (!bytes.ok()) return bytes.status();
    request.bytes = *bytes;
    if (WaitForTurn(&request)) {
      absl::MutexLock write(&write_mutex_);
      Serve(&request);
    }
    if (!request.status.ok()) return request.status;
    return request.result;
  }

  absl::Status Settle() override {
    if (options_.read_only) return absl::OkStatus();
    absl::MutexLock lock(&write_mutex_);
    return SettleLocked();
  }

  absl::Status Maintain() override {
    leases_->TakeBack();
    if (options_.read_only) return absl::OkStatus();
    absl::MutexLock lock(&write_mutex_);
    return MaintainLocked();
  }

  absl::StatusOr<DatabaseStats> Checkpoint(const std::string& dir) override {
    Published p;
    std::vector<SourcePosition> positions;
    if (!options_.read_only) {
      // What is in memory goes to files now, so that writers wait below for little more than links.
      if (auto status = store_->Flush(); !status.ok()) return status;
    }
    {
      absl::MutexLock lock(&write_mutex_);
      if (!options_.read_only) {
        if (auto status = SettleLocked(); !status.ok()) return status;
      }
      if (auto status = store_->Checkpoint(dir); !status.ok()) return status;
      p = Current();
      positions = working_->writer.Positions();
    }
    return StatsOf(p, std::move(positions));
  }

  std::shared_ptr<const View> GetView(Timestamp as_of) const override {
    leases_->TakeBack();
    Published seen;
    {
      absl::ReaderMutexLock lock(&published_mutex_);
      seen = published_;
    }
    seen.snapshot = leases_->Lend(std::move(seen.snapshot));
    const Timestamp at = as_of == kForever ? seen.clock : as_of;
    const std::shared_ptr<const Identity> identity = seen.identity;
    return std::make_shared<ViewImpl>(std::move(seen), at, rules_, identity);
  }

  std::shared_ptr<const RuleBook> rules() const override { return rules_; }
  std::pair<std::string, std::string> MacKey() const override { return mac_key_; }

  std::optional<SourcePosition> Position(const std::string& source, int partition) const override {
    absl::MutexLock lock(&write_mutex_);
    return working_->writer.Position(source, partition);
  }

  absl::StatusOr<DatabaseStats> Stats() const override {
    Published p;
    std::vector<SourcePosition> positions;
    {
      absl::ReaderMutexLock lock(&published_mutex_);
      p = published_;
    }
    {
      absl::MutexLock lock(&write_mutex_);
      positions = working_->writer.Positions();
    }
    return StatsOf(p, std::move(positions));
  }

  const std::string& path() const override { return path_; }

  absl::Status Health() const override {
    if (absl::Status store = store_->Health(); !store.ok()) return store;
    absl::ReaderMutexLock lock(&published_mutex_);
    return failure_;
  }

  absl::StatusOr<std::string> CanonicalDump() const override {
    absl::MutexLock lock(&write_mutex_);
    return working_->writer.CanonicalDump();
  }

 private:
  // What one writer works on; replaced as a whole.
  struct Working {
    Working(storage::Store* store, const RuleBook& rules, const DatabaseOptions& options)
        : identity(
              std::make_shared<Identity>(rules, options.default_tenant, options.default_cluster)),
          writer(store, &rules, identity.get(), options) {}
    const std::shared_ptr<Identity> identity;  // its own synchronisation
    Writer writer;
  };
  struct Request {
    Batch batch;
    uint64_t bytes;
    ApplyResult refused;  // by the limits, before it was folded
    ApplyResult result;
    absl::Status status;
    bool done;
  };

  DatabaseStats StatsOf(const Published& p, std::vector<SourcePosition> positions) const {
    DatabaseStats s;
    for (const ScopeInfo& scope : p.identity->scopes())
      s.scopes.push_back({scope.id, scope.tenant, scope.cluster});
    for (uint32_t i = 1; i < p.graph->end_id(); ++i) {
      const Node* node = p.graph->Find(ResourceId(i));
      if (node == nullptr || node->name == nullptr) continue;
      if (node->incarnations.empty()) {
        ++s.stubs;
      } else {
        ++(node->AliveAt(p.clock) != nullptr ? s.resources : s.resources_deleted);
      }
    }
    s.edges_open = p.edges_open;
    s.episodes = p.episodes;
    s.event_ids_in_memory = p.event_ids_in_memory;
    s.bursts_in_memory = p.bursts_in_memory;
    for (const auto& [scope, links] : p.links) s.links += links;
    s.dead_letters = p.dead_letters;
    s.failures = p.work.failures;
    s.effects_linked = p.work.effects_linked;
    s.candidates_scored = p.work.candidates_scored;
    s.rows_written = p.work.rows_written;
    s.bytes_written = p.work.bytes_written;
    for (const storage::BucketInfo& b : store_->Buckets())
      s.buckets.push_back({b.start, b.end, StateName(b.state), b.bytes});
    s.disk_bytes = store_->DiskBytes();
    s.data_clock = p.clock;
    s.oldest = p.oldest;
    s.positions = std::move(positions);
    UseOfLimits(p, &s);
    s.sequence = p.snapshot == nullptr ? 0 : p.snapshot->sequence();
    const storage::StoreIdentity identity = store_->Identity();
    s.format_version = identity.format_version;
    const auto old = NeedsMigration(*store_);
    s.format_is_old = old.ok() && *old;
    s.store_id = identity.store_id;
    s.epoch = identity.epoch;
    return s;
  }

  void UseOfLimits(const Published& p, DatabaseStats* s) const {
    const DatabaseLimits& most = options_.limits;
    const auto set = [&](const char* name, auto limit, auto used, uint64_t exceeded) {
      s->limits[name] = {static_cast<double>(limit), static_cast<double>(used), exceeded};
    };
    const auto cut = [&](const char* name, uint64_t limit, Bounds::Limit which) {
      set(name, limit, 0, bounds_.exceeded(which));
    };
    cut("max_batch", most.batch_mutations, Bounds::kBatchMutations);
    cut("max_batch_bytes", most.batch_bytes, Bounds::kBatchBytes);
    cut("max_record_bytes", most.record_bytes, Bounds::kRecordBytes);
    cut("max_record_items", most.record_items, Bounds::kRecordItems);
    cut("max_name_bytes", most.name_bytes, Bounds::kNameBytes);
    cut("max_message_bytes", most.message_bytes, Bounds::kMessageBytes);
    set("max_scopes", most.scopes, s->scopes.size(), bounds_.exceeded(Bounds::kScopes));
    set("max_dead_letters", most.dead_letters, p.dead_letters, p.work.letters_not_kept);
    set("max_positions", most.positions, bounds_.positions(), bounds_.exceeded(Bounds::kPositions));
    const Leases::Use views = leases_->use();
    s->views = views.lent;
    const auto seconds = [](Duration d) { return static_cast<double>(d.count()) / 1e6; };
    set("max_view_age", seconds(most.view_age), seconds(views.oldest), views.taken_back);
    set("max_dirty_slots", most.dirty_slots, p.work.dirty_slots, p.work.dirty_widened);
    set("max_wal_bytes", options_.max_wal_bytes, store_->LogBytes(), 0);
    set("max_bytes", options_.max_bytes, s->disk_bytes, 0);
    set("max_open_files", storage::TableFileLimit(StoreOptionsFrom(options_)), 0, 0);
    absl::MutexLock lock(&queue_mutex_);
    s->callers_waiting = queue_.size();
  }

  absl::Status SettleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    if (auto status = ReadyToWrite(); !status.ok()) return status;
    working_->writer.Begin();
    return Finish(working_->writer.Commit(true)).status();
  }

  // Many callers, one synced commit: whoever comes while nobody serves will serve those that wait,
  // and they sleep until they are served. True: it is the caller's turn.
  bool WaitForTurn(Request* request) {
    absl::MutexLock lock(&queue_mutex_);
    queue_.push_back(request);
    auto woken = [this, request]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mutex_) {
      return request->done || !serving_;
    };
    queue_mutex_.Await(absl::Condition(&woken));
    if (request->done) return false;
    serving_ = true;
    // Those whom the last commit has served are about to come again: a commit costs more than this
    // wait.
    auto all_here = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mutex_) {
      return queue_.size() >= last_served_;
    };
    queue_mutex_.AwaitWithTimeout(absl::Condition(&all_here), kWaitForMore);
    return true;
  }

  // Those who are served together: the one whose turn it is, and who waits for longest. The rest
  // waits for the next commit when one would grow larger than a batch may be.
  std::vector<Request*> TakeFromQueue(Request* own) {
    absl::MutexLock lock(&queue_mutex_);
    std::vector<Request*> taken = {own};
    queue_.erase(std::find(queue_.begin(), queue_.end(), own));
    uint64_t mutations = own->batch.mutations.size(), bytes = own->bytes;
    auto next = queue_.begin();
    for (; next != queue_.end(); ++next) {
      mutations += (*next)->batch.mutations.size();
      bytes += (*next)->bytes;
      if (!bounds_.FitTogether(mutations, bytes)) break;
      taken.push_back(*next);
    }
    queue_.erase(queue_.begin(), next);
    return taken;
  }

  void Serve(Request* own) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    const std::vector<Request*> requests = TakeFromQueue(own);
    auto sequence = CommitAll(requests);
    {
      absl::MutexLock lock(&queue_mutex_);
      for (Request* r : requests) {
        r->status = sequence.status();
        if (sequence.ok()) r->result.sequence = *sequence;
        r->done = true;
      }
      last_served_ = requests.size();
      serving_ = false;
    }
    if (!sequence.ok()) return;
    // A bucket that is due is cheap to ask about and must not wait for a caller who thinks of it,
    // and retention by size not for 64 large batches. Its failure is the next commit's, too, and
    // told there.
    const uint64_t written = working_->writer.published().work.bytes_written;
    const bool much = options_.max_bytes != 0 &&
                      written - maintained_at_bytes_ >= options_.max_bytes / kMaintenanceShare;
    if (++applies_ % 64 != 0 && !much) return;
    maintained_at_bytes_ = written;
    MaintainLocked().IgnoreError();
  }

  absl::StatusOr<uint64_t> CommitAll(const std::vector<Request*>& requests)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    if (auto status = ReadyToWrite(); !status.ok()) return status;
    Writer& writer = working_->writer;
    writer.Begin();
    const auto known = [&writer](const std::string& source, int32_t partition) {
      return writer.Position(source, partition).has_value();
    };
    for (Request* r : requests) {
      bounds_.Admit(&r->batch, options_.now(), *working_->identity, known, &r->refused);
      r->result = writer.Fold(std::move(r->batch));
      r->result.refused += r->refused.refused;
      for (std::string& problem : r->refused.problems)
        r->result.problems.push_back(std::move(problem));
    }
    const uint64_t not_kept = writer.published().work.letters_not_kept;
    auto sequence = Finish(writer.Commit(false));
    if (sequence.ok() && writer.published().work.letters_not_kept != not_kept)
      TellOfLetters(requests);
    return sequence;
  }

  void TellOfLetters(const std::vector<Request*>& requests) const {
    for (Request* r : requests) {
      if (r->result.dead_letters == 0) continue;
      r->result.problems.push_back(absl::StrCat(
          "dead letters were counted but not kept, as there are ", options_.limits.dead_letters,
          " (--max-dead-letters); mend or drop some, then send the input again"));
    }
  }

  // A store that can't take rows now (a full disk) must be found out before anything is folded;
  // what was folded before it was found out goes first. A writer whose commit failed, though the
  // store did not, is ahead of the store: one that is restored from there goes on in its place.
  absl::Status ReadyToWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    if (auto probe = store_->BeginWrite({}); !probe.ok()) return probe.status();
    if (working_->writer.unwritten()) return Finish(working_->writer.WriteAgain()).status();
    if (!working_->writer.failed()) return absl::OkStatus();
    if (working_->writer.published().damage != nullptr) {
      absl::ReaderMutexLock lock(&published_mutex_);
      return absl::FailedPreconditionError(failure_.message());
    }
    return RestoreWriter();
  }

  absl::StatusOr<uint64_t> Finish(absl::StatusOr<uint64_t> committed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    if (committed.ok()) {
      Publish();
      return committed;
    }
    absl::MutexLock lock(&published_mutex_);
    failure_ = committed.status();
    return committed;
  }

  absl::Status MaintainLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    auto report = store_->Maintain();
    if (!report.ok()) return report.status();
    const bool behind = working_->writer.failed() || working_->writer.unwritten();
    if (report->dropped.empty() && !behind) return absl::OkStatus();
    if (auto status = ReadyToWrite(); !status.ok()) return status;
    return Finish(working_->writer.AfterDrop()).status();
  }

  absl::Status RestoreWriter() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    auto fresh = std::make_unique<Working>(store_.get(), *rules_, options_);
    if (auto status = fresh->writer.Restore(); !status.ok()) return status;
    working_ = std::move(fresh);
    bounds_.Restart(working_->writer.Positions().size());
    Publish();
    return absl::OkStatus();
  }

  Published Current() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    Published p = working_->writer.published();
    p.identity = working_->identity;
    return p;
  }

  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    absl::MutexLock lock(&published_mutex_);
    published_ = Current();
    failure_ = published_.damage == nullptr
                   ? absl::OkStatus()
                   : absl::DataLossError(absl::StrCat(
                         published_.damage->front().found,
                         "; the database only reads what is left: restore a backup, or run 'kgctl "
                         "verify --repair'"));
  }

  absl::Status EnsureMacKey() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    auto row = store_->GetSnapshot()->Get(ScopeId(0), storage::Table::kSystem, kMacKeyRow);
    if (!row.ok()) return row.status();
    if (row->has_value()) {
      const size_t colon = (*row)->find(':');
      if (colon == std::string::npos) return absl::DataLossError("the MAC key row is damaged");
      mac_key_ = {(*row)->substr(0, colon), (*row)->substr(colon + 1)};
      return absl::OkStatus();
    }
    if (options_.read_only) return absl::OkStatus();
    std::string secret(32, '\0');
    std::ifstream random("/dev/urandom", std::ios::binary);
    if (!random.read(secret.data(), static_cast<std::streamsize>(secret.size()))) {
      return absl::InternalError("can't read /dev/urandom for a MAC key");
    }
    mac_key_ = {absl::BytesToHexString(secret.substr(0, 4)), secret};
    auto session = store_->BeginWrite({});
    if (!session.ok()) return session.status();
    (*session)->Put(ScopeId(0), storage::Table::kSystem, kMacKeyRow,
                    absl::StrCat(mac_key_.first, ":", secret));
    return (*session)->Commit().status();
  }

  // Constant after construction.
  const std::string path_;
  const DatabaseOptions options_;
  const std::shared_ptr<const RuleBook> rules_;
  const std::unique_ptr<storage::Store> store_;  // its own synchronisation
  std::pair<std::string, std::string> mac_key_;  // constant after Init
  const std::shared_ptr<Leases> leases_;         // its own synchronisation
  Bounds bounds_;                                // Admit under write_mutex_

  mutable absl::Mutex write_mutex_;
  std::unique_ptr<Working> working_ ABSL_GUARDED_BY(write_mutex_);
  uint64_t applies_ ABSL_GUARDED_BY(write_mutex_) = 0;
  uint64_t maintained_at_bytes_ ABSL_GUARDED_BY(write_mutex_) = 0;

  mutable absl::Mutex queue_mutex_ ABSL_ACQUIRED_AFTER(write_mutex_);
  std::vector<Request*> queue_ ABSL_GUARDED_BY(queue_mutex_);
  bool serving_ ABSL_GUARDED_BY(queue_mutex_) = false;
  size_t last_served_ ABSL_GUARDED_BY(queue_mutex_) = 1;  // requests of the last commit

  mutable absl::Mutex published_mutex_;
  Published published_ ABSL_GUARDED_BY(published_mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(published_mutex_);  // of the last commit; damage
};

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const DatabaseOptions& options) {
  DatabaseOptions o = options;
  if (!o.now) o.now = SystemNow;
  auto rules = o.rules_dir.empty() ? BuiltInRules() : RuleBook::Load(o.rules_dir);
  if (!rules.ok()) return rules.status();
  auto store = o.open_store ? o.open_store(path, StoreOptionsFrom(o))
                            : storage::Store::Open(path, StoreOptionsFrom(o));
  if (!store.ok()) return store.status();
  if (!o.read_only) {
    if (auto s = BringToFormat(path, o, store->get()); !s.ok()) return s;
  }
  auto database =
      std::make_unique<DatabaseImpl>(path, std::move(o), *std::move(rules), *std::move(store));
  if (auto status = database->Init(); !status.ok()) {
    // What opening found names the file that reading fails for.
    const absl::Status health = database->Health();
    return absl::IsDataLoss(health) ? health : status;
  }
  return database;
}

}  // namespace kg
