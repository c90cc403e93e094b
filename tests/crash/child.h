#pragma once

#include <cstdint>
#include <string>

namespace kg::crash {

// What a child tells its parent, in the order in which it happens.
enum class Report : uint8_t {
  kOpening,
  kOpened,
  kAcknowledged,  // batch
  kMaintaining,   // buckets roll, are sealed and dropped; expiry
  kMaintained,
  kSettling,
  kSettled,
  kCopying,  // a checkpoint, to directory `copy`
  kCopied,   // batch: the last one it holds
  kClosing,
  kFailed,  // it says why on stderr
};

struct Message {
  Report report = Report::kOpening;
  int64_t batch = 0;  // number
  // Of an acknowledged one: it made a commit. One that only confirms what is known makes none and
  // is durable with the next that does.
  bool committed = false;
};

struct ChildOptions {
  std::string dir;  // holds the database `db` and the checkpoint `copy`
  uint64_t seed = 0;
  uint64_t life = 0;  // how many there were before
  int report_fd = -1;
};

// Applies the stream from the stored position on, maintains, settles, copies and opens the database
// anew in between, and reports each step, until it is killed. Returns only when something fails.
int RunChild(const ChildOptions& options);

}  // namespace kg::crash
