#include "server/listener.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/problem.h"

namespace kg::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kLinger = std::chrono::seconds(2);

std::string ToString(beast::string_view text) {
  return std::string(text.data(), text.size());
}

class Session;

// What sessions share. Everything but the atomics belongs to the I/O thread.
struct Shared {
  Shared(const ListenerOptions& o, HttpHandler h)
      : options(o), handler(std::move(h)), workers(static_cast<size_t>(o.workers)) {}

  const ListenerOptions options;
  const HttpHandler handler;
  std::set<Session*> sessions;  // before `io`, whose end destroys what sessions still wait for
  asio::io_context io{1};
  asio::thread_pool workers;
  bool stopping = false;
  std::atomic<uint64_t> bodies_bytes{0};
  std::atomic<int> under_way{0};
  // Requests that were refused for one of the limits.
  std::atomic<uint64_t> no_connection{0}, no_worker{0}, no_memory{0}, large_bodies{0},
      large_headers{0};
  std::atomic<uint64_t> connections{0}, turned_away{0};
  std::atomic<int64_t> open{0};
};

HttpResponse Overloaded(absl::string_view what) {
  HttpResponse response = Problem(503, "overloaded", what);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// One connection: reads a request, has a worker answer it, writes the answer, and so on.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Shared* shared)
      : shared_(shared),
        stream_(std::move(socket)),
        buffer_(shared->options.header_bytes + (64u << 10)) {
    shared_->sessions.insert(this);
    ++shared_->open;
  }
  ~Session() {
    Release();
    shared_->sessions.erase(this);
    --shared_->open;
  }

  void ReadHeader() {
    if (shared_->stopping) return Close();
    idle_ = true;
    parser_.emplace();
    parser_->header_limit(shared_->options.header_bytes);
    parser_->body_limit(shared_->options.body_bytes);
    stream_.expires_after(shared_->options.header_time);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) { self->OnHeader(error); });
  }

  void Refuse(HttpResponse response) {
    ++shared_->turned_away;
    keep_alive_ = false;
    Write(std::move(response));
  }

  // Ends a connection that waits for its next request; one that is served ends after its answer.
  void StopIfIdle() {
    if (idle_) Close();
  }
  void Close() {
    error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  void OnHeader(error_code error) {
    if (error) return OnReadError(error);
    idle_ = false;
    const auto& request = parser_->get();
    version_ = request.version();
    head_only_ = request.method() == http::verb::head;
    keep_alive_ = request.keep_alive() && !shared_->stopping;
    const auto length = parser_->content_length();
    const uint64_t needed = length ? *length : parser_->chunked() ? shared_->options.body_bytes : 0;
    if (shared_->bodies_bytes + needed > shared_->options.bodies_bytes) {
      ++shared_->no_memory;
      return Refuse(Overloaded("too many large requests at once; send this one again"));
    }
    reserved_ = needed;
    shared_->bodies_bytes += needed;
    stream_.expires_after(shared_->options.body_time);
    if (absl::EqualsIgnoreCase(ToString(request[http::field::expect]), "100-continue")) {
      return WriteContinue();
    }
    ReadBody();
  }

  void WriteContinue() {
    static constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue, sizeof(kContinue) - 1),
                      [self = shared_from_this()](error_code error, size_t) {
                        if (!error) self->ReadBody();
                      });
  }

  void ReadBody() {
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) { self->OnBody(error); });
  }

  void OnReadError(error_code error) {
    // A client that left, or a kept connection that fell silent, is owed no answer.
    const bool silent = idle_ && !parser_->got_some() && buffer_.size() == 0;
    keep_alive_ = false;
    if (error == http::error::body_limit) {
      ++shared_->large_bodies;
      return Write(Problem(413, "too_large",
                           absl::StrCat("a request may hold ", shared_->options.body_bytes >> 20,
                                        " MiB; send the data in several")));
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      ++shared_->large_headers;
      return Write(Problem(
          431, "header_too_large",
          absl::StrCat("the header may hold ", shared_->options.header_bytes >> 10, " KiB")));
    }
    if (error == beast::error::timeout) {
      // The stream has closed the socket already.
      return;
    }
    if (silent || error == http::error::end_of_stream || error == http::error::partial_message ||
        error.category() != http::make_error_code(http::error::bad_method).category()) {
      return Close();
    }
    Write(Problem(400, "bad_request", "this is not HTTP/1.1"));
  }

  void OnBody(error_code error) {
    if (error) return OnReadError(error);
    if (shared_->under_way >= shared_->options.workers + shared_->options.max_waiting) {
      ++shared_->no_worker;
      return Refuse(Overloaded("too many requests at once; send this one again"));
    }
    auto message = parser_->release();
    auto request = std::make_shared<HttpRequest>();
    request->method = ToString(message.method_string());
    for (const auto& field : message) {
      request->headers[absl::AsciiStrToLower(ToString(field.name_string()))] =
          ToString(field.value());
    }
    const std::string target = ToString(message.target());
    const absl::Status parsed = ParseTarget(target, request.get());
    if (!parsed.ok()) {
      return Write(Problem(400, "bad_request", parsed.message()));
    }
    request->body = std::move(message.body());
    Dispatch(std::move(request));
  }

  void Dispatch(std::shared_ptr<HttpRequest> request) {
    ++shared_->under_way;
    stream_.expires_never();
    // The guard keeps the I/O thread alive while only a worker is busy with this session.
    asio::post(shared_->workers, [self = shared_from_this(), request = std::move(request),
                                  guard = asio::make_work_guard(shared_->io)]() mutable {
      auto response = std::make_shared<HttpResponse>(Call(self->shared_->handler, *request));
      request.reset();
      asio::io_context& io = self->shared_->io;
      asio::post(io, [self = std::move(self), response = std::move(response)] {
        --self->shared_->under_way;
        self->Release();
        self->Write(std::move(*response));
      });
    });
  }

  // A worker makes the next piece, the I/O thread sends it: one piece of a stream is in memory.
  void MakePiece() {
    stream_.expires_never();
    asio::post(shared_->workers, [self = shared_from_this(),
                                  guard = asio::make_work_guard(shared_->io)]() mutable {
      auto piece = std::make_shared<absl::StatusOr<std::string>>(NextOf(self->next_piece_));
      asio::io_context& io = self->shared_->io;
      asio::post(io, [self = std::move(self), piece = std::move(piece)] {
        self->SendPiece(std::move(*piece));
      });
    });
  }

  static absl::StatusOr<std::string> NextOf(
      const std::function<absl::StatusOr<std::string>()>& next) {
    try {
      return next();
    } catch (const std::exception& e) {
      return absl::InternalError(e.what());
    }
  }

  void SendPiece(absl::StatusOr<std::string> piece) {
    if (!piece.ok()) return EndStream();  // without its end the client knows that it is cut off
    piece_ = *std::move(piece);
    stream_.expires_after(shared_->options.write_time);
    if (piece_.empty()) {
      return asio::async_write(stream_, http::make_chunk_last(),
                               [self = shared_from_this()](error_code error, size_t) {
                                 self->next_piece_ = nullptr;
                                 self->OnWritten(error);
                               });
    }
    asio::async_write(stream_, http::make_chunk(asio::buffer(piece_)),
                      [self = shared_from_this()](error_code error, size_t) {
                        error ? self->EndStream() : self->MakePiece();
                      });
  }

  void EndStream() {
    next_piece_ = nullptr;
    Close();
  }

  static HttpResponse Call(const HttpHandler& handler, const HttpRequest& request) {
    try {
      return handler(request);
    } catch (const std::exception& e) {
      return Problem(500, "internal", absl::StrCat("unexpected: ", e.what()));
    }
  }

  void Write(HttpResponse from) {
    Release();
    idle_ = false;
    keep_alive_ = keep_alive_ && !shared_->stopping;
    response_ = std::make_unique<http::response<http::string_body>>();
    response_->result(static_cast<unsigned>(from.status));
    response_->version(version_);
    response_->set(http::field::server, "kg");
    response_->set(http::field::content_type, from.content_type);
    response_->set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : from.headers) response_->set(name, value);
    response_->keep_alive(keep_alive_);
    if (from.next_piece != nullptr && !head_only_) return WriteStream(std::move(from));
    response_->content_length(from.body.size());
    response_->body() = head_only_ ? std::string() : std::move(from.body);
    stream_.expires_after(shared_->options.write_time);
    http::async_write(stream_, *response_, [self = shared_from_this()](error_code error, size_t) {
      self->OnWritten(error);
    });
  }

  void WriteStream(HttpResponse from) {
    response_->chunked(true);
    next_piece_ = std::move(from.next_piece);
    serializer_.emplace(*response_);
    stream_.expires_after(shared_->options.write_time);
    http::async_write_header(stream_, *serializer_,
                             [self = shared_from_this()](error_code error, size_t) {
                               error ? self->EndStream() : self->MakePiece();
                             });
  }

  void OnWritten(error_code error) {
    serializer_.reset();
    response_.reset();
    if (error) return Close();
    if (keep_alive_) return ReadHeader();
    // Closing with unread input would reset the connection before the client has seen the answer.
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLinger);
    Discard();
  }

  void Discard() {
    stream_.async_read_some(asio::buffer(discarded_),
                            [self = shared_from_this()](error_code error, size_t) {
                              if (!error) self->Discard();
                            });
  }

  void Release() {
    shared_->bodies_bytes -= reserved_;
    reserved_ = 0;
  }

  Shared* const shared_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::unique_ptr<http::response<http::string_body>> response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;  // of a stream
  std::function<absl::StatusOr<std::string>()> next_piece_;
  std::string piece_;
  uint64_t reserved_ = 0;
  unsigned version_ = 11;
  bool idle_ = true;
  bool keep_alive_ = false;
  bool head_only_ = false;
  char discarded_[4096];
};

