#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "ingest/http_client.h"
#include "server/listener.h"

namespace kg::server {
namespace {

ListenerOptions Small() {
  ListenerOptions options;
  options.port = 0;
  options.workers = 2;
  options.body_bytes = 1024;
  options.bodies_bytes = 4096;
  return options;
}

std::unique_ptr<Listener> MustStart(const ListenerOptions& options, HttpHandler handler) {
  auto listener = Listener::Start(options, std::move(handler));
  REQUIRE(listener.ok());
  return *std::move(listener);
}

uint64_t Exceeded(const Listener& listener, const std::string& limit) {
  const ListenerStats stats = listener.stats();
  REQUIRE(stats.limits.count(limit) == 1);
  return stats.limits.at(limit).exceeded;
}

HttpResponse Echo(const HttpRequest& request) {
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = absl::StrCat(request.method, " ", request.path, " ", request.body);
  response.headers.emplace_back("X-Saw", request.Header("x-test"));
  return response;
}

ingest::HttpCall To(const Listener& listener, const std::string& path) {
  ingest::HttpCall call;
  call.url = absl::StrCat("http://127.0.0.1:", listener.port(), path);
  return call;
}

// A connection on which anything can be said.
class RawSocket {
 public:
  explicit RawSocket(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    REQUIRE(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~RawSocket() { close(fd_); }

  void Say(const std::string& text) {
    size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t n = send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<size_t>(n);
    }
  }
  // Until the other side closes.
  std::string HearAll() {
    std::string heard;
    char buffer[4096];
    for (ssize_t n = 0; (n = recv(fd_, buffer, sizeof(buffer), 0)) > 0;) {
      heard.append(buffer, static_cast<size_t>(n));
    }
    return heard;
  }
  std::string HearUntil(const std::string& end) {
    std::string heard;
    char c = 0;
    while (!absl::EndsWith(heard, end) && recv(fd_, &c, 1, 0) == 1) heard += c;
    return heard;
  }

 private:
  const int fd_;
};

TEST_CASE("a request reaches the handler, and its answer the client") {
  const auto listener = MustStart(Small(), Echo);
  ingest::HttpCall call = To(*listener, "/a%20b?x=1");
  call.method = "POST";
  call.body = "hello";
  call.headers["X-Test"] = "seen";
  const auto reply = ingest::Fetch(call);
  REQUIRE(reply.ok());
  CHECK(reply->status == 200);
  CHECK(reply->body == "POST /a b hello");
  CHECK(reply->headers.at("x-saw") == "seen");
  CHECK(listener->stats().connections == 1);
}

TEST_CASE("HEAD is answered without a body, and the connection goes on") {
  const auto listener = MustStart(Small(), Echo);
  RawSocket raw(listener->port());
  raw.Say("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string head = raw.HearUntil("\r\n\r\n");
  CHECK(absl::StrContains(head, "Content-Length: 8"));
  raw.Say("GET /g HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string rest = raw.HearAll();
  CHECK(absl::StartsWith(rest, "HTTP/1.1 200"));
  CHECK(absl::EndsWith(rest, "GET /g "));
}

TEST_CASE("too large a body is 413, announced or not") {
  const auto listener = MustStart(Small(), Echo);
  ingest::HttpCall call = To(*listener, "/");
  call.method = "POST";
  call.body = std::string(1025, 'x');
  const auto reply = ingest::Fetch(call);
  REQUIRE(reply.ok());
  CHECK(reply->status == 413);
  CHECK(absl::StrContains(reply->body, "too_large"));

  RawSocket raw(listener->port());
  raw.Say("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" +
          std::string(2048, 'x') + "\r\n0\r\n\r\n");
  CHECK(absl::StartsWith(raw.HearAll(), "HTTP/1.1 413"));
  CHECK(Exceeded(*listener, "max_body_bytes") == 2);
}

TEST_CASE("too large a header is 431, and what is no HTTP is 400") {
  const auto listener = MustStart(Small(), Echo);
  RawSocket large(listener->port());
  large.Say("GET / HTTP/1.1\r\nHost: x\r\nX-Pad: " + std::string(20'000, 'p') + "\r\n\r\n");
  CHECK(absl::StartsWith(large.HearAll(), "HTTP/1.1 431"));
  CHECK(Exceeded(*listener, "max_header_bytes") == 1);
  RawSocket junk(listener->port());
  junk.Say("what is this\r\n\r\n");
  CHECK(absl::StartsWith(junk.HearAll(), "HTTP/1.1 400"));
  RawSocket escape(listener->port());
  escape.Say("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(absl::StrContains(escape.HearUntil("}"), "HTTP/1.1 400"));
}

TEST_CASE("a header that does not come is given up") {
  ListenerOptions options = Small();
  options.header_time = std::chrono::milliseconds(30);
  const auto listener = MustStart(options, Echo);
  RawSocket slow(listener->port());
  slow.Say("GET / HTTP/1.1\r\nHost:");
  CHECK_FALSE(absl::StrContains(slow.HearAll(), "200"));
}

TEST_CASE("a body that waits to be asked for is asked for") {
  const auto listener = MustStart(Small(), Echo);
  RawSocket raw(listener->port());
  raw.Say(
      "POST /c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
      "Connection: close\r\n\r\n");
  CHECK(absl::StartsWith(raw.HearUntil("\r\n\r\n"), "HTTP/1.1 100"));
  raw.Say("hi");
  CHECK(absl::EndsWith(raw.HearAll(), "POST /c hi"));
}

TEST_CASE("more than can wait is 503 with Retry-After") {
  ListenerOptions options = Small();
  options.workers = 1;
  options.max_waiting = 0;
  absl::Notification entered, leave;
  const auto listener = MustStart(options, [&](const HttpRequest& request) {
    if (request.path == "/slow") {
      entered.Notify();
      leave.WaitForNotification();
    }
    return Echo(request);
  });
  std::thread slow([&] { CHECK(ingest::Fetch(To(*listener, "/slow"))->status == 200); });
  entered.WaitForNotification();
  const auto reply = ingest::Fetch(To(*listener, "/fast"));
  leave.Notify();
  slow.join();
  REQUIRE(reply.ok());
  CHECK(reply->status == 503);
  CHECK(reply->headers.at("retry-after") == "1");
  CHECK(listener->stats().turned_away == 1);
  CHECK(Exceeded(*listener, "max_waiting") == 1);
}

TEST_CASE("more bytes of bodies at a time than are held are 503 with Retry-After") {
  ListenerOptions options = Small();
  options.bodies_bytes = 1500;
  const auto listener = MustStart(options, Echo);
  RawSocket first(listener->port());
  first.Say("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
  // It is asked for its body, so room for it is held.
  CHECK(absl::StartsWith(first.HearUntil("\r\n\r\n"), "HTTP/1.1 100"));
  CHECK(listener->stats().limits.at("max_bodies_bytes").used == 1000);
  ingest::HttpCall call = To(*listener, "/");
  call.method = "POST";
  call.body = std::string(600, 'x');
  const auto reply = ingest::Fetch(call);
  REQUIRE(reply.ok());
  CHECK(reply->status == 503);
  CHECK(Exceeded(*listener, "max_bodies_bytes") == 1);
}

TEST_CASE("more connections than allowed are told so") {
  ListenerOptions options = Small();
  options.max_connections = 1;
  const auto listener = MustStart(options, Echo);
  RawSocket first(listener->port());
  first.Say("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(absl::StrContains(first.HearUntil("GET /1 "), "200"));
  RawSocket second(listener->port());
  CHECK(absl::StartsWith(second.HearAll(), "HTTP/1.1 503"));
  CHECK(Exceeded(*listener, "max_connections") == 1);
}

TEST_CASE("what a handler throws is answered 500") {
  const auto listener = MustStart(
      Small(), [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("planted"); });
  const auto reply = ingest::Fetch(To(*listener, "/"));
  REQUIRE(reply.ok());
  CHECK(reply->status == 500);
}

TEST_CASE("stopping lets a request under way end, and turns new ones away") {
  absl::Notification entered, leave;
  auto listener = MustStart(Small(), [&](const HttpRequest& request) {
    entered.Notify();
    leave.WaitForNotification();
    return Echo(request);
  });
  int status = 0;
  std::thread client([&] {
    const auto reply = ingest::Fetch(To(*listener, "/slow"));
    if (reply.ok()) status = reply->status;
  });
  entered.WaitForNotification();
  RawSocket idle(listener->port());
  std::thread stopper([&] { listener->Stop(); });
  // The idle connection is closed before the busy one has ended.
  CHECK(idle.HearAll().empty());
  leave.Notify();
  stopper.join();
  client.join();
  CHECK(status == 200);
  ingest::HttpCall late = To(*listener, "/");
  late.timeout = std::chrono::seconds(2);
  CHECK_FALSE(ingest::Fetch(late).ok());
}

TEST_CASE("a port that is taken is named") {
  const auto listener = MustStart(Small(), Echo);
  ListenerOptions same = Small();
  same.port = listener->port();
  const auto second = Listener::Start(same, Echo);
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().code() == absl::StatusCode::kUnavailable);
  CHECK(absl::StrContains(second.status().message(), absl::StrCat(listener->port())));
  ListenerOptions wrong = Small();
  wrong.address = "localhost.example";
  CHECK(Listener::Start(wrong, Echo).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("the client bounds what it is told, and for how long") {
  absl::Notification leave;
  const auto listener = MustStart(Small(), [&](const HttpRequest& request) {
    HttpResponse response;
    response.body = std::string(5000, 'x');
    if (request.path == "/slow") leave.WaitForNotification();
    return response;
  });
  ingest::HttpCall call = To(*listener, "/");
  call.max_reply_bytes = 100;
  CHECK(ingest::Fetch(call).status().code() == absl::StatusCode::kResourceExhausted);
  ingest::HttpCall slow = To(*listener, "/slow");
  slow.timeout = std::chrono::milliseconds(20);
  CHECK(ingest::Fetch(slow).status().code() == absl::StatusCode::kDeadlineExceeded);
  leave.Notify();
}

TEST_CASE("addresses the client takes, and those it does not") {
  const auto parsed = [](const char* url) {
    const auto u = ingest::ParseHttpUrl(url);
    return u.ok() ? absl::StrCat(u->host, " ", u->port, " ", u->target) : std::string("refused");
  };
  CHECK(parsed("http://kg:8080/api?x=1") == "kg 8080 /api?x=1");
  CHECK(parsed("kg") == "kg 80 /");
  CHECK(parsed("http://[::1]:8080") == "::1 8080 /");
  CHECK(parsed("http://kg?x") == "kg 80 /?x");
  for (const char* wrong : {"https://kg", "ftp://kg", "http://u:p@kg", "http://kg:0", "http://kg:x",
                            "http://", "http://kg/a b", "http://kg/a\r\nX: y", "http://[::1"}) {
    INFO(wrong);
    CHECK(parsed(wrong) == "refused");
  }
}

TEST_CASE("an answer may be a stream and one that breaks off is seen to") {
  const auto listener = MustStart(Small(), [](const HttpRequest& request) {
    HttpResponse response;
    const bool breaks = request.path == "/breaks";
    response.next_piece = [n = 0, breaks]() mutable -> absl::StatusOr<std::string> {
      if (breaks && n == 3) return absl::DataLossError("gone");
      if (n == 40) return std::string();
      return std::string(100'000, static_cast<char>('a' + n++ % 26));
    };
    if (request.path == "/problem") response.status = 404;
    return response;
  });
  uint64_t received = 0;
  ingest::HttpCall call = To(*listener, "/");
  call.max_reply_bytes = 10;  // of a reply that is held; this one is not
  call.on_body = [&](absl::string_view bytes) {
    received += bytes.size();
    return absl::OkStatus();
  };
  auto reply = ingest::Fetch(call);
  INFO(reply.status().ToString());
  REQUIRE(reply.ok());
  CHECK(reply->status == 200);
  CHECK(received == 4'000'000);

  call.url = To(*listener, "/breaks").url;
  CHECK(absl::IsUnavailable(ingest::Fetch(call).status()));
  // The receiver may have enough.
  call.url = To(*listener, "/").url;
  call.on_body = [](absl::string_view) { return absl::CancelledError("enough"); };
  CHECK(absl::IsCancelled(ingest::Fetch(call).status()));
  // HEAD asks for no body, and the connection goes on being of use.
  call.method = "HEAD";
  call.on_body = nullptr;
  CHECK(ingest::Fetch(call)->status == 200);
  listener->Stop();
}

}  // namespace
}  // namespace kg::server
