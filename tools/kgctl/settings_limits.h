#pragma once

#include <vector>

#include "tools/kgctl/settings.h"

namespace kg::kgctl {

// The part of AllSettings() that bounds things, in the order of the help.
std::vector<SettingInfo> LimitSettings();
// Fills in what these settings say of a database.
void SetDatabaseLimits(const Settings& settings, DatabaseOptions* options);

}  // namespace kg::kgctl
