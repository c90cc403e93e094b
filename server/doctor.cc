#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/backup.h"
#include "query/describe.h"
#include "server/backup_render.h"
#include "server/questions.h"
#include "server/render.h"
#include "server/times.h"

// What is missing in the data. Each check says what it saw and what to do.

namespace kg::server {
namespace {

namespace json = boost::json;

constexpr size_t kItemsShown = 200;
constexpr char kUnassigned[] = "unassigned";

enum class Outcome { kOk, kWarning, kFailed };

// One line of the doctor's answer with the objects concerned.
class Check {
 public:
  explicit Check(std::string name) : name_(std::move(name)) {}

  void Item(std::string text, json::value resource = nullptr) {
    ++total_;
    if (items_.size() >= kItemsShown) return;
    items_.push_back(json::object{{"text", std::move(text)}, {"resource", std::move(resource)}});
  }
  size_t total() const { return total_; }

  json::value Result(Outcome outcome, std::string text, std::string advice = "") {
    const char* status = outcome == Outcome::kOk        ? "ok"
                         : outcome == Outcome::kWarning ? "warning"
                                                        : "failed";
    return json::object{{"check", name_},
                        {"status", status},
                        {"text", std::move(text)},
                        {"advice", RenderOptional(advice)},
                        {"items", json::object{{"total", total_}, {"shown", std::move(items_)}}}};
  }

