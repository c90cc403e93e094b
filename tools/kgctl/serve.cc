#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/database.h"
#include "server/load_run.h"
#include "server/node.h"
#include "tools/kgctl/command.h"
#include "tools/kgctl/settings.h"

namespace kg::kgctl {
namespace {

absl::Status ParseListen(const std::string& text, server::ListenerOptions* options) {
  const size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  uint32_t number = 0;
  if (!absl::SimpleAtoi(port, &number) || number > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("--listen ", text, " is no address; give 127.0.0.1:8080, [::1]:8080 or 8080"));
  }
  options->port = static_cast<uint16_t>(number);
  if (colon == std::string::npos || colon == 0) return absl::OkStatus();
  options->address = text.substr(0, colon);
  if (options->address.front() == '[' && options->address.back() == ']') {
    options->address = options->address.substr(1, options->address.size() - 2);
  }
  if (options->address == "localhost") options->address = "127.0.0.1";
  return absl::OkStatus();
}

absl::StatusOr<server::NodeOptions> NodeOptionsFrom(const Settings& settings) {
  server::NodeOptions options;
  const std::string& listen = settings.Text(Setting::kListen);
  if (absl::Status parsed = ParseListen(listen, &options.listener); !parsed.ok()) return parsed;
  options.listener.workers = static_cast<int>(settings.Number(Setting::kWorkers));
  options.listener.max_connections = static_cast<int>(settings.Number(Setting::kMaxConnections));
  options.listener.body_bytes = settings.Number(Setting::kMaxBodyBytes);
  options.listener.bodies_bytes =
      std::max(settings.Number(Setting::kMaxBodiesBytes), options.listener.body_bytes);
  options.listener.header_bytes = static_cast<uint32_t>(
      std::min<uint64_t>(settings.Number(Setting::kMaxHeaderBytes), 1u << 20));
  options.listener.max_waiting = static_cast<int>(settings.Number(Setting::kMaxWaiting));
  options.api.max_loads = static_cast<int>(settings.Number(Setting::kMaxLoads));
  options.api.budget = BudgetFrom(settings);
  options.api.input = InputLimitsFrom(settings);
  options.api.max_ingests = static_cast<int>(settings.Number(Setting::kMaxIngests));
  options.api.hosts = settings.Texts(Setting::kAllowHosts);
  options.api.hosts.push_back(options.listener.address);
  options.api.backup_dir = settings.Text(Setting::kBackupDir);
  absl::StatusOr<std::string> rules = server::RulesId(settings.Text(Setting::kRules));
  if (!rules.ok()) return rules.status();
  options.api.rules_id = *std::move(rules);
  return options;
}

class Serve : public Command {
 public:
  std::string name() const override { return "serve"; }
  std::string about() const override {
    return "Run a node: take input and answer questions over HTTP";
  }
  std::string examples() const override {
    return "  kgctl serve --data-dir /var/lib/kg\n"
           "  curl -sS --data-binary @cluster.json http://127.0.0.1:8080/api/v1/ingest\n"
           "  curl -sS 'http://127.0.0.1:8080/api/v1/rca?namespace=shop&since=1h'\n"
           "  kgctl rca -n shop --server http://127.0.0.1:8080";
  }
  std::string notes() const override {
    return "Questions are under /api/v1/ by the names of the commands, with their flags as\n"
           "parameters; /healthz, /readyz and /metrics are there too. The port asks for no "
           "password:\n"
           "keep it on loopback, or behind something that does. It answers to addresses, localhost "
           "and\n--allow-host only, so that no web page can read it through a browser. 'kgctl help "
           "config'\nlists all settings with their variables and their keys in the configuration "
           "file.\nSIGTERM ends the node cleanly.";
  }
  void Define(FlagSet* flags) override { settings_.Define(kServe, flags); }

  absl::StatusOr<int> Run(Environment* env) override {
    // Before the store starts threads: a signal must reach the one that waits for it.
    server::BlockStopSignals();
    if (absl::Status settled = settings_.Settle(); !settled.ok()) return settled;
    absl::StatusOr<server::NodeOptions> options = NodeOptionsFrom(settings_);
    if (!options.ok()) return options.status();
    if (const std::string strays = StrayVariables(); !strays.empty()) {
      env->err << "kgctl serve: these variables mean nothing here: " << strays << std::endl;
    }
    const std::string& data_dir = settings_.Text(Setting::kDataDir);
    DatabaseOptions database_options = DatabaseOptionsFrom(settings_);
    database_options.notice = [env](const std::string& text) {
      env->err << "kgctl serve: " << text << std::endl;
    };
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(data_dir, database_options);
    if (!database.ok()) return database.status();
    absl::StatusOr<std::unique_ptr<server::Node>> node =
        server::Node::Start(database->get(), *options);
    if (!node.ok()) return node.status();
    const std::string& address = options->listener.address;
    const bool v6 = absl::StrContains(address, ":");
    env->err << "kgctl serve: ready on http://" << (v6 ? "[" : "") << address << (v6 ? "]" : "")
             << ":" << (*node)->port() << ", data in " << data_dir << std::endl;
    if (!absl::StartsWith(address, "127.") && address != "::1") {
      env->err << "kgctl serve: warning: whoever reaches " << address
               << " can read and write everything; put a proxy that asks for a password before it"
               << std::endl;
    }
    server::WaitForStopSignal();
    env->err << "kgctl serve: stopping" << std::endl;
    if (absl::Status stopped = (*node)->Stop(); !stopped.ok()) return stopped;
    return kExitOk;
  }

 private:
  Settings settings_;
};

}  // namespace

CommandPtr MakeServe() {
  return std::make_unique<Serve>();
}

}  // namespace kg::kgctl
