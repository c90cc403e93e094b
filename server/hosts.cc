#include "server/hosts.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace kg::server {
namespace {

bool IsAddress(const std::string& name) {
  in6_addr address;
  return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

// Without port and brackets, in lower case.
std::string NameOf(absl::string_view host) {
  if (absl::ConsumePrefix(&host, "[")) return std::string(host.substr(0, host.find(']')));
  std::string name = absl::AsciiStrToLower(host.substr(0, host.rfind(':')));
  if (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

}  // namespace

bool IsOwnHost(absl::string_view host, const std::vector<std::string>& names) {
  const std::string name = NameOf(host);
  if (IsAddress(name) || name == "localhost" || absl::EndsWith(name, ".localhost")) return true;
  return std::any_of(names.begin(), names.end(), [&](const std::string& own) {
    return own == "*" || absl::EqualsIgnoreCase(own, name);
  });
}

std::string WhyForeign(const HttpRequest& request, const std::vector<std::string>& names) {
  const std::string& host = request.Header("host");
  if (!host.empty() && !IsOwnHost(host, names)) {
    return absl::StrCat("this node does not go by the name '", NameOf(host),
                        "'; call it by address, or add the name with --allow-host");
  }
  absl::string_view origin = request.Header("origin");
  if (origin.empty()) return "";
  if (!absl::ConsumePrefix(&origin, "http://") && !absl::ConsumePrefix(&origin, "https://")) {
    return "a page of unknown origin asks; there is nothing here for it";
  }
  // A page that this node served itself comes from the very host it calls.
  if (absl::EqualsIgnoreCase(origin, host)) return "";
  return absl::StrCat("a page of ", std::string(origin), " asks; there is nothing here for it");
}

}  // namespace kg::server
