#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/database.h"
#include "ingest/decoder.h"
#include "query/budget.h"
#include "server/http.h"
#include "server/listener.h"
#include "storage/types.h"

namespace kg::server {

class Metrics;

struct ApiOptions {
  query::Budget budget;
  std::function<Timestamp()> now;           // the wall clock; empty: the system's
  int max_ingests = 2;                      // bodies decoded at a time; more are answered 503
  int max_loads = 8;                        // loads in pieces at a time; likewise
  ingest::Limits input;                     // what one input may cost
  std::function<ListenerStats()> listener;  // for /metrics; empty: zeros
  std::vector<std::string> hosts;           // names of this node; see server/hosts.h
  std::string rules_id;                     // LoadOptions::rules_id of what is loaded here
  std::string backup_dir;                   // where backups are kept; empty: nowhere
};

// What is answered to each path. Thread-safe; blocks while it answers. See server/README.md for the
// routes.
class Api {
 public:
  // Both must outlive the Api.
  Api(Database* database, Metrics* metrics, ApiOptions options);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Every request gets an answer; failures are problems (RFC 9457).
  HttpResponse Handle(const HttpRequest& request);
  // From now on /readyz says no, so that no new requests are sent here.
  void BeginStop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kg::server
