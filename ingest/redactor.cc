#include "ingest/redactor.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kg::ingest {
namespace {

constexpr absl::string_view kMask = "[redacted]";
constexpr size_t kNone = absl::string_view::npos;

// What a rule found: [begin, end) of the text is to be replaced.
struct Hit {
  size_t begin = kNone;
  size_t end = 0;
  explicit operator bool() const { return begin != kNone; }
};

bool IsWord(char c) {
  return absl::ascii_isalnum(c) || c == '_';
}
bool IsBase64Url(char c) {
  return IsWord(c) || c == '-';
}
bool IsTokenChar(char c) {
  return IsBase64Url(c) || c == '.' || c == '+' || c == '/' || c == '=';
}

bool ContainsIgnoreCase(absl::string_view text, absl::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [](char a, char b) {
           return absl::ascii_tolower(a) == absl::ascii_tolower(b);
         }) != text.end();
}

template <typename Pred>
size_t RunEnd(absl::string_view s, size_t from, Pred pred) {
  while (from < s.size() && pred(s[from])) ++from;
  return from;
}

bool HasAt(absl::string_view s, size_t at, absl::string_view word) {
  return s.size() - at >= word.size() && absl::EqualsIgnoreCase(s.substr(at, word.size()), word);
}

// -----BEGIN … PRIVATE KEY----- to its end, or to the end of the text where it was cut.
Hit MatchPem(absl::string_view s, size_t at) {
  if (!absl::StartsWith(s.substr(at), "-----BEGIN ")) return {};
  const size_t label_end = s.find("-----", at + 11);
  if (label_end == kNone) return {at, s.size()};
  if (absl::StrContains(s.substr(at, label_end - at), "CERTIFICATE")) return {};
  const size_t foot = s.find("-----END ", label_end);
  if (foot == kNone) return {at, s.size()};
  const size_t end = s.find("-----", foot + 9);
  return {at, end == kNone ? s.size() : end + 5};
}

// Three base64url parts, of which the first begins a JSON object.
Hit MatchJwt(absl::string_view s, size_t at) {
  if (!absl::StartsWith(s.substr(at), "eyJ")) return {};
  const size_t one = RunEnd(s, at, IsBase64Url);
  if (one - at < 8 || one >= s.size() || s[one] != '.') return {};
  const size_t two = RunEnd(s, one + 1, IsBase64Url);
  if (two - one < 5) return {};
  const size_t end = two < s.size() && s[two] == '.' ? RunEnd(s, two + 1, IsBase64Url) : two;
  return {at, end};
}

// "Bearer x" and "Basic x", where x can be no ordinary word.
Hit MatchAuthorization(absl::string_view s, size_t at) {
  size_t scheme = 0;
  if (HasAt(s, at, "bearer ")) scheme = 7;
  if (HasAt(s, at, "basic ")) scheme = 6;
  if (scheme == 0) return {};
  const size_t begin = RunEnd(s, at + scheme, [](char c) { return c == ' '; });
  const size_t end = RunEnd(s, begin, IsTokenChar);
  const absl::string_view value = s.substr(begin, end - begin);
  const bool telling = std::any_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_isdigit(c) || absl::ascii_isupper(c) || c == '=' || c == '.' || c == '_';
  });
  if (value.size() < 6 || !(telling || value.size() >= 20)) return {};
  return {begin, end};
}

struct TokenShape {
  absl::string_view prefix;
  size_t min_rest;
};

// Tokens that name their issuer (AWS, GitHub, GitLab, Slack, Stripe, Google, npm, SendGrid, …).
constexpr std::array<TokenShape, 26> kTokenShapes = {{
    {"AKIA", 16},   {"ASIA", 16},  {"AIza", 30},      {"ya29.", 20},    {"ghp_", 20},
    {"gho_", 20},   {"ghu_", 20},  {"ghs_", 20},      {"ghr_", 20},     {"github_pat_", 20},
    {"glpat-", 16}, {"xoxb-", 10}, {"xoxp-", 10},     {"xoxa-", 10},    {"xoxr-", 10},
    {"xoxs-", 10},  {"xapp-", 10}, {"sk_live_", 10},  {"sk_test_", 10}, {"rk_live_", 10},
    {"npm_", 30},   {"SG.", 30},   {"dckr_pat_", 20}, {"hvs.", 20},     {"sk-", 30},
    {"whsec_", 20},
}};

