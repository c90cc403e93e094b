#include "tools/kgctl/settings.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/times.h"
#include "tools/kgctl/settings_file.h"
#include "tools/kgctl/settings_limits.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

std::string FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// What the predecessor's services read, and what stands for it here. Names that other programs
// read, too, are not among them.
struct Stray {
  const char* variable;
  const char* instead;
};
constexpr Stray kStrays[] = {
    {"NEO4J_URI", "the database is part of kgctl: --data-dir"},
    {"NEO4J_USER", "the database is part of kgctl: --data-dir"},
    {"NEO4J_PASS", "the database is part of kgctl: --data-dir"},
    {"NEO4J_PASSWORD", "the database is part of kgctl: --data-dir"},
    {"NEO4J_DATABASE", "the database is part of kgctl: --default-tenant"},
    {"KAFKA_BROKERS", "pipe a topic in: kcat -J ... | kgctl load -"},
    {"KAFKA_BOOTSTRAP", "pipe a topic in: kcat -J ... | kgctl load -"},
    {"KAFKA_GROUP", "pipe a topic in: kcat -J ... | kgctl load -"},
    {"KAFKA_TOPIC", "kgctl load --topic NAME"},
    {"INPUT_TOPIC", "kgctl load --topic NAME"},
    {"TOPIC_RES", "kgctl load --topic NAME"},
    {"TOPIC_TOPO", "kgctl load --topic NAME"},
    {"TOPIC_EVT", "kgctl load --topic NAME"},
    {"TOPIC_LOGS", "kgctl load --topic NAME"},
    {"TOPIC_STATE", "kgctl load --topic NAME"},
    {"TOPIC_PROM_TARGETS", "kgctl load --topic NAME"},
    {"TOPIC_PROM_RULES", "kgctl load --topic NAME"},
    {"TOPIC_COMMANDS", "kgctl load --topic NAME"},
    {"RCA_WINDOW_MIN", "--since of a question; lags are per pair of classes, in --rules"},
    {"CAUSAL_LINK_MAX_HOPS", "edge types have their reach in --rules"},
    {"CAUSAL_LINK_TIME_THRESHOLD_SEC", "lags are per pair of classes, in --rules"},
    {"EVENT_CORRELATION_WINDOW_SEC", "lags are per pair of classes, in --rules"},
    {"SEVERITY_ESCALATION_ENABLED", "severity follows from what happened"},
    {"SEVERITY_ESCALATION_WINDOW_MIN", "severity follows from what happened"},
    {"SEVERITY_ESCALATION_THRESHOLD", "severity follows from what happened"},
    {"INCIDENT_CLUSTERING_ENABLED", "incidents are always kept"},
    {"ENABLE_GROUPING", "incidents are always kept"},
    {"GROUPING_WINDOW_MIN", "incidents are trees of causes, not windows"},
    {"ENABLE_LOG_FILTERING", "log lines are always filtered, by --rules"},
    {"METRICS_PORT", "/metrics is on the port of --listen"},
};

constexpr char kFileHelp[] =
    "Configuration file (env KG_CONFIG; default ~/.config/kg/kg.toml, else /etc/kg/kg.toml)";

std::string HelpOf(const SettingInfo& info) {
  std::string text = absl::StrCat(info.help, " (env ", info.variable);
  if (*info.fallback != '\0') absl::StrAppend(&text, "; default ", info.fallback);
  return absl::StrCat(text, ")");
}

bool IsList(SettingType type) {
  return type == SettingType::kTexts || type == SettingType::kOptions;
}

