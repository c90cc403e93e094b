#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class NeighboursCommand : public QuestionCommand {
 public:
  std::string name() const override { return "neighbours"; }
  std::string about() const override { return "What an object is connected to, and how"; }
  std::string examples() const override {
    return "  kgctl neighbours deploy/cart -n shop\n"
           "  kgctl neighbours node/n3 --hops 2 --types RUNS_ON,SELECTS\n"
           "  kgctl neighbours svc/cart -n shop --at 10:42 -o name";
  }

 protected:
  bool TakesWindow() const override { return false; }
  std::string ObjectHelp() const override { return "KIND/NAME"; }
  bool HasPages() const override { return true; }
  std::vector<TextFlag> TextFlags() const override {
    return {{"--hops", "N", "hops", "How far to walk (default 1)"},
            {"--types", "TYPES", "types", "Only these types of edges: RUNS_ON,SELECTS"},
            {"--direction", "WHICH", "direction", "out, in or both (default both)"}};
  }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "as_of", page) << ", neighbours of "
             << Printable(ResourceText(Get(answer, "of"))) << "\n";
    Table table({"HOPS", "EDGE", "OBJECT", "THERE", "FROM", "SINCE"});
    for (const json::value& row : List(answer, "neighbours")) {
      const json::value& via = Get(row, "via");
      const std::string type = Str(via, "type");
      const std::string edge = Bool(via, "against_arrow") ? absl::StrCat("<-", type, "-")
                                                          : absl::StrCat("-", type, "->");
      // Of a direct neighbour, the other end is what was asked about.
      const std::string from = Int(row, "distance") > 1 ? ResourceText(Get(via, "from")) : "";
      table.Add({absl::StrCat(Int(row, "distance")), edge, ResourceText(Get(row, "resource")),
                 Bool(row, "resource.exists") ? "yes" : "NO", from, TimeText(via, "valid_from")});
    }
    if (table.empty()) {
      page.out << "none\n";
    } else {
      table.Print(page.style, page.out);
    }
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    std::vector<std::string> names;
    for (const json::value& row : List(answer, "neighbours")) {
      names.push_back(ResourceRef(Get(row, "resource")));
    }
    return names;
  }
};

}  // namespace

CommandPtr MakeNeighbours() {
  return std::make_unique<NeighboursCommand>();
}

}  // namespace kg::kgctl
