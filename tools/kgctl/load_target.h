#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/database.h"
#include "ingest/decoder.h"
#include "server/http.h"
#include "server/load_run.h"

namespace kg::kgctl {

// Where a load goes. The steps are those of server::LoadRun; `records` is what was understood so
// far.
class LoadTarget {
 public:
  virtual ~LoadTarget() = default;
  // Which of `contents` need not be read; empty `contents`: nothing is known of them.
  virtual absl::StatusOr<std::vector<bool>> Open(server::LoadOptions options,
                                                 const std::vector<std::string>& contents) = 0;
  virtual absl::Status Begin(const ingest::StreamOptions& stream, const std::string& content) = 0;
  virtual absl::Status Feed(absl::string_view bytes) = 0;
  virtual absl::Status End() = 0;
  virtual absl::StatusOr<server::Absent> FinishReading() = 0;
  virtual absl::StatusOr<boost::json::value> Conclude(server::LoadRun::Consent consent) = 0;
  virtual uint64_t records() const = 0;
};

// `database` must outlive the target.
std::unique_ptr<LoadTarget> MakeDirectoryTarget(Database* database);
// A node at "http://host:port".
std::unique_ptr<LoadTarget> MakeNodeTarget(std::string base_url);

}  // namespace kg::kgctl