absl::Status Check(const SettingInfo& info, const std::string& text) {
  if (text.empty()) return absl::OkStatus();
  switch (info.type) {
    case SettingType::kText:
    case SettingType::kTexts:
      return absl::OkStatus();
    case SettingType::kDuration:
      return server::ParseDuration(text).status();
    case SettingType::kBytes:
      return ParseBytes(text).status();
    case SettingType::kNumber: {
      uint32_t number = 0;
      if (absl::SimpleAtoi(text, &number) && number > 0) return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no whole number above zero"));
    }
    case SettingType::kOptions:
      for (const absl::string_view option : absl::StrSplit(text, ';', absl::SkipWhitespace())) {
        if (option.find('=') == absl::string_view::npos || option.front() == '=')
          return absl::InvalidArgumentError(absl::StrCat("'", option, "' is not NAME=VALUE"));
      }
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

const std::vector<SettingInfo>* WithLimits(std::vector<SettingInfo>* settings) {
  for (SettingInfo& limit : LimitSettings()) settings->push_back(std::move(limit));
  return settings;
}

}  // namespace

const std::vector<SettingInfo>& AllSettings() {
  using T = SettingType;
  constexpr unsigned kAll = kQuestions | kLoad | kServe | kVerify;
  static const auto* settings = WithLimits(new std::vector<SettingInfo>{
      {Setting::kDataDir,
       "--data-dir",
       "DIR",
       "KG_DATA_DIR",
       {},
       "data_dir",
       T::kText,
       "./kg-data",
       kAll | kBackup | kRestore,
       "Data directory"},
      {Setting::kServer,
       "--server",
       "URL",
       "KG_SERVER",
       {},
       "server",
       T::kText,
       "",
       kQuestions | kLoad | kBackup,
       "A running node instead of a directory"},
      {Setting::kBackupDir,
       "--backup-dir",
       "DIR",
       "KG_BACKUP_DIR",
       {},
       "backup_dir",
       T::kText,
       "./kg-backups",
       kServe | kBackup | kRestore,
       "Folder of backups"},
      {Setting::kListen,
       "--listen",
       "ADDRESS",
       "KG_LISTEN",
       {"PORT", "SERVER_PORT"},
       "listen",
       T::kText,
       "127.0.0.1:8080",
       kServe,
       "Address and port to serve on"},
      {Setting::kAllowHosts,
       "--allow-host",
       "NAMES",
       "KG_ALLOW_HOSTS",
       {},
       "allow_hosts",
       T::kTexts,
       "",
       kServe,
       "Names by which the node is called, besides addresses and localhost; * is any"},
      {Setting::kRetention,
       "--retention",
       "DURATION",
       "KG_RETENTION",
       {},
       "retention",
       T::kDuration,
       "7d",
       kLoad | kServe | kVerify,
       "How long data is kept"},
      {Setting::kMaxBytes,
       "--max-bytes",
       "SIZE",
       "KG_MAX_BYTES",
       {},
       "max_bytes",
       T::kBytes,
       "",
       kLoad | kServe,
       "Space on disk beyond which the oldest data goes; none: no limit"},
      {Setting::kMemoryWindow,
       "--memory-window",
       "DURATION",
       "KG_MEMORY_WINDOW",
       {},
       "memory_window",
       T::kDuration,
       "24h",
       kQuestions | kLoad | kServe,
       "What ended longer ago is read from disk when asked for; answers are the same"},
      {Setting::kDefaultTenant,
       "--default-tenant",
       "NAME",
       "KG_DEFAULT_TENANT",
       {"CLIENT_ID", "DEFAULT_CLIENT_ID"},
       "default_tenant",
       T::kText,
       "",
       kLoad | kServe,
       "Tenant of records that name none"},
      {Setting::kDefaultCluster,
       "--default-cluster",
       "NAME",
       "KG_DEFAULT_CLUSTER",
       {"CLUSTER_NAME"},
       "default_cluster",
       T::kText,
       "",
       kLoad | kServe,
       "Cluster of records that name none"},
      {Setting::kRules,
       "--rules",
       "DIR",
       "KG_RULES",
       {},
       "rules",
       T::kText,
       "",
       kLoad | kServe | kVerify,
       "Rule tables in place of the built-in ones"},
      {Setting::kFutureTolerance,
       "--future-tolerance",
       "DURATION",
       "KG_FUTURE_TOLERANCE",
       {},
       "future_tolerance",
       T::kDuration,
       "10m",
       kLoad | kServe,
       "How far ahead of the clock a record may be"},
      {Setting::kCacheBytes,
       "--cache-bytes",
       "SIZE",
       "KG_CACHE_BYTES",
       {},
       "cache_bytes",
       T::kBytes,
       "64MiB",
       kAll,
       "Memory for blocks read from disk"},
      {Setting::kWriteBufferBytes,
       "--write-buffer-bytes",
       "SIZE",
       "KG_WRITE_BUFFER_BYTES",
       {},
       "write_buffer_bytes",
       T::kBytes,
       "64MiB",
       kLoad | kServe,
       "Memory for rows not yet in a file"},
      {Setting::kRocksdbOptions,
       "--rocksdb-option",
       "NAME=VALUE",
       "KG_ROCKSDB_OPTIONS",
       {},
       "rocksdb",
       T::kOptions,
       "",
       kLoad | kServe,
       "An option of RocksDB by its own name; may be repeated"},
      {Setting::kWorkers,
       "--workers",
       "N",
       "KG_WORKERS",
       {},
       "workers",
       T::kNumber,
       "4",
       kServe,
       "Threads that answer"},
      {Setting::kMaxConnections,
       "--max-connections",
       "N",
       "KG_MAX_CONNECTIONS",
       {},
       "max_connections",
       T::kNumber,
       "256",
       kServe,
       "Connections at a time; further ones get 503"},
      {Setting::kMaxBodyBytes,
       "--max-body-bytes",
       "SIZE",
       "KG_MAX_BODY_BYTES",
       {},
       "max_body_bytes",
       T::kBytes,
       "64MiB",
       kServe,
       "Largest body of one request"},
      {Setting::kMaxIngests,
       "--max-ingests",
       "N",
       "KG_MAX_INGESTS",
       {},
       "max_ingests",
       T::kNumber,
       "2",
       kServe,
       "Bodies decoded at a time; further ones get 503"},
  });
  return *settings;
}

void Settings::Define(unsigned uses, FlagSet* flags) {
  uses_ = uses;
  for (const SettingInfo& info : AllSettings()) {
    if ((info.uses & uses) == 0) continue;
    Value& value = values_[info.id];
    if (IsList(info.type)) {
      flags->Texts(info.flag, info.value, &value.flag_texts, HelpOf(info));
    } else {
      flags->Text(info.flag, info.value, &value.flag, HelpOf(info));
    }
  }
  flags->Text("--config", "FILE", &config_, kFileHelp);
}

absl::Status Settings::Resolve(const SettingInfo& info, const FileValues& file) {
  Value& value = values_[info.id];
  if (IsList(info.type))
    value.flag = absl::StrJoin(value.flag_texts, info.type == SettingType::kTexts ? "," : ";");
  if (!value.flag.empty()) {
    value.text = value.flag;
    value.where = info.flag;
    value.rank = 0;
    return absl::OkStatus();
  }
  std::vector<std::string> variables = {info.variable};
  variables.insert(variables.end(), info.aliases.begin(), info.aliases.end());
  for (const std::string& variable : variables) {
    const std::string text = FromEnvironment(variable);
    if (text.empty()) continue;
    value.text = text;
    value.where = variable;
    value.rank = 1;
    return absl::OkStatus();
  }
  if (const auto found = file.find(info.key); found != file.end()) {
    std::tie(value.text, value.where) = found->second;
    value.rank = 2;
    return absl::OkStatus();
  }
  value.text = info.fallback;
  value.rank = 3;
  return absl::OkStatus();
}

absl::Status Settings::Settle() {
  FileValues file;
  if (const std::string path = FindSettingsFile(config_); !path.empty()) {
    absl::StatusOr<FileValues> read = ReadSettingsFile(path);
    if (!read.ok()) return read.status();
    file = *std::move(read);
  }
  for (const SettingInfo& info : AllSettings()) {
    if ((info.uses & uses_) == 0) continue;
    if (absl::Status resolved = Resolve(info, file); !resolved.ok()) return resolved;
    const Value& value = values_[info.id];
    if (absl::Status checked = Check(info, value.text); !checked.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(value.where, ": ", checked.message()));
    }
  }
  return absl::OkStatus();
}

