#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/suggest.h"
#include "tools/kgctl/command.h"
#include "tools/kgctl/complete.h"
#include "tools/kgctl/settings.h"
#include "tools/kgctl/table.h"
#include "tools/kgctl/version_text.h"

// The only file that sees CLI11.

namespace kg::kgctl {
namespace {

class CliFlags : public FlagSet {
 public:
  explicit CliFlags(CLI::App* app) : app_(app) {}

  void Text(const std::string& names, const std::string& value, std::string* target,
            const std::string& help) override {
    app_->add_option(names, *target, help)->type_name(value)->take_last();
  }
  void Texts(const std::string& names, const std::string& value, std::vector<std::string>* target,
             const std::string& help) override {
    app_->add_option(names, *target, help)->type_name(value)->allow_extra_args(false);
  }
  void Switch(const std::string& names, bool* target, const std::string& help) override {
    app_->add_flag(names, *target, help);
  }
  void Argument(const std::string& name, std::string* target, const std::string& help) override {
    app_->add_option(name, *target, help)->type_name("");
  }
  void Arguments(const std::string& name, std::vector<std::string>* target,
                 const std::string& help) override {
    app_->add_option(name, *target, help)->type_name("");
  }

 private:
  CLI::App* const app_;
};

// Examples first: most who ask for help want a line to copy.
class HelpText : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    if (app->get_parent() == nullptr) return CLI::Formatter::make_help(app, name, mode);
    const auto found = texts_.find(app->get_name());
    const Command& command = *found->second;
    std::string out = absl::StrCat(command.about(), "\n\nExamples:\n", command.examples(), "\n\n");
    absl::StrAppend(&out, "Usage:", Usage(app), "\n\n");
    std::string options = absl::StrCat(make_positionals(app), make_groups(app, mode));
    options.erase(0, options.find_first_not_of('\n'));
    absl::StrAppend(&out, options);
    if (!command.notes().empty()) absl::StrAppend(&out, "\n", command.notes(), "\n");
    return out;
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    return absl::StrJoin(Wrap(option->get_description(), kPageColumns - get_column_width()), "\n");
  }
  void Add(const std::string& name, const Command* command) { texts_[name] = command; }

 private:
  static std::string Usage(const CLI::App* app) {
    std::string usage = absl::StrCat(" kgctl ", app->get_name(), " [flags]");
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_positional()) absl::StrAppend(&usage, " [", option->get_name(true), "]");
    }
    return usage;
  }

  std::map<std::string, const Command*> texts_;
};

std::vector<std::string> FlagNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

int UsageError(Environment* env, const std::string& where, const std::string& what) {
  env->err << where << ": " << what << " (see '" << where << " --help')\n";
  return kExitUsage;
}

// One line for whatever the parser did not like.
int ExplainParseError(const CLI::App& root, const CLI::ParseError& error, Environment* env) {
  const auto chosen = root.get_subcommands();
  const CLI::App& app = chosen.empty() ? root : *chosen.front();
  const std::string where = chosen.empty() ? "kgctl" : "kgctl " + app.get_name();
  const std::vector<std::string> extras = app.remaining();
  if (!extras.empty()) {
    const std::string typed = extras.front().substr(0, extras.front().find('='));
    if (typed.size() > 1 && typed.front() == '-') {
      return UsageError(
          env, where,
          absl::StrCat("unknown flag '", typed, "'", server::DidYouMean(typed, FlagNames(app))));
    }
    if (chosen.empty()) {
      std::vector<std::string> names;
      for (const CLI::App* sub : root.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(sub->get_name());
      }
      return UsageError(
          env, where,
          absl::StrCat("unknown command '", typed, "'", server::DidYouMean(typed, names)));
    }
    return UsageError(env, where, absl::StrCat("one argument too many: '", typed, "'"));
  }
  std::string what = error.what();
  return UsageError(env, where, what.substr(0, what.find('\n')));
}

int RunCommand(Command* command, Environment* env) {
  absl::StatusOr<int> code = absl::InternalError("did not run");
  try {
    code = command->Run(env);
  } catch (const std::exception& e) {
    code = absl::InternalError(absl::StrCat("unexpected: ", e.what()));
  }
  env->out.flush();
  if (code.ok()) return *code;
  std::string message(code.status().message());
  for (char& c : message) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  env->err << "kgctl " << command->name() << ": " << message << "\n";
  return ExitCodeOf(code.status());
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    default:
      return kExitFailed;
  }
}

int RunKgctl(const std::vector<std::string>& given, Environment* env) {
  std::vector<std::string> args = given;
  if (!args.empty() && args.front() == "__complete") {
    Complete({args.begin() + 1, args.end()}, env);
    return kExitOk;
  }
  const std::vector<CommandPtr> commands = AllCommands();
  if (!args.empty() && args.front() == "help") {
    args.erase(args.begin());
    if (args.size() == 1 && args.front() == "config") {
      env->out << SettingsHelp();
      return kExitOk;
    }
    if (args.size() == 1) {
      std::vector<std::string> topics = {"config"};
      for (const CommandPtr& command : commands) topics.push_back(command->name());
      if (std::find(topics.begin(), topics.end(), args.front()) == topics.end()) {
        return UsageError(env, "kgctl",
                          absl::StrCat("there is no help on '", args.front(), "'",
                                       server::DidYouMean(args.front(), topics)));
      }
    }
    args.push_back("--help");
  }
  CLI::App root(
      "kgctl: what broke in this Kubernetes cluster, and what broke with it.\n\n"
      "Examples:\n"
      "  kubectl get all,events -A -o json | kgctl load -   # put in what the cluster says\n"
      "  kgctl rca -n shop                                  # why is something wrong there?\n"
      "  kgctl rca pod/cart-7d9c -n shop --at 10:42         # why was this one, at that time?\n"
      "  kgctl blast-radius node/n3                         # who depends on it?\n\n"
      "'kgctl COMMAND --help' shows examples of each; 'kgctl help config' what can be set, and "
      "how.",
      "kgctl");
  auto help = std::make_shared<HelpText>();
  help->column_width(34);
  root.formatter(help);
  root.set_version_flag("--version", VersionText());
  root.set_help_flag("-h,--help", "Show this help");
  root.require_subcommand(0, 1);
  std::map<const CLI::App*, Command*> by_app;
  for (const CommandPtr& command : commands) {
    CLI::App* sub = root.add_subcommand(command->name(), command->about());
    sub->formatter(help);
    sub->set_help_flag("-h,--help", "Show this help");
    help->Add(command->name(), command.get());
    CliFlags flags(sub);
    command->Define(&flags);
    by_app[sub] = command.get();
  }
  try {
    root.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::CallForHelp&) {
    const auto chosen = root.get_subcommands();
    env->out << (chosen.empty() ? root : *chosen.front()).help();
    return kExitOk;
  } catch (const CLI::CallForVersion&) {
    env->out << VersionText() << "\n";
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return ExplainParseError(root, error, env);
  } catch (const std::exception& error) {
    return UsageError(env, "kgctl", error.what());
  }
  const auto chosen = root.get_subcommands();
  if (chosen.empty()) {
    env->err << root.help();
    return kExitUsage;
  }
  return RunCommand(by_app[chosen.front()], env);
}

}  // namespace kg::kgctl
