#include "tests/crash/child.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "tests/crash/stream.h"

namespace kg::crash {
namespace {

class Child {
 public:
  explicit Child(const ChildOptions& options)
      : options_(options), stream_(options.seed), random_(options.seed * 7919 + options.life + 1) {}

  absl::Status Run() {
    for (;;) {
      if (absl::Status s = Open(); !s.ok()) return s;
      const uint64_t batches = 20 + random_.Below(60);
      for (uint64_t n = 0; n < batches; ++n) {
        if (absl::Status s = Step(); !s.ok()) return s;
      }
      Tell(Report::kClosing, next_);
      db_.reset();
    }
  }

 private:
  void Tell(Report report, int64_t batch, bool committed = false) {
    const Message message{report, batch, committed};
    // Whoever reads it may be gone; then there is nobody to be told.
    if (::write(options_.report_fd, &message, sizeof message) != sizeof message) ::_exit(1);
  }

  absl::Status Open() {
    Tell(Report::kOpening, 0);
    DatabaseOptions o = StreamOptions(&now_);
    o.memory_window = std::chrono::hours(random_.Below(3) * 4);
    now_ = stream_.WallAt(0);
    auto db = Database::Open(options_.dir + "/db", o);
    if (!db.ok()) return db.status();
    db_ = *std::move(db);
    next_ = Stream::NextOf(*db_);
    sequence_ = 0;
    Tell(Report::kOpened, next_);
    return absl::OkStatus();
  }

  absl::Status Step() {
    now_ = stream_.WallAt(next_);
    auto result = db_->Apply(stream_.Number(next_));
    if (!result.ok()) return result.status();
    // Of the first in a life, or behind another writer, it is not known which commit stood before.
    Tell(Report::kAcknowledged, next_++, sequence_ > 0 && result->sequence > sequence_);
    sequence_ = result->sequence;
    if (random_.OneIn(7)) {
      Tell(Report::kMaintaining, next_);
      if (absl::Status s = db_->Maintain(); !s.ok()) return s;
      sequence_ = 0;  // it may have committed, too
      Tell(Report::kMaintained, next_);
    }
    if (random_.OneIn(12)) {
      Tell(Report::kSettling, next_);
      if (absl::Status s = db_->Settle(); !s.ok()) return s;
      sequence_ = 0;
      Tell(Report::kSettled, next_);
    }
    return random_.OneIn(25) ? Copy() : absl::OkStatus();
  }

  absl::Status Copy() {
    const std::string dir = options_.dir + "/copy";
    Tell(Report::kCopying, next_);  // from here on the one before is not to be relied on
    std::filesystem::remove_all(dir);
    if (auto made = db_->Checkpoint(dir); !made.ok()) return made.status();
    sequence_ = 0;
    Tell(Report::kCopied, next_ - 1);
    return absl::OkStatus();
  }

  const ChildOptions options_;
  const Stream stream_;
  semantics::Random random_;
  Timestamp now_;
  int64_t next_ = 0;
  uint64_t sequence_ = 0;  // of the last batch's commit
  std::unique_ptr<Database> db_;
};

}  // namespace

int RunChild(const ChildOptions& options) {
  const absl::Status status = Child(options).Run();
  std::cerr << "child: " << status.ToString() << std::endl;
  const Message message{Report::kFailed};
  return ::write(options.report_fd, &message, sizeof message) == sizeof message ? 1 : 2;
}

}  // namespace kg::crash
