#include "tools/kgctl/load.h"

#include <chrono>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/json_text.h"
#include "server/times.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/source.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

Timestamp Now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

class LoadCommand : public Command {
 public:
  std::string name() const override { return "load"; }
  std::string about() const override { return "Put in what kubectl, alerts, logs or topics say"; }
  std::string examples() const override {
    return "  # all that is useful from a cluster, then load it:\n"
           "  kubectl get -A -o json "
           "nodes,namespaces,pods,replicasets,deployments,statefulsets,\\\n"
           "daemonsets,jobs,cronjobs,services,endpointslices,ingresses,configmaps,\\\n"
           "serviceaccounts,persistentvolumeclaims,persistentvolumes,storageclasses,\\\n"
           "horizontalpodautoscalers,poddisruptionbudgets,resourcequotas,limitranges,\\\n"
           "networkpolicies,events > cluster.json\n"
           "  kubectl get secrets -A -o json | kgctl load -   # names are kept, values are not\n"
           "  kubectl logs -n shop -l app=cart --prefix --timestamps --since=1h > cart.txt\n"
           "  kgctl load cluster.json && kgctl load cart.txt -n shop\n"
           "\n"
           "  kubectl get pods -A --watch --output-watch-events -o json | kgctl load -\n"
           "  kubectl cluster-info dump -A --output-directory=dump && kgctl load dump/\n"
           "  kcat -J -C -e -b kafka:9092 -t events.normalized | kgctl load -\n"
           "  kgctl load yesterday.json.gz --at 2026-03-02T10:00Z";
  }
  std::string notes() const override {
    return "Formats, told by their content: kubectl's JSON and YAML (lists, single objects, watch\n"
           "frames, several in one stream), cluster-info dump folders, Events of both APIs, "
           "kubectl\n"
           "logs --prefix --timestamps, Alertmanager's webhook, and the topics "
           "state.k8s.resource,\n"
           "state.k8s.topology, events.normalized, logs.normalized, state.prom.targets,\n"
           "state.prom.rules and graph.commands as JSON lines; all also gzip or zstd.\n"
           "Loading the same input again changes nothing; a file that was loaded whole the same "
           "way is\n"
           "passed over. Secret values are never stored.\n"
           "Exits 1 when a record could not be understood; the others are loaded.";
  }

  void Define(FlagSet* flags) override {
    flags->Arguments("file", &paths_, "Files, folders, or - for standard input");
    flags->Text("--at", "TIME", &at_,
                "Date of records that carry none (default: newest in the input)");
    flags->Text("--format", "NAME", &format_,
                absl::StrCat("Instead of telling by content: ",
                             absl::StrJoin(ingest::FormatNames(), ", ")));
    flags->Text("--topic", "NAME", &topic_, "Topic that records without envelope come from");
    flags->Text("-n,--namespace", "NS", &namespace_, "Namespace of log lines; scope of --complete");
    flags->Switch("-A,--all-namespaces", &all_namespaces_, "Scope of --complete: everything");
    flags->Switch("--complete", &complete_, "What is absent from the input was deleted");
    flags->Text("--kinds", "KINDS", &kinds_, "For --complete, kinds besides those present");
    flags->Switch("--yes", &yes_, "Do not ask when --complete deletes more than 20 %");
    flags->Switch("--strict", &strict_, "Stop at the first record that can't be understood");
    flags->Switch("--again", &again_, "Read also files that were loaded whole before");
    place_.Define(kLoad, flags);
    flags->Text("-o,--output", "FORMAT", &output_, "table, json or yaml");
  }

  absl::StatusOr<int> Run(Environment* env) override {
    if (absl::Status checked = Check(); !checked.ok()) return checked;
    const auto start = std::chrono::steady_clock::now();
    const absl::StatusOr<json::value> report =
        place_.server.empty() ? LoadDirectory(env) : LoadNode(env);
    if (!report.ok()) return report.status();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (output_ == "json") {
      env->out << server::ToJsonText(*report, server::JsonLayout::kPretty);
    } else if (output_ == "yaml") {
      env->out << server::ToYamlText(*report);
    } else {
      PrintReport(*report, seconds, env->out);
    }
    return Int(*report, "dead_letters") > 0 ? kExitFailed : kExitOk;
  }