class ListenerImpl : public Listener {
 public:
  ListenerImpl(const ListenerOptions& options, HttpHandler handler)
      : shared_(options, std::move(handler)), acceptor_(shared_.io), drain_timer_(shared_.io) {}

  ~ListenerImpl() override { Stop(); }

  absl::Status Bind() {
    error_code error;
    const auto address = asio::ip::make_address(shared_.options.address, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", shared_.options.address, "' is no IP address; give one like 127.0.0.1"));
    }
    const tcp::endpoint endpoint(address, shared_.options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("can't listen on ", shared_.options.address, ":",
                                                 shared_.options.port, ": ", error.message(),
                                                 "; give another --listen"));
    }
    port_ = acceptor_.local_endpoint(error).port();
    return absl::OkStatus();
  }

  void Run() {
    Accept();
    io_thread_ = std::thread([this] { shared_.io.run(); });
  }

  uint16_t port() const override { return port_; }

  ListenerStats stats() const override {
    const ListenerOptions& most = shared_.options;
    ListenerStats stats{
        shared_.connections.load(), shared_.turned_away.load(), shared_.open.load(), {}};
    const auto set = [&](const char* name, auto limit, auto used, uint64_t exceeded) {
      stats.limits[name] = {static_cast<double>(limit), static_cast<double>(used), exceeded};
    };
    const int waiting = std::max(0, shared_.under_way.load() - most.workers);
    set("max_connections", most.max_connections, stats.open, shared_.no_connection);
    set("max_waiting", most.max_waiting, waiting, shared_.no_worker);
    set("max_bodies_bytes", most.bodies_bytes, shared_.bodies_bytes.load(), shared_.no_memory);
    set("max_body_bytes", most.body_bytes, 0, shared_.large_bodies);
    set("max_header_bytes", most.header_bytes, 0, shared_.large_headers);
    return stats;
  }

  void Stop() override {
    const std::lock_guard<std::mutex> lock(stop_mutex_);
    if (stopped_) return;
    stopped_ = true;
    asio::post(shared_.io, [this] { Drain(); });
    if (io_thread_.joinable()) {
      io_thread_.join();
    } else {
      shared_.io.run();
    }
    shared_.workers.join();
  }

 private:
  void Accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (shared_.stopping || error == asio::error::operation_aborted) return;
      if (error) return Pause();
      ++shared_.connections;
      const bool full = shared_.sessions.size() >= size_t(shared_.options.max_connections);
      const auto session = std::make_shared<Session>(std::move(socket), &shared_);
      if (full) {
        ++shared_.no_connection;
        session->Refuse(Overloaded("too many connections; try again"));
      } else {
        session->ReadHeader();
      }
      Accept();
    });
  }

  // Out of file descriptors: trying again at once would spin.
  void Pause() {
    drain_timer_.expires_after(std::chrono::milliseconds(100));
    drain_timer_.async_wait([this](error_code error) {
      if (!error) Accept();
    });
  }

  void Drain() {
    shared_.stopping = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (Session* session : shared_.sessions) session->StopIfIdle();
    if (shared_.sessions.empty()) {
      drain_timer_.cancel();
      return;
    }
    drain_timer_.expires_after(shared_.options.drain_time);
    drain_timer_.async_wait([this](error_code error) {
      if (!error) Abandon();
    });
    WatchDrain();
  }

  // The timer would otherwise keep a drained listener alive for the whole drain_time.
  void WatchDrain() {
    watch_.emplace(shared_.io, std::chrono::milliseconds(5));
    watch_->async_wait([this](error_code error) {
      if (error) return;
      if (shared_.sessions.empty()) {
        drain_timer_.cancel();
      } else if (!abandoned_) {
        WatchDrain();
      }
    });
  }

  void Abandon() {
    abandoned_ = true;
    for (Session* session : shared_.sessions) session->Close();
  }

  Shared shared_;
  tcp::acceptor acceptor_;
  asio::steady_timer drain_timer_;
  std::optional<asio::steady_timer> watch_;
  std::thread io_thread_;
  uint16_t port_ = 0;
  bool abandoned_ = false;
  std::mutex stop_mutex_;
  bool stopped_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(const ListenerOptions& options,
                                                          HttpHandler handler) {
  auto listener = std::make_unique<ListenerImpl>(options, std::move(handler));
  if (absl::Status bound = listener->Bind(); !bound.ok()) return bound;
  listener->Run();
  return std::unique_ptr<Listener>(std::move(listener));
}

namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void WaitForStopSignal() {
  const sigset_t signals = StopSignals();
  int received = 0;
  sigwait(&signals, &received);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace kg::server
