#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/kgctl/command.h"

// The scripts only carry words to `kgctl __complete` and back (complete.h): what is known of flags
// and objects is known in one place.

namespace kg::kgctl {
namespace {

constexpr char kBash[] = R"SH(_kgctl() {
  local IFS=$'\n' current="${COMP_WORDS[COMP_CWORD]}" found
  found=$("$1" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case "$found" in
    :files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
    :dirs) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$current")) ;;
    *) COMPREPLY=($found)
       case "$found" in */) compopt -o nospace 2>/dev/null ;; esac ;;
  esac
}
complete -F _kgctl kgctl
)SH";

constexpr char kZsh[] = R"SH(#compdef kgctl
_kgctl() {
  local -a found open
  found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case "$found[1]" in
    :files) _files; return ;;
    :dirs) _files -/; return ;;
  esac
  open=(${(M)found:#*/})
  found=(${found:#*/})
  (( $#found )) && compadd -- $found
  (( $#open )) && compadd -S '' -- $open
}
compdef _kgctl kgctl
)SH";

constexpr char kFish[] = R"SH(function __kgctl_complete
  set -l typed (commandline -opc)
  set -l found (command kgctl __complete $typed[2..-1] (commandline -ct) 2>/dev/null)
  switch "$found[1]"
    case ':files' ':dirs'
      __fish_complete_path (commandline -ct)
    case '*'
      printf '%s\n' $found
  end
end
complete -c kgctl -f -a '(__kgctl_complete)'
)SH";

class Completion : public Command {
 public:
  std::string name() const override { return "completion"; }
  std::string about() const override { return "A script that completes kgctl's words in a shell"; }
  std::string examples() const override {
    return "  source <(kgctl completion bash)\n"
           "  source <(kgctl completion zsh)\n"
           "  kgctl completion fish | source";
  }
  std::string notes() const override {
    return "Commands, flags and their values, and what the data knows: kinds and names of "
           "objects,\n"
           "namespaces, ids of incidents, from the directory or the node that the line names.";
  }
  void Define(FlagSet* flags) override { flags->Argument("shell", &shell_, "bash, zsh or fish"); }
  absl::StatusOr<int> Run(Environment* env) override {
    if (shell_ == "bash") {
      env->out << kBash;
    } else if (shell_ == "zsh") {
      env->out << kZsh;
    } else if (shell_ == "fish") {
      env->out << kFish;
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
