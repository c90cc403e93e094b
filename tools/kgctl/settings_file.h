#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

// The configuration file. The only file of the project that sees the TOML library is the .cc of
// this one.

namespace kg::kgctl {

// By key: the value as text, and where it stands ("/etc/kg/kg.toml:3: retention").
using FileValues = std::map<std::string, std::pair<std::string, std::string>>;

// The file to be read: `named` (by --config or KG_CONFIG), else $XDG_CONFIG_HOME/kg/kg.toml (by
// default ~/.config/kg/kg.toml), else /etc/kg/kg.toml; empty when there is none.
std::string FindSettingsFile(const std::string& named);

// NotFound: no such file. InvalidArgument names file, line and key of what is wrong: no TOML, a key
// that is no setting (with the nearest that is), a value of the wrong type.
absl::StatusOr<FileValues> ReadSettingsFile(const std::string& path);
// The same of a file's text; `path` is for the errors.
absl::StatusOr<FileValues> ParseSettings(const std::string& text, const std::string& path);

}  // namespace kg::kgctl
