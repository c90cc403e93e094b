#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/mutation.h"

// Hosts that settings and failure texts name, and the Services they mean. Heuristic: the edges that
// come of it carry kEdgeHeuristic.

namespace kg {

// The Service of this cluster that `host` names ("db", "db.shop", "db.shop.svc.cluster.local"); a
// bare name resolves in `ns`. nullopt for IPs, localhost, and what looks like a public name.
std::optional<ObjectRef> ServiceOfHost(absl::string_view host, absl::string_view ns);

// Hosts in the value of a setting: URLs, host:port, in-cluster names; a lone word only where the
// setting's name says that it is a host.
std::vector<std::string> HostsInSetting(absl::string_view name, absl::string_view value);

// Hosts that a failure's text names: URLs, host:port, "lookup HOST", "host HOST", in-cluster names.
std::vector<std::string> HostsInText(absl::string_view text);

}  // namespace kg
