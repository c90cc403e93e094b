#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/database.h"
#include "server/node.h"
#include "server/times.h"
#include "tools/kgctl/command.h"
#include "tools/kgctl/source.h"

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
           "keep it on loopback, or behind something that does. SIGTERM ends the node cleanly.";
  }
  void Define(FlagSet* flags) override {
    flags->Text("--data-dir", "DIR", &place_.data_dir,
                "Data directory (env KG_DATA_DIR; default ./kg-data)");
    flags->Text("--listen", "ADDRESS", &listen_, "Address and port (default 127.0.0.1:8080)");
    flags->Text("--retention", "DURATION", &retention_, "How long data is kept (default 7d)");
    flags->Text("--default-tenant", "NAME", &tenant_, "Tenant of records that name none");
    flags->Text("--default-cluster", "NAME", &cluster_, "Cluster of records that name none");
    flags->Text("--rules", "DIR", &rules_, "Rule tables in place of the built-in ones");
  }

  absl::StatusOr<int> Run(Environment* env) override {
    // Before the store starts threads: a signal must reach the one that waits for it.
    server::BlockStopSignals();
    server::NodeOptions options;
    if (absl::Status parsed = ParseListen(listen_, &options.listener); !parsed.ok()) return parsed;
    DatabaseOptions stored;
    stored.default_tenant = tenant_;
    stored.default_cluster = cluster_;
    stored.rules_dir = rules_;
    if (!retention_.empty()) {
      const absl::StatusOr<Duration> retention = server::ParseDuration(retention_);
      if (!retention.ok()) return retention.status();
      stored.retention = *retention;
    }
    if (absl::Status settled = SettleDirectory(); !settled.ok()) return settled;
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(place_.data_dir, stored);
    if (!database.ok()) return database.status();
    absl::StatusOr<std::unique_ptr<server::Node>> node =
        server::Node::Start(database->get(), options);
    if (!node.ok()) return node.status();
    const std::string& address = options.listener.address;
    const bool v6 = absl::StrContains(address, ":");
    env->err << "kgctl serve: ready on http://" << (v6 ? "[" : "") << address << (v6 ? "]" : "")
             << ":" << (*node)->port() << ", data in " << place_.data_dir << std::endl;
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
  // A node has data of its own: KG_SERVER, meant for questions, does not matter here.
  absl::Status SettleDirectory() {
    if (place_.data_dir.empty()) {
      const char* dir = std::getenv("KG_DATA_DIR");
      place_.data_dir = dir == nullptr || *dir == '\0' ? "./kg-data" : dir;
    }
    return absl::OkStatus();
  }

  Place place_;
  std::string listen_ = "127.0.0.1:8080";
  std::string retention_, tenant_, cluster_, rules_;
};

}  // namespace

CommandPtr MakeServe() {
  return std::make_unique<Serve>();
}

}  // namespace kg::kgctl
