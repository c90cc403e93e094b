#include "server/problem.h"

#include <string>

#include "server/json_text.h"

namespace kg::server {
namespace {

const char* Title(int status) {
  switch (status) {
    case 400:
      return "Bad request";
    case 404:
      return "Not found";
    case 405:
      return "Method not allowed";
    case 408:
      return "Request timeout";
    case 409:
      return "Out of order";
    case 413:
      return "Content too large";
    case 415:
      return "Unsupported media type";
    case 421:
      return "Not meant for this node";
    case 422:
      return "Stopped";
    case 431:
      return "Header too large";
    case 503:
      return "Service unavailable";
    case 507:
      return "No space left";
    case 504:
      return "Took too long";
    default:
      return "Internal error";
  }
}

boost::json::string JsonString(absl::string_view text) {
  return boost::json::string(text.data(), text.size());
}

}  // namespace

HttpResponse Problem(int status, absl::string_view code, absl::string_view detail) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  const boost::json::object body = {{"type", "about:blank"},
                                    {"title", Title(status)},
                                    {"status", status},
                                    {"detail", JsonString(detail)},
                                    {"code", JsonString(code)}};
  response.body = ToJsonText(body, JsonLayout::kCompact);
  return response;
}

HttpResponse ProblemOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return Problem(400, "invalid_request", status.message());
    case absl::StatusCode::kNotFound:
      return Problem(404, "not_found", status.message());
    case absl::StatusCode::kDeadlineExceeded:
      return Problem(504, "deadline_exceeded", status.message());
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted: {
      HttpResponse response = Problem(503, "unavailable", status.message());
      response.headers.emplace_back("Retry-After", "5");
      return response;
    }
    default:
      return Problem(500, "internal", status.message());
  }
}

}  // namespace kg::server
