#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/backup.h"
#include "engine/database.h"
#include "server/http.h"
#include "storage/types.h"

namespace kg::server {

// What /metrics tells of backups.
struct BackupFigures {
  std::optional<Timestamp> last_success;  // when the newest good one was begun
  Duration duration{0};                   // of its making
  uint64_t bytes = 0;                     // of it
  uint64_t own_bytes = 0;                 // of these, what it shares with nobody
  int64_t good = 0, other = 0;            // how many there are
  bool running = false;
  uint64_t failed_creates = 0, failed_verifies = 0, failed_prunes = 0;  // since the start
};

// Backups of a running node. Operation: POST /api/v1/backups makes one and POST
// /api/v1/backups/NAME/verify verifies one, both as a job, one at a time, that GET
// /api/v1/backups/job tells about; GET /api/v1/backups lists, POST /api/v1/backups/prune removes,
// GET /api/v1/backups/NAME/archive sends one as .tar.zst. See server/README.md.
// Concurrency: thread-safe.
class Backups {
 public:
  struct Options {
    std::string folder;              // empty: every request is answered that there is none
    std::function<Timestamp()> now;  // the wall clock; empty: the system's
    int downloads_at_a_time = 2;
  };

  // `database` must outlive it.
  Backups(Database* database, Options options);
  ~Backups();
  Backups(const Backups&) = delete;
  Backups& operator=(const Backups&) = delete;

  // Answers requests for /api/v1/backups and below.
  HttpResponse Handle(const HttpRequest& request);
  // Gives the job under way up; returns when it has ended. No other begins.
  void Stop();
  // Reads the folder at most every 10 s.
  BackupFigures Figures();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kg::server
