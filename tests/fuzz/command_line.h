#pragma once

#include "absl/strings/string_view.h"
#include "tests/fuzz/seeds.h"

// What a person writes into files and flags, and how it is shown.

namespace kg::fuzz {

void SettingsFile(absl::string_view input);
void SizesAndPages(absl::string_view input);
void RuleTables(absl::string_view input);  // the first byte picks the table

Seeds SettingsFileSeeds();
Seeds SizeSeeds();
Seeds RuleTableSeeds();

}  // namespace kg::fuzz
