#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/mutation.h"

namespace kg {

// The object that a failure's message itself blames: `secret "db" not found`, `exceeded quota:
// compute`, `storageclass.storage.k8s.io "fast" not found`. nullopt when it names none.
std::optional<ObjectRef> BlamedObject(absl::string_view message, absl::string_view ns);

}  // namespace kg
