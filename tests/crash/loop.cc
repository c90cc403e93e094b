#include "tests/crash/loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/crash/child.h"
#include "tests/crash/feed.h"
#include "tests/crash/stream.h"

namespace kg::crash {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(2);  // with a child that says nothing
constexpr int64_t kFeedEvery = 8;                       // kills

// When to kill: so long after the nth report of a kind.
struct Moment {
  Report after = Report::kAcknowledged;
  int64_t count = 1;
  absl::Duration delay;
};

// A child process and what it has told so far.
class Life {
 public:
  absl::Status Start(const std::vector<std::string>& arguments) {
    int ends[2];
    if (::pipe(ends) != 0) return absl::ErrnoToStatus(errno, "pipe");
    fd_ = ends[0];
    std::vector<std::string> all = arguments;
    all.push_back(absl::StrCat("--report-fd=", ends[1]));
    std::vector<char*> argv;
    for (std::string& a : all) argv.push_back(a.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      ::execv("/proc/self/exe", argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    return pid_ > 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "fork");
  }

  ~Life() {
    Kill();
    if (fd_ >= 0) ::close(fd_);
  }

  // Lets it run until `moment`, kills it, and reads what it said until then.
  absl::Status RunUntil(const Moment& moment) {
    int64_t left = moment.count;
    const absl::Time patience = absl::Now() + kPatience;
    while (left > 0) {
      if (absl::Now() > patience) return absl::DeadlineExceededError("the child hangs");
      auto message = Read(absl::Seconds(1));
      if (!message.ok()) return message.status();
      if (message->has_value() && (*message)->report == moment.after) --left;
    }
    const absl::Time end = absl::Now() + moment.delay;
    if (moment.delay > absl::Milliseconds(3)) {
      while (absl::Now() < end - absl::Milliseconds(2)) {
        auto message = Read(end - absl::Milliseconds(1) - absl::Now());
        if (!message.ok()) return message.status();
      }
    }
    while (absl::Now() < end) std::atomic_signal_fence(std::memory_order_seq_cst);
    Kill();
    for (;;) {  // what was in the pipe
      auto message = Read(absl::ZeroDuration());
      if (!message.ok()) return message.status();
      if (!message->has_value()) return absl::OkStatus();
    }
  }

  bool opened() const { return opened_; }
  absl::Duration opening_time() const { return opening_time_; }
  int64_t acknowledged() const { return acknowledged_; }  // -1: none in this life
  int64_t committed() const { return committed_; }        // likewise
  std::optional<int64_t> copied() const { return copied_; }

 private:
  void Kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
  }

  // nullopt: nothing came in that time.
  absl::StatusOr<std::optional<Message>> Read(absl::Duration wait) {
    struct pollfd p = {fd_, POLLIN, 0};
    const int ms = static_cast<int>(std::max<int64_t>(0, absl::ToInt64Milliseconds(wait)));
    if (::poll(&p, 1, ms) <= 0) return std::optional<Message>();
    Message message;
    const ssize_t n = ::read(fd_, &message, sizeof message);
    if (n == 0 && pid_ < 0) return std::optional<Message>();
    if (n != sizeof message) return absl::InternalError("the child ended by itself");
    if (message.report == Report::kFailed) return absl::InternalError("the child failed");
    if (message.report == Report::kAcknowledged) acknowledged_ = message.batch;
    if (message.committed) committed_ = message.batch;
    if (message.report == Report::kCopying) copied_.reset();
    if (message.report == Report::kCopied) copied_ = message.batch;
    if (message.report == Report::kOpened && !opened_) {
      opened_ = true;
      opening_time_ = absl::Now() - started_;
    }
    return std::optional<Message>(message);
  }

  const absl::Time started_ = absl::Now();
  pid_t pid_ = -1;
  int fd_ = -1;
  bool opened_ = false;
  absl::Duration opening_time_;
  int64_t acknowledged_ = -1;
  int64_t committed_ = -1;
  std::optional<int64_t> copied_;
};

class Loop {
 public:
  Loop(const LoopOptions& options, LoopResult* result)
      : options_(options),
        result_(*result),
        stream_(options.seed),
        random_(options.seed + 0x5eed),
        db_dir_(options.dir + "/db"),
        copy_dir_(options.dir + "/copy") {}

  absl::Status Run() {
    const absl::Time start = absl::Now();
    auto reference = Database::Open(options_.dir + "/reference", StreamOptions(&now_));
    if (!reference.ok()) return reference.status();
    reference_ = *std::move(reference);
    absl::Time told = start;
    while (result_.kills < options_.kills && absl::Now() - start < options_.time) {
      if (absl::Status s = OneLife(); !s.ok()) {
        return absl::Status(s.code(), absl::StrCat("after kill ", result_.kills, " (batch ",
                                                   result_.batches, "): ", s.message()));
      }
      if (!options_.quiet && absl::Now() - told > absl::Seconds(5)) {
        told = absl::Now();
        std::cout << result_.kills << " kills, batch " << result_.batches << ", "
                  << absl::FormatDuration(absl::Trunc(told - start, absl::Seconds(1))) << std::endl;
      }
    }
    return absl::OkStatus();
  }

