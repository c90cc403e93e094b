#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/database.h"
#include "ingest/decoder.h"
#include "server/ingest_run.h"
#include "tools/kgctl/command.h"

namespace kg::kgctl {

// How a person answers when --complete would delete much.
enum class Consent { kAsk, kGiven };

struct LoadRequest {
  std::vector<std::string> paths;
  ingest::DecodeOptions decode;  // rules, key and clock are filled in
  bool strict = false;
  Consent consent = Consent::kAsk;
};

// Loads files and folders into an open database. Progress goes to env->err when that is a terminal.
absl::StatusOr<server::IngestReport> Load(Database* database, LoadRequest request,
                                          Environment* env);

// The summary of a load, as text.
void PrintReport(const boost::json::value& report, double seconds, std::ostream& out);

}  // namespace kg::kgctl
