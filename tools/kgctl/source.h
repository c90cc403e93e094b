#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/http.h"
#include "storage/types.h"
#include "tools/kgctl/command.h"

namespace kg::kgctl {

// Where the data is: flags before KG_DATA_DIR and KG_SERVER in the environment.
struct Place {
  std::string data_dir;
  std::string server;

  void Define(FlagSet* flags);
  // InvalidArgument when both flags are given; fills what was not given from the environment.
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

// The status that an HTTP reply stands for, with the problem's detail as its message.
absl::Status StatusOfReply(int http_status, const std::string& body);

// "http://host:port" of what was given for --server.
std::string BaseUrl(const std::string& server);

}  // namespace kg::kgctl
