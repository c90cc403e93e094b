#include "server/node.h"

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/metrics.h"

namespace kg::server {
namespace {

class NodeImpl : public Node {
 public:
  NodeImpl(Database* database, NodeOptions options)
      : database_(database),
        maintenance_(absl::FromChrono(options.maintenance)),
        api_(database, &metrics_, WithListener(std::move(options.api))) {}

  ~NodeImpl() override { Stop().IgnoreError(); }

  absl::Status Listen(const ListenerOptions& options) {
    absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Start(
        options, [this](const HttpRequest& request) { return api_.Handle(request); });
    if (!listener.ok()) return listener.status();
    {
      absl::MutexLock lock(&mutex_);
      listener_ = *std::move(listener);
      port_ = listener_->port();
    }
    keeper_ = std::thread([this] { Keep(); });
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }

  absl::Status Stop() override {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return absl::OkStatus();
      stopping_ = true;
    }
    api_.BeginStop();
    if (listener_ != nullptr) listener_->Stop();
    if (keeper_.joinable()) keeper_.join();
    return database_->Settle();
  }

 private:
  ApiOptions WithListener(ApiOptions options) {
    options.listener = [this] {
      absl::MutexLock lock(&mutex_);
      return listener_ == nullptr ? ListenerStats() : listener_->stats();
    };
    return options;
  }

  void Keep() {
    absl::MutexLock lock(&mutex_);
    while (!mutex_.AwaitWithTimeout(absl::Condition(&stopping_), maintenance_)) {
      mutex_.Unlock();
      // Whatever fails shows in Health, and so on /readyz.
      database_->Maintain().IgnoreError();
      mutex_.Lock();
    }
  }

  Database* const database_;
  const absl::Duration maintenance_;
  Metrics metrics_;
  Api api_;
  std::thread keeper_;
  uint16_t port_ = 0;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Set once, before the first request; only read afterwards.
  std::unique_ptr<Listener> listener_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Start(Database* database, NodeOptions options) {
  const ListenerOptions listener = options.listener;
  auto node = std::make_unique<NodeImpl>(database, std::move(options));
  if (absl::Status listening = node->Listen(listener); !listening.ok()) return listening;
  return std::unique_ptr<Node>(std::move(node));
}

}  // namespace kg::server