const std::string& Settings::Text(Setting id) const {
  static const std::string none;
  const auto found = values_.find(id);
  return found == values_.end() ? none : found->second.text;
}

int Settings::Rank(Setting id) const {
  const auto found = values_.find(id);
  return found == values_.end() ? 3 : found->second.rank;
}

bool Settings::IsSet(Setting id) const {
  return Rank(id) < 3;
}

Duration Settings::Time(Setting id) const {
  return server::ParseDuration(Text(id)).value_or(Duration(0));
}

uint64_t Settings::Number(Setting id) const {
  return ParseBytes(Text(id)).value_or(0);
}

std::vector<std::string> Settings::Texts(Setting id) const {
  // Options of RocksDB may hold commas themselves.
  const char separator = id == Setting::kRocksdbOptions ? ';' : ',';
  return absl::StrSplit(Text(id), separator, absl::SkipWhitespace());
}

DatabaseOptions DatabaseOptionsFrom(const Settings& settings) {
  DatabaseOptions options;
  options.block_cache_bytes = settings.Number(Setting::kCacheBytes);
  options.default_tenant = settings.Text(Setting::kDefaultTenant);
  options.default_cluster = settings.Text(Setting::kDefaultCluster);
  options.rules_dir = settings.Text(Setting::kRules);
  options.max_bytes = settings.Number(Setting::kMaxBytes);
  if (!settings.Text(Setting::kRetention).empty())
    options.retention = settings.Time(Setting::kRetention);
  if (!settings.Text(Setting::kMemoryWindow).empty())
    options.memory_window = settings.Time(Setting::kMemoryWindow);
  if (!settings.Text(Setting::kFutureTolerance).empty())
    options.future_tolerance = settings.Time(Setting::kFutureTolerance);
  if (!settings.Text(Setting::kWriteBufferBytes).empty())
    options.write_buffer_bytes = settings.Number(Setting::kWriteBufferBytes);
  SetDatabaseLimits(settings, &options);
  for (const std::string& option : settings.Texts(Setting::kRocksdbOptions)) {
    const size_t equals = option.find('=');
    options.rocksdb_options[option.substr(0, equals)] = option.substr(equals + 1);
  }
  return options;
}

