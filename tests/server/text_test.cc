#include <catch2/catch.hpp>

#include "server/http.h"
#include "server/json_text.h"
#include "server/suggest.h"
#include "server/times.h"

namespace kg::server {
namespace {

namespace json = boost::json;

std::string Compact(const json::value& value) {
  return ToJsonText(value, JsonLayout::kCompact);
}

TEST_CASE("numbers are written without exponents and with at most six decimals") {
  CHECK(Compact(0.83) == "0.83");
  CHECK(Compact(1.0) == "1");
  CHECK(Compact(-0.0) == "0");
  CHECK(Compact(1e21) == "1000000000000000000000");
  CHECK(Compact(1.0 / 3) == "0.333333");
  CHECK(Compact(1e-9) == "0");
  CHECK(Compact(std::numeric_limits<double>::quiet_NaN()) == "null");
  CHECK(Compact(std::numeric_limits<uint64_t>::max()) == "18446744073709551615");
}

TEST_CASE("strings are valid UTF-8 whatever went in") {
  CHECK(Compact(json::value("a\"b\\c\n\x01\x7f")) == R"("a\"b\\c\n\u0001\u007f")");
  CHECK(Compact(json::value("caf\xC3\xA9")) == "\"caf\xC3\xA9\"");
  CHECK(Compact(json::value("x\xC3")) == "\"x\xEF\xBF\xBD\"");
  CHECK(Compact(json::value("\xED\xA0\x80")) == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(ValidUtf8("\xF4\x90\x80\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("members keep their order; pretty text is indented by two") {
  const json::value value =
      json::object{{"b", 1}, {"a", json::array{1, "x"}}, {"c", json::array{}}};
  CHECK(Compact(value) == R"({"b":1,"a":[1,"x"],"c":[]})");
  CHECK(ToJsonText(value, JsonLayout::kPretty) ==
        "{\n  \"b\": 1,\n  \"a\": [\n    1,\n    \"x\"\n  ],\n  \"c\": []\n}\n");
}

TEST_CASE("YAML quotes what a reader could take for something else") {
  const json::value value =
      json::object{{"plain", "web-0"},
                   {"number", "12"},
                   {"yes", "Yes"},
                   {"time", "2026-03-02"},
                   {"colon", "a: b"},
                   {"none", nullptr},
                   {"empty", ""},
                   {"list", json::array{json::object{{"a", 1}, {"b", "x"}}, "y"}},
                   {"nested", json::object{{"k", json::array{}}}}};
  CHECK(ToYamlText(value) ==
        "plain: web-0\n"
        "number: \"12\"\n"
        "\"yes\": \"Yes\"\n"
        "time: \"2026-03-02\"\n"
        "colon: \"a: b\"\n"
        "none: null\n"
        "empty: \"\"\n"
        "list:\n"
        "- a: 1\n"
        "  b: x\n"
        "- \"y\"\n"
        "nested:\n"
        "  k: []\n");
}

TEST_CASE("times are printed in UTC, with microseconds only where there are any") {
  CHECK(FormatTime(FromMicros(1'772'447'400'000'000)) == "2026-03-02T10:30:00Z");
  CHECK(FormatTime(FromMicros(1'772'447'400'000'007)) == "2026-03-02T10:30:00.000007Z");
  CHECK(FormatTime(FromMicros(-1)) == "1969-12-31T23:59:59.999999Z");
  CHECK(FormatTime(kForever).empty());
  CHECK(FormatTime(kBeginning).empty());
  CHECK(FormatDuration(std::chrono::seconds(3725)) == "1h2m");
  CHECK(FormatDuration(std::chrono::hours(48)) == "2d");
  CHECK(FormatDuration(Duration(0)) == "0s");
}

TEST_CASE("every spelling of a moment") {
  const Timestamp base = FromMicros(1'772'447'400'000'000);
  const auto parsed = [&](const char* text) {
    const auto moment = ParseMoment(text, base);
    return moment.ok() ? FormatTime(*moment) : std::string(moment.status().message());
  };
  CHECK(parsed("2026-03-02T10:42:00Z") == "2026-03-02T10:42:00Z");
  CHECK(parsed("2026-03-02T10:42Z") == "2026-03-02T10:42:00Z");
  CHECK(parsed("2026-03-02 10:42:07.25") == "2026-03-02T10:42:07.250000Z");
  CHECK(parsed("2026-03-02T12:42:00+02:00") == "2026-03-02T10:42:00Z");
  CHECK(parsed("2026-03-02") == "2026-03-02T00:00:00Z");
  CHECK(parsed("10:42") == "2026-03-02T10:42:00Z");
  CHECK(parsed("10:42:13") == "2026-03-02T10:42:13Z");
  CHECK(parsed("-15m") == "2026-03-02T10:15:00Z");
  CHECK(parsed("-1h30m") == "2026-03-02T09:00:00Z");
  CHECK(parsed("now") == "2026-03-02T10:30:00Z");
  for (const char* wrong : {"", "yesterday", "25:00", "2026-02-30", "2026-03-02T10:42:00X", "-5",
                            "10:42pm", "-99999999999999999999d", "2026-03-02T10:42:00+99:00"}) {
    INFO(wrong);
    CHECK_FALSE(ParseMoment(wrong, base).ok());
  }
}

TEST_CASE("durations add up, and what is none is refused") {
  CHECK(*ParseDuration("1h30m") == std::chrono::minutes(90));
  CHECK(*ParseDuration("2d") == std::chrono::hours(48));
  CHECK(*ParseDuration("250ms") == std::chrono::milliseconds(250));
  for (const char* wrong : {"", "5", "m", "-5m", "5 m", "5y", "999999999999999999w"}) {
    INFO(wrong);
    CHECK_FALSE(ParseDuration(wrong).ok());
  }
}

TEST_CASE("the nearest name is suggested, and only a near one") {
  const std::vector<std::string> known = {"--namespace", "--since", "--server", "--at"};
  CHECK(DidYouMean("--sinec", known) == "; did you mean '--since'?");
  CHECK(DidYouMean("--name", known) == "; did you mean '--namespace'?");
  CHECK(DidYouMean("--colour-of-magic", known).empty());
}

TEST_CASE("a target is taken apart, and put together again") {
  HttpRequest request;
  REQUIRE(ParseTarget("/api/v1/rca?object=pod%2Fa+b&x&at=10%3A42", &request).ok());
  CHECK(request.path == "/api/v1/rca");
  CHECK(request.query.at("object") == "pod/a b");
  CHECK(request.query.at("x").empty());
  CHECK(EncodeQuery(request.query) == "at=10%3A42&object=pod%2Fa%20b&x=");
  CHECK_FALSE(ParseTarget("/a%2", &request).ok());
  CHECK_FALSE(ParseTarget("/a%00", &request).ok());
  CHECK_FALSE(ParseTarget(absl::string_view("/a?b\0", 5), &request).ok());
  CHECK_FALSE(ParseTarget("/a?b=%zz", &request).ok());
}

}  // namespace
}  // namespace kg::server