 private:
  Moment DrawMoment() {
    Moment m;
    const auto micros = [&](uint64_t below) {
      return absl::Microseconds(static_cast<int64_t>(random_.Below(below)));
    };
    switch (random_.Below(4)) {
      case 0: {  // while it starts, opens and recovers
        m.after = Report::kOpening;
        m.delay = micros(static_cast<uint64_t>(absl::ToInt64Microseconds(opening_time_)) + 2000);
        return m;
      }
      case 1: {
        static constexpr Report kSteps[] = {Report::kMaintaining, Report::kSettling,
                                            Report::kCopying, Report::kClosing};
        m.after = kSteps[random_.Below(4)];
        m.delay = micros(m.after == Report::kSettling ? 3000 : 20'000);
        return m;
      }
      default:
        m.count = 1 + static_cast<int64_t>(random_.Below(30));
        m.delay = micros(4000);
        return m;
    }
  }

  absl::Status OneLife() {
    Life life;
    absl::Status s = life.Start({"crash_loop", "--child", absl::StrCat("--dir=", options_.dir),
                                 absl::StrCat("--seed=", options_.seed),
                                 absl::StrCat("--life=", result_.kills)});
    if (s.ok()) s = life.RunUntil(DrawMoment());
    if (!s.ok()) return s;
    ++result_.kills;
    result_.while_opening += !life.opened();
    if (life.opened()) opening_time_ = life.opening_time();
    // A life begins behind what was not committed before.
    if (life.acknowledged() >= 0) acknowledged_ = life.acknowledged();
    committed_ = std::max(committed_, life.committed());
    if (life.copied().has_value()) {
      if (s = CheckCopy(*life.copied()); !s.ok()) return s;
    }
    return CheckDatabase();
  }

  absl::Status AdvanceReference(int64_t next) {
    for (; reference_next_ < next; ++reference_next_) {
      now_ = stream_.WallAt(reference_next_);
      auto result = reference_->Apply(stream_.Number(reference_next_));
      if (!result.ok()) return result.status();
    }
    // Now and then: what is known does not depend on when it was swept.
    return random_.OneIn(3) ? reference_->Maintain() : absl::OkStatus();
  }

  absl::Status CompareDumps(const Database& db, const char* what) {
    auto expected = reference_->CanonicalDump();
    auto got = db.CanonicalDump();
    if (!expected.ok()) return expected.status();
    if (!got.ok()) return got.status();
    if (*expected == *got) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(what, " holds other facts (- expected, + got)\n",
                                            semantics::DumpDifference(*expected, *got)));
  }

  // Opened as a reader does: nothing may be needed that a reader can't write.
  absl::Status CheckCopy(int64_t batch) {
    if (batch + 1 < reference_next_) return absl::OkStatus();  // of a life before
    if (absl::Status s = AdvanceReference(batch + 1); !s.ok()) return s;
    DatabaseOptions o = StreamOptions(&now_);
    o.read_only = true;
    auto copy = Database::Open(copy_dir_, o);
    if (!copy.ok()) return copy.status();
    if (Stream::NextOf(**copy) != batch + 1)
      return absl::DataLossError(absl::StrCat("the checkpoint made after batch ", batch,
                                              " stands at ", Stream::NextOf(**copy)));
    ++result_.copies_compared;
    return CompareDumps(**copy, "the checkpoint");
  }

  absl::Status CheckDatabase() {
    DatabaseOptions o = StreamOptions(&now_);
    o.memory_window = std::chrono::hours(random_.Below(2) * 24);
    auto opened = Database::Open(db_dir_, o);
    if (!opened.ok()) return opened.status();
    Database& db = **opened;
    if (absl::Status health = db.Health(); !health.ok()) return health;
    const int64_t next = Stream::NextOf(db);
    const int64_t most = std::max(acknowledged_, reference_next_ - 1) + 2;
    if (next < std::max(committed_ + 1, reference_next_) || next > most) {
      return absl::DataLossError(absl::StrCat("batch ", committed_, " was committed, ",
                                              acknowledged_, " acknowledged, and ", next,
                                              " comes next"));
    }
    result_.in_flight_kept += next == acknowledged_ + 2;
    if (absl::Status s = AdvanceReference(next); !s.ok()) return s;
    result_.batches = next;
    if (absl::Status s = CompareDumps(db, "the database"); !s.ok()) return s;
    if (result_.kills % kFeedEvery != 0) return absl::OkStatus();
    return CheckFeed(&db);
  }

  absl::Status CheckFeed(Database* db) {
    now_ = stream_.WallAt(result_.batches);
    for (Database* d : {db, reference_.get()}) {
      if (absl::Status s = d->Maintain(); !s.ok()) return s;
    }
    auto got = ReadFeed(db, options_.dir + "/feed");
    auto expected = ReadFeed(reference_.get(), options_.dir + "/feed");
    if (!got.ok()) return got.status();
    if (!expected.ok()) return expected.status();
    const std::string wrong = CompareFeeds(*expected, *got);
    if (!wrong.empty()) return absl::DataLossError(wrong);
    return CompareDumps(*db, "the database after maintenance");
  }

  const LoopOptions options_;
  LoopResult& result_;
  const Stream stream_;
  semantics::Random random_;
  const std::string db_dir_, copy_dir_;
  Timestamp now_;
  std::unique_ptr<Database> reference_;
  int64_t reference_next_ = 0;
  int64_t acknowledged_ = -1;  // in the last life that acknowledged any
  int64_t committed_ = -1;     // the last of which it is known
  absl::Duration opening_time_ = absl::Milliseconds(100);
};

}  // namespace

absl::Status RunLoop(const LoopOptions& options, LoopResult* result) {
  return Loop(options, result).Run();
}

}  // namespace kg::crash
