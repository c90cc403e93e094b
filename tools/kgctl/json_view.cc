#include "tools/kgctl/json_view.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace kg::kgctl {

namespace json = boost::json;

const json::value& Get(const json::value& value, const std::string& path) {
  static const auto* const null = new json::value(nullptr);
  const json::value* at = &value;
  for (size_t begin = 0; begin < path.size();) {
    size_t end = path.find('.', begin);
    if (end == std::string::npos) end = path.size();
    const json::object* object = at->if_object();
    if (object == nullptr) return *null;
    at = object->if_contains(json::string_view(path.data() + begin, end - begin));
    if (at == nullptr) return *null;
    begin = end + 1;
  }
  return *at;
}

const json::array& List(const json::value& value, const std::string& path) {
  static const auto* const empty = new json::array();
  const json::array* array = Get(value, path).if_array();
  return array == nullptr ? *empty : *array;
}

std::string Str(const json::value& value, const std::string& path) {
  const json::string* text = Get(value, path).if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

int64_t Int(const json::value& value, const std::string& path) {
  const json::value& found = Get(value, path);
  if (found.is_int64()) return found.get_int64();
  if (found.is_uint64()) return static_cast<int64_t>(found.get_uint64());
  return 0;
}

double Num(const json::value& value, const std::string& path) {
  const json::value& found = Get(value, path);
  if (found.is_double()) return found.get_double();
  return static_cast<double>(Int(value, path));
}

bool Bool(const json::value& value, const std::string& path) {
  const bool* found = Get(value, path).if_bool();
  return found != nullptr && *found;
}

bool IsNull(const json::value& value, const std::string& path) {
  return Get(value, path).is_null();
}

std::string ResourceText(const json::value& resource) {
  const std::string ns = Str(resource, "namespace");
  return absl::StrCat(Str(resource, "kind"), " ", ns, ns.empty() ? "" : "/", Str(resource, "name"));
}

std::string ResourceRef(const json::value& resource) {
  const std::string version = Str(resource, "api_version");
  const size_t slash = version.find('/');
  const std::string group = slash == std::string::npos ? "" : version.substr(0, slash);
  return absl::StrCat(absl::AsciiStrToLower(Str(resource, "kind")), group.empty() ? "" : ".", group,
                      "/", Str(resource, "name"));
}

std::string TimeText(const json::value& value, const std::string& path) {
  const std::string time = Str(value, path);
  if (time.size() < 19) return "-";
  return time.substr(0, 10) + " " + time.substr(11, 8);
}

std::string ClockText(const json::value& value, const std::string& path) {
  const std::string time = Str(value, path);
  return time.size() < 19 ? "-" : time.substr(11, 8);
}

}  // namespace kg::kgctl
