#pragma once

#include <boost/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/kgctl/command.h"
#include "tools/kgctl/load_target.h"

namespace kg::kgctl {

// How a person answers when --complete would delete much.
enum class Consent { kAsk, kGiven };

struct LoadRequest {
  std::vector<std::string> paths;
  server::LoadOptions options;  // `files` is filled in
  Consent consent = Consent::kAsk;
};

// "/tmp/pods.json" of "pods.json": what letters and retries name must be found from anywhere. "-"
// stays.
std::string AbsolutePath(const std::string& path);

// Loads files and folders; the report's JSON. Progress goes to env->err when that is a terminal.
// FailedPrecondition: --complete would delete much and nobody consents; the rest was loaded.
absl::StatusOr<boost::json::value> Load(LoadTarget* target, LoadRequest request, Environment* env);

// The summary of a load, as text.
void PrintReport(const boost::json::value& report, double seconds, std::ostream& out);

}  // namespace kg::kgctl