std::string SettingsHelp() {
  std::string out =
      "A setting is taken from its flag, else from the environment, else from the configuration\n"
      "file, else it has its default.\n\n"
      "The file is the one that --config or KG_CONFIG names, else $XDG_CONFIG_HOME/kg/kg.toml\n"
      "(~/.config/kg/kg.toml), else /etc/kg/kg.toml. A key that is no setting, or a value of\n"
      "another type, is an error that names its line. For example:\n\n"
      "  data_dir = \"/var/lib/kg\"\n"
      "  retention = \"14d\"\n"
      "  max_bytes = \"20GiB\"\n"
      "  allow_hosts = [\"kg.example.com\"]\n"
      "  [rocksdb]\n"
      "  max_open_files = 512\n";
  for (const SettingInfo& info : AllSettings()) {
    std::vector<std::string> users;
    if ((info.uses & kQuestions) != 0) users.push_back("questions");
    if ((info.uses & kLoad) != 0) users.push_back("load");
    if ((info.uses & kServe) != 0) users.push_back("serve");
    if ((info.uses & kVerify) != 0) users.push_back("verify");
    if ((info.uses & kBackup) != 0) users.push_back("backup");
    if ((info.uses & kRestore) != 0) users.push_back("restore");
    absl::StrAppend(&out, "\n", info.flag, " ", info.value, "\n");
    for (const std::string& line : Wrap(info.help, 90)) absl::StrAppend(&out, "    ", line, "\n");
    std::string names = absl::StrCat("env ", info.variable);
    if (!info.aliases.empty())
      absl::StrAppend(&names, " (or ", absl::StrJoin(info.aliases, ", "), ")");
    absl::StrAppend(&names, ", key ", info.key);
    if (*info.fallback != '\0') absl::StrAppend(&names, ", default ", info.fallback);
    absl::StrAppend(&names, "; of ", absl::StrJoin(users, ", "));
    for (const std::string& line : Wrap(names, 96)) absl::StrAppend(&out, "    ", line, "\n");
  }
  return out;
}

std::string StrayVariables() {
  std::vector<std::string> found;
  for (const Stray& stray : kStrays) {
    if (!FromEnvironment(stray.variable).empty())
      found.push_back(absl::StrCat(stray.variable, " (", stray.instead, ")"));
  }
  return absl::StrJoin(found, ", ");
}

absl::StatusOr<uint64_t> ParseBytes(const std::string& text) {
  static const std::pair<const char*, uint64_t> kUnits[] = {{"", 1},
                                                            {"b", 1},
                                                            {"k", 1ull << 10},
                                                            {"kib", 1ull << 10},
                                                            {"kb", 1'000},
                                                            {"m", 1ull << 20},
                                                            {"mib", 1ull << 20},
                                                            {"mb", 1'000'000},
                                                            {"g", 1ull << 30},
                                                            {"gib", 1ull << 30},
                                                            {"gb", 1'000'000'000},
                                                            {"t", 1ull << 40},
                                                            {"tib", 1ull << 40},
                                                            {"tb", 1'000'000'000'000}};
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string unit =
      absl::AsciiStrToLower(absl::StripAsciiWhitespace(absl::string_view(text).substr(digits)));
  uint64_t number = 0;
  if (absl::SimpleAtoi(text.substr(0, digits), &number)) {
    for (const auto& [name, factor] : kUnits) {
      if (unit == name && number <= std::numeric_limits<uint64_t>::max() / factor)
        return number * factor;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is no size; give bytes, or 64MiB, 20GiB, 500MB"));
}

}  // namespace kg::kgctl
