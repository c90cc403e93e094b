#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Requests and answers as the routes see them, free of the library that carries them.

namespace kg::server {

// Parameters of a question, from a query string or a command line. The last of equal names counts.
using Params = std::map<std::string, std::string, std::less<>>;

struct HttpRequest {
  std::string method;                          // upper case
  std::string path;                            // decoded, without the query
  Params query;                                // decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  // Empty where the header is absent.
  const std::string& Header(const std::string& lower_case_name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  // In place of a body one that is made while it is sent: called for the next bytes until they are
  // empty, by one thread at a time. An error breaks the connection off, so that the client sees
  // that the rest is missing.
  std::function<absl::StatusOr<std::string>()> next_piece;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Splits "/a%20b?x=1&y" into path and query. InvalidArgument on a broken escape or a NUL byte.
absl::Status ParseTarget(absl::string_view target, HttpRequest* request);

// Escapes what may not stand in a path segment or a query value.
std::string PercentEncode(absl::string_view text);
// "a=1&b=x%20y", by name.
std::string EncodeQuery(const Params& params);

}  // namespace kg::server
