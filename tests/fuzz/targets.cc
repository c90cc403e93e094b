#include "tests/fuzz/targets.h"

#include "tests/fuzz/command_line.h"
#include "tests/fuzz/database.h"
#include "tests/fuzz/decoders.h"
#include "tests/fuzz/requests.h"
#include "tests/fuzz/rows.h"

namespace kg::fuzz {

const std::vector<Target>& Targets() {
  static const auto& targets = *new std::vector<Target>{
      {"content", "ingest", "kubectl and watches, recognised by content", Content, ObjectSeeds},
      {"compressed", "ingest", "the same, gzip and zstd", Content, CompressedSeeds},
      {"yaml", "ingest", "kubectl -o yaml", Yaml, YamlSeeds},
      {"logs", "ingest", "text of kubectl logs", Logs, LogSeeds},
      {"alerts", "ingest", "Alertmanager and Prometheus", Alerts, AlertSeeds},
      {"topic-resource", "ingest", "state.k8s.resource", TopicResource, ResourceSeeds},
      {"topic-topology", "ingest", "state.k8s.topology", TopicTopology, TopologySeeds},
      {"topic-events", "ingest", "events.normalized", TopicEvents, EventSeeds},
      {"topic-logs", "ingest", "logs.normalized", TopicLogs, LogRecordSeeds},
      {"topic-targets", "ingest", "state.prom.targets", TopicTargets, TargetSeeds},
      {"topic-rules", "ingest", "state.prom.rules", TopicRules, RuleSeeds},
      {"topic-commands", "ingest", "graph.commands", TopicCommands, CommandSeeds},
      {"redactor", "ingest", "texts that may hold secrets", RedactorText, SecretSeeds},
      {"times", "ingest", "times of wire formats", WireTimes, WireTimeSeeds},

      {"keys", "rows", "keys of rows: parse, print, order", Keys, KeySeeds},
      {"rows", "rows", "stored records of the engine", EngineRows, EngineRowSeeds},
      {"store-rows", "rows", "the store's own rows and names", StoreRows, StoreRowSeeds},
      {"damaged-rows", "rows", "a database opened and asked with a row that is damaged",
       DamagedRows, DamagedRowSeeds, 256, 8},

      {"manifest", "copies", "manifests of backups", BackupManifests, ManifestSeeds},
      {"archive", "copies", "tar and tar.zst", Archives, ArchiveSeeds},
      {"restore", "copies", "a restore from such", Restores, RestoreSeeds, 1 << 20, 20},

      {"parameters", "server", "times, addresses, selectors, cursors, hosts", Parameters,
       ParameterSeeds},
      {"questions", "server", "addresses of questions over a database", Questions, QuestionSeeds},
      {"requests", "server", "bytes on a connection", Requests, RequestSeeds},

      {"settings", "kgctl", "the configuration file", SettingsFile, SettingsFileSeeds},
      {"sizes", "kgctl", "sizes, cells of tables", SizesAndPages, SizeSeeds},
      {"rule-tables", "kgctl", "rule tables of a user", RuleTables, RuleTableSeeds, 8192, 100},
  };
  return targets;
}

const Target* FindTarget(absl::string_view name) {
  for (const Target& target : Targets()) {
    if (name == target.name) return &target;
  }
  return nullptr;
}

}  // namespace kg::fuzz
