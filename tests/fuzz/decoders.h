#pragma once

#include "absl/strings/string_view.h"
#include "tests/fuzz/seeds.h"

// The wire formats. All but Redactor and Times feed a whole input set, in pieces of odd sizes.

namespace kg::fuzz {

void Content(absl::string_view input);  // recognised by what it holds
void Alerts(absl::string_view input);   // as delivered to a node just now
void Yaml(absl::string_view input);
void Logs(absl::string_view input);
void TopicResource(absl::string_view input);
void TopicTopology(absl::string_view input);
void TopicEvents(absl::string_view input);
void TopicLogs(absl::string_view input);
void TopicTargets(absl::string_view input);
void TopicRules(absl::string_view input);
void TopicCommands(absl::string_view input);
void RedactorText(absl::string_view input);
void WireTimes(absl::string_view input);

Seeds ObjectSeeds();  // of kubectl and of watches
Seeds AlertSeeds();
Seeds YamlSeeds();
Seeds LogSeeds();
Seeds CompressedSeeds();
Seeds ResourceSeeds();
Seeds TopologySeeds();
Seeds EventSeeds();
Seeds LogRecordSeeds();
Seeds TargetSeeds();
Seeds RuleSeeds();
Seeds CommandSeeds();
Seeds SecretSeeds();
Seeds WireTimeSeeds();

}  // namespace kg::fuzz
