#include "tools/kgctl/command.h"

namespace kg::kgctl {

std::vector<CommandPtr> AllCommands() {
  std::vector<CommandPtr> commands;
  commands.push_back(MakeLoad());
  commands.push_back(MakeRca());
  commands.push_back(MakeIncidents());
  commands.push_back(MakeBlastRadius());
  commands.push_back(MakeTimeline());
  commands.push_back(MakeEvents());
  commands.push_back(MakeResource());
  commands.push_back(MakeNeighbours());
  commands.push_back(MakePath());
  commands.push_back(MakeDiff());
  commands.push_back(MakeStats());
  commands.push_back(MakeDoctor());
  commands.push_back(MakeVerify());
  commands.push_back(MakeDeadLetters());
  commands.push_back(MakeBackup());
  commands.push_back(MakeRestore());
  commands.push_back(MakeServe());
  commands.push_back(MakeVersion());
  commands.push_back(MakeCompletion());
  return commands;
}

}  // namespace kg::kgctl
