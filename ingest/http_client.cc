#include "ingest/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace kg::ingest {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr uint32_t kReplyHeaderBytes = 64u << 10;
constexpr size_t kPieceBytes = 64u << 10;

// The steps of one call, run by an io_context of its own so that one timer bounds all of them.
class Exchange {
 public:
  Exchange(const HttpCall& call, HttpUrl url)
      : call_(call), url_(std::move(url)), resolver_(io_), stream_(io_), deadline_(io_) {}

  absl::StatusOr<HttpReply> Run() {
    Prepare();
    deadline_.expires_after(call_.timeout);
    deadline_.async_wait([this](error_code error) {
      if (!error) TimeOut();
    });
    resolver_.async_resolve(url_.host, std::to_string(url_.port),
                            [this](error_code error, tcp::resolver::results_type found) {
                              if (error) return Fail("find", error);
                              Connect(std::move(found));
                            });
    io_.run();
    if (!status_.ok()) return status_;
    return std::move(reply_);
  }

 private:
  void Prepare() {
    request_.method_string(call_.method);
    request_.target(url_.target);
    request_.version(11);
    const bool v6 = url_.host.find(':') != std::string::npos;
    request_.set(http::field::host,
                 absl::StrCat(v6 ? "[" : "", url_.host, v6 ? "]" : "", ":", url_.port));
    request_.set(http::field::user_agent, "kg");
    for (const auto& [name, value] : call_.headers) request_.set(name, value);
    request_.keep_alive(false);
    request_.body() = call_.body;
    request_.prepare_payload();
    parser_.header_limit(kReplyHeaderBytes);
    parser_.body_limit(call_.max_reply_bytes);
    if (call_.method == "HEAD") parser_.skip(true);
  }

  void Connect(tcp::resolver::results_type found) {
    stream_.async_connect(found, [this](error_code error, const tcp::endpoint&) {
      if (error) return Fail("reach", error);
      http::async_write(stream_, request_, [this](error_code write_error, size_t) {
        // A server may answer before it has read everything, and close: its answer says why.
        if (write_error && write_error != asio::error::broken_pipe &&
            write_error != asio::error::connection_reset) {
          return Fail("send to", write_error);
        }
        Read();
      });
    });
  }

  void Read() {
    if (call_.on_body != nullptr) return ReadHeader();
    http::async_read(stream_, buffer_, parser_, [this](error_code error, size_t) {
      if (error) return Fail("read from", error);
      Finish(parser_.release());
    });
  }

  // The kind of body follows from the status: a stream is taken in pieces, a problem as a whole.
  void ReadHeader() {
    header_parser_.header_limit(kReplyHeaderBytes);
    header_parser_.body_limit(boost::none);
    http::async_read_header(stream_, buffer_, header_parser_, [this](error_code error, size_t) {
      if (error) return Fail("read from", error);
      if (header_parser_.get().result() == http::status::ok) {
        body_parser_.emplace(std::move(header_parser_));
        piece_.resize(kPieceBytes);
        return ReadPiece();
      }
      whole_parser_.emplace(std::move(header_parser_));
      whole_parser_->body_limit(call_.max_reply_bytes);
      http::async_read(stream_, buffer_, *whole_parser_, [this](error_code read_error, size_t) {
        if (read_error) return Fail("read from", read_error);
        Finish(whole_parser_->release());
      });
    });
  }

  void ReadPiece() {
    body_parser_->get().body().data = piece_.data();
    body_parser_->get().body().size = piece_.size();
    deadline_.expires_after(call_.timeout);
    deadline_.async_wait([this](error_code error) {
      if (!error) TimeOut();
    });
    http::async_read(stream_, buffer_, *body_parser_, [this](error_code error, size_t) {
      if (error && error != http::error::need_buffer) return Fail("read from", error);
      const size_t got = piece_.size() - body_parser_->get().body().size;
      if (got > 0) status_ = call_.on_body(absl::string_view(piece_.data(), got));
      if (!status_.ok()) return End();
      if (!body_parser_->is_done()) return ReadPiece();
      reply_.status = static_cast<int>(body_parser_->get().result_int());
      End();
    });
  }

