#pragma once

#include "absl/strings/string_view.h"
#include "tests/fuzz/seeds.h"

// What clients say: on a command line, in an address, on a connection.

namespace kg::fuzz {

void Parameters(absl::string_view input);  // the first byte picks the kind of text
void Questions(absl::string_view input);   // the target of a GET, over a small database
void Requests(absl::string_view input);    // bytes on a connection to a node

Seeds ParameterSeeds();
Seeds QuestionSeeds();
Seeds RequestSeeds();

}  // namespace kg::fuzz
