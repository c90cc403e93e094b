#include "absl/strings/str_cat.h"
#include "tools/kgctl/affected.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class BlastRadius : public QuestionCommand {
 public:
  std::string name() const override { return "blast-radius"; }
  std::string about() const override {
    return "Who depends on an object: affected now, or at risk";
  }
  std::string examples() const override {
    return "  kgctl blast-radius node/n3\n"
           "  kgctl blast-radius secret/db-credentials -n shop --at -30m\n"
           "  kgctl blast-radius incident/1f0c9a52b7d3e846 -o wide";
  }

 protected:
  std::string ObjectHelp() const override { return "KIND/NAME, incident/ID or event/ID"; }
  bool HasPages() const override { return true; }
  std::vector<TextFlag> TextFlags() const override {
    return {{"--hops", "N", "hops", "How far to walk (default 8)"}};
  }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "as_of", page) << ", blast radius of "
             << Printable(ResourceText(Get(answer, "of"))) << "\n";
    if (List(answer, "affected").empty()) {
      page.out << "nothing depends on it\n";
    } else {
      PrintAffected(List(answer, "affected"), static_cast<size_t>(Int(answer, "total")), page.style,
                    page.out);
    }
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    std::vector<std::string> names;
    for (const json::value& row : List(answer, "affected")) {
      names.push_back(ResourceRef(Get(row, "resource")));
    }
    return names;
  }
};

}  // namespace

CommandPtr MakeBlastRadius() {
  return std::make_unique<BlastRadius>();
}

}  // namespace kg::kgctl
