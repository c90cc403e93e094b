#pragma once

#include <memory>
#include <string>

#include "engine/database.h"
#include "ingest/decoder.h"
#include "server/http.h"
#include "storage/types.h"

// Loads that come in pieces over HTTP: what `kgctl load --server` does, file by file.

namespace kg::server {

// Operation: POST /api/v1/loads opens one, …/ID/bytes carries its streams, …/ID/finish ends reading
// and tells what a complete input lacks, …/ID/conclude ends it with its report; DELETE …/ID gives
// it up. See server/README.md for parameters. A load that nobody continues for `idle` is given up
// when the next one is opened; what was applied of it stays.
// Concurrency: thread-safe; requests of one load wait for one another.
class Loads {
 public:
  struct Options {
    int at_a_time = 8;
    Duration idle = std::chrono::minutes(10);
    ingest::Limits input;  // LoadOptions::input of all loads
    std::string rules_id;  // LoadOptions::rules_id of all loads
  };

  // `database` must outlive it.
  Loads(Database* database, Options options);
  ~Loads();
  Loads(const Loads&) = delete;
  Loads& operator=(const Loads&) = delete;

  // Answers requests for /api/v1/loads and below. `now`: the wall clock.
  HttpResponse Handle(const HttpRequest& request, Timestamp now);
  // Loads under way, and those that were answered 503.
  size_t open() const;
  uint64_t turned_away() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kg::server
