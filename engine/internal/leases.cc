#include "engine/internal/leases.h"

#include <atomic>

#include "absl/strings/str_cat.h"

namespace kg {
namespace {

using storage::BucketPtr;
using storage::Cursor;
using storage::RecordKind;
using storage::Snapshot;
using storage::Table;
using Row = absl::StatusOr<std::optional<std::string>>;

absl::Status TooOld(Duration max_age) {
  return absl::DeadlineExceededError(
      absl::StrCat("this view is older than the ", max_age.count() / 1'000'000,
                   " s of --max-view-age and was let go; ask again, for less at a time"));
}

class EndedCursor final : public Cursor {
 public:
  explicit EndedCursor(absl::Status status) : status_(std::move(status)) {}
  bool Valid() const override { return false; }
  void Next() override {}
  absl::string_view key() const override { return {}; }
  absl::string_view value() const override { return {}; }
  absl::Status status() const override { return status_; }

 private:
  const absl::Status status_;
};

}  // namespace

class Leases::Loan final : public Snapshot, public std::enable_shared_from_this<Loan> {
 public:
  Loan(std::shared_ptr<Leases> owner, std::shared_ptr<const Snapshot> snapshot)
      : owner_(std::move(owner)), sequence_(snapshot->sequence()), snapshot_(std::move(snapshot)) {}
  ~Loan() override { owner_->Returned(entry_); }

  // Before the loan is used by anybody.
  void SetEntry(std::list<Entry>::iterator entry) { entry_ = entry; }
  void End() {
    std::shared_ptr<const Snapshot> let_go;
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    let_go.swap(snapshot_);
  }
  bool ended() const { return ended_.load(std::memory_order_relaxed); }
  absl::Status status() const override {
    return ended() ? TooOld(owner_->max_age_) : absl::OkStatus();
  }

  std::vector<BucketPtr> buckets() const override {
    const auto snapshot = Held();
    return snapshot == nullptr ? std::vector<BucketPtr>() : snapshot->buckets();
  }
  uint64_t sequence() const override { return sequence_; }
  Row Get(ScopeId scope, Table table, absl::string_view key) const override {
    const auto snapshot = Held();
    return snapshot == nullptr ? Row(status()) : snapshot->Get(scope, table, key);
  }
  Row Get(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
          absl::string_view key) const override {
    const auto snapshot = Held();
    return snapshot == nullptr ? Row(status()) : snapshot->Get(bucket, scope, kind, key);
  }
  std::unique_ptr<Cursor> Scan(ScopeId scope, Table table, absl::string_view prefix,
                               absl::string_view from) const override {
    const auto snapshot = Held();
    return snapshot == nullptr ? Ended() : Watched(snapshot->Scan(scope, table, prefix, from));
  }
  std::unique_ptr<Cursor> Scan(const BucketPtr& bucket, ScopeId scope, RecordKind kind,
                               absl::string_view prefix, absl::string_view from) const override {
    const auto snapshot = Held();
    return snapshot == nullptr ? Ended()
                               : Watched(snapshot->Scan(bucket, scope, kind, prefix, from));
  }

 private:
  // A scan that ends with its loan.
  class WatchedCursor final : public Cursor {
   public:
    WatchedCursor(std::shared_ptr<const Loan> loan, std::unique_ptr<Cursor> rows)
        : loan_(std::move(loan)), rows_(std::move(rows)) {}
    bool Valid() const override { return rows_->Valid() && !loan_->ended(); }
    void Next() override { rows_->Next(); }
    absl::string_view key() const override { return rows_->key(); }
    absl::string_view value() const override { return rows_->value(); }
    absl::Status status() const override {
      return loan_->ended() ? loan_->status() : rows_->status();
    }

   private:
    const std::shared_ptr<const Loan> loan_;
    const std::unique_ptr<Cursor> rows_;
  };

  std::shared_ptr<const Snapshot> Held() const {
    absl::ReaderMutexLock lock(&mutex_);
    return snapshot_;
  }
  std::unique_ptr<Cursor> Ended() const { return std::make_unique<EndedCursor>(status()); }
  std::unique_ptr<Cursor> Watched(std::unique_ptr<Cursor> rows) const {
    return std::make_unique<WatchedCursor>(shared_from_this(), std::move(rows));
  }

  const std::shared_ptr<Leases> owner_;
  const uint64_t sequence_;
  std::list<Entry>::iterator entry_;
  std::atomic<bool> ended_{false};
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
};

std::shared_ptr<const Snapshot> Leases::Lend(std::shared_ptr<const Snapshot> snapshot) {
  if (snapshot == nullptr) return snapshot;
  const Timestamp since = now_();
  auto loan = std::make_shared<Loan>(shared_from_this(), std::move(snapshot));
  absl::MutexLock lock(&mutex_);
  loan->SetEntry(lent_.insert(lent_.end(), {loan.get(), since}));
  return loan;
}

void Leases::Returned(std::list<Entry>::iterator entry) {
  absl::MutexLock lock(&mutex_);
  lent_.erase(entry);
}

void Leases::TakeBack() {
  if (max_age_.count() == 0) return;
  const Timestamp now = now_();
  // A loan leaves the list before it dies, so what the list holds is alive while the lock is held.
  absl::MutexLock lock(&mutex_);
  for (const Entry& e : lent_) {
    if (now - e.since <= max_age_) break;
    if (e.loan->ended()) continue;
    e.loan->End();
    ++taken_back_;
  }
}

Leases::Use Leases::use() const {
  const Timestamp now = now_();
  absl::MutexLock lock(&mutex_);
  Use use;
  use.taken_back = taken_back_;
  for (const Entry& e : lent_) {
    if (e.loan->ended()) continue;
    ++use.lent;
    use.oldest = std::max(use.oldest, now - e.since);
  }
  return use;
}

}  // namespace kg
