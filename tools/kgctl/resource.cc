#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

constexpr size_t kFieldsShown = 12;
constexpr size_t kRevisionsShown = 5;

std::string Change(const json::value& delta) {
  const std::string before = IsNull(delta, "before") ? "(none)" : Str(delta, "before");
  const std::string after = IsNull(delta, "after") ? "(none)" : Str(delta, "after");
  return absl::StrCat(Str(delta, "path"), ": ", before, " -> ", after);
}

class ResourceCommand : public QuestionCommand {
 public:
  std::string name() const override { return "resource"; }
  std::string about() const override {
    return "One object: state, lives, revisions, edges, what holds";
  }
  std::string examples() const override {
    return "  kgctl resource pod/cart-7d9c -n shop\n"
           "  kgctl resource deploy/cart -n shop --since 24h -o wide   # every revision\n"
           "  kgctl resource cm/settings -n shop --at 10:42 -o yaml";
  }

 protected:
  std::string WindowHelp() const override {
    return "How far back from there: 15m, 2h (default: all that is kept)";
  }
  std::string ObjectHelp() const override { return "KIND/NAME"; }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "as_of", page) << "\n"
             << Bold(page.style, Printable(ResourceText(Get(answer, "resource"))))
             << (Bool(answer, "resource.exists") ? "" : "  (not there)") << "\n";
    PrintLives(answer, page);
    PrintOpen(answer, page);
    PrintEdges(answer, page);
    PrintRevisions(answer, page);
    PrintFields(answer, page);
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    return {ResourceRef(Get(answer, "resource"))};
  }

 private:
  static void PrintLives(const json::value& answer, const Page& page) {
    for (const json::value& life : List(answer, "lives")) {
      const std::string uid = Str(life, "uid");
      page.out << "  " << (Bool(life, "sighted") ? "seen since " : "created ")
               << TimeText(life, "from")
               << (IsNull(life, "to") ? "" : ", gone " + TimeText(life, "to"))
               << (uid.empty() ? "" : "  uid " + Printable(uid)) << "\n";
    }
  }
  static void PrintOpen(const json::value& answer, const Page& page) {
    if (List(answer, "open_episodes").empty()) return;
    page.out << "\n" << Bold(page.style, "holds now") << "\n";
    Table table({"SINCE", "SEVERITY", "CLASS", "MESSAGE"});
    for (const json::value& e : List(answer, "open_episodes")) {
      table.Add({TimeText(e, "time"), Str(e, "severity"), Str(e, "class"), Str(e, "message")});
    }
    table.Print(page.style, page.out, 2);
  }
  static void PrintEdges(const json::value& answer, const Page& page) {
    if (List(answer, "edges").empty()) return;
    page.out << "\n" << Bold(page.style, "connected to") << "\n";
    Table table({"EDGE", "OBJECT", "THERE", "SINCE"});
    for (const json::value& group : List(answer, "edges")) {
      const std::string type = Str(group, "type");
      const std::string edge =
          Str(group, "direction") == "out" ? "-" + type + "->" : "<-" + type + "-";
      for (const json::value& step : List(group, "edges.shown")) {
        table.Add({edge, ResourceText(Get(step, "to")), Bool(step, "to.exists") ? "yes" : "NO",
                   TimeText(step, "valid_from")});
      }
      const auto shown = static_cast<int64_t>(List(group, "edges.shown").size());
      if (const int64_t total = Int(group, "edges.total"); total > shown) {
        table.Add({edge, absl::StrCat("and ", total - shown, " more"), "", ""});
      }
    }
    table.Print(page.style, page.out, 2);
  }
  static void PrintRevisions(const json::value& answer, const Page& page) {
    const json::array& revisions = List(answer, "revisions");
    if (revisions.empty()) return;
    page.out << "\n" << Bold(page.style, "revisions") << "\n";
    const size_t first = page.style.wide || revisions.size() <= kRevisionsShown
                             ? 0
                             : revisions.size() - kRevisionsShown;
    if (first > 0) page.out << "  " << first << " earlier ones (-o wide)\n";
    for (size_t i = first; i < revisions.size(); ++i) {
      page.out << "  " << TimeText(revisions[i], "from") << "\n";
      for (const json::value& delta : List(revisions[i], "changed")) {
        page.out << "    " << Fit(page.style, Change(delta), kPageColumns - 4) << "\n";
      }
    }
  }
  static void PrintFields(const json::value& answer, const Page& page) {
    const json::array& fields = List(answer, "fields");
    if (fields.empty()) return;
    page.out << "\n" << Bold(page.style, "state") << "\n";
    const size_t shown = page.style.wide ? fields.size() : std::min(fields.size(), kFieldsShown);
    for (size_t i = 0; i < shown; ++i) {
      const std::string value = Bool(fields[i], "hashed") ? "(hashed)" : Str(fields[i], "value");
      page.out << "  " << Fit(page.style, Str(fields[i], "path") + ": " + value, kPageColumns - 2)
               << "\n";
    }
    if (shown < fields.size()) page.out << "  and " << fields.size() - shown << " more (-o wide)\n";
  }
};

}  // namespace

CommandPtr MakeResource() {
  return std::make_unique<ResourceCommand>();
}

}  // namespace kg::kgctl
