#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

class PathCommand : public QuestionCommand {
 public:
  std::string name() const override { return "path"; }
  std::string about() const override { return "Why two objects are connected"; }
  std::string examples() const override {
    return "  kgctl path ingress/shop node/n3 -n shop\n"
           "  kgctl path svc/cart svc/payments -n shop --at 10:42\n"
           "  kgctl path Pod:shop:cart-7d9c Node:n3";
  }

 protected:
  bool TakesWindow() const override { return false; }
  std::string ObjectHelp() const override { return ""; }
  void DefineOwn(FlagSet* flags) override {
    flags->Argument("from", &from_, "KIND/NAME");
    flags->Argument("to", &to_, "KIND/NAME");
  }
  absl::Status Fill(server::Params* params) override {
    if (from_.empty() || to_.empty()) {
      return absl::InvalidArgumentError("name two objects, as in 'kgctl path svc/cart node/n3'");
    }
    Set(params, "object", from_);
    Set(params, "to", to_);
    return absl::OkStatus();
  }
  void Print(const json::value& answer, const Page& page) override {
    page.out << Moment(answer, "as_of", page) << ", from "
             << Printable(ResourceText(Get(answer, "from"))) << " to "
             << Printable(ResourceText(Get(answer, "to"))) << "\n";
    if (!Bool(answer, "found")) {
      page.out << "not connected then\n";
      return PrintLimits(answer, page);
    }
    const json::array& steps = List(answer, "steps");
    const json::array& why = List(answer, "why");
    page.out << Printable(ResourceText(Get(answer, "from"))) << "\n";
    for (size_t i = 0; i < steps.size(); ++i) {
      const std::string type = Str(steps[i], "type");
      page.out << "  "
               << (Bool(steps[i], "against_arrow") ? "<-" + type + "- " : "-" + type + "-> ")
               << Printable(ResourceText(Get(steps[i], "to"))) << "\n";
      if (i < why.size()) {
        for (const std::string& line : Wrap(Str(why[i]), kPageColumns - 8)) {
          page.out << "        " << Dim(page.style, line) << "\n";
        }
      }
    }
    PrintLimits(answer, page);
  }
  std::vector<std::string> Names(const json::value& answer) override {
    if (!Bool(answer, "found")) return {};
    std::vector<std::string> names = {ResourceRef(Get(answer, "from"))};
    for (const json::value& step : List(answer, "steps")) {
      names.push_back(ResourceRef(Get(step, "to")));
    }
    return names;
  }

 private:
  std::string from_, to_;
};

}  // namespace

CommandPtr MakePath() {
  return std::make_unique<PathCommand>();
}

}  // namespace kg::kgctl
