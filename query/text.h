#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "engine/rules.h"
#include "query/answers.h"

// Times and sentences for people.

namespace kg::query {

// "2026-03-02T10:00:00Z", with microseconds only where there are any; "-" for no time.
std::string TimeText(Timestamp t);
// "Pod shop/cart-1".
std::string ShortName(const ResourceAnswer& resource);
// "Pod shop/cart-1 RUNS_ON Node n1 (a pod runs on a node), since 2026-…".
std::string Sentence(const RuleBook& rules, const PathStep& step);
// With a small first letter, unless the word is written in capitals; without the full stop at the
// end.
std::string Inner(absl::string_view sentence);

}  // namespace kg::query
