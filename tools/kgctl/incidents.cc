#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class Incidents : public QuestionCommand {
 public:
  std::string name() const override { return "incidents"; }
  std::string about() const override {
    return "What goes wrong together: open ones first, worst first";
  }
  std::string examples() const override {
    return "  kgctl incidents\n"
           "  kgctl incidents -n shop --status open --severity error\n"
           "  kgctl incidents --at 10:42 --since 6h -o wide";
  }

 protected:
  std::string WindowHelp() const override {
    return "How far back from there: 15m, 2h (default: all that is kept)";
  }
  bool HasPages() const override { return true; }
  std::vector<TextFlag> TextFlags() const override {
    return {{"--status", "STATUS", "status", "open or resolved (default both)"},
            {"--severity", "LEVEL", "severity", "At least info, warning, error or fatal"}};
  }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "as_of", page) << "\n";
    Table table(
        page.style.wide
            ? std::vector<std::string>{"ID", "STATUS", "SEVERITY", "OPENED", "LAST", "RESOLVED",
                                       "MEMBERS", "ROOT CAUSE", "TITLE"}
            : std::vector<std::string>{"ID", "STATUS", "SEVERITY", "OPENED", "MEMBERS", "TITLE"});
    for (const json::value& i : List(answer, "incidents")) {
      const std::string members = absl::StrCat(Int(i, "members.total"));
      if (page.style.wide) {
        const json::array& causes = List(i, "root_causes");
        const std::string cause =
            causes.empty() ? "-" : ResourceText(Get(causes.front(), "resource"));
        table.Add({Str(i, "id"), Str(i, "status"), Str(i, "severity"), TimeText(i, "opened"),
                   TimeText(i, "last_activity"), TimeText(i, "resolved"), members, cause,
                   Str(i, "title")});
      } else {
        table.Add({Str(i, "id"), Str(i, "status"), Str(i, "severity"),
                   TimeText(i, "opened").substr(5), members, Str(i, "title")});
      }
    }
    if (table.empty()) {
      page.out << "no incidents\n";
    } else {
      table.Print(page.style, page.out);
    }
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    std::vector<std::string> names;
    for (const json::value& i : List(answer, "incidents"))
      names.push_back("incident/" + Str(i, "id"));
    return names;
  }
};

}  // namespace

CommandPtr MakeIncidents() {
  return std::make_unique<Incidents>();
}

}  // namespace kg::kgctl
