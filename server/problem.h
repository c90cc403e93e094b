#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/http.h"

namespace kg::server {

// An RFC 9457 problem: {"type","title","status","detail","code"}. `code` is a stable word for
// programs, `detail` says what to do.
HttpResponse Problem(int status, absl::string_view code, absl::string_view detail);

// The problem that a failed question is answered with: 400, 404, 503 (with Retry-After) or 500.
HttpResponse ProblemOf(const absl::Status& status);

}  // namespace kg::server
