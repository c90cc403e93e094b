#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "ingest/http_client.h"
#include "tests/tools/support.h"
#include "tools/kgctl/settings.h"
#include "tools/kgctl/settings_limits.h"

namespace kg::kgctl {
namespace {

// The table of the README: | what | `--flag` | default | beyond it |
std::set<std::string> RowsOfReadme() {
  std::set<std::string> rows;
  const std::string readme = ReadFile(README);
  bool inside = false;
  for (const absl::string_view line : absl::StrSplit(readme, '\n')) {
    if (line.substr(0, 3) == "## ") inside = line == "## Limits";
    if (!inside || line.substr(0, 2) != "| ") continue;
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    if (cells.size() >= 3 && cells[1].substr(0, 3) == "`--")
      rows.insert(absl::StrCat(cells[1], " ", cells[2]));
  }
  return rows;
}

TEST_CASE("the table of limits in the README is the table of settings") {
  const std::set<std::string> rows = RowsOfReadme();
  for (const SettingInfo& info : LimitSettings()) {
    const std::string fallback = *info.fallback == '\0' ? "none" : info.fallback;
    INFO(info.flag << " " << fallback);
    CHECK(rows.count(absl::StrCat("`", info.flag, "` ", fallback)) == 1);
  }
  for (const std::string& row : rows) {
    const std::string flag = row.substr(1, row.find('`', 1) - 1);
    INFO(flag);
    bool known = false;
    for (const SettingInfo& info : AllSettings()) known = known || flag == info.flag;
    CHECK(known);
  }
}

TEST_CASE("what the settings say by default is what the structs say") {
  Settings settings;
  class Nothing : public FlagSet {
   public:
    void Text(const std::string&, const std::string&, std::string*, const std::string&) override {}
    void Texts(const std::string&, const std::string&, std::vector<std::string>*,
               const std::string&) override {}
    void Switch(const std::string&, bool*, const std::string&) override {}
    void Argument(const std::string&, std::string*, const std::string&) override {}
    void Arguments(const std::string&, std::vector<std::string>*, const std::string&) override {}
  } flags;
  TempDir dir;
  WriteFile(dir / "kg.toml", "");
  setenv("KG_CONFIG", (dir / "kg.toml").c_str(), 1);
  settings.Define(kLoad | kServe, &flags);
  REQUIRE(settings.Settle().ok());
  const DatabaseOptions set = DatabaseOptionsFrom(settings);
  const DatabaseOptions plain;
  CHECK(set.limits.batch_mutations == plain.limits.batch_mutations);
  CHECK(set.limits.batch_bytes == plain.limits.batch_bytes);
  CHECK(set.limits.record_bytes == plain.limits.record_bytes);
  CHECK(set.limits.record_items == plain.limits.record_items);
  CHECK(set.limits.name_bytes == plain.limits.name_bytes);
  CHECK(set.limits.message_bytes == plain.limits.message_bytes);
  CHECK(set.limits.scopes == plain.limits.scopes);
  CHECK(set.limits.dead_letters == plain.limits.dead_letters);
  CHECK(set.limits.positions == plain.limits.positions);
  CHECK(set.limits.dirty_slots == plain.limits.dirty_slots);
  CHECK(set.limits.view_age == plain.limits.view_age);
  CHECK(set.max_open_files == plain.max_open_files);
  CHECK(set.max_wal_bytes == plain.max_wal_bytes);
  const query::Budget budget = BudgetFrom(settings);
  CHECK(budget.time == query::Budget().time);
  CHECK(budget.nodes == query::Budget().nodes);
  CHECK(budget.edges == query::Budget().edges);
  CHECK(budget.bytes == query::Budget().bytes);
  CHECK(budget.results == query::Budget().results);
  const ingest::Limits input = InputLimitsFrom(settings);
  CHECK(input.document_bytes == ingest::Limits().document_bytes);
  CHECK(input.depth == ingest::Limits().depth);
  CHECK(input.labels_per_object == ingest::Limits().labels_per_object);
  CHECK(input.fields_per_object == ingest::Limits().fields_per_object);
  CHECK(input.string_bytes == ingest::Limits().string_bytes);
  CHECK(input.line_bytes == ingest::Limits().line_bytes);
}

TEST_CASE("a node shows every limit in its metrics") {
  TempDir dir;
  const RunningNode node(dir, {"--max-scopes", "17"});
  ingest::HttpCall call;
  call.url = absl::StrCat(node.url(), "/metrics");
  const auto reply = ingest::Fetch(call);
  REQUIRE(reply.ok());
  for (const SettingInfo& info : LimitSettings()) {
    INFO(info.key);
    CHECK(absl::StrContains(reply->body, absl::StrCat("kg_limit{limit=\"", info.key, "\"} ")));
  }
  for (const char* key : {"max_bytes", "max_connections", "max_body_bytes", "max_ingests"}) {
    INFO(key);
    CHECK(absl::StrContains(reply->body, absl::StrCat("kg_limit{limit=\"", key, "\"} ")));
  }
  CHECK(absl::StrContains(reply->body, "kg_limit{limit=\"max_scopes\"} 17\n"));
}

TEST_CASE("a limit of input is set by its flag and what exceeds it is told") {
  TempDir dir;
  WriteFile(dir / "pod.json", Pod("cart-1", "p-1", "cart:1", "{}"));
  const Ran refused = Run(dir, "load " + (dir / "pod.json") + " --max-document-bytes 64");
  INFO(refused.out << refused.err);
  CHECK(refused.code == 1);
  CHECK(absl::StrContains(refused.out + refused.err, "larger than 64 bytes"));
  CHECK(Run(dir, "load " + (dir / "pod.json")).code == 0);
}

}  // namespace
}  // namespace kg::kgctl
