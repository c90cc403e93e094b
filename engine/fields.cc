#include "engine/fields.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kg {
namespace {

const Field* LowerBound(const Fields& fields, absl::string_view path) {
  return fields.data() + (std::lower_bound(fields.begin(), fields.end(), path,
                                           [](const Field& f, absl::string_view p) {
                                             return absl::string_view(f.path) < p;
                                           }) -
                          fields.begin());
}

constexpr size_t kShownValue = 120;

std::string Shown(const Field& f) {
  if (f.kind == FieldKind::kMac) return "(kept secret)";
  if (f.value.size() <= kShownValue) return f.value;
  return absl::StrCat(absl::string_view(f.value).substr(0, kShownValue), "…");
}

// Hashes under different keys tell nothing about the values: no change is known.
bool Comparable(const Field& a, const Field& b) {
  if (a.kind != FieldKind::kMac || b.kind != FieldKind::kMac) return true;
  auto key_id = [](absl::string_view value) { return value.substr(0, value.rfind(':')); };
  return key_id(a.value) == key_id(b.value);
}

// The key of the map member or list element that `rest`, the path behind its parent, begins with.
absl::string_view FirstKey(absl::string_view rest) {
  if (rest.empty()) return {};
  if (rest[0] == '[') {
    const size_t close = rest.find(']');
    return close == absl::string_view::npos ? absl::string_view() : rest.substr(1, close - 1);
  }
  rest.remove_prefix(1);
  return rest.substr(0, rest.find_first_of(".["));
}

}  // namespace

absl::string_view ValueAt(const Fields& fields, absl::string_view path) {
  const Field* f = LowerBound(fields, path);
  if (f == fields.data() + fields.size() || f->path != path) return {};
  return f->value;
}

bool Has(const Fields& fields, absl::string_view path) {
  const Field* f = LowerBound(fields, path);
  return f != fields.data() + fields.size() && f->path == path;
}

FieldRange Under(const Fields& fields, absl::string_view prefix) {
  const Field* first = LowerBound(fields, prefix);
  const Field* last = first;
  const Field* end = fields.data() + fields.size();
  while (last != end && absl::StartsWith(last->path, prefix)) ++last;
  return {first, last};
}

std::map<std::string, std::string> MapAt(const Fields& fields, absl::string_view path) {
  std::map<std::string, std::string> out;
  for (const Field& f : Under(fields, path)) {
    const absl::string_view rest = absl::string_view(f.path).substr(path.size());
    if (rest.empty() || (rest[0] != '.' && rest[0] != '[')) continue;
    const absl::string_view key = FirstKey(rest);
    const size_t used = rest[0] == '[' ? key.size() + 2 : key.size() + 1;
    if (used == rest.size()) out.emplace(key, f.value);
  }
  return out;
}

std::vector<std::string> ElementKeys(const Fields& fields, absl::string_view path) {
  std::vector<std::string> out;
  for (const Field& f : Under(fields, absl::StrCat(path, "["))) {
    const absl::string_view key = FirstKey(absl::string_view(f.path).substr(path.size()));
    if (std::find(out.begin(), out.end(), key) == out.end()) out.emplace_back(key);
  }
  return out;
}

bool MatchPath(absl::string_view pattern, absl::string_view path,
               std::vector<std::string>* element_paths) {
  element_paths->clear();
  size_t p = 0, i = 0;
  while (p < pattern.size()) {
    if (absl::StartsWith(pattern.substr(p), "[*]")) {
      if (i >= path.size() || path[i] != '[') return false;
      const size_t close = path.find(']', i);
      if (close == absl::string_view::npos) return false;
      i = close + 1;
      p += 3;
      element_paths->emplace_back(path.substr(0, i));
      continue;
    }
    if (i >= path.size() || path[i] != pattern[p]) return false;
    ++i;
    ++p;
  }
  return i == path.size();
}

std::string CanonicalBytes(const Fields& fields) {
  size_t size = 0;
  for (const Field& f : fields) size += f.path.size() + f.value.size() + 3;
  std::string out;
  out.reserve(size);
  for (const Field& f : fields) {
    out += f.path;
    out += '\0';
    out += static_cast<char>('0' + static_cast<int>(f.kind));
    out += f.value;
    out += '\0';
  }
  return out;
}

std::vector<FieldChange> Diff(const Fields& before, const Fields& after) {
  std::vector<FieldChange> out;
  auto a = before.begin();
  auto b = after.begin();
  while (a != before.end() || b != after.end()) {
    if (b == after.end() || (a != before.end() && a->path < b->path)) {
      out.push_back({a->path, absl::StrCat(a->path, ": ", Shown(*a), " -> (gone)")});
      ++a;
    } else if (a == before.end() || b->path < a->path) {
      out.push_back({b->path, absl::StrCat(b->path, ": (absent) -> ", Shown(*b))});
      ++b;
    } else {
      if ((a->value != b->value || a->kind != b->kind) && Comparable(*a, *b)) {
        out.push_back({a->path, absl::StrCat(a->path, ": ", Shown(*a), " -> ", Shown(*b))});
      }
      ++a;
      ++b;
    }
  }
  return out;
}

}  // namespace kg
