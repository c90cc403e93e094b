#include "server/http.h"

#include <cctype>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace kg::server {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Plus { kIsSpace, kIsItself };

absl::StatusOr<std::string> Decode(absl::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return absl::InvalidArgumentError("the address holds a NUL byte");
    if (text[i] == '+' && plus == Plus::kIsSpace) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0)) {
        return absl::InvalidArgumentError("the address has a broken %-escape");
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

}  // namespace

const std::string& HttpRequest::Header(const std::string& lower_case_name) const {
  static const std::string* const empty = new std::string();
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? *empty : found->second;
}

absl::Status ParseTarget(absl::string_view target, HttpRequest* request) {
  const size_t question = target.find('?');
  absl::StatusOr<std::string> path = Decode(target.substr(0, question), Plus::kIsItself);
  if (!path.ok()) return path.status();
  request->path = *std::move(path);
  request->query.clear();
  if (question == absl::string_view::npos) return absl::OkStatus();
  absl::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const absl::string_view pair = rest.substr(0, end);
    rest = end == absl::string_view::npos ? absl::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    absl::StatusOr<std::string> name = Decode(pair.substr(0, equals), Plus::kIsSpace);
    absl::StatusOr<std::string> value = equals == absl::string_view::npos
                                            ? std::string()
                                            : Decode(pair.substr(equals + 1), Plus::kIsSpace);
    if (!name.ok()) return name.status();
    if (!value.ok()) return value.status();
    request->query[*std::move(name)] = *std::move(value);
  }
  return absl::OkStatus();
}

std::string PercentEncode(absl::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x80 && std::isalnum(u) != 0) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kHex[u >> 4];
      out += kHex[u & 15];
    }
  }
  return out;
}

std::string EncodeQuery(const Params& params) {
  std::string out;
  for (const auto& [name, value] : params) {
    if (!out.empty()) out += '&';
    absl::StrAppend(&out, PercentEncode(name), "=", PercentEncode(value));
  }
  return out;
}

}  // namespace kg::server
