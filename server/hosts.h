#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/http.h"

// Who may be meant by a request. A page in somebody's browser can have its own name point at this
// port (DNS rebinding) and then read every answer; what it can't change is that the browser sends
// that name.

namespace kg::server {

// Whether a Host header ("name", "name:port", "[::1]:port") names this node: an address, a loopback
// name, or one of `names` ("*" stands for every name).
bool IsOwnHost(absl::string_view host, const std::vector<std::string>& names);

// Why a request is turned away, for people; empty: it may pass. A request without Host comes from
// no browser. What a browser sends on behalf of another page (Origin) is turned away as well.
std::string WhyForeign(const HttpRequest& request, const std::vector<std::string>& names);

}  // namespace kg::server
