#include "tools/kgctl/load.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "ingest/http_client.h"
#include "server/json_text.h"
#include "server/times.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/source.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

constexpr uint64_t kLargestUpload = 64ull << 20;

Timestamp Now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  std::string body;
  if (path == "-") {
    body.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream in(path, std::ios::binary);
    if (!in || std::filesystem::is_directory(path)) {
      return absl::NotFoundError(
          absl::StrCat("can't read ", path, "; to a node, files are sent one by one (no folders)"));
    }
    body.assign(std::istreambuf_iterator<char>(in), {});
  }
  if (body.size() > kLargestUpload) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " is larger than the 64 MiB that a node takes at once; split or compress it"));
  }
  return body;
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
           "Loading the same input again changes nothing. Secret values are never stored.\n"
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
    flags->Text("--default-tenant", "NAME", &tenant_, "Tenant of records that name none");
    flags->Text("--default-cluster", "NAME", &cluster_, "Cluster of records that name none");
    flags->Text("--retention", "DURATION", &retention_, "How long data is kept (default 7d)");
    flags->Text("--rules", "DIR", &rules_, "Rule tables in place of the built-in ones");
    place_.Define(flags);
    flags->Text("-o,--output", "FORMAT", &output_, "table, json or yaml");
  }

  absl::StatusOr<int> Run(Environment* env) override {
    if (absl::Status checked = Check(); !checked.ok()) return checked;
    const auto start = std::chrono::steady_clock::now();
    const absl::StatusOr<json::value> report =
        place_.server.empty() ? LoadDirectory(env) : LoadNode();
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
    DatabaseOptions options;
    options.default_tenant = tenant_;
    options.default_cluster = cluster_;
    options.rules_dir = rules_;
    if (!retention_.empty()) {
      const absl::StatusOr<Duration> retention = server::ParseDuration(retention_);
      if (!retention.ok()) return retention.status();
      options.retention = *retention;
    }
    absl::StatusOr<LoadRequest> request = Request();
    if (!request.ok()) return request.status();
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(place_.data_dir, options);
    if (!database.ok()) return database.status();
    const absl::StatusOr<server::IngestReport> report =
        Load(database->get(), *std::move(request), env);
    if (!report.ok()) return report.status();
    if (absl::Status maintained = (*database)->Maintain(); !maintained.ok()) return maintained;
    return server::Render(*report);
  }

  absl::StatusOr<LoadRequest> Request() const {
    LoadRequest request;
    request.paths = paths_;
    request.strict = strict_;
    request.consent = yes_ ? Consent::kGiven : Consent::kAsk;
    ingest::DecodeOptions& decode = request.decode;
    decode.wall_now = Now();
    decode.default_scope = {tenant_, cluster_};
    decode.format = format_;
    decode.topic = topic_;
    decode.log_namespace = namespace_;
    decode.complete = complete_;
    decode.complete_all_namespaces = complete_ && all_namespaces_;
    if (complete_) {
      decode.complete_namespace = namespace_;
      decode.complete_kinds = absl::StrSplit(kinds_, ',', absl::SkipWhitespace());
    }
    if (!at_.empty()) {
      const absl::StatusOr<Timestamp> at = server::ParseMoment(at_, decode.wall_now);
      if (!at.ok()) return at.status();
      decode.at = *at;
    }
    return request;
  }

  // Each file is an input set of its own there; the reports are added up.
  absl::StatusOr<json::value> LoadNode() const {
    if (complete_ || strict_ || !rules_.empty() || !retention_.empty()) {
      return absl::InvalidArgumentError(
          "--complete, --strict, --rules and --retention work on a --data-dir only");
    }
    server::Params params;
    const std::pair<const char*, const std::string*> given[] = {
        {"at", &at_},         {"format", &format_},  {"topic", &topic_}, {"namespace", &namespace_},
        {"tenant", &tenant_}, {"cluster", &cluster_}};
    for (const auto& [name, value] : given) {
      if (!value->empty()) params[name] = *value;
    }
    json::value sum;
    for (const std::string& path : paths_) {
      absl::StatusOr<std::string> body = ReadAll(path);
      if (!body.ok()) return body.status();
      ingest::HttpCall call;
      call.method = "POST";
      call.timeout = std::chrono::minutes(5);
      call.url = absl::StrCat(BaseUrl(place_.server), "/api/v1/ingest", params.empty() ? "" : "?",
                              server::EncodeQuery(params));
      call.headers["Content-Type"] = "application/octet-stream";
      call.body = *std::move(body);
      const absl::StatusOr<ingest::HttpReply> reply = ingest::Fetch(call);
      if (!reply.ok()) return reply.status();
      if (reply->status != 200) return StatusOfReply(reply->status, reply->body);
      boost::system::error_code error;
      const json::value report = json::parse(reply->body, error);
      if (error) return absl::UnavailableError("the node answered something that is not JSON");
      Add(report, &sum);
    }
    return sum;
  }

  // Numbers are added, lists joined; of anything else the last stands.
  static void Add(const json::value& from, json::value* sum) {
    if (from.is_object() && sum->is_object()) {
      for (const json::key_value_pair& member : from.get_object()) {
        Add(member.value(), &sum->get_object()[member.key()]);
      }
    } else if (from.is_array() && sum->is_array()) {
      for (const json::value& item : from.get_array()) sum->get_array().push_back(item);
    } else if (from.is_number() && sum->is_number()) {
      *sum = Int(*sum, "") + Int(from, "");
    } else if (!from.is_null()) {
      *sum = from;
    }
  }

  std::vector<std::string> paths_;
  std::string at_, format_, topic_, namespace_, kinds_, tenant_, cluster_, retention_, rules_;
  std::string output_ = "table";
  bool all_namespaces_ = false, complete_ = false, yes_ = false, strict_ = false;
  Place place_;
};

}  // namespace

CommandPtr MakeLoad() {
  return std::make_unique<LoadCommand>();
}

}  // namespace kg::kgctl
