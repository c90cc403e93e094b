#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// What a subcommand is. Each has a file of its own and none sees the library that parses flags.

namespace kg::kgctl {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitNotFound = 3,
  kExitUnavailable = 4,
};

// The exit code that a failed command ends with.
ExitCode ExitCodeOf(const absl::Status& status);

// Takes the flags of one subcommand. Targets must outlive parsing; a flag that is not given leaves
// its target as it is. Names as "-n,--namespace"; `value` is the word that stands for it in the
// help.
class FlagSet {
 public:
  virtual ~FlagSet() = default;
  virtual void Text(const std::string& names, const std::string& value, std::string* target,
                    const std::string& help) = 0;
  virtual void Texts(const std::string& names, const std::string& value,
                     std::vector<std::string>* target, const std::string& help) = 0;
  virtual void Switch(const std::string& names, bool* target, const std::string& help) = 0;
  // Arguments without a flag, in the order in which they are added.
  virtual void Argument(const std::string& name, std::string* target, const std::string& help) = 0;
  virtual void Arguments(const std::string& name, std::vector<std::string>* target,
                         const std::string& help) = 0;
};

// Where a command writes, and what it may know of its surroundings.
struct Environment {
  std::ostream& out;  // data
  std::ostream& err;  // everything else
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

class Command {
 public:
  virtual ~Command() = default;
  virtual std::string name() const = 0;
  virtual std::string about() const = 0;            // one line
  virtual std::string examples() const = 0;         // stands first in the help
  virtual std::string notes() const { return ""; }  // stands last
  virtual void Define(FlagSet* flags) = 0;
  // The exit code, or why it failed; the latter is printed as one line.
  virtual absl::StatusOr<int> Run(Environment* env) = 0;
};

using CommandPtr = std::unique_ptr<Command>;

CommandPtr MakeLoad();
CommandPtr MakeServe();
CommandPtr MakeBackup();
CommandPtr MakeRestore();
CommandPtr MakeRca();
CommandPtr MakeBlastRadius();
CommandPtr MakeNeighbours();
CommandPtr MakePath();
CommandPtr MakeTimeline();
CommandPtr MakeResource();
CommandPtr MakeEvents();
CommandPtr MakeIncidents();
CommandPtr MakeStats();
CommandPtr MakeDiff();
CommandPtr MakeDeadLetters();
CommandPtr MakeDoctor();
CommandPtr MakeVerify();
CommandPtr MakeVersion();
CommandPtr MakeCompletion();

// In the order of the help.
std::vector<CommandPtr> AllCommands();

// Parses and runs. Never throws.
int RunKgctl(const std::vector<std::string>& args, Environment* env);

}  // namespace kg::kgctl
