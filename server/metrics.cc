#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/times.h"

namespace kg::server {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr Duration kStatsAge = std::chrono::seconds(10);

const Histogram::BucketBoundaries& Seconds() {
  static const auto* bounds = new Histogram::BucketBoundaries{
      .0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
  return *bounds;
}

double ToSeconds(Duration d) {
  return static_cast<double>(d.count()) / 1e6;
}

}  // namespace

class Metrics::Impl {
 public:
  Impl()
      : requests_(MakeCounter("kg_http_requests_total", "Requests answered")),
        request_time_(MakeHistogram("kg_http_request_duration_seconds", "Time to answer")),
        messages_(
            MakeCounter("kg_messages_processed_total", "Records read, by what became of them")),
        dlq_(MakeCounter("kg_dlq_messages_total",
                         "Records that could not be understood or applied")),
        redactions_(MakeCounter("kg_redactions_total", "Secret values taken out, by rule")),
        ingest_time_(MakeHistogram("kg_message_processing_duration_seconds",
                                   "Time to decode and apply one body")),
        verdicts_(MakeCounter("kg_rca_answers_total", "Root cause answers, by verdict")),
        rca_time_(MakeHistogram("kg_rca_compute_time_seconds", "Time to find root causes")),
        nodes_(MakeGauge("kg_graph_nodes_total", "Nodes stored")),
        edges_(MakeGauge("kg_graph_edges_total", "Edges stored")),
        in_memory_(MakeGauge("kg_memory_items", "What the writer keeps of the memory window")),
        up_(MakeGauge("kg_store_writable", "1 while the store can write")),
        disk_(MakeGauge("kg_store_disk_bytes", "Bytes on disk")),
        clock_(MakeGauge("kg_data_clock_seconds", "Largest event time seen, Unix time")),
        oldest_(MakeGauge("kg_data_oldest_seconds", "Start of retention, Unix time")),
        buckets_(MakeGauge("kg_store_buckets", "Time buckets, by state")),
        letters_(MakeGauge("kg_dead_letters", "Dead letters stored")),
        derived_(MakeGauge("kg_derived_complete", "1 while links and incidents are up to date")),
        connections_(MakeGauge("kg_http_connections_open", "Connections open")),
        turned_away_(MakeGauge("kg_http_turned_away", "Requests refused for want of room")),
        backup_last_(
            MakeGauge("kg_backup_last_success_seconds",
                      "When the newest good backup was begun, Unix time; 0: there is none")),
        backup_time_(MakeGauge("kg_backup_duration_seconds", "Time that the newest good one took")),
        backup_bytes_(
            MakeGauge("kg_backup_bytes",
                      "Bytes of the newest good backup: all, and what it shares with none")),
        backups_(MakeGauge("kg_backups", "Backups in the folder, by state")),
        backup_running_(MakeGauge("kg_backup_running", "1 while one is made or verified")),
        backup_failures_(MakeCounter("kg_backup_failures_total",
                                     "Failed attempts since the start, by what was attempted")),
        limit_(MakeGauge("kg_limit", "What is allowed at most, by setting; 0 is no limit")),
        limit_used_(MakeGauge("kg_limit_used", "How much of a limit is used, where that is known")),
        exceeded_(MakeCounter("kg_limit_exceeded_total",
                              "What was refused, cut or dropped for a limit, by setting")),
        views_(MakeGauge("kg_views_open", "Views that hold a state of the store")),
        waiting_(MakeGauge("kg_apply_waiting", "Callers that wait for their commit")),
        fds_(MakeGauge("process_open_fds", "Descriptors open")),
        max_fds_(MakeGauge("process_max_fds", "Descriptors allowed")),
        memory_(MakeGauge("process_resident_memory_bytes", "Memory of the process")) {}

  void Exceeded(const std::string& limit) { exceeded_.Add({{"limit", limit}}).Increment(); }

  void Request(const std::string& route, int status, Duration took) {
    requests_.Add({{"route", route}, {"status", absl::StrCat(status)}}).Increment();
    request_time_.Add({{"route", route}}, Seconds()).Observe(ToSeconds(took));
  }

