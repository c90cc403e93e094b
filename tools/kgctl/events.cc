#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class Events : public QuestionCommand {
 public:
  std::string name() const override { return "events"; }
  std::string about() const override {
    return "Events, alerts, changes and log patterns, filtered";
  }
  std::string examples() const override {
    return "  kgctl events -n shop --since 2h\n"
           "  kgctl events pod/cart-7d9c -n shop --type Warning\n"
           "  kgctl events -A --class OOM_KILL --severity error -o json\n"
           "  kgctl events -l app=cart --at 10:42";
  }

 protected:
  bool TakesSelector() const override { return true; }
  std::string ObjectHelp() const override {
    return "KIND/NAME; without one, those of the namespace";
  }
  bool HasPages() const override { return true; }
  std::vector<TextFlag> TextFlags() const override {
    return {{"--class", "CLASSES", "class", "Only these failure classes"},
            {"--reason", "REASONS", "reason", "Only these reasons"},
            {"--severity", "LEVEL", "severity", "At least info, warning, error or fatal"},
            {"--category", "WORDS", "category", "change, state, symptom, info, noise"},
            {"--kind", "KIND", "kind", "Only of objects of this kind"},
            {"--etype", "TYPE", "etype", "Only of this source: k8s.event, ..."},
            {"--type", "TYPE", "type", "Normal or Warning"},
            {"--grep", "TEXT", "text", "Only with this in reason or message"}};
  }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "as_of", page) << "\n";
    std::vector<std::string> titles = {"TIME", "COUNT", "SEVERITY", "OBJECT", "CLASS", "MESSAGE"};
    if (page.style.wide) {
      titles = {"TIME", "LAST", "COUNT", "SEVERITY", "OBJECT", "CLASS", "REASON", "ID", "MESSAGE"};
    }
    Table table(titles);
    for (const json::value& e : List(answer, "events")) {
      const std::string count =
          absl::StrCat(Bool(e, "at_least") ? ">=" : "", Int(e, "occurrences"));
      const std::string object = ResourceText(Get(e, "resource"));
      if (page.style.wide) {
        table.Add({TimeText(e, "time"), TimeText(e, "last"), count, Str(e, "severity"), object,
                   Str(e, "class"), Str(e, "reason"), Str(e, "id"), Str(e, "message")});
      } else {
        table.Add({TimeText(e, "time").substr(5), count, Str(e, "severity"), object,
                   Str(e, "class"), Str(e, "message")});
      }
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
    for (const json::value& e : List(answer, "events")) names.push_back("event/" + Str(e, "id"));
    return names;
  }
};

}  // namespace

CommandPtr MakeEvents() {
  return std::make_unique<Events>();
}

}  // namespace kg::kgctl