  void Finish(http::response<http::string_body> message) {
    reply_.status = static_cast<int>(message.result_int());
    for (const auto& field : message) {
      const auto name = field.name_string();
      reply_.headers[absl::AsciiStrToLower(std::string(name.data(), name.size()))] =
          std::string(field.value().data(), field.value().size());
    }
    reply_.body = std::move(message.body());
    End();
  }

  void Fail(const char* what, error_code error) {
    if (!status_.ok()) return;
    if (error == http::error::body_limit) {
      status_ =
          absl::ResourceExhaustedError(absl::StrCat("the reply of ", Name(), " is larger than ",
                                                    call_.max_reply_bytes, " bytes; ask for less"));
    } else {
      status_ =
          absl::UnavailableError(absl::StrCat("can't ", what, " ", Name(), ": ", error.message()));
    }
    End();
  }

  void TimeOut() {
    if (status_.ok()) {
      status_ = absl::DeadlineExceededError(
          absl::StrCat(Name(), " did not answer within ", call_.timeout.count() / 1000, " ms"));
    }
    End();
  }

  void End() {
    deadline_.cancel();
    resolver_.cancel();
    error_code ignored;
    stream_.socket().close(ignored);
  }

  std::string Name() const { return absl::StrCat(url_.host, ":", url_.port); }

  const HttpCall& call_;
  const HttpUrl url_;
  asio::io_context io_{1};
  tcp::resolver resolver_;
  beast::tcp_stream stream_;
  asio::steady_timer deadline_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  // Of a call that takes the body in pieces.
  http::response_parser<http::empty_body> header_parser_;
  std::optional<http::response_parser<http::buffer_body>> body_parser_;
  std::optional<http::response_parser<http::string_body>> whole_parser_;
  std::string piece_;
  beast::flat_buffer buffer_{kReplyHeaderBytes + (64u << 10)};
  HttpReply reply_;
  absl::Status status_;
};

bool HasControlCharacter(absl::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<HttpUrl> ParseHttpUrl(absl::string_view url) {
  const auto wrong = [url](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("'", url, "' ", why));
  };
  if (absl::StartsWithIgnoreCase(url, "https://")) {
    return wrong("asks for TLS, which is not spoken here; give http://host:port");
  }
  absl::string_view rest = url;
  if (absl::StartsWithIgnoreCase(rest, "http://")) {
    rest.remove_prefix(7);
  } else if (absl::StrContains(rest, "://")) {
    return wrong("is no http address; give http://host:port");
  }
  if (HasControlCharacter(rest)) return wrong("has a blank or a control character in it");
  HttpUrl out;
  const size_t slash = rest.find_first_of("/?");
  absl::string_view authority = rest.substr(0, slash);
  out.target = slash == absl::string_view::npos ? "/" : std::string(rest.substr(slash));
  if (out.target.front() == '?') out.target.insert(0, "/");
  if (absl::StrContains(authority, "@")) return wrong("must not carry a user or a password");
  absl::string_view port;
  if (!authority.empty() && authority.front() == '[') {
    const size_t close = authority.find(']');
    if (close == absl::string_view::npos) return wrong("has no ']' behind its address");
    out.host = std::string(authority.substr(1, close - 1));
    port = authority.substr(close + 1);
  } else {
    const size_t colon = authority.find(':');
    out.host = std::string(authority.substr(0, colon));
    if (colon != absl::string_view::npos) port = authority.substr(colon);
  }
  if (out.host.empty()) return wrong("names no host; give http://host:port");
  if (port.empty()) return out;
  uint32_t number = 0;
  if (port.front() != ':' || !absl::SimpleAtoi(port.substr(1), &number) || number == 0 ||
      number > 65535) {
    return wrong("has no valid port; give http://host:port");
  }
  out.port = static_cast<uint16_t>(number);
  return out;
}

absl::StatusOr<HttpReply> Fetch(const HttpCall& call) {
  absl::StatusOr<HttpUrl> url = ParseHttpUrl(call.url);
  if (!url.ok()) return url.status();
  try {
    return Exchange(call, *std::move(url)).Run();
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("HTTP call failed: ", e.what()));
  }
}

}  // namespace kg::ingest
