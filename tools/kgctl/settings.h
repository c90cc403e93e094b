#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/database.h"
#include "ingest/decoder.h"
#include "query/budget.h"
#include "storage/types.h"
#include "tools/kgctl/command.h"

// What can be set, each thing once: its flag, its variable, its key in the configuration file, its
// type, default and help. A flag comes before the environment, that before the file, that before
// the default.

namespace kg::kgctl {

enum class Setting {
  kDataDir,
  kServer,
  kBackupDir,
  kListen,
  kAllowHosts,
  kRetention,
  kMaxBytes,
  kMemoryWindow,
  kDefaultTenant,
  kDefaultCluster,
  kRules,
  kFutureTolerance,
  kCacheBytes,
  kWriteBufferBytes,
  kRocksdbOptions,
  kWorkers,
  kMaxConnections,
  kMaxBodyBytes,
  kMaxIngests,
  kMaxWaiting,
  kMaxHeaderBytes,
  kMaxBodiesBytes,
  kMaxLoads,
  kQueryTime,
  kQueryNodes,
  kQueryEdges,
  kQueryBytes,
  kQueryResults,
  kMaxViewAge,
  kMaxOpenFiles,
  kMaxWalBytes,
  kMaxDocumentBytes,
  kMaxDepth,
  kMaxLabels,
  kMaxFields,
  kMaxValueBytes,
  kMaxLineBytes,
  kMaxBatch,
  kMaxBatchBytes,
  kMaxRecordBytes,
  kMaxRecordItems,
  kMaxNameBytes,
  kMaxMessageBytes,
  kMaxScopes,
  kMaxDeadLetters,
  kMaxPositions,
  kMaxDirtySlots,
};

enum class SettingType {
  kText,
  kDuration,  // "7d"
  kBytes,     // "512MiB"; in the file also a number
  kNumber,    // a whole number
  kTexts,     // a list; one text with commas where there are no lists
  kOptions,   // NAME=VALUE; in the file a table
};

// Who uses a setting.
enum SettingUse : unsigned {
  kQuestions = 1,
  kLoad = 2,
  kServe = 4,
  kVerify = 8,
  kBackup = 16,
  kRestore = 32
};

struct SettingInfo {
  Setting id;
  const char* flag;
  const char* value;                 // the word that stands for it in the help
  const char* variable;              // "KG_…"
  std::vector<std::string> aliases;  // the predecessor's names for the variable
  const char* key;                   // in the file
  SettingType type;
  const char* fallback;  // as text; "" is none
  unsigned uses;
  const char* help;
};

// In the order of the help.
const std::vector<SettingInfo>& AllSettings();

// Values of the settings that one command uses.
class Settings {
 public:
  // Adds the flags; `uses` is a sum of SettingUse. Also adds --config. The targets live here.
  void Define(unsigned uses, FlagSet* flags);
  // Reads environment and file, and checks all that this command uses. InvalidArgument names where
  // a wrong value stands, and the nearest name where one is unknown.
  absl::Status Settle();

  // Valid after Settle. Texts of kTexts are joined by commas, kOptions by ";".
  const std::string& Text(Setting id) const;
  bool IsSet(Setting id) const;  // by anything but the default
  Duration Time(Setting id) const;
  uint64_t Number(Setting id) const;
  std::vector<std::string> Texts(Setting id) const;
  // Flag 0, environment 1, file 2, default 3.
  int Rank(Setting id) const;

 private:
  struct Value {
    std::string flag;                     // what a flag said; empty: not given
    std::vector<std::string> flag_texts;  // of a flag that may be repeated
    std::string text;
    std::string where;  // "--retention", "KG_RETENTION", "/etc/kg/kg.toml:3: retention"
    int rank = 3;
  };
  absl::Status Resolve(const SettingInfo& info,
                       const std::map<std::string, std::pair<std::string, std::string>>& file);

  unsigned uses_ = 0;
  std::string config_;
  std::map<Setting, Value> values_;
};

// What a question may cost.
query::Budget BudgetFrom(const Settings& settings);
// What one input may cost.
ingest::Limits InputLimitsFrom(const Settings& settings);
// What a database is opened with.
DatabaseOptions DatabaseOptionsFrom(const Settings& settings);

// What `kgctl help config` prints: every setting with all its names, and the search path.
std::string SettingsHelp();

// Variables of the predecessor that are set and mean nothing here, each with what to use instead;
// one text, empty when there are none.
std::string StrayVariables();

// "512MiB", "64 MB", "1048576"; 1 GiB is 2^30 and 1 GB 10^9. InvalidArgument lists these forms.
absl::StatusOr<uint64_t> ParseBytes(const std::string& text);

}  // namespace kg::kgctl
