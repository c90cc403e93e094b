#include "tests/simulation/simulation.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/internal/store_impl.h"
#include "tests/crash/stream.h"
#include "tests/storage/fault_fs.h"

namespace kg::simulation {
namespace {

using semantics::Random;
using storage::Fault;
using storage::FileOp;

absl::Status Wrong(absl::string_view what) {
  return absl::DataLossError(what);
}

// What a reader sees, in words: every burst with its causes as of the data clock, and the trees.
std::string Answers(const Database& db) {
  const auto view = db.GetView();
  std::vector<std::string> lines;
  const auto name = [&](ResourceId id) {
    const auto n = view->Name(id);
    return absl::StrCat(n->kind, "/", n->ns, "/", n->name);
  };
  for (const ScopeDescription& scope : view->scopes()) {
    const absl::Status read =
        view->ForEachEpisode(scope.id, {view->oldest(), kForever}, [&](const EpisodeRecord& e) {
          const BurstPtr burst = FindBurst(view->graph(), e.resource, e.key());
          const size_t causes = burst == nullptr ? 0 : burst->causes.size();
          lines.push_back(absl::StrCat(scope.cluster, " ", name(e.resource), " ", e.event_id, " ",
                                       ToMicros(e.onset), " ", causes));
          return true;
        });
    if (!read.ok()) lines.push_back(read.ToString());
  }
  if (!view->status().ok()) lines.push_back(view->status().ToString());
  std::sort(lines.begin(), lines.end());
  return absl::StrJoin(lines, "\n");
}

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : stream_(seed), path_(dir_.Sub("db")) {}

  Outcome Run(const std::vector<Step>& steps) {
    absl::Status s = OpenReference();
    if (s.ok()) s = Open(std::chrono::hours(4));
    for (const Step& step : steps) {
      if (!s.ok()) break;
      ++outcome_.steps;
      s = Take(step);
      if (s.ok()) s = CheckPosition();
    }
    if (s.ok()) s = Repair();
    if (s.ok()) s = Compare();
    outcome_.status = s;
    outcome_.batches = acknowledged_;
    return outcome_;
  }

 private:
  absl::Status OpenReference() {
    auto opened = Database::Open(dir_.Sub("reference"), crash::StreamOptions(&reference_now_));
    if (opened.ok()) reference_ = *std::move(opened);
    return opened.status();
  }

  absl::Status Open(Duration memory_window) {
    DatabaseOptions o = crash::StreamOptions(&now_);
    o.sync = true;
    o.memory_window = memory_window;
    o.open_store = [this](const std::string& at, const storage::StoreOptions& options)
        -> absl::StatusOr<std::unique_ptr<storage::Store>> {
      storage::internal::Hooks hooks;
      hooks.env = disk_.env();
      storage::StoreOptions small = options;
      small.reserve_bytes = 16 << 10;
      auto store = storage::internal::StoreImpl::Open(at, small, hooks);
      if (!store.ok()) return store.status();
      return std::unique_ptr<storage::Store>(*std::move(store));
    };
    auto opened = Database::Open(path_, o);
    if (!opened.ok()) return opened.status();
    db_ = *std::move(opened);
    if (absl::Status health = db_->Health(); !health.ok()) {
      db_.reset();
      return health;
    }
    const int64_t next = crash::Stream::NextOf(*db_);
    if (next < committed_ || next > acknowledged_ + 1) return Lost(next);
    acknowledged_ = committed_ = next;
    return absl::OkStatus();
  }

  absl::Status Lost(int64_t next) const {
    return Wrong(absl::StrCat("stands at ", next, "; committed until ", committed_,
                              ", acknowledged until ", acknowledged_));
  }

