#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/kgctl/command.h"

namespace kg::kgctl {
namespace {

// Gathers the long and short names of flags instead of parsing any.
class NameCollector : public FlagSet {
 public:
  void Text(const std::string& names, const std::string&, std::string*,
            const std::string&) override {
    Add(names);
  }
  void Texts(const std::string& names, const std::string&, std::vector<std::string>*,
             const std::string&) override {
    Add(names);
  }
  void Switch(const std::string& names, bool*, const std::string&) override { Add(names); }
  void Argument(const std::string&, std::string*, const std::string&) override {}
  void Arguments(const std::string&, std::vector<std::string>*, const std::string&) override {}

  const std::set<std::string>& names() const { return names_; }

 private:
  void Add(const std::string& names) {
    for (const absl::string_view name : absl::StrSplit(names, ',')) names_.emplace(name);
  }
  std::set<std::string> names_ = {"--help"};
};

struct Described {
  std::string name;
  std::string about;
  std::set<std::string> flags;
};

std::vector<Described> Describe() {
  std::vector<Described> out;
  for (const CommandPtr& command : AllCommands()) {
    NameCollector names;
    command->Define(&names);
    out.push_back({command->name(), command->about(), names.names()});
  }
  return out;
}

std::string Names(const std::vector<Described>& commands) {
  return absl::StrJoin(commands, " ", [](std::string* out, const Described& c) { *out += c.name; });
}

std::string Bash() {
  const std::vector<Described> commands = Describe();
  std::string cases;
  for (const Described& c : commands) {
    absl::StrAppend(&cases, "    ", c.name, ") words=\"", absl::StrJoin(c.flags, " "), "\" ;;\n");
  }
  return absl::StrCat(
      "_kgctl() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\" "
      "words=\"\"\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"",
      Names(commands),
      "\" -- \"$current\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"$previous\" in\n"
      "    -o|--output) COMPREPLY=($(compgen -W \"table wide json yaml name\" -- \"$current\")); "
      "return ;;\n"
      "    --color) COMPREPLY=($(compgen -W \"auto always never\" -- \"$current\")); return ;;\n"
      "    completion) COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$current\")); return ;;\n"
      "    --data-dir|--rules) COMPREPLY=($(compgen -d -- \"$current\")); return ;;\n"
      "  esac\n"
      "  case \"${COMP_WORDS[1]}\" in\n",
      cases,
      "  esac\n"
      "  case \"$current\" in\n"
      "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
      "    *) [ \"${COMP_WORDS[1]}\" = load ] && COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
      "  esac\n"
      "}\n"
      "complete -o filenames -F _kgctl kgctl\n");
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string Zsh() {
  std::string described, cases;
  for (const Described& c : Describe()) {
    const std::string about = absl::StrReplaceAll(c.about, {{":", " -"}});
    absl::StrAppend(&described, "    ", Quoted(absl::StrCat(c.name, ":", about)), "\n");
    absl::StrAppend(&cases, "    ", c.name, ") compadd -- ", absl::StrJoin(c.flags, " "), " ;;\n");
  }
  return absl::StrCat(
      "#compdef kgctl\n"
      "_kgctl() {\n"
      "  local -a commands\n"
      "  commands=(\n",
      described,
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  case \"${words[CURRENT-1]}\" in\n"
      "    -o|--output) compadd -- table wide json yaml name; return ;;\n"
      "    --color) compadd -- auto always never; return ;;\n"
      "    completion) compadd -- bash zsh fish; return ;;\n"
      "    --data-dir|--rules) _files -/; return ;;\n"
      "  esac\n"
      "  if [[ \"${words[CURRENT]}\" != -* && \"${words[2]}\" == load ]]; then\n"
      "    _files\n"
      "    return\n"
      "  fi\n"
      "  case \"${words[2]}\" in\n",
      cases,
      "  esac\n"
      "}\n"
      "compdef _kgctl kgctl\n");
}

std::string Fish() {
  std::string out = "complete -c kgctl -f\n";
  for (const Described& c : Describe()) {
    absl::StrAppend(&out, "complete -c kgctl -n __fish_use_subcommand -a ", c.name, " -d ",
                    Quoted(c.about), "\n");
    for (const std::string& flag : c.flags) {
      const bool is_long = flag.size() > 2;
      absl::StrAppend(&out, "complete -c kgctl -n '__fish_seen_subcommand_from ", c.name, "' ",
                      is_long ? "-l " : "-s ", flag.substr(is_long ? 2 : 1), "\n");
    }
  }
  absl::StrAppend(&out,
                  "complete -c kgctl -n '__fish_seen_subcommand_from load' -F\n"
                  "complete -c kgctl -n '__fish_seen_subcommand_from completion' "
                  "-a 'bash zsh fish'\n");
  return out;
}

class Completion : public Command {
 public:
  std::string name() const override { return "completion"; }
  std::string about() const override { return "A script that completes kgctl's words in a shell"; }
  std::string examples() const override {
    return "  source <(kgctl completion bash)\n"
           "  source <(kgctl completion zsh)\n"
           "  kgctl completion fish | source";
  }
  void Define(FlagSet* flags) override { flags->Argument("shell", &shell_, "bash, zsh or fish"); }
  absl::StatusOr<int> Run(Environment* env) override {
    if (shell_ == "bash") {
      env->out << Bash();
    } else if (shell_ == "zsh") {
      env->out << Zsh();
    } else if (shell_ == "fish") {
      env->out << Fish();
    } else {
      return absl::InvalidArgumentError(shell_.empty() ? "name a shell: bash, zsh or fish"
                                                       : absl::StrCat("no completion for '", shell_,
                                                                      "'; give bash, zsh or fish"));
    }
    return kExitOk;
  }

 private:
  std::string shell_;
};

}  // namespace

CommandPtr MakeCompletion() {
  return std::make_unique<Completion>();
}

}  // namespace kg::kgctl
