#include "engine/database.h"

#include <chrono>
#include <fstream>
#include <random>

#include "absl/base/thread_annotations.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/internal/identity.h"
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
        store_(std::move(store)) {}

  absl::Status Init() {
    absl::MutexLock lock(&write_mutex_);
    if (auto status = EnsureMacKey(); !status.ok()) return status;
    return RestoreWriter();
  }

  absl::StatusOr<ApplyResult> Apply(Batch batch) override {
    if (options_.read_only)
      return absl::FailedPreconditionError("the database is open for reading only");
    Request request{std::move(batch), {}, absl::OkStatus(), false};
    if (WaitForTurn(&request)) {
      absl::MutexLock write(&write_mutex_);
      Serve();
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
    absl::ReaderMutexLock lock(&published_mutex_);
    const Timestamp at = as_of == kForever ? published_.clock : as_of;
    return std::make_shared<ViewImpl>(published_, at, rules_, published_.identity);
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
    s.sequence = p.snapshot == nullptr ? 0 : p.snapshot->sequence();
    const storage::StoreIdentity identity = store_->Identity();
    s.format_version = identity.format_version;
    const auto old = NeedsMigration(*store_);
    s.format_is_old = old.ok() && *old;
    s.store_id = identity.store_id;
    s.epoch = identity.epoch;
    return s;
  }

  absl::Status SettleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    if (auto status = ReadyToWrite(); !status.ok()) return status;
    working_->writer.Begin();
    return Finish(working_->writer.Commit(true)).status();
  }

  // Many callers, one synced commit: whoever comes while nobody serves will serve all that wait,
  // and the rest sleep until they are served. True: it is the caller's turn.
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

  void Serve() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    std::vector<Request*> requests;
    {
      absl::MutexLock lock(&queue_mutex_);
      requests.swap(queue_);
    }
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
    // A bucket that is due is cheap to ask about and must not wait for a caller who thinks of it.
    // Its failure is the next commit's, too, and told there.
    if (++applies_ % 64 == 0) MaintainLocked().IgnoreError();
  }

  absl::StatusOr<uint64_t> CommitAll(const std::vector<Request*>& requests)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    if (auto status = ReadyToWrite(); !status.ok()) return status;
    working_->writer.Begin();
    for (Request* r : requests) r->result = working_->writer.Fold(std::move(r->batch));
    return Finish(working_->writer.Commit(false));
  }

  // A store that can't take rows now (a full disk) must be found out before anything is folded. A
  // writer whose commit failed, though the store did not, is ahead of the store: one that is
  // restored from there goes on in its place.
  absl::Status ReadyToWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    if (auto probe = store_->BeginWrite({}); !probe.ok()) return probe.status();
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
    if (report->dropped.empty() && !working_->writer.failed()) return absl::OkStatus();
    if (auto status = ReadyToWrite(); !status.ok()) return status;
    return Finish(working_->writer.AfterDrop()).status();
  }

  absl::Status RestoreWriter() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    auto fresh = std::make_unique<Working>(store_.get(), *rules_, options_);
    if (auto status = fresh->writer.Restore(); !status.ok()) return status;
    working_ = std::move(fresh);
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

  mutable absl::Mutex write_mutex_;
  std::unique_ptr<Working> working_ ABSL_GUARDED_BY(write_mutex_);
  uint64_t applies_ ABSL_GUARDED_BY(write_mutex_) = 0;

  absl::Mutex queue_mutex_ ABSL_ACQUIRED_AFTER(write_mutex_);
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
