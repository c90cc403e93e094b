#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/limits.h"
#include "server/http.h"
#include "storage/types.h"

namespace kg::server {

// What a connection may cost, from its first byte on.
struct ListenerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;       // 0: any free one
  int workers = 4;            // threads that run the handler
  int max_connections = 256;  // further ones are answered 503 and closed
  int max_waiting = 64;       // requests for which no worker is free; more are answered 503
  uint32_t header_bytes = 16u << 10;
  uint64_t body_bytes = 64ull << 20;                // of one request
  uint64_t bodies_bytes = 256ull << 20;             // of all requests at a time
  Duration header_time = std::chrono::seconds(10);  // also how long an idle connection is kept
  Duration body_time = std::chrono::seconds(120);
  Duration write_time = std::chrono::seconds(60);
  Duration drain_time = std::chrono::seconds(10);  // for requests under way when Stop is called
};

// What a listener has seen; all counts since its start.
struct ListenerStats {
  uint64_t connections = 0;
  uint64_t turned_away = 0;  // for want of a connection, a worker or memory
  int64_t open = 0;
  std::map<std::string, LimitUse> limits;  // by the key of the setting
};

// Runs on a worker thread; several at a time. Exceptions are caught and answered 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// An HTTP/1.1 port. Operation: one thread reads and writes all connections, `workers` others run
// the handler. What breaks a limit is answered 408, 413 or 431, overload 503 with Retry-After, both
// without calling the handler. Concurrency: every method from any thread. Limitations: no TLS, no
// HTTP/2; bodies are held in memory, but for answers that are streams (HttpResponse::next_piece).
class Listener {
 public:
  virtual ~Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Listens when it returns. Unavailable when the address can't be had; the message says why.
  // Destroying the listener stops it.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(const ListenerOptions& options,
                                                         HttpHandler handler);

  virtual uint16_t port() const = 0;
  virtual ListenerStats stats() const = 0;
  // Accepts no more, lets requests under way end for at most drain_time, then closes everything.
  // Returns when all threads have ended. A second call does nothing.
  virtual void Stop() = 0;

 protected:
  Listener() = default;
};

// Blocks until the process is asked to end (SIGTERM, SIGINT). Call BlockStopSignals before any
// thread is started. A further signal ends the process at once.
void BlockStopSignals();
void WaitForStopSignal();

}  // namespace kg::server
