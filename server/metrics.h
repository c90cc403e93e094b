#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/database.h"
#include "server/backups.h"
#include "server/ingest_run.h"
#include "server/listener.h"
#include "storage/types.h"

namespace kg::server {

// The kg_* metrics of a node. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A request was answered. `route` is a name from a fixed set, never what a client sent.
  void Request(const std::string& route, int status, Duration took);
  void Ingested(const IngestReport& report, Duration took);
  // A limit, by the key of its setting, was met.
  void Exceeded(const std::string& limit);
  // An answer about root causes was given.
  void RootCause(const std::string& verdict, Duration took);
  // How backups stand, for the next Text.
  void Backup(const BackupFigures& figures);

  // Everything in the text format of Prometheus. Gauges are of this moment; those that need a pass
  // over the graph are refreshed at most every 10 s. `limits`: of what asks, besides those of the
  // listener and the database.
  std::string Text(const Database& database, const ListenerStats& listener,
                   const std::map<std::string, LimitUse>& limits, Timestamp now);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kg::server