  void Ingested(const IngestReport& report, Duration took) {
    const auto count = [&](const char* status, int64_t n) {
      if (n > 0) {
        messages_.Add({{"topic", "http"}, {"status", status}}).Increment(static_cast<double>(n));
      }
    };
    count("success", report.applied + report.unchanged);
    count("skipped", static_cast<int64_t>(report.decoded.log_lines_dropped) + report.refused);
    count("error", report.dead_letters);
    if (report.dead_letters > 0) {
      dlq_.Add({{"topic", "http"}, {"reason", "decode"}})
          .Increment(static_cast<double>(report.dead_letters));
    }
    for (const auto& [limit, n] : report.decoded.limits) {
      exceeded_.Add({{"limit", limit}}).Increment(static_cast<double>(n));
    }
    for (const auto& [rule, n] : report.decoded.redactions) {
      redactions_.Add({{"rule", rule}}).Increment(static_cast<double>(n));
    }
    ingest_time_.Add({{"topic", "http"}}, Seconds()).Observe(ToSeconds(took));
  }

  void RootCause(const std::string& verdict, Duration took) {
    verdicts_.Add({{"verdict", verdict}}).Increment();
    rca_time_.Add({}, Seconds()).Observe(ToSeconds(took));
  }

  void Backup(const BackupFigures& f) {
    const double last = f.last_success ? static_cast<double>(ToMicros(*f.last_success)) / 1e6 : 0;
    backup_last_.Add({}).Set(last);
    backup_time_.Add({}).Set(ToSeconds(f.duration));
    backup_bytes_.Add({{"share", "all"}}).Set(static_cast<double>(f.bytes));
    backup_bytes_.Add({{"share", "own"}}).Set(static_cast<double>(f.own_bytes));
    backups_.Add({{"state", "good"}}).Set(static_cast<double>(f.good));
    backups_.Add({{"state", "other"}}).Set(static_cast<double>(f.other));
    backup_running_.Add({}).Set(f.running ? 1 : 0);
    const auto failed = [this](const char* what, uint64_t count) {
      Counter& counter = backup_failures_.Add({{"of", what}});
      counter.Increment(static_cast<double>(count) - counter.Value());
    };
    failed("create", f.failed_creates);
    failed("verify", f.failed_verifies);
    failed("prune", f.failed_prunes);
  }