 private:
  const std::string name_;
  size_t total_ = 0;
  json::array items_;
};

json::value CheckHealth(const Asking& asking) {
  Check check("health");
  const absl::Status health = asking.database.Health();
  if (health.ok()) return check.Result(Outcome::kOk, "the store can read and write");
  if (absl::IsDataLoss(health)) {
    for (const DamagedTime& d : asking.view.damage()) {
      check.Item(absl::StrCat(FormatTimeForPeople(d.when.from), " to ",
                              FormatTimeForPeople(d.when.to), ": ", d.found));
    }
    return check.Result(
        Outcome::kFailed, absl::StrCat("damage on disk: ", std::string(health.message())),
        "restore a backup, or stop the node and run 'kgctl verify --repair'; until then "
        "answers lack what the damaged file holds");
  }
  return check.Result(Outcome::kFailed,
                      absl::StrCat("the store only reads: ", std::string(health.message())),
                      "free disk space, then restart; what was acknowledged is not lost");
}

json::value CheckFormat(const Asking& asking) {
  Check check("format");
  const absl::StatusOr<DatabaseStats> stats = asking.database.Stats();
  if (!stats.ok()) return check.Result(Outcome::kFailed, std::string(stats.status().message()));
  const std::string text = absl::StrCat("the data directory has format ", stats->format_version);
  if (!stats->format_is_old) return check.Result(Outcome::kOk, text);
  return check.Result(
      Outcome::kWarning, absl::StrCat(text, ", or is on its way from there to a newer one"),
      "answers are complete; serve or load brings it to the newest format when it opens it");
}

json::value CheckDerived(const Asking& asking) {
  Check check("derived");
  if (asking.view.derived_complete()) {
    return check.Result(Outcome::kOk, "links and incidents are complete");
  }
  return check.Result(Outcome::kWarning, "links and incidents are behind the newest records",
                      "wait a moment; if it stays, load anything (an empty file will do)");
}

json::value CheckScopes(const Asking& asking) {
  Check check("scopes");
  for (const ScopeDescription& scope : asking.view.scopes()) {
    if (scope.tenant == kUnassigned || scope.cluster == kUnassigned) {
      check.Item(absl::StrCat("tenant '", scope.tenant, "', cluster '", scope.cluster, "'"));
    }
  }
  const size_t scopes = asking.view.scopes().size();
  if (check.total() == 0) {
    return check.Result(Outcome::kOk, absl::StrCat("every record belongs to a cluster (", scopes,
                                                   scopes == 1 ? " scope)" : " scopes)"));
  }
  return check.Result(Outcome::kWarning,
                      "some records name no tenant or cluster, and there are several",
                      "load them again with --default-tenant and --default-cluster");
}

// Kinds of records seen within retention.
struct Sources {
  int64_t objects = 0, nodes = 0, events = 0, alerts = 0, logs = 0, changes = 0;
  int64_t wall_dated = 0;
  Timestamp newest = kBeginning;
};

json::value CheckCoverage(const Asking& asking, const Sources& seen) {
  Check check("coverage");
  std::vector<std::string> advice;
  const auto want = [&](bool present, const char* missing, const char* how) {
    if (present) return;
    check.Item(missing);
    advice.emplace_back(how);
  };
  want(seen.objects > 0, "no objects: nothing is known about what runs where",
       "kubectl get -A -o json pods,deployments,replicasets,services,nodes | kgctl load -");
  want(seen.objects == 0 || seen.nodes > 0, "no nodes: faults of a node can't be told",
       "kubectl get nodes -o json | kgctl load -");
  want(seen.events > 0, "no Kubernetes events",
       "kubectl get events -A -o json | kgctl load - (at least hourly: a cluster forgets them)");
  want(seen.changes > 0,
       "no changes: objects were seen only once, so what was changed is not known",
       "load objects again later, or kubectl get -A --watch --output-watch-events -o json");
  want(seen.alerts > 0, "no alerts", "point an Alertmanager webhook at /api/v1/ingest");
  want(seen.logs > 0, "no log lines worth keeping",
       "kubectl logs -n NS -l app=NAME --prefix --timestamps | kgctl load - -n NS");
  if (check.total() == 0) {
    return check.Result(Outcome::kOk, "objects, events, changes, alerts and logs are all there");
  }
  const bool serious = seen.objects == 0 || seen.events == 0;
  return check.Result(serious ? Outcome::kWarning : Outcome::kOk,
                      absl::StrCat("kinds of data that are absent: ", check.total()),
                      absl::StrJoin(advice, "; "));
}

json::value CheckFreshness(const Asking& asking) {
  Check check("freshness");
  const Timestamp clock = asking.view.data_clock();
  if (clock == kBeginning) {
    return check.Result(Outcome::kWarning, "there is no data yet", "kgctl load --help shows how");
  }
  const Duration age = asking.wall_now - clock;
  const std::string text = absl::StrCat("the newest data is of ", FormatTimeForPeople(clock),
                                        " UTC, ", FormatDuration(age), " ago");
  if (age < std::chrono::minutes(15)) return check.Result(Outcome::kOk, text);
  return check.Result(Outcome::kOk, text + "; fine for a recording, old for a live cluster");
}

// Whether what is here could be had again.
json::value CheckBackups(const Asking& asking) {
  Check check("backups");
  const std::string& folder = asking.backup_dir;
  const auto entries = BackupFolder(folder).List();
  if (!entries.ok()) {
    return check.Result(Outcome::kWarning, std::string(entries.status().message()),
                        "let this user read the folder, or name another --backup-dir");
  }
  const BackupEntry* good = nullptr;
  const BackupEntry* bad = nullptr;  // newer than the last good one
  for (const BackupEntry& entry : *entries) {
    if (entry.good()) {
      good = &entry;
      bad = nullptr;
    } else if (entry.state != BackupEntry::State::kUnderWay) {
      bad = &entry;
    }
  }
  if (good == nullptr && bad == nullptr) {
    return check.Result(Outcome::kOk, absl::StrCat("there is no backup in ", folder),
                        "kgctl backup create, for instance daily");
  }
  if (bad != nullptr) {
    check.Item(absl::StrCat(bad->name, ": ",
                            bad->check             ? bad->check->problem
                            : bad->problem.empty() ? "its making was ended"
                                                   : bad->problem));
  }
  if (good == nullptr) {
    return check.Result(Outcome::kFailed, absl::StrCat("no backup in ", folder, " is a good one"),
                        "kgctl backup create, then kgctl backup verify latest");
  }
  const Duration age = asking.wall_now - good->manifest->begun;
  const std::string text =
      absl::StrCat("the newest good backup, ", good->name, ", is ", FormatDuration(age), " old");
  if (bad != nullptr) {
    return check.Result(Outcome::kWarning, absl::StrCat(text, "; a newer one failed"),
                        "look for the cause (space, the disk), then kgctl backup create");
  }
  if (age > kStaleBackup) {
    return check.Result(Outcome::kWarning, text, "kgctl backup create, for instance daily");
  }
  if (!good->check) {
    return check.Result(Outcome::kOk, absl::StrCat(text, " and was never verified"),
                        "kgctl backup verify latest");
  }
  return check.Result(Outcome::kOk, text);
}

// Who refers to a slot in a way that needs it: "Pod shop/a MOUNTS".
std::vector<std::string> ReferrersOf(const View& view, ResourceId id) {
  std::vector<std::string> by;
  const Graph& graph = view.graph();
  graph.ForEachEdge(id, storage::keys::Direction::kIn, view.as_of(),
                    [&](ResourceId from, EdgeTypeId type, uint16_t flags, Interval) {
                      const Node* source = graph.Find(from);
                      const bool counts = (flags & (kEdgeOptional | kEdgeHeuristic)) == 0 &&
                                          source != nullptr &&
                                          source->AliveAt(view.as_of()) != nullptr;
                      if (counts) {
                        by.push_back(absl::StrCat(query::ShortName(*source->name), " ",
                                                  view.rules().EdgeType(type).name));
                      }
                      return true;
                    });
  std::sort(by.begin(), by.end());
  return by;
}

// References to kinds that were never loaded say nothing about the cluster; others are missing
// there.
json::value CheckReferences(const Asking& asking, ScopeId scope, const query::Describer& say) {
  Check check("dangling_references");
  const Graph& graph = asking.view.graph();
  std::set<std::pair<std::string, std::string>> loaded;
  std::vector<ResourceId> absent;
  for (uint32_t i = 1; i < graph.end_id(); ++i) {
    const Node* node = graph.Find(ResourceId(i));
    if (node == nullptr || node->name == nullptr || node->name->scope != scope) continue;
    const SlotName& name = *node->name;
    if (!node->incarnations.empty()) loaded.insert({name.group, name.kind});
    const bool is_object = !query::ApiVersion(name.group, name.kind).empty();
    if (!is_object || node->AliveAt(asking.view.as_of()) != nullptr) continue;
    if (asking.question.Covers(name.ns)) absent.emplace_back(i);
  }
  std::vector<std::pair<std::string, ResourceId>> found;
  std::map<std::string, int64_t> not_loaded;
  for (const ResourceId id : absent) {
    const SlotName& name = *graph.Find(id)->name;
    const std::vector<std::string> by = ReferrersOf(asking.view, id);
    if (by.empty()) continue;
    if (loaded.count({name.group, name.kind}) == 0) {
      ++not_loaded[name.kind];
      continue;
    }
    const std::string more = by.size() > 1 ? absl::StrCat(" and ", by.size() - 1, " more") : "";
    found.emplace_back(
        absl::StrCat(query::ShortName(name), " is not there; ", by.front(), " it", more), id);
  }
  std::sort(found.begin(), found.end());
  for (const auto& [text, id] : found) check.Item(text, Render(say.Resource(id)));
  for (const auto& [kind, count] : not_loaded) {
    check.Item(absl::StrCat("no ", kind, " was loaded, and ", count, " are referred to"));
  }
  if (check.total() == 0) return check.Result(Outcome::kOk, "whatever is referred to is there");
  const Outcome outcome = found.empty() ? Outcome::kOk : Outcome::kWarning;
  return check.Result(
      outcome,
      found.empty() ? "whatever is referred to is there, of the kinds that were loaded"
                    : absl::StrCat("objects that are referred to and not there: ", found.size()),
      found.empty() ? "kubectl get KIND -A -o json | kgctl load -"
                    : "create what is missing, or mend what refers to it; load "
                      "kinds that were not (kubectl get KIND -A -o json)");
}

bool HasSubject(const View& view, ResourceId id) {
  if (id == ResourceId()) return false;
  const std::shared_ptr<const SlotName> name = view.Name(id);
  return name != nullptr && !name->kind.empty() && !name->name.empty();
}

// One pass over the episodes of the window serves three checks.
absl::Status ReadEpisodes(const Asking& asking, ScopeId scope, query::BudgetMeter* meter,
                          Check* no_subject, Sources* seen) {
  meter->Enter("reading episodes");
  return asking.view.ForEachEpisode(
      scope, Interval{asking.view.oldest(), asking.view.as_of() + Duration(1)},
      [&](const EpisodeRecord& e) {
        if (!meter->TakeBytes(query::CostOf(e))) return false;
        if (e.category == Category::kChange) ++seen->changes;
        if (absl::StartsWith(e.etype, "k8s.event")) ++seen->events;
        if (absl::StrContains(e.etype, "alert") || absl::StrContains(e.etype, "prom")) {
          ++seen->alerts;
        }
        if (absl::StrContains(e.etype, "log")) ++seen->logs;
        if (e.time_source == TimeSource::kWallClock) ++seen->wall_dated;
        if (!HasSubject(asking.view, e.resource)) {
          no_subject->Item(absl::StrCat(FormatTimeForPeople(e.onset), "  ", e.reason, "  ",
                                        e.message.substr(0, 200)));
        }
        return true;
      });
}

void CountObjects(const Asking& asking, ScopeId scope, Sources* seen) {
  const Graph& graph = asking.view.graph();
  for (uint32_t i = 1; i < graph.end_id(); ++i) {
    const Node* node = graph.Find(ResourceId(i));
    if (node == nullptr || node->name == nullptr || node->name->scope != scope) continue;
    if (node->incarnations.empty()) continue;
    ++seen->objects;
    if (node->name->kind == "Node" && node->name->group.empty()) ++seen->nodes;
  }
}

json::value CheckLetters(const Asking& asking, ScopeId scope) {
  Check check("dead_letters");
  const auto letters = asking.view.DeadLetters(scope, 1000);
  if (!letters.ok()) {
    return check.Result(Outcome::kFailed, std::string(letters.status().message()),
                        "the data directory is damaged; restore a backup");
  }
  for (const DeadLetter& letter : *letters) {
    check.Item(absl::StrCat(letter.source, ", ", letter.position, ": ", letter.reason));
  }
  if (letters->empty()) return check.Result(Outcome::kOk, "every record was understood");
  return check.Result(Outcome::kWarning,
                      absl::StrCat(letters->size(), " records were not understood"),
                      "'kgctl dead-letters' says why; mend the source, then 'kgctl dead-letters "
                      "retry'");
}

}  // namespace

Answered AskDoctor(const Asking& asking) {
  query::BudgetMeter meter(asking.budget);
  json::array checks;
  checks.push_back(CheckHealth(asking));
  if (!asking.backup_dir.empty()) checks.push_back(CheckBackups(asking));
  checks.push_back(CheckFormat(asking));
  checks.push_back(CheckDerived(asking));
  checks.push_back(CheckFreshness(asking));
  checks.push_back(CheckScopes(asking));
  if (!asking.view.scopes().empty()) {
    const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, asking.question.scope);
    if (!scope.ok()) return scope.status();
    const query::Describer say(asking.view);
    Check no_subject("events_without_subject");
    Sources seen;
    const absl::Status read = ReadEpisodes(asking, *scope, &meter, &no_subject, &seen);
    if (!read.ok()) {
      // Told with what can still be said.
      checks.push_back(
          Check("episodes")
              .Result(Outcome::kFailed,
                      absl::StrCat("not all could be read: ", std::string(read.message())),
                      absl::IsDataLoss(read) ? "restore a backup, or run 'kgctl verify --repair'"
                                             : "ask again"));
    }
    CountObjects(asking, *scope, &seen);
    checks.push_back(CheckCoverage(asking, seen));
    checks.push_back(CheckReferences(asking, *scope, say));
    const size_t without = no_subject.total();
    checks.push_back(
        without == 0
            ? no_subject.Result(Outcome::kOk, "every event is about an object")
            : no_subject.Result(Outcome::kWarning,
                                absl::StrCat(without, " events are about no known object"),
                                "give their alerts or records the labels namespace and pod (or "
                                "deployment, node, ...), so that they can take part in a cause"));
    Check dates("dates");
    checks.push_back(
        seen.wall_dated == 0
            ? dates.Result(Outcome::kOk, "every record is dated by its source")
            : dates.Result(Outcome::kWarning,
                           absl::StrCat(seen.wall_dated, " episodes are dated by the time of load"),
                           "load such input with --at TIME"));
    checks.push_back(CheckLetters(asking, *scope));
  }
  return json::object{
      {"as_of", RenderTime(asking.question.at)},
      {"checks", std::move(checks)},
      {"truncated", meter.truncated() ? Render(*meter.truncated()) : json::value(nullptr)}};
}

}  // namespace kg::server