  absl::Status Take(const Step& step) {
    Random random(step.chance);
    switch (step.op) {
      case Op::kApply:
        return Apply();
      case Op::kApplyMany:
        return ApplyMany(2 + static_cast<int>(random.Below(30)));
      case Op::kLeap:
        // A wall clock that is ahead refuses less and moves nothing.
        lead_ = std::chrono::minutes(static_cast<int64_t>(random.Below(60)));
        return absl::OkStatus();
      case Op::kSettle:
        return Allow(db_->Settle());
      case Op::kMaintain:
        return Allow(db_->Maintain());
      case Op::kCheckpoint:
        return Checkpoint();
      case Op::kReopen:
        return Reopen(std::chrono::hours(static_cast<int64_t>(random.Below(3)) * 4));
      case Op::kPowerCut:
        return PowerCut(&random);
      case Op::kDiskFull:
        disk_.SetFree(random.Below(40'000));
        sound_ = false;
        return absl::OkStatus();
      case Op::kDiskFree:
        return Repair();
      case Op::kFailWrite:
        disk_.Arm({random.OneIn(2) ? FileOp::kAppend : FileOp::kSync, "", random.Below(20), 1,
                   random.OneIn(3) ? Fault::Kind::kShort : Fault::Kind::kError});
        sound_ = false;
        return absl::OkStatus();
      case Op::kFailRead:
        disk_.Arm({FileOp::kRead, ".sst", random.Below(6), 1, Fault::Kind::kError});
        sound_ = false;
        return absl::OkStatus();
      case Op::kCompare:
        return sound_ ? Compare() : absl::OkStatus();
    }
    return absl::OkStatus();
  }

  // An error is an answer where the disk fails, and nowhere else.
  absl::Status Allow(const absl::Status& answer) {
    if (answer.ok()) return answer;
    ++outcome_.errors;
    return sound_ ? answer : absl::OkStatus();
  }

  absl::Status Apply() {
    now_ = stream_.WallAt(acknowledged_) + lead_;
    const auto before = db_->GetView();
    auto result = db_->Apply(stream_.Number(acknowledged_));
    if (!result.ok()) {
      if (db_->GetView()->data_clock() != before->data_clock())
        return Wrong("a batch that failed shows");
      return Allow(result.status());
    }
    ++acknowledged_;
    if (last_sequence_ > 0 && result->sequence > last_sequence_) committed_ = acknowledged_;
    last_sequence_ = result->sequence;
    return absl::OkStatus();
  }

  absl::Status ApplyMany(int count) {
    for (int i = 0; i < count; ++i) {
      const int64_t before = acknowledged_;
      if (absl::Status s = Apply(); !s.ok() || acknowledged_ == before) return s;
    }
    return absl::OkStatus();
  }

  absl::Status CheckPosition() {
    const int64_t next = crash::Stream::NextOf(*db_);
    return next == acknowledged_ ? absl::OkStatus() : Lost(next);
  }

  void Close() {
    db_.reset();
    last_sequence_ = 0;
  }

  // Opened on a disk that may still fail: then once more on one that does not.
  absl::Status Reopen(Duration memory_window) {
    Close();
    absl::Status s = Open(memory_window);
    if (s.ok() || sound_) return s;
    ++outcome_.errors;
    MendDisk();
    return Open(memory_window);
  }

  absl::Status PowerCut(Random* random) {
    disk_.CutPowerAfter(random->Below(120));
    sound_ = false;
    for (int i = 0; i < 60 && !disk_.dark(); ++i) {
      if (absl::Status s = Apply(); !s.ok()) return s;
      if (random->OneIn(5)) Allow(db_->Maintain()).IgnoreError();
    }
    Close();
    ++outcome_.power_cuts;
    disk_.Restart(random->Next());
    sound_ = true;
    return Open(std::chrono::hours(4));
  }

  void MendDisk() {
    disk_.Disarm();
    disk_.SetFree(~0ull);
    sound_ = true;
  }

  // A sound disk, and the database as an operator gets it going again: maintenance clears what
  // passes with its cause; after a failed commit it is opened again.
  absl::Status Repair() {
    MendDisk();
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    absl::Status s = db_->Maintain();
    while (!s.ok() && !absl::IsFailedPrecondition(s) &&
           std::chrono::steady_clock::now() < patience) {
      s = db_->Maintain();
    }
    return db_->Health().ok() && s.ok() ? absl::OkStatus() : Reopen(std::chrono::hours(4));
  }

  absl::Status Checkpoint() {
    const std::string copy = dir_.Sub("copy");
    const absl::Status made = db_->Checkpoint(copy).status();
    std::error_code error;
    if (!made.ok()) {
      for (const char* suffix : {"", ".tmp"}) std::filesystem::remove_all(copy + suffix, error);
      return Allow(made);
    }
    committed_ = acknowledged_;
    DatabaseOptions o = crash::StreamOptions(&now_);
    o.read_only = true;
    auto opened = Database::Open(copy, o);
    absl::Status s = opened.status();
    if (s.ok()) s = CompareWith(**opened, "the checkpoint");
    if (opened.ok()) opened->reset();
    std::filesystem::remove_all(copy, error);
    return s;
  }

  absl::Status Compare() { return CompareWith(*db_, "the database"); }

  absl::Status CompareWith(const Database& db, const char* what) {
    for (; reference_next_ < acknowledged_; ++reference_next_) {
      reference_now_ = stream_.WallAt(reference_next_);
      auto told = reference_->Apply(stream_.Number(reference_next_));
      if (!told.ok()) return told.status();
    }
    auto expected = reference_->CanonicalDump();
    auto got = db.CanonicalDump();
    if (!expected.ok()) return expected.status();
    if (!got.ok()) return got.status();
    if (*expected != *got) {
      return Wrong(absl::StrCat(what, " holds other facts (- expected, + got)\n",
                                semantics::DumpDifference(*expected, *got)));
    }
    const std::string asked = Answers(*reference_), answered = Answers(db);
    if (asked == answered) return absl::OkStatus();
    return Wrong(absl::StrCat(what, " answers otherwise (- expected, + got)\n",
                              semantics::DumpDifference(asked, answered)));
  }

  const crash::Stream stream_;
  const semantics::TempDir dir_;
  const std::string path_;
  storage::FaultFs disk_;
  bool sound_ = true;  // nothing is armed that may still fail
  Timestamp now_, reference_now_;
  Duration lead_{0};
  std::unique_ptr<Database> db_, reference_;
  int64_t reference_next_ = 0;
  int64_t acknowledged_ = 0;  // batches, as of the last answer or the last open
  int64_t committed_ = 0;     // of these, known to be durable
  uint64_t last_sequence_ = 0;
  Outcome outcome_;
};

}  // namespace

const char* NameOf(Op op) {
  static const char* kNames[] = {
      "apply",     "apply many", "leap",      "settle",       "maintain",    "copy",   "reopen",
      "power cut", "disk full",  "disk free", "fail a write", "fail a read", "compare"};
  return kNames[static_cast<int>(op)];
}

std::vector<Step> StepsOf(uint64_t seed, int count) {
  Random random(seed);
  std::vector<Step> steps;
  static constexpr Op kOften[] = {Op::kApply,    Op::kApplyMany, Op::kApplyMany, Op::kApplyMany,
                                  Op::kMaintain, Op::kReopen,    Op::kCompare};
  for (int i = 0; i < count; ++i) {
    const Op op = random.OneIn(2) ? kOften[random.Below(std::size(kOften))]
                                  : static_cast<Op>(random.Below(kOps));
    steps.push_back({op, random.Next()});
  }
  return steps;
}

Outcome Run(uint64_t seed, const std::vector<Step>& steps) {
  return Simulation(seed).Run(steps);
}

std::vector<Step> Shrink(uint64_t seed, std::vector<Step> steps, int runs) {
  for (size_t chunk = steps.size() / 2; chunk >= 1; chunk /= 2) {
    for (size_t i = 0; i + chunk <= steps.size() && runs > 0;) {
      std::vector<Step> fewer = steps;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i),
                  fewer.begin() + static_cast<ptrdiff_t>(i + chunk));
      --runs;
      if (!Run(seed, fewer).status.ok()) {
        steps = std::move(fewer);
      } else {
        i += chunk;
      }
    }
  }
  return steps;
}

}  // namespace kg::simulation
