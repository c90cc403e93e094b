#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class Diff : public QuestionCommand {
 public:
  std::string name() const override { return "diff"; }
  std::string about() const override { return "What changed between two times"; }
  std::string examples() const override {
    return "  kgctl diff -n shop --since 30m                 # the last half hour\n"
           "  kgctl diff -A --from 10:00 --at 10:42          # between two times";
  }

 protected:
  bool TakesSelector() const override { return true; }
  bool HasPages() const override { return true; }
  std::vector<TextFlag> TextFlags() const override {
    return {{"--from", "TIME", "from", "The earlier time (default: --since before --at)"}};
  }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "to", page) << ", against " << TimeText(answer, "from") << " UTC\n";
    PrintObjects(answer, "appeared", "+", page);
    PrintObjects(answer, "vanished", "-", page);
    PrintObjects(answer, "replaced", "*", page);
    for (const json::value& changed : List(answer, "changed")) {
      page.out << "~ " << Printable(ResourceText(Get(changed, "resource"))) << "\n";
      for (const json::value& delta : List(changed, "fields")) {
        const std::string before = IsNull(delta, "before") ? "(none)" : Str(delta, "before");
        const std::string after = IsNull(delta, "after") ? "(none)" : Str(delta, "after");
        page.out << "    "
                 << Fit(page.style, absl::StrCat(Str(delta, "path"), ": ", before, " -> ", after),
                        kPageColumns - 4)
                 << "\n";
      }
    }
    PrintEdges(answer, "edges_opened", "+", page);
    PrintEdges(answer, "edges_closed", "-", page);
    PrintIncidents(answer, "incidents_opened", "opened", page);
    PrintIncidents(answer, "incidents_resolved", "resolved", page);
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    std::vector<std::string> names;
    for (const char* list : {"appeared", "vanished", "replaced"}) {
      for (const json::value& r : List(answer, list)) names.push_back(ResourceRef(r));
    }
    for (const json::value& c : List(answer, "changed")) {
      names.push_back(ResourceRef(Get(c, "resource")));
    }
    return names;
  }

 private:
  static void PrintObjects(const json::value& answer, const char* list, const char* sign,
                           const Page& page) {
    for (const json::value& resource : List(answer, list)) {
      page.out << sign << " " << Printable(ResourceText(resource)) << "\n";
    }
  }
  static void PrintEdges(const json::value& answer, const char* list, const char* sign,
                         const Page& page) {
    for (const json::value& e : List(answer, list)) {
      page.out << sign << " "
               << Fit(page.style,
                      absl::StrCat(ResourceText(Get(e, "from")), " -", Str(e, "type"), "-> ",
                                   ResourceText(Get(e, "to"))),
                      kPageColumns - 2)
               << "\n";
    }
  }
  static void PrintIncidents(const json::value& answer, const char* list, const char* word,
                             const Page& page) {
    for (const json::value& i : List(answer, list)) {
      page.out << "! incident " << word << ": "
               << Fit(page.style, absl::StrCat(Str(i, "id"), "  ", Str(i, "title")),
                      kPageColumns - 24)
               << "\n";
    }
  }
};

}  // namespace

CommandPtr MakeDiff() {
  return std::make_unique<Diff>();
}

}  // namespace kg::kgctl
