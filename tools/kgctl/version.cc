#include "tools/kgctl/command.h"
#include "tools/kgctl/version_text.h"

namespace kg::kgctl {

std::string VersionText() {
  return std::string("kgctl ") + KG_VERSION;
}

namespace {

class Version : public Command {
 public:
  std::string name() const override { return "version"; }
  std::string about() const override { return "Which version this is"; }
  std::string examples() const override { return "  kgctl version"; }
  void Define(FlagSet* flags) override {}
  absl::StatusOr<int> Run(Environment* env) override {
    env->out << VersionText() << "\n";
    return kExitOk;
  }
};

}  // namespace

CommandPtr MakeVersion() {
  return std::make_unique<Version>();
}

}  // namespace kg::kgctl