  std::string Text(const Database& database, const ListenerStats& listener,
                   const std::map<std::string, LimitUse>& limits, Timestamp now) {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, use] : limits) Limit(name, use);
    for (const auto& [name, use] : listener.limits) Limit(name, use);
    Process();
    up_.Add({}).Set(database.Health().ok() ? 1 : 0);
    derived_.Add({}).Set(database.GetView()->derived_complete() ? 1 : 0);
    connections_.Add({}).Set(static_cast<double>(listener.open));
    turned_away_.Add({}).Set(static_cast<double>(listener.turned_away));
    if (!refreshed_ || now - *refreshed_ >= kStatsAge) {
      Refresh(database);
      refreshed_ = now;
    }
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }

 private:
  Family<Counter>& MakeCounter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  }
  Family<Gauge>& MakeGauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
  }
  Family<Histogram>& MakeHistogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
  }

  void Limit(const std::string& name, const LimitUse& use) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    limit_.Add({{"limit", name}}).Set(use.limit);
    limit_used_.Add({{"limit", name}}).Set(use.used);
    // Others count towards the same total by themselves, and may begin anew.
    uint64_t& told = told_[name];
    if (use.exceeded < told) told = 0;
    exceeded_.Add({{"limit", name}}).Increment(static_cast<double>(use.exceeded - told));
    told = use.exceeded;
  }

  void Process() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::error_code error;
    std::filesystem::directory_iterator fds("/proc/self/fd", error), end;
    double open = 0;
    for (; !error && fds != end; fds.increment(error)) ++open;
    fds_.Add({}).Set(open);
    rlimit most{};
    if (::getrlimit(RLIMIT_NOFILE, &most) == 0)
      max_fds_.Add({}).Set(static_cast<double>(most.rlim_cur));
    std::ifstream statm("/proc/self/statm");
    uint64_t all = 0, resident = 0;
    if (statm >> all >> resident)
      memory_.Add({}).Set(static_cast<double>(resident) *
                          static_cast<double>(::sysconf(_SC_PAGESIZE)));
  }

  void Refresh(const Database& database) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::StatusOr<DatabaseStats> stats = database.Stats();
    if (!stats.ok()) return;
    const auto set = [](Family<Gauge>& family, const prometheus::Labels& labels, double value) {
      family.Add(labels).Set(value);
    };
    set(nodes_, {{"node_type", "Resource"}}, static_cast<double>(stats->resources));
    set(nodes_, {{"node_type", "ResourceDeleted"}}, static_cast<double>(stats->resources_deleted));
    set(nodes_, {{"node_type", "Stub"}}, static_cast<double>(stats->stubs));
    set(nodes_, {{"node_type", "Episodic"}}, static_cast<double>(stats->episodes));
    set(in_memory_, {{"what", "event_ids"}}, static_cast<double>(stats->event_ids_in_memory));
    set(in_memory_, {{"what", "bursts"}}, static_cast<double>(stats->bursts_in_memory));
    set(edges_, {{"edge_type", "topology"}}, static_cast<double>(stats->edges_open));
    set(edges_, {{"edge_type", "POTENTIAL_CAUSE"}}, static_cast<double>(stats->links));
    set(disk_, {}, static_cast<double>(stats->disk_bytes));
    set(letters_, {}, static_cast<double>(stats->dead_letters));
    for (const auto& [name, use] : stats->limits) Limit(name, use);
    set(views_, {}, static_cast<double>(stats->views));
    set(waiting_, {}, static_cast<double>(stats->callers_waiting));
    if (!FormatTime(stats->data_clock).empty()) {
      set(clock_, {}, static_cast<double>(ToMicros(stats->data_clock)) / 1e6);
      set(oldest_, {}, static_cast<double>(ToMicros(stats->oldest)) / 1e6);
    }
    std::map<std::string, double> states = {{"open", 0}, {"sealed", 0}, {"pre-created", 0}};
    for (const BucketStats& bucket : stats->buckets) states[bucket.state] += 1;
    for (const auto& [state, count] : states) set(buckets_, {{"state", state}}, count);
  }

  prometheus::Registry registry_;
  Family<Counter>& requests_;
  Family<Histogram>& request_time_;
  Family<Counter>& messages_;
  Family<Counter>& dlq_;
  Family<Counter>& redactions_;
  Family<Histogram>& ingest_time_;
  Family<Counter>& verdicts_;
  Family<Histogram>& rca_time_;
  Family<Gauge>& nodes_;
  Family<Gauge>& edges_;
  Family<Gauge>& in_memory_;
  Family<Gauge>& up_;
  Family<Gauge>& disk_;
  Family<Gauge>& clock_;
  Family<Gauge>& oldest_;
  Family<Gauge>& buckets_;
  Family<Gauge>& letters_;
  Family<Gauge>& derived_;
  Family<Gauge>& connections_;
  Family<Gauge>& turned_away_;
  Family<Gauge>& backup_last_;
  Family<Gauge>& backup_time_;
  Family<Gauge>& backup_bytes_;
  Family<Gauge>& backups_;
  Family<Gauge>& backup_running_;
  Family<Counter>& backup_failures_;
  Family<Gauge>& limit_;
  Family<Gauge>& limit_used_;
  Family<Counter>& exceeded_;
  Family<Gauge>& views_;
  Family<Gauge>& waiting_;
  Family<Gauge>& fds_;
  Family<Gauge>& max_fds_;
  Family<Gauge>& memory_;

  absl::Mutex mutex_;
  std::optional<Timestamp> refreshed_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> told_ ABSL_GUARDED_BY(mutex_);  // of exceeded_, by others
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::Request(const std::string& route, int status, Duration took) {
  impl_->Request(route, status, took);
}
void Metrics::Ingested(const IngestReport& report, Duration took) {
  impl_->Ingested(report, took);
}
void Metrics::RootCause(const std::string& verdict, Duration took) {
  impl_->RootCause(verdict, took);
}
void Metrics::Backup(const BackupFigures& figures) {
  impl_->Backup(figures);
}
void Metrics::Exceeded(const std::string& limit) {
  impl_->Exceeded(limit);
}
std::string Metrics::Text(const Database& database, const ListenerStats& listener,
                          const std::map<std::string, LimitUse>& limits, Timestamp now) {
  return impl_->Text(database, listener, limits, now);
}

}  // namespace kg::server
