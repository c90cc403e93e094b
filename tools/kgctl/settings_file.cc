#include "tools/kgctl/settings_file.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/suggest.h"
#include "tools/kgctl/settings.h"

namespace kg::kgctl {
namespace {

constexpr char kSystemFile[] = "/etc/kg/kg.toml";

const SettingInfo* FindKey(const std::string& key) {
  for (const SettingInfo& info : AllSettings()) {
    if (key == info.key) return &info;
  }
  return nullptr;
}

const char* Wanted(SettingType type) {
  switch (type) {
    case SettingType::kText:
      return "a text in quotes";
    case SettingType::kDuration:
      return "a duration in quotes, as \"7d\"";
    case SettingType::kBytes:
      return "a size, as \"512MiB\", or a number of bytes";
    case SettingType::kNumber:
      return "a whole number";
    case SettingType::kTexts:
      return "a list of texts, as [\"a\", \"b\"]";
    case SettingType::kOptions:
      return "a table of texts, numbers or true and false";
  }
  return "something else";
}

std::optional<std::string> Scalar(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<int64_t>()) return absl::StrCat(*number);
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  if (const auto number = node.value_exact<double>()) return absl::StrCat(*number);
  return std::nullopt;
}

std::optional<std::string> Texts(const toml::node& node) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> texts;
  for (const toml::node& item : *array) {
    const auto text = item.value_exact<std::string>();
    if (!text) return std::nullopt;
    texts.push_back(*text);
  }
  return absl::StrJoin(texts, ",");
}

std::optional<std::string> Options(const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return std::nullopt;
  std::vector<std::string> options;
  for (const auto& [name, value] : *table) {
    const std::optional<std::string> text = Scalar(value);
    if (!text) return std::nullopt;
    options.push_back(absl::StrCat(std::string(name.str()), "=", *text));
  }
  return absl::StrJoin(options, ";");
}

std::optional<std::string> TextOf(const toml::node& node, SettingType type) {
  switch (type) {
    case SettingType::kTexts:
      return Texts(node);
    case SettingType::kOptions:
      return Options(node);
    case SettingType::kNumber:
      return node.is_integer() ? Scalar(node) : std::nullopt;
    case SettingType::kBytes:
      return node.is_integer() || node.is_string() ? Scalar(node) : std::nullopt;
    case SettingType::kText:
    case SettingType::kDuration:
      return node.is_string() ? Scalar(node) : std::nullopt;
  }
  return std::nullopt;
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string FindSettingsFile(const std::string& named) {
  if (!named.empty()) return named;
  if (const std::string variable = FromEnvironment("KG_CONFIG"); !variable.empty()) return variable;
  std::string home = FromEnvironment("XDG_CONFIG_HOME");
  if (home.empty() && !FromEnvironment("HOME").empty()) home = FromEnvironment("HOME") + "/.config";
  std::error_code error;
  if (!home.empty() && std::filesystem::exists(home + "/kg/kg.toml", error))
    return home + "/kg/kg.toml";
  return std::filesystem::exists(kSystemFile, error) ? kSystemFile : "";
}

absl::StatusOr<FileValues> ReadSettingsFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat("can't read the configuration file ", path));
  return ParseSettings(std::string(std::istreambuf_iterator<char>(in), {}), path);
}

absl::StatusOr<FileValues> ParseSettings(const std::string& text, const std::string& path) {
  // TOML allows none of them anywhere, and its library ends the process on some.
  const auto control = std::find_if(text.begin(), text.end(), [](unsigned char c) {
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
  });
  if (control != text.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", 1 + std::count(text.begin(), control, '\n'),
                     ": there is a control character; this is no text"));
  }
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", error.source().begin.line, ": ", std::string(error.description())));
  }
  FileValues values;
  for (const auto& [name, node] : parsed.table()) {
    const std::string key(name.str());
    const std::string where = absl::StrCat(path, ":", name.source().begin.line, ": ", key);
    const SettingInfo* info = FindKey(key);
    if (info == nullptr) {
      std::vector<std::string> known;
      for (const SettingInfo& s : AllSettings()) known.emplace_back(s.key);
      return absl::InvalidArgumentError(
          absl::StrCat(where, " is no setting", server::DidYouMean(key, known)));
    }
    const std::optional<std::string> value = TextOf(node, info->type);
    if (!value) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, " is of the wrong type; give ", Wanted(info->type)));
    }
    values[key] = {*value, where};
  }
  return values;
}

}  // namespace kg::kgctl
