#include <catch2/catch.hpp>
#include <sstream>

#include "absl/strings/str_split.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

TEST_CASE("a terminal gets no control characters from data") {
  CHECK(Printable("a\nb\tc\x1b[31m") == "a b c [31m");
  CHECK(Printable("x\xC2\x9Bz") == "x z");
  CHECK(Printable("bad\xFF") == "bad\xEF\xBF\xBD");
  CHECK(Columns("caf\xC3\xA9") == 4);
}

TEST_CASE("a table fits the page, and the widest column gives way") {
  Table table({"A", "B"});
  table.Add({"short", std::string(300, 'x')});
  std::ostringstream out;
  table.Print(PageStyle(), out, 3);
  for (const absl::string_view line : absl::StrSplit(out.str(), '\n')) CHECK(line.size() <= 100);
  CHECK(out.str().find("xxx~") != std::string::npos);
  PageStyle wide;
  wide.wide = true;
  wide.headers = false;
  std::ostringstream all;
  table.Print(wide, all);
  CHECK(all.str() == "short  " + std::string(300, 'x') + "\n");
}

TEST_CASE("texts wrap at words, and long words at the edge") {
  CHECK(Wrap("aa bb cc", 5) == std::vector<std::string>{"aa bb", "cc"});
  CHECK(Wrap("abcdefgh", 3) == std::vector<std::string>{"abc", "def", "gh"});
  CHECK(Wrap("", 3).empty());
}

TEST_CASE("answers are read without trusting their shape") {
  const boost::json::value value = {{"a", {{"b", "x"}, {"n", 2}, {"d", 0.5}}}, {"l", {1, 2}}};
  CHECK(Str(value, "a.b") == "x");
  CHECK(Str(value, "a.n").empty());
  CHECK(Int(value, "a.n") == 2);
  CHECK(Num(value, "a.d") == 0.5);
  CHECK(List(value, "l").size() == 2);
  CHECK(List(value, "a").empty());
  CHECK(IsNull(value, "a.b.c.d"));
  CHECK(ResourceRef({{"kind", "Deployment"}, {"api_version", "apps/v1"}, {"name", "x"}}) ==
        "deployment.apps/x");
  CHECK(ResourceText({{"kind", "Pod"}, {"namespace", "shop"}, {"name", "x"}}) == "Pod shop/x");
  CHECK(TimeText({{"t", "2026-03-02T10:42:00.5Z"}}, "t") == "2026-03-02 10:42:00");
  CHECK(TimeText({{"t", nullptr}}, "t") == "-");
}

}  // namespace
}  // namespace kg::kgctl
