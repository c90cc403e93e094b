#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class Timeline : public QuestionCommand {
 public:
  std::string name() const override { return "timeline"; }
  std::string about() const override {
    return "What happened, in order, to an object or a namespace";
  }
  std::string examples() const override {
    return "  kgctl timeline deploy/cart -n shop --since 2h\n"
           "  kgctl timeline -n shop --at 10:42 --since 15m\n"
           "  kgctl timeline incident/1f0c9a52b7d3e846 -o wide";
  }

 protected:
  bool TakesSelector() const override { return true; }
  std::string ObjectHelp() const override { return "KIND/NAME, incident/ID or event/ID"; }
  bool HasPages() const override { return true; }
  std::vector<TextFlag> TextFlags() const override {
    return {{"--category", "WORD", "category", "Only change, state, symptom, info or noise"}};
  }
  void DefineOwn(FlagSet* flags) override {
    flags->Switch("--neighbours", &neighbours_, "Also what happened to what it is connected to");
  }
  absl::Status Fill(server::Params* params) override {
    if (neighbours_) (*params)["neighbours"] = "true";
    return absl::OkStatus();
  }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "to", page) << ", since " << TimeText(answer, "from") << "\n";
    std::vector<std::string> titles = {"TIME", "WHAT", "OBJECT", "CLASS", "TEXT"};
    if (page.style.wide) titles = {"TIME", "UNTIL", "WHAT", "OBJECT", "CLASS", "COUNT", "TEXT"};
    Table table(titles);
    for (const json::value& e : List(answer, "entries")) {
      const std::string object = ResourceText(Get(e, "resource"));
      if (page.style.wide) {
        table.Add({TimeText(e, "time"), TimeText(e, "end"), Str(e, "what"), object, Str(e, "class"),
                   absl::StrCat(Int(e, "occurrences")), Str(e, "text")});
      } else {
        table.Add({TimeText(e, "time").substr(5), Str(e, "what"), object, Str(e, "class"),
                   Str(e, "text")});
      }
    }
    if (table.empty()) {
      page.out << "nothing happened\n";
    } else {
      table.Print(page.style, page.out);
    }
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    std::vector<std::string> names;
    for (const json::value& e : List(answer, "entries")) {
      if (const std::string id = Str(e, "episode"); !id.empty()) names.push_back("event/" + id);
    }
    return names;
  }

 private:
  bool neighbours_ = false;
};

}  // namespace

CommandPtr MakeTimeline() {
  return std::make_unique<Timeline>();
}

}  // namespace kg::kgctl
