// Random operations against a model that keeps everything in maps. KG_SEED=<n> replays one run,
// KG_STORAGE_SECONDS=<n> runs longer.

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <iostream>
#include <random>

#include "tests/storage/support.h"

namespace kg::storage {
namespace {

constexpr Duration kRetention = 12h;
constexpr Duration kWidth = 1h;
constexpr ScopeId kScopes[] = {ScopeId{1}, ScopeId{2}, ScopeId{0x01000000}};
constexpr RecordKind kKinds[] = {RecordKind::kEpisode, RecordKind::kFeed, RecordKind::kRevision};
constexpr Table kTables[] = {Table::kResource, Table::kEdge, Table::kMeta};

struct ModelBucket {
  Timestamp newest = kBeginning;            // largest row time put
  std::map<std::string, std::string> rows;  // kind, scope, key -> value
};

// All that a reader may see at one moment.
struct ModelState {
  std::map<std::string, std::string> permanent;  // table, scope, key -> value
  std::map<Timestamp, ModelBucket> buckets;
  uint64_t sequence = 0;
};

std::string PermanentName(Table table, ScopeId scope, const std::string& key) {
  return std::to_string(static_cast<int>(table)) + "/" + std::to_string(scope.value) + "/" + key;
}

std::string BucketRowName(RecordKind kind, ScopeId scope, const std::string& key) {
  return std::string(1, static_cast<char>(kind)) + "/" + std::to_string(scope.value) + "/" + key;
}

class Run {
 public:
  explicit Run(uint64_t seed) : random_(seed), path_(dir_.Sub("db0")) {
    options_ = SmallOptions();
    options_.retention = kRetention;
    options_.bucket_width = kWidth;
    options_.write_buffer_bytes = 1 << 20;
    store_ = MustOpen(path_, options_, Hooks());
    store_->AdvanceDataClock(kT0);
  }

  void Step() {
    switch (Draw(20)) {
      case 0:
        return AdvanceClock();
      case 1:
        return Maintain();
      case 2:
        return TakeSnapshot();
      case 3:
        return CheckSnapshots();
      case 4:
        return Draw(4) == 0 ? Cut() : Maintain();
      case 5:
        return Draw(6) == 0 ? Reopen() : AdvanceClock();
      case 6:
        return Draw(8) == 0 ? CrashInMaintenance() : Flush();
      default:
        return Write();
    }
  }

  void CheckAll() {
    CheckSnapshots();
    CheckState(*store_->GetSnapshot(), state_);
    for (const BucketInfo& info : store_->Buckets()) {
      const auto bucket = state_.buckets.find(info.start);
      // Late cuts and expiry never strand a row outside the bucket that its time leads to.
      if (bucket != state_.buckets.end() && !bucket->second.rows.empty()) {
        CHECK(bucket->second.newest < info.end);
      }
    }
    CHECK(store_->Buckets().size() <= 48);
  }

 private:
  internal::Hooks Hooks() {
    internal::Hooks hooks;
    hooks.at = [this](absl::string_view step) {
      return crash_at_ == step ? absl::AbortedError("crash") : absl::OkStatus();
    };
    return hooks;
  }

  uint64_t Draw(uint64_t below) {
    return std::uniform_int_distribution<uint64_t>(0, below - 1)(random_);
  }
  std::string DrawKey() { return "key" + std::to_string(Draw(12)); }
  template <typename T, size_t N>
  T Pick(const T (&from)[N]) {
    return from[Draw(N)];
  }
  // Mostly near the clock; sometimes late, too late, or of the future.
  Timestamp DrawTime() {
    const auto minutes = [](uint64_t m) { return std::chrono::minutes(m); };
    switch (Draw(10)) {
      case 0:
        return store_->DataClock() - minutes(Draw(60 * 20));
      case 1:
        return store_->DataClock() + minutes(Draw(60 * 4));
      default:
        return store_->DataClock() - minutes(Draw(60 * 3));
    }
  }

  void AdvanceClock() {
    store_->AdvanceDataClock(store_->DataClock() + std::chrono::minutes(Draw(90)));
  }

