#include "tests/fuzz/command_line.h"

#include <array>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "engine/rules/internal/change_rules.h"
#include "engine/rules/internal/class_table.h"
#include "engine/rules/internal/classifier.h"
#include "engine/rules/internal/edge_table.h"
#include "engine/rules/internal/kind_table.h"
#include "engine/rules/internal/log_rules.h"
#include "engine/rules/internal/prior_table.h"
#include "tests/fuzz/expect.h"
#include "tools/kgctl/settings.h"
#include "tools/kgctl/settings_file.h"
#include "tools/kgctl/table.h"

namespace kg::fuzz {
namespace {

constexpr std::array<const char*, 11> kTables = {
    "classes", "groups",      "group_kinds", "edges",       "edge_paths", "classify",
    "changes", "log_classes", "log_signals", "log_reasons", "priors"};

const std::string& BuiltIn(size_t table) {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> all;
    for (const char* name : kTables)
      all.push_back(SourceFile(absl::StrCat("engine/rules/", name, ".tsv")));
    return all;
  }();
  return texts[table];
}

// Without the comments before the header.
std::string Bare(const std::string& table) {
  size_t at = 0;
  while (at < table.size() && (table[at] == '#' || table[at] == '\n'))
    at = table.find('\n', at) + 1;
  return table.substr(at);
}

// No rows.
std::string HeaderOf(const std::string& table) {
  const std::string bare = Bare(table);
  return bare.substr(0, bare.find('\n') + 1);
}

const rules::ClassTable& Classes() {
  static const rules::ClassTable classes = *rules::ClassTable::Load(BuiltIn(0), BuiltIn(1));
  return classes;
}

const rules::KindTable& Kinds() {
  static const std::unique_ptr<rules::KindTable> kinds = *rules::KindTable::Load(BuiltIn(2));
  return *kinds;
}

void CheckClasses(absl::string_view classes, absl::string_view groups) {
  const auto table = rules::ClassTable::Load(classes, groups);
  if (!table.ok()) return;
  for (const ClassInfo& info : table->classes()) {
    Expect(table->Has(info.id) && table->ByName(info.name) == info.id, "a class has its name");
    Expect(&table->Class(info.id) == &table->classes()[table->IndexOf(info.id)], "and its place");
  }
}

void CheckEdges(absl::string_view edges, absl::string_view paths) {
  const auto table = rules::EdgeTable::Load(edges, paths, Classes(), Kinds());
  if (!table.ok()) return;
  for (const EdgeTypeInfo& info : (*table)->types())
    Expect((*table)->Type(info.id).name == info.name, "an edge type has its name");
}

void CheckLogs(absl::string_view classes, absl::string_view signals, absl::string_view reasons) {
  const auto rules = rules::LogRules::Load(classes, signals, reasons, Classes());
  if (!rules.ok()) return;
  (*rules)->IsHighSignal("ERROR", "connection refused to 10.1.2.3:5432");
  (*rules)->Classify("", "panic: runtime error: index out of range [3] with length 3");
}

void CheckPriors(absl::string_view text) {
  const auto priors = rules::PriorTable::Load(text, Classes());
  if (!priors.ok()) return;
  const ClassId some = Classes().classes().front().id;
  const PairPrior prior = (*priors)->Prior(some, some, PathKind::kSelf);
  Expect(prior.lag_min <= prior.lag_max, "a lag is a range");
}

}  // namespace

void SettingsFile(absl::string_view input) {
  const auto values = kgctl::ParseSettings(std::string(input), "kg.toml");
  if (!values.ok()) {
    Expect(values.status().code() == absl::StatusCode::kInvalidArgument, "what is wrong is named");
    return;
  }
  for (const auto& [key, value] : *values)
    Expect(!key.empty() && !value.second.empty(), "a value says where it stands");
}

Seeds SettingsFileSeeds() {
  return {
      "data_dir = \"/var/lib/kg\"\nretention = \"7d\"\nmax_bytes = 1073741824\nworkers = 4\n",
      "allow_hosts = [\"kg\", \"node.example\"]\ncache_bytes = \"64MiB\"\n",
      "[rocksdb]\nmax_open_files = 100\nallow_mmap_reads = true\nx = 1.5\n",
      "[(",
      "k\u00e4 = 1",
      "# nothing\nlisten = '127.0.0.1:0'\nserver = \"\"\"http://a\"\"\"\n",
  };
}

void SizesAndPages(absl::string_view input) {
  const std::string text(input);
  (void)kgctl::ParseBytes(text);
  const std::string shown = kgctl::Printable(text);
  for (const char c : shown)
    Expect(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "nothing controls the terminal");
  Expect(kgctl::Printable(shown) == shown, "what is printable stays as it is");
  const size_t columns = 1 + (input.empty() ? 0 : static_cast<uint8_t>(input[0]) % 40);
  Expect(kgctl::Columns(kgctl::Fit({}, shown, columns)) <= columns, "a cell fits");
  for (const std::string& line : kgctl::Wrap(shown, columns))
    Expect(kgctl::Columns(line) <= columns, "a line fits");
  kgctl::Table table({"A", "B"});
  table.Add({shown, text});
  std::ostringstream out;
  table.Print({}, out, 2);
}

Seeds SizeSeeds() {
  return {"512MiB",
          "64 MB",
          "1048576",
          "18446744073709551615",
          "1.5GiB",
          "Deployment shop/checkout: Changed spec.template.spec.containers[app].image: a -> b",
          "\x1b[31mred\x1b[0m \xf0\x9f\x8d\x8e \xc3\xa4\xff"};
}

void RuleTables(absl::string_view input) {
  if (input.empty()) return;
  const absl::string_view text = input.substr(1);
  switch (static_cast<uint8_t>(input[0]) % kTables.size()) {
    case 0:
      return CheckClasses(text, HeaderOf(BuiltIn(1)));
    case 1:
      return CheckClasses(BuiltIn(0), text);
    case 2:
      (void)rules::KindTable::Load(text);
      return;
    case 3:
      return CheckEdges(text, BuiltIn(4));
    case 4:
      return CheckEdges(BuiltIn(3), text);
    case 5:
      (void)rules::Classifier::Load(text, Classes());
      return;
    case 6:
      (void)rules::ChangeRules::Load(text, Classes());
      return;
    case 7:
      return CheckLogs(text, BuiltIn(8), BuiltIn(9));
    case 8:
      return CheckLogs(BuiltIn(7), text, BuiltIn(9));
    case 9:
      return CheckLogs(BuiltIn(7), BuiltIn(8), text);
    default:
      return CheckPriors(text);
  }
}

Seeds RuleTableSeeds() {
  Seeds seeds;
  for (size_t i = 0; i < kTables.size(); ++i) {
    std::string text = Bare(BuiltIn(i)).substr(0, kSeedBytes / 2);
    text.resize(text.rfind('\n') + 1);
    seeds.push_back(static_cast<char>(i) + text);
  }
  return seeds;
}

}  // namespace kg::fuzz