 private:
  absl::Status Check() {
    if (paths_.empty()) {
      return absl::InvalidArgumentError("name a file, a folder, or - for standard input");
    }
    if (output_ != "table" && output_ != "json" && output_ != "yaml") {
      return absl::InvalidArgumentError(
          absl::StrCat("-o ", output_, " is no format here; give table, json or yaml"));
    }
    if (complete_ && all_namespaces_ == !namespace_.empty()) {
      return absl::InvalidArgumentError(
          "--complete needs either -A or -n NS: what the input is complete for");
    }
    return place_.Settle();
  }

  absl::StatusOr<json::value> LoadDirectory(Environment* env) {
    absl::StatusOr<LoadRequest> request = Request();
    if (!request.ok()) return request.status();
    absl::StatusOr<std::string> rules = server::RulesId(place_.settings.Text(Setting::kRules));
    if (!rules.ok()) return rules.status();
    request->options.rules_id = *std::move(rules);
    DatabaseOptions options = DatabaseOptionsFrom(place_.settings);
    options.notice = [env](const std::string& text) {
      env->err << "kgctl load: " << text << std::endl;
    };
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(place_.data_dir, options);
    if (!database.ok()) return database.status();
    const std::unique_ptr<LoadTarget> target = MakeDirectoryTarget(database->get());
    absl::StatusOr<json::value> report = Load(target.get(), *std::move(request), env);
    if (!report.ok()) return report.status();
    if (absl::Status maintained = (*database)->Maintain(); !maintained.ok()) return maintained;
    return report;
  }

  absl::StatusOr<json::value> LoadNode(Environment* env) {
    for (const SettingInfo& info : AllSettings()) {
      const bool of_the_node = info.id != Setting::kServer && info.id != Setting::kDefaultTenant &&
                               info.id != Setting::kDefaultCluster;
      if (of_the_node && place_.settings.Rank(info.id) == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat(info.flag, " is the node's own setting; give it to 'kgctl serve' there"));
      }
    }
    absl::StatusOr<LoadRequest> request = Request();
    if (!request.ok()) return request.status();
    const std::unique_ptr<LoadTarget> target = MakeNodeTarget(BaseUrl(place_.server));
    return Load(target.get(), *std::move(request), env);
  }

  absl::StatusOr<LoadRequest> Request() const {
    LoadRequest request;
    request.paths = paths_;
    request.consent = yes_ ? Consent::kGiven : Consent::kAsk;
    server::LoadOptions& options = request.options;
    options.strict = strict_;
    options.again = again_;
    options.now = Now();
    options.input = InputLimitsFrom(place_.settings);
    const std::pair<const char*, std::string> given[] = {
        {"at", at_},
        {"format", format_},
        {"topic", topic_},
        {"namespace", namespace_},
        {"tenant", place_.settings.Text(Setting::kDefaultTenant)},
        {"cluster", place_.settings.Text(Setting::kDefaultCluster)}};
    for (const auto& [name, value] : given) {
      if (!value.empty()) options.how[name] = value;
    }
    if (complete_) {
      options.how["complete"] = "true";
      if (all_namespaces_) options.how["all_namespaces"] = "true";
      if (!kinds_.empty()) options.how["kinds"] = kinds_;
    }
    // A node may live by another clock, and "10:42" means this one's day.
    if (!at_.empty()) {
      const absl::StatusOr<Timestamp> at = server::ParseMoment(at_, options.now);
      if (!at.ok()) return at.status();
      options.how["at"] = server::FormatTime(*at);
    }
    return request;
  }

  std::vector<std::string> paths_;
  std::string at_, format_, topic_, namespace_, kinds_;
  std::string output_ = "table";
  bool all_namespaces_ = false, complete_ = false, yes_ = false, strict_ = false, again_ = false;
  Place place_;
};

}  // namespace

CommandPtr MakeLoad() {
  return std::make_unique<LoadCommand>();
}

}  // namespace kg::kgctl
