#include "query/page.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace kg::query {
namespace {

absl::Status NoCursor(absl::string_view list) {
  return absl::InvalidArgumentError(absl::StrCat("the cursor is not one of ", list,
                                                 ": pass `next` of the page before as it came"));
}

}  // namespace

std::string EncodeCursor(absl::string_view list, absl::Span<const std::string> parts) {
  std::string text(list);
  for (const std::string& part : parts) absl::StrAppend(&text, absl::string_view("\0", 1), part);
  return absl::WebSafeBase64Escape(text);
}

absl::StatusOr<std::vector<std::string>> DecodeCursor(absl::string_view list,
                                                      absl::string_view cursor, size_t parts) {
  std::string text;
  if (!absl::WebSafeBase64Unescape(cursor, &text)) return NoCursor(list);
  std::vector<std::string> pieces;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '\0') continue;
    pieces.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  if (pieces.size() != parts + 1 || absl::string_view(pieces[0]) != list) return NoCursor(list);
  pieces.erase(pieces.begin());
  return pieces;
}

}  // namespace kg::query