  void Flush() { REQUIRE(store_->Flush().ok()); }

  void Cut() {
    const absl::Status s = store_->CutOpenBucket();
    CHECK((s.ok() || s.code() == absl::StatusCode::kFailedPrecondition));
  }

  void Write() {
    std::vector<Timestamp> times;
    for (uint64_t i = 0, n = Draw(4); i < n; ++i) times.push_back(DrawTime());
    const Timestamp oldest = store_->OldestLive();
    const Timestamp newest = store_->DataClock() + 2 * kWidth;
    auto session = MustBegin(store_.get(), times);
    ModelState next = state_;
    for (const Timestamp t : times) {
      const BucketPtr bucket = session->BucketFor(t);
      if (t >= oldest && t <= newest) REQUIRE(bucket != nullptr);
      if (t < dropped_until_) REQUIRE(bucket == nullptr);
      if (bucket == nullptr) continue;
      CHECK(BucketStart(bucket) <= t);
      CHECK(t < BucketEnd(bucket));
      WriteRows(session.get(), bucket, t, &next);
    }
    for (uint64_t i = 0, n = Draw(3); i < n; ++i) WritePermanent(session.get(), &next);
    if (Draw(8) == 0) return;  // abandoned
    const bool empty = session->rows() == 0;
    const CommitInfo info = MustCommit(session.get());
    CHECK(info.turned_away == 0);
    if (!empty) ++next.sequence;
    CHECK(info.sequence == next.sequence);
    if (!empty) state_ = std::move(next);
  }

  void WriteRows(WriteSession* session, const BucketPtr& bucket, Timestamp t, ModelState* next) {
    ModelBucket& model = next->buckets[BucketStart(bucket)];
    model.newest = std::max(model.newest, t);
    for (uint64_t i = 0, n = 1 + Draw(3); i < n; ++i) {
      const ScopeId scope = Pick(kScopes);
      const RecordKind kind = Pick(kKinds);
      const std::string key = DrawKey();
      if (Draw(4) == 0) {
        session->Delete(bucket, scope, kind, key);
        model.rows.erase(BucketRowName(kind, scope, key));
      } else {
        const std::string value = std::to_string(random_());
        session->Put(bucket, scope, kind, key, value);
        model.rows[BucketRowName(kind, scope, key)] = value;
      }
    }
  }

  void WritePermanent(WriteSession* session, ModelState* next) {
    const ScopeId scope = Pick(kScopes);
    const Table table = Pick(kTables);
    const std::string key = DrawKey();
    if (Draw(4) == 0) {
      session->Delete(scope, table, key);
      next->permanent.erase(PermanentName(table, scope, key));
    } else {
      const std::string value = std::to_string(random_());
      session->Put(scope, table, key, value);
      next->permanent[PermanentName(table, scope, key)] = value;
    }
  }

  void Maintain() {
    std::map<Timestamp, Timestamp> ends;
    for (const BucketInfo& info : store_->Buckets()) ends[info.start] = info.end;
    const MaintenanceReport report = MustMaintain(store_.get());
    for (const Timestamp start : report.dropped) {
      CHECK(ends.at(start) <= store_->DataClock() - kRetention);
      state_.buckets.erase(start);
      dropped_until_ = std::max(dropped_until_, ends.at(start));
    }
    for (const BucketInfo& info : store_->Buckets())
      CHECK(info.end > store_->DataClock() - kRetention);
    CHECK(store_->OldestLive() >= dropped_until_);
  }

  void TakeSnapshot() {
    snapshots_.emplace_back(store_->GetSnapshot(), state_);
    if (snapshots_.size() > 4) snapshots_.pop_front();
  }

  void CheckSnapshots() {
    for (const auto& [snapshot, state] : snapshots_) CheckState(*snapshot, state);
  }

