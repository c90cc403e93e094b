#pragma once

#include <string>

namespace kg::kgctl {

// "kgctl 0.1.0"
std::string VersionText();

}  // namespace kg::kgctl
