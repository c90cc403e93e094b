#include "tests/faults/readiness.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "server/api.h"
#include "server/ask.h"
#include "server/metrics.h"

namespace kg::faults {

Readiness AskReady(Database* db) {
  server::Metrics metrics;
  server::Api api(db, &metrics, server::ApiOptions());
  server::HttpRequest request;
  request.method = "GET";
  request.path = "/readyz";
  const server::HttpResponse response = api.Handle(request);
  return {response.status, response.body};
}

std::string AskDoctor(const Database& db) {
  auto answer = server::Ask(db, "doctor", {}, {});
  INFO(answer.status().ToString());
  REQUIRE(answer.ok());
  for (const auto& check : answer->at("checks").as_array()) {
    if (check.at("check").as_string() != "health") continue;
    return absl::StrCat(check.at("status").as_string().c_str(), ": ",
                        check.at("text").as_string().c_str());
  }
  return "";
}

}  // namespace kg::faults
