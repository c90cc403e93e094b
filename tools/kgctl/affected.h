#pragma once

#include <boost/json.hpp>
#include <ostream>

#include "tools/kgctl/table.h"

namespace kg::kgctl {

// Who suffers and who may: a count, then a row for each. Only the first rows unless wide. `total`:
// how many there are, where the answer holds a part of them.
void PrintAffected(const boost::json::array& affected, size_t total, const PageStyle& style,
                   std::ostream& out);

}  // namespace kg::kgctl