Hit MatchTokenShape(absl::string_view s, size_t at) {
  for (const TokenShape& shape : kTokenShapes) {
    if (s[at] != shape.prefix[0] || !absl::StartsWith(s.substr(at), shape.prefix)) continue;
    const size_t rest = at + shape.prefix.size();
    const size_t end = RunEnd(s, rest, [](char c) { return IsBase64Url(c) || c == '.'; });
    if (end - rest >= shape.min_rest) return {at, end};
  }
  return {};
}

// The user part of scheme://user:password@host; `at` is at "://".
Hit MatchUrlCredentials(absl::string_view s, size_t at) {
  if (!absl::StartsWith(s.substr(at), "://")) return {};
  const size_t begin = at + 3;
  const size_t end = RunEnd(s, begin, [](char c) {
    return !absl::ascii_isspace(c) && c != '/' && c != '"' && c != '\'' && c != '<' && c != '>' &&
           c != '?' && c != '#';
  });
  size_t sign = s.substr(begin, end - begin).rfind('@');
  if (sign == kNone || sign == 0) {
    // A password may hold what should have been escaped; then the authority seems to end early.
    const size_t blank =
        RunEnd(s, begin, [](char c) { return !absl::ascii_isspace(c) && c != '"'; });
    const absl::string_view wide = s.substr(begin, blank - begin);
    const size_t colon = wide.find(':');
    sign = wide.rfind('@');
    const bool port =
        colon != kNone && colon + 1 < wide.size() && absl::ascii_isdigit(wide[colon + 1]);
    if (sign == kNone || colon == kNone || colon > sign || port) return {};
    if (wide.substr(0, colon).find('/') != kNone) return {};
  }
  return {begin, begin + sign};
}

constexpr std::array<absl::string_view, 20> kAssignedNames = {
    "password",        "passwd",      "passphrase",  "pwd",        "secret",      "token",
    "apikey",          "api_key",     "api-key",     "accesskey",  "access_key",  "access-key",
    "privatekey",      "private_key", "private-key", "credential", "credentials", "dsn",
    "sharedaccesskey", "accountkey"};

bool NamesSecret(absl::string_view word) {
  for (const absl::string_view name : kAssignedNames) {
    if (absl::EndsWithIgnoreCase(word, name)) return true;
  }
  return absl::EndsWithIgnoreCase(word, "authorization") ||
         absl::EndsWithIgnoreCase(word, "pass") || absl::EndsWithIgnoreCase(word, "secret_key") ||
         absl::EndsWithIgnoreCase(word, "signature");
}

// What stands behind "word: " in prose is taken only when it is no ordinary word.
bool LooksRandom(absl::string_view value) {
  bool digit = false, mixed = false;
  for (size_t i = 0; i < value.size(); ++i) {
    digit = digit || absl::ascii_isdigit(value[i]);
    mixed = mixed || (i > 0 && absl::ascii_isupper(value[i]) && absl::ascii_islower(value[i - 1]));
  }
  return value.size() >= 16 || (value.size() >= 6 && (digit || mixed));
}

