#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ingest/http_client.h"
#include "server/http.h"
#include "storage/types.h"
#include "tools/kgctl/command.h"
#include "tools/kgctl/settings.h"

namespace kg::kgctl {

// Where the data is: a directory or a node, by the settings.
struct Place {
  Settings settings;
  // Valid after Settle: exactly one is not empty.
  std::string data_dir;
  std::string server;

  // `uses`: see Settings::Define.
  void Define(unsigned uses, FlagSet* flags) { settings.Define(uses, flags); }
  // InvalidArgument when both flags are given, or a setting is wrong. Of flags, environment and
  // file the first that names either decides.
  absl::Status Settle();
};

// Answers questions, from a directory or from a node; the same answers either way.
class Source {
 public:
  virtual ~Source() = default;

  // Unavailable: no node there, or another process owns the directory; NotFound: no such directory.
  static absl::StatusOr<std::unique_ptr<Source>> Open(const Place& place);

  // See server/ask.h for the questions.
  virtual absl::StatusOr<boost::json::value> Ask(absl::string_view question,
                                                 const server::Params& params) = 0;
  // What a question that names no time is about: "data clock" or "now".
  virtual std::string ClockName() const = 0;
};

// The JSON that a node answered, or the status that its answer stands for, with the problem's
// detail as its message.
absl::StatusOr<boost::json::value> ReplyOf(const absl::StatusOr<ingest::HttpReply>& reply,
                                           const std::string& base_url);

// "http://host:port" of what was given for --server.
std::string BaseUrl(const std::string& server);

}  // namespace kg::kgctl
