#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

constexpr size_t kItemsShown = 5;

class Doctor : public QuestionCommand {
 public:
  std::string name() const override { return "doctor"; }
  std::string about() const override {
    return "What is missing in the data, and what to do about it";
  }
  std::string examples() const override {
    return "  kgctl doctor\n"
           "  kgctl doctor -n shop -o wide          # every object concerned\n"
           "  kgctl doctor --server http://kg:8080";
  }

 protected:
  bool TakesWindow() const override { return false; }
  unsigned Uses() const override { return kQuestions | kBackup; }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "as_of", page) << "\n";
    for (const json::value& check : List(answer, "checks")) {
      const std::string status = Str(check, "status");
      const std::string word = status == "ok" ? "ok  " : status == "warning" ? "WARN" : "FAIL";
      page.out << (status == "ok" ? Green(page.style, word) : Red(page.style, word)) << "  ";
      Indented(Str(check, "text"), page);
      for (const json::value& item : Shown(check, page)) {
        page.out << "        " << Fit(page.style, Str(item, "text"), kPageColumns - 8) << "\n";
      }
      const auto total = static_cast<size_t>(Int(check, "items.total"));
      if (const size_t shown = Shown(check, page).size(); shown < total) {
        page.out << "        and " << total - shown << " more"
                 << (page.style.wide ? "" : " (-o wide)") << "\n";
      }
      if (const std::string advice = Str(check, "advice"); !advice.empty()) {
        page.out << "      ";
        Indented("do: " + advice, page);
      }
    }
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    std::vector<std::string> names;
    for (const json::value& check : List(answer, "checks")) {
      if (Str(check, "status") != "ok") names.push_back(Str(check, "check"));
    }
    return names;
  }
  int ExitCode(const json::value& answer) const override {
    for (const json::value& check : List(answer, "checks")) {
      if (Str(check, "status") == "failed") return kExitFailed;
    }
    return kExitOk;
  }

 private:
  static json::array Shown(const json::value& check, const Page& page) {
    json::array items = List(check, "items.shown");
    if (!page.style.wide && items.size() > kItemsShown) items.resize(kItemsShown);
    return items;
  }
  static void Indented(const std::string& text, const Page& page) {
    const std::vector<std::string> lines = Wrap(text, kPageColumns - 6);
    for (size_t i = 0; i < lines.size(); ++i) {
      page.out << (i == 0 ? "" : "      ") << lines[i] << "\n";
    }
  }
};

}  // namespace

CommandPtr MakeDoctor() {
  return std::make_unique<Doctor>();
}

}  // namespace kg::kgctl