// name=value, name: value, "name": "value"; `at` is at the '=' or ':'.
Hit MatchAssignment(absl::string_view s, size_t at) {
  size_t name_end = at;
  if (name_end > 0 && (s[name_end - 1] == '"' || s[name_end - 1] == '\'')) --name_end;
  if (name_end > 0 && s[name_end - 1] == '\\') --name_end;
  if (name_end == at && s[at] == ':') {
    while (name_end > 0 && s[name_end - 1] == ' ') --name_end;
  }
  size_t name_begin = name_end;
  while (name_begin > 0 && (IsWord(s[name_begin - 1]) || s[name_begin - 1] == '-')) --name_begin;
  const absl::string_view name = s.substr(name_begin, name_end - name_begin);
  if (name.size() < 3 || !NamesSecret(name)) return {};
  size_t begin = RunEnd(s, at + 1, [](char c) { return c == ' ' || c == '=' || c == '\\'; });
  const bool blank = begin > at + 1;
  if (begin >= s.size()) return {};
  const char quote = s[begin] == '"' || s[begin] == '\'' ? s[begin] : '\0';
  if (quote != '\0') {
    ++begin;
    size_t end = begin;
    while (end < s.size() && s[end] != quote && s[end] != '\\') ++end;
    if (end == begin) return {};
    return {begin, end};
  }
  size_t end = RunEnd(s, begin, [](char c) {
    return !absl::ascii_isspace(c) && c != '&' && c != ',' && c != ';' && c != '"' && c != '\'' &&
           c != ')' && c != '}' && c != ']';
  });
  if (absl::EndsWithIgnoreCase(name, "authorization"))
    end = RunEnd(s, begin, [](char c) {
      return c != '\n' && c != '\r' && c != '"' && c != '\'' && c != ',';
    });
  const absl::string_view value = s.substr(begin, end - begin);
  if (value.empty() || absl::StartsWith(value, kMask) || value[0] == '[') return {};
  const bool sure =
      ContainsIgnoreCase(name, "pass") || ContainsIgnoreCase(name, "pwd") || s[at] == '=';
  if (s[at] == ':' && !(sure && !blank) && !LooksRandom(value)) {
    // "password: hunter" is a secret, "password: field is required" is prose.
    const bool last = end >= s.size() || s[end] == '\n' || s[end] == ',' || s[end] == '}';
    if (!sure || !last) return {};
  }
  return {begin, end};
}

// 13 to 19 digits, blanks and dashes allowed between, with an issuer's prefix and a valid check
// sum.
Hit MatchCard(absl::string_view s, size_t at) {
  std::array<int, 20> digits;
  size_t n = 0, i = at, end = at;
  for (; i < s.size(); ++i) {
    if (absl::ascii_isdigit(s[i])) {
      if (n == 19) return {};
      digits[n++] = s[i] - '0';
      end = i + 1;
    } else if ((s[i] != ' ' && s[i] != '-') || (i > at && !absl::ascii_isdigit(s[i - 1]))) {
      break;
    }
  }
  if (n < 13 || n > 16 || (end < s.size() && IsWord(s[end]))) return {};
  const int two = digits[0] * 10 + digits[1];
  const bool issuer = digits[0] == 4 || (two >= 51 && two <= 55) || (two >= 22 && two <= 27) ||
                      two == 34 || two == 37 || two == 60 || two == 65;
  if (!issuer || (digits[0] != 4 && n < 15)) return {};
  int sum = 0;
  for (size_t k = 0; k < n; ++k) {
    int d = digits[n - 1 - k];
    if (k % 2 == 1) d = d > 4 ? 2 * d - 9 : 2 * d;
    sum += d;
  }
  if (sum % 10 != 0) return {};
  return {at, end};
}

// Where in the text a rule is tried.
enum class Where : uint8_t { kWordStart, kSign };

struct Rule {
  const char* name;
  Where where;
  absl::string_view first;  // the characters it may begin with
  Hit (*match)(absl::string_view text, size_t at);
};

// In this order; the first that matches at a place takes it.
constexpr std::array<Rule, 7> kRules = {{
    {"pem", Where::kSign, "-", MatchPem},
    {"url-credentials", Where::kSign, ":", MatchUrlCredentials},
    {"assignment", Where::kSign, "=:", MatchAssignment},
    {"jwt", Where::kWordStart, "e", MatchJwt},
    {"authorization", Where::kWordStart, "Bb", MatchAuthorization},
    {"token-shape", Where::kWordStart, "AgxsryndhwSG", MatchTokenShape},
    {"card", Where::kWordStart, "23456", MatchCard},
}};

// For each character the rules that may begin there, as bits.
struct Dispatch {
  std::array<uint8_t, 256> word_start{}, sign{};
  constexpr Dispatch() {
    for (size_t r = 0; r < kRules.size(); ++r) {
      for (size_t i = 0; i < kRules[r].first.size(); ++i) {
        auto& table = kRules[r].where == Where::kWordStart ? word_start : sign;
        table[static_cast<uint8_t>(kRules[r].first[i])] |= static_cast<uint8_t>(1u << r);
      }
    }
  }
};
constexpr Dispatch kDispatch;

