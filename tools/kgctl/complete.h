#pragma once

#include <string>
#include <vector>

#include "tools/kgctl/command.h"

namespace kg::kgctl {

// What may stand in place of the last of `words` (those behind "kgctl", the last one perhaps
// empty), one per line. What ends in '/' goes on. ":files" and ":dirs" leave it to the shell.
// Prints nothing when nothing is known, also when there is no data: a completion is no place for
// errors.
void Complete(std::vector<std::string> words, Environment* env);

}  // namespace kg::kgctl