  // Both directions: each row of the model by Get, and nothing else by Scan.
  void CheckState(const Snapshot& snapshot, const ModelState& state) {
    CHECK(snapshot.sequence() == state.sequence);
    std::map<std::string, std::string> permanent;
    std::map<Timestamp, std::map<std::string, std::string>> rows;
    for (const ScopeId scope : kScopes) {
      for (const Table table : kTables) {
        for (auto& [key, value] : Collect(snapshot.Scan(scope, table, ""))) {
          permanent[PermanentName(table, scope, key)] = value;
          CHECK(*snapshot.Get(scope, table, key) == value);
        }
      }
      for (const BucketPtr& bucket : snapshot.buckets()) {
        for (const RecordKind kind : kKinds) {
          for (auto& [key, value] : Collect(snapshot.Scan(bucket, scope, kind, ""))) {
            rows[BucketStart(bucket)][BucketRowName(kind, scope, key)] = value;
            CHECK(*snapshot.Get(bucket, scope, kind, key) == value);
          }
        }
      }
    }
    CHECK(permanent == state.permanent);
    std::map<Timestamp, std::map<std::string, std::string>> expected;
    for (const auto& [start, bucket] : state.buckets) {
      if (!bucket.rows.empty()) expected[start] = bucket.rows;
    }
    CHECK(rows == expected);
  }

  // From the files as they are, with the store still open (a crash) or after closing it.
  void Reopen() {
    snapshots_.clear();
    const std::string next = dir_.Sub("db" + std::to_string(++copies_));
    const Timestamp clock = store_->DataClock();
    if (Draw(2) == 0) {
      REQUIRE(store_->Checkpoint(next).ok());
      store_.reset();
    } else {
      store_.reset();
      CopyDir(path_, next);
    }
    std::filesystem::remove_all(path_);
    path_ = next;
    store_ = MustOpen(path_, options_, Hooks());
    CHECK(store_->DataClock() <= clock);
    store_->AdvanceDataClock(clock);  // else the times drawn next would depend on the last commit
    CHECK(store_->GetSnapshot()->sequence() == state_.sequence);
  }

  void CrashInMaintenance() {
    const char* const kSteps[] = {"create: families exist", "drop: marked", "drop: families gone"};
    crash_at_ = Pick(kSteps);
    std::map<Timestamp, Timestamp> ends;
    for (const BucketInfo& info : store_->Buckets()) ends[info.start] = info.end;
    const bool crashed = !store_->Maintain().ok();
    crash_at_.clear();
    if (crashed) Reopen();
    // Whether it came to the end or was finished by the open: what is gone was due.
    std::map<Timestamp, Timestamp> left;
    for (const BucketInfo& info : store_->Buckets()) left[info.start] = info.end;
    for (const auto& [start, end] : ends) {
      if (left.count(start) > 0) continue;
      if (end > store_->DataClock() - kRetention) {
        CHECK(state_.buckets[start].rows.empty());
        continue;
      }
      state_.buckets.erase(start);
      dropped_until_ = std::max(dropped_until_, end);
    }
  }

  std::mt19937_64 random_;
  TempDir dir_;
  std::string path_;
  StoreOptions options_;
  std::string crash_at_;
  std::unique_ptr<Store> store_;
  ModelState state_;
  Timestamp dropped_until_ = kBeginning;
  int copies_ = 0;
  std::deque<std::pair<std::shared_ptr<const Snapshot>, ModelState>> snapshots_;
};

void RunSeed(uint64_t seed) {
  INFO("replay with KG_SEED=" << seed);
  Run run(seed);
  for (int i = 0; i < 400; ++i) run.Step();
  run.CheckAll();
}

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

TEST_CASE("the store agrees with a model in memory") {
  const int64_t given = FromEnvironment("KG_SEED", -1);
  if (given >= 0) return RunSeed(static_cast<uint64_t>(given));
  const auto until = std::chrono::steady_clock::now() +
                     std::chrono::seconds(FromEnvironment("KG_STORAGE_SECONDS", 3));
  std::random_device device;
  const uint64_t first = device();
  std::cout << "seeds from " << first << "\n";
  for (uint64_t seed = first; std::chrono::steady_clock::now() < until; ++seed) RunSeed(seed);
}

}  // namespace
}  // namespace kg::storage