// The first hit at or after `from`; sets `rule`.
Hit Next(absl::string_view s, size_t from, size_t* rule) {
  bool in_word = from > 0 && IsWord(s[from - 1]);
  for (size_t at = from; at < s.size(); ++at) {
    const auto c = static_cast<uint8_t>(s[at]);
    uint8_t rules = kDispatch.sign[c];
    if (!in_word) rules |= kDispatch.word_start[c];
    in_word = IsWord(s[at]);
    for (size_t r = 0; rules != 0; ++r, rules >>= 1) {
      if ((rules & 1) == 0) continue;
      const Hit hit = kRules[r].match(s, at);
      if (!hit || hit.begin < from || hit.end <= hit.begin) continue;
      *rule = r;
      return hit;
    }
  }
  return {};
}

// "scheme://[redacted]@host:port" of a URL, "[redacted]" of all else.
std::string KeepHost(absl::string_view value) {
  const size_t scheme = value.find("://");
  if (scheme == kNone || scheme == 0 || scheme > 16) return std::string(kMask);
  absl::string_view rest = value.substr(scheme + 3);
  const size_t sign = rest.rfind('@');
  const bool user = sign != kNone;
  if (user) rest.remove_prefix(sign + 1);
  const size_t end = RunEnd(rest, 0, [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == ':' || c == ',';
  });
  return absl::StrCat(value.substr(0, scheme), "://", user ? "[redacted]@" : "",
                      rest.substr(0, end), end < rest.size() && !user ? "/[redacted]" : "");
}

}  // namespace

bool Redactor::Text(std::string* text) {
  size_t rule = 0;
  Hit hit = Next(*text, 0, &rule);
  if (!hit) return false;
  std::string out;
  size_t copied = 0;
  while (hit) {
    ++counts_[kRules[rule].name];
    out.append(*text, copied, hit.begin - copied);
    out.append(kMask.data(), kMask.size());
    copied = hit.end;
    hit = Next(*text, copied, &rule);
  }
  out.append(*text, copied, std::string::npos);
  *text = std::move(out);
  return true;
}

bool Redactor::NamedValue(absl::string_view name, std::string* value) {
  if (value->empty()) return false;
  if (!IsSecretName(name)) return Text(value);
  *value = KeepHost(*value);
  ++counts_["name"];
  return true;
}

bool Redactor::ArgumentAfter(absl::string_view previous, std::string* argument) {
  if (absl::StartsWith(previous, "-") && previous.find('=') == kNone &&
      previous.find(' ') == kNone && IsSecretName(previous) && !absl::StartsWith(*argument, "-")) {
    *argument = KeepHost(*argument);
    ++counts_["argument"];
    return true;
  }
  const size_t equals = argument->find('=');
  if (absl::StartsWith(*argument, "-") && equals != std::string::npos &&
      IsSecretName(absl::string_view(*argument).substr(0, equals))) {
    *argument = absl::StrCat(argument->substr(0, equals + 1),
                             KeepHost(absl::string_view(*argument).substr(equals + 1)));
    ++counts_["argument"];
    return true;
  }
  return Text(argument);
}

bool Redactor::IsSecretName(absl::string_view name) {
  static constexpr std::array<absl::string_view, 7> kParts = {
      "pass", "secret", "token", "key", "credential", "dsn", "authorization"};
  return std::any_of(kParts.begin(), kParts.end(),
                     [name](absl::string_view part) { return ContainsIgnoreCase(name, part); });
}

bool Redactor::IsSecretLeaf(absl::string_view name) {
  static constexpr std::array<absl::string_view, 24> kLeaves = {
      "password",        "passwd",      "passphrase",   "pwd",
      "token",           "accessToken", "access_token", "refreshToken",
      "authToken",       "auth_token",  "bearerToken",  "bearer_token",
      "apiKey",          "api_key",     "clientSecret", "client_secret",
      "secretKey",       "secret_key",  "privateKey",   "private_key",
      "secretAccessKey", "credentials", "dsn",          "connectionString"};
  return std::any_of(kLeaves.begin(), kLeaves.end(),
                     [name](absl::string_view leaf) { return absl::EqualsIgnoreCase(name, leaf); });
}

}  // namespace kg::ingest
