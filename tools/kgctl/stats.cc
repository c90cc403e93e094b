#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

constexpr size_t kClassesShown = 15;

class Stats : public QuestionCommand {
 public:
  std::string name() const override { return "stats"; }
  std::string about() const override {
    return "How much of what is stored, and where it came from";
  }
  std::string examples() const override {
    return "  kgctl stats\n"
           "  kgctl stats --cluster prod-eu -o json\n"
           "  kgctl stats -o wide        # every class, bucket and position";
  }

 protected:
  bool TakesWindow() const override { return false; }
  bool TakesNamespace() const override { return false; }
  void Print(const json::value& answer, const Page& page) override {
    page.out << "data from " << TimeText(answer, "oldest") << " to " << TimeText(answer, "newest")
             << " UTC, " << Int(answer, "disk_bytes") / 1024 << " KiB on disk in format "
             << Int(answer, "format") << "\n";
    Table counts({"WHAT", "COUNT"});
    const std::pair<const char*, const char*> rows[] = {
        {"objects", "resources"},
        {"objects deleted", "resources_deleted"},
        {"objects only referred to", "stubs"},
        {"edges open", "edges_open"},
        {"episodes", "episodes"},
        {"occurrences", "occurrences"},
        {"causal links", "links"},
        {"incidents open", "incidents.open"},
        {"incidents resolved", "incidents.resolved"},
        {"dead letters", "dead_letters"}};
    for (const auto& [label, path] : rows) counts.Add({label, absl::StrCat(Int(answer, path))});
    counts.Print(page.style, page.out);
    PrintClasses(answer, page);
    if (page.style.wide) PrintStorage(answer, page);
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    std::vector<std::string> names;
    const json::object* classes = Get(answer, "by_class").if_object();
    if (classes == nullptr) return names;
    for (const json::key_value_pair& member : *classes) {
      names.emplace_back(member.key().data(), member.key().size());
    }
    return names;
  }

 private:
  static void PrintClasses(const json::value& answer, const Page& page) {
    const json::object* classes = Get(answer, "by_class").if_object();
    if (classes == nullptr || classes->empty()) return;
    std::vector<std::pair<int64_t, std::string>> rows;
    for (const json::key_value_pair& member : *classes) {
      rows.emplace_back(-Int(member.value(), ""),
                        std::string(member.key().data(), member.key().size()));
    }
    std::sort(rows.begin(), rows.end());
    page.out << "\n";
    Table table({"CLASS", "EPISODES"});
    const size_t shown = page.style.wide ? rows.size() : std::min(rows.size(), kClassesShown);
    for (size_t i = 0; i < shown; ++i) {
      table.Add({rows[i].second, absl::StrCat(-rows[i].first)});
    }
    table.Print(page.style, page.out);
    if (shown < rows.size()) page.out << "and " << rows.size() - shown << " more (-o wide)\n";
  }

  static void PrintStorage(const json::value& answer, const Page& page) {
    page.out << "\n";
    Table buckets({"BUCKET FROM", "TO", "STATE", "BYTES"});
    for (const json::value& b : List(answer, "buckets")) {
      buckets.Add({TimeText(b, "start"), TimeText(b, "end"), Str(b, "state"),
                   absl::StrCat(Int(b, "bytes"))});
    }
    buckets.Print(page.style, page.out);
    if (List(answer, "positions").empty()) return;
    page.out << "\n";
    Table positions({"SOURCE", "PARTITION", "OFFSET"});
    for (const json::value& p : List(answer, "positions")) {
      positions.Add(
          {Str(p, "source"), absl::StrCat(Int(p, "partition")), absl::StrCat(Int(p, "offset"))});
    }
    positions.Print(page.style, page.out);
  }
};

}  // namespace

CommandPtr MakeStats() {
  return std::make_unique<Stats>();
}

}  // namespace kg::kgctl
