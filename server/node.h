#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/database.h"
#include "server/api.h"
#include "server/listener.h"

namespace kg::server {

struct NodeOptions {
  ListenerOptions listener;
  ApiOptions api;
  Duration maintenance = std::chrono::seconds(30);  // between two rounds of Database::Maintain
};

// A database behind an HTTP port. Operation: answers as Api does, and keeps time buckets rolling.
// Concurrency: every method from any thread.
class Node {
 public:
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Serves when it returns. `database` must outlive the node. Unavailable: the port can't be had.
  // Destroying the node stops it.
  static absl::StatusOr<std::unique_ptr<Node>> Start(Database* database, NodeOptions options);

  virtual uint16_t port() const = 0;
  // Finishes what is under way (see ListenerOptions::drain_time), then writes what is pending.
  virtual absl::Status Stop() = 0;

 protected:
  Node() = default;
};

}  // namespace kg::server
