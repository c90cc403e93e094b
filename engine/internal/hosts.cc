#include "engine/internal/hosts.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace kg {
namespace {

constexpr size_t kMaxHosts = 16;

bool IsLabel(absl::string_view s) {
  if (s.empty() || s.size() > 63 || s.front() == '-' || s.back() == '-') return false;
  return std::all_of(s.begin(), s.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

bool AllDigits(absl::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), absl::ascii_isdigit);
}

// "db-0" of "db".
bool IsReplicaOf(absl::string_view name, absl::string_view set) {
  return absl::ConsumePrefix(&name, set) && absl::ConsumePrefix(&name, "-") && AllDigits(name);
}

// Last labels of names that are not in a cluster, among those people use most.
bool IsPublicSuffix(absl::string_view label) {
  static constexpr std::array<absl::string_view, 22> kSuffixes = {
      "com",   "net", "org",      "io",      "dev",  "app",      "cloud", "ai",
      "co",    "uk",  "de",       "eu",      "us",   "fr",       "jp",    "cn",
      "local", "lan", "internal", "example", "test", "localhost"};
  return std::find(kSuffixes.begin(), kSuffixes.end(), label) != kSuffixes.end();
}

bool NameSaysHost(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (absl::string_view word : {"host", "addr", "url", "uri", "endpoint", "server", "service",
                                 "broker", "upstream", "backend", "target", "dsn"}) {
    if (absl::StrContains(lower, word)) return true;
  }
  return false;
}

bool IsHostChar(char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '.';
}

void Add(absl::string_view host, std::vector<std::string>* out) {
  while (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.empty() || out->size() >= kMaxHosts) return;
  std::string lower = absl::AsciiStrToLower(host);
  if (std::find(out->begin(), out->end(), lower) == out->end()) out->push_back(std::move(lower));
}

// What stands between two non-host characters: a candidate and what surrounds it.
struct Word {
  absl::string_view text;
  absl::string_view before;  // everything in front of it
  absl::string_view after;
};

template <typename Fn>
void ForEachWord(absl::string_view text, Fn&& fn) {
  size_t i = 0;
  while (i < text.size()) {
    if (!IsHostChar(text[i])) {
      ++i;
      continue;
    }
    size_t j = i;
    while (j < text.size() && IsHostChar(text[j])) ++j;
    fn(Word{text.substr(i, j - i), text.substr(0, i), text.substr(j)});
    i = j;
  }
}

bool FollowedByPort(absl::string_view after) {
  return after.size() > 1 && after[0] == ':' && absl::ascii_isdigit(after[1]);
}

// "name/10.96.0.7:8080": how Java tells where it tried to connect.
bool FollowedByAddress(absl::string_view after) {
  if (!absl::ConsumePrefix(&after, "/")) return false;
  const size_t end = after.find_first_not_of("0123456789.");
  return end != absl::string_view::npos && end >= 7 && FollowedByPort(after.substr(end));
}

// "//user:" or "//user@": who logs in there, not where.
bool IsUserInfo(const Word& w) {
  if (!absl::EndsWith(w.before, "//")) return false;
  const size_t end = w.after.find_first_of("/?# \t\"'");
  return absl::StrContains(w.after.substr(0, end), "@");
}

// "//host" or "//user:secret@host" in front.
bool InUrl(absl::string_view before) {
  return absl::EndsWith(before, "//") ||
         (absl::EndsWith(before, "@") && absl::StrContains(before, "//")) ||
         absl::EndsWith(before, "@tcp(");
}

// Behind a single slash stands a path, or an image whose tag begins with a digit: "shop/cart:1.4".
bool InPath(absl::string_view before) {
  return absl::EndsWith(before, "/") && !absl::EndsWith(before, "//");
}

}  // namespace

std::optional<ObjectRef> ServiceOfHost(absl::string_view host, absl::string_view ns) {
  std::vector<absl::string_view> labels = absl::StrSplit(host, '.');
  if (!std::all_of(labels.begin(), labels.end(), IsLabel) || AllDigits(labels.back())) {
    return std::nullopt;
  }
  if (host == "localhost" || ns.empty()) return std::nullopt;
  // A pod of a headless Service has a name of its own in front: "db-0.db.shop.svc", or "db-0.db".
  if (labels.size() >= 4 && labels[3] == "svc") labels.erase(labels.begin());
  if (labels.size() == 2 && IsReplicaOf(labels[0], labels[1])) labels.erase(labels.begin());
  const bool svc = labels.size() >= 3 && labels[2] == "svc";
  if (labels.size() > 2 && !svc) return std::nullopt;
  if (labels.size() == 2 && IsPublicSuffix(labels[1])) return std::nullopt;
  ObjectRef service;
  service.group_known = true;
  service.kind = "Service";
  service.name = std::string(labels[0]);
  service.ns = std::string(labels.size() >= 2 ? labels[1] : ns);
  return service;
}

std::vector<std::string> HostsInSetting(absl::string_view name, absl::string_view value) {
  std::vector<std::string> out;
  if (NameSaysHost(name) && IsLabel(value) && !AllDigits(value)) Add(value, &out);
  ForEachWord(value, [&](const Word& w) {
    if (InPath(w.before) || IsUserInfo(w)) return;
    const bool cluster_name = absl::StrContains(w.text, ".svc");
    const bool dotted_setting =
        NameSaysHost(name) && w.text == value && absl::StrContains(value, ".");
    if (InUrl(w.before) || FollowedByPort(w.after) || cluster_name || dotted_setting)
      Add(w.text, &out);
  });
  return out;
}

std::vector<std::string> HostsInText(absl::string_view text) {
  std::vector<std::string> out;
  ForEachWord(text, [&](const Word& w) {
    if (InPath(w.before) || IsUserInfo(w)) return;
    absl::string_view before = w.before;
    while (!before.empty() && (before.back() == '"' || before.back() == '\''))
      before.remove_suffix(1);
    const std::string lead =
        absl::AsciiStrToLower(before.substr(before.size() > 24 ? before.size() - 24 : 0));
    const bool named = absl::EndsWith(lead, "lookup ") || absl::EndsWith(lead, "host ") ||
                       absl::EndsWith(lead, "host=") || absl::EndsWith(lead, "host: ") ||
                       absl::EndsWith(lead, "hostname ") || absl::EndsWith(lead, "resolve ") ||
                       absl::EndsWith(lead, "upstream ") || absl::EndsWith(lead, "upstream=") ||
                       absl::EndsWith(lead, "getaddrinfo enotfound ") ||
                       absl::EndsWith(lead, "eai_again ");
    const bool java = FollowedByAddress(w.after);
    if (named || java || InUrl(w.before) || FollowedByPort(w.after) ||
        absl::StrContains(w.text, ".svc")) {
      // A source position such as "main.go:42" is no host.
      if (FollowedByPort(w.after) && !named && !InUrl(w.before) && absl::StrContains(w.text, ".") &&
          !absl::StrContains(w.text, ".svc")) {
        const std::vector<absl::string_view> labels = absl::StrSplit(w.text, '.');
        static constexpr std::array<absl::string_view, 12> kSources = {
            "go", "py", "js", "ts", "rb", "java", "cc", "cpp", "c", "rs", "kt", "php"};
        if (std::find(kSources.begin(), kSources.end(), labels.back()) != kSources.end()) return;
      }
      Add(w.text, &out);
    }
  });
  return out;
}

}  // namespace kg
