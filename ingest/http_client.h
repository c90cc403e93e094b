#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/types.h"

namespace kg::ingest {

// One HTTP call. Whatever the other side does, it ends within `timeout` and holds at most
// `max_reply_bytes` of the answer.
struct HttpCall {
  std::string method = "GET";
  std::string url;  // http://host[:port][/path][?query]
  std::map<std::string, std::string> headers;
  std::string body;
  Duration timeout = std::chrono::seconds(30);
  uint64_t max_reply_bytes = 64ull << 20;
  // Takes the body of a reply with status 200 as it comes, instead of HttpReply::body; `timeout`
  // and max_reply_bytes hold for each piece then, not for the whole. An error ends the call with
  // it.
  std::function<absl::Status(absl::string_view)> on_body;
};

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Makes the call on the calling thread; thread-safe. A reply of any status is OK. Unavailable: the
// other side can't be reached; DeadlineExceeded: it took too long; ResourceExhausted: the reply is
// too large; InvalidArgument: the URL can't be read or is not http (TLS is not spoken). Redirects
// are not followed.
absl::StatusOr<HttpReply> Fetch(const HttpCall& call);

// The parts of a URL, checked.
struct HttpUrl {
  std::string host;  // without the brackets of an IPv6 address
  uint16_t port = 80;
  std::string target;  // "/path?query", at least "/"
};
absl::StatusOr<HttpUrl> ParseHttpUrl(absl::string_view url);

}  // namespace kg::ingest
