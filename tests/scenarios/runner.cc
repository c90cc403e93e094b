#include "tests/scenarios/runner.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include <boost/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "engine/database.h"
#include "ingest/decoder.h"
#include "query/root_cause.h"
#include "query/text.h"
#include "server/ask.h"

namespace kg::scenarios {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const fs::path kRoot = KG_SCENARIOS_DIR;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Timestamp ParseTime(const json::value& v) {
  absl::Time t;
  std::string error;
  absl::ParseTime(absl::RFC3339_full, absl::string_view(v.as_string().data(), v.as_string().size()),
                  &t, &error);
  return FromMicros(absl::ToUnixMicros(t));
}

std::string Text(const json::value* v) {
  return v == nullptr || !v->is_string() ? std::string() : std::string(v->as_string());
}

std::vector<query::ResourceAnswer> Objects(const json::value* list,
                                           std::vector<std::string>* classes) {
  std::vector<query::ResourceAnswer> out;
  if (list == nullptr) return out;
  for (const json::value& v : list->as_array()) {
    const json::object& o = v.as_object();
    if (o.contains("class") && classes != nullptr) {
      classes->push_back(Text(o.if_contains("class")));
      continue;
    }
    query::ResourceAnswer r;
    r.kind = Text(o.if_contains("kind"));
    r.ns = Text(o.if_contains("namespace"));
    r.name = Text(o.if_contains("name"));
    out.push_back(r);
  }
  return out;
}

Expectation ReadExpectation(const json::object& o) {
  Expectation e;
  const json::object& q = o.at("question").as_object();
  e.question.object = Text(q.if_contains("object"));
  e.question.ns = Text(q.if_contains("namespace"));
  e.question.all_namespaces = e.question.ns.empty();
  e.question.scope = {Text(q.if_contains("tenant")), Text(q.if_contains("cluster"))};
  e.question.at = ParseTime(q.at("at"));
  absl::Duration since;
  if (absl::ParseDuration(Text(q.if_contains("since")), &since))
    e.question.since = Duration(absl::ToInt64Microseconds(since));
  const json::object& x = o.at("expect").as_object();
  for (const json::value& v : x.at("verdict").as_array()) e.verdicts.emplace_back(v.as_string());
  e.roots = Objects(x.if_contains("root"), nullptr);
  if (const json::value* c = x.if_contains("category")) {
    for (const json::value& v : c->as_array()) e.categories.emplace_back(v.as_string());
  }
  e.affected = Objects(x.if_contains("affected"), nullptr);
  e.not_above = Objects(o.if_contains("not_above"), &e.not_above_classes);
  return e;
}

bool Same(const query::ResourceAnswer& a, const query::ResourceAnswer& b) {
  return absl::EqualsIgnoreCase(a.kind, b.kind) && a.ns == b.ns && a.name == b.name;
}

// A copy of the inputs with some records kept back: (first part, second part).
std::pair<std::string, std::string> Split(const std::string& text, const std::set<int64_t>& records,
                                          bool is_list) {
  if (is_list) {
    json::value v = json::parse(text);
    json::object first = v.as_object(), second = v.as_object();
    json::array a, b;
    int64_t i = 0;
    for (json::value& item : v.as_object()["items"].as_array())
      (records.count(i++) ? b : a).push_back(item);
    first["items"] = a;
    second["items"] = b;
    return {json::serialize(first), json::serialize(second)};
  }
  std::pair<std::string, std::string> out;
  std::istringstream in(text);
  std::string line;
  for (int64_t i = 0; std::getline(in, line); ++i) {
    absl::StrAppend(records.count(i) ? &out.second : &out.first, line, "\n");
  }
  return out;
}

// What a mutation says, without when an undated one was taken to be: that depends on its stream.
std::string ContentOf(const Mutation& m) {
  if (const auto* o = std::get_if<ObjectRecord>(&m)) {
    std::string out =
        absl::StrCat("object ", o->ref.kind, " ", o->ref.uid, " ", o->ref.ns, " ", o->ref.name, " ",
                     static_cast<int>(o->presence), " ", o->generation);
    for (const Field& f : o->fields) absl::StrAppend(&out, "\n", f.path, "=", f.value);
    return out;
  }
  if (const auto* e = std::get_if<EdgeRecord>(&m)) {
    return absl::StrCat("edge ", e->type, " ", e->from.name, " ", e->to.name, " ",
                        static_cast<int>(e->presence), " ", ToMicros(e->at));
  }
  if (const auto* e = std::get_if<EventRecord>(&m)) {
    return absl::StrCat("event ", e->event_id, " ", ToMicros(e->last), " ", e->count, " ",
                        e->message);
  }
  if (const auto* a = std::get_if<AlertRecord>(&m)) {
    return absl::StrCat("alert ", a->fingerprint, " ", ToMicros(a->starts_at), " ", a->firing, " ",
                        ToMicros(a->at));
  }
  if (const auto* l = std::get_if<LogRecord>(&m)) {
    return absl::StrCat("log ", l->subject.name, " ", l->container, " ", ToMicros(l->at), " ",
                        l->line);
  }
  return "completeness";
}

// Moves those of `all` that say what `late` says to the end.
void DeliverLast(const std::vector<Mutation>& late, std::vector<Mutation>* all) {
  std::multiset<std::string> wanted;
  for (const Mutation& m : late) wanted.insert(ContentOf(m));
  std::stable_partition(all->begin(), all->end(), [&](const Mutation& m) {
    auto it = wanted.find(ContentOf(m));
    if (it == wanted.end()) return true;
    wanted.erase(it);
    return false;
  });
}

struct Loader {
  std::unique_ptr<Database> db;
  std::shared_ptr<const RuleBook> rules;
  ingest::MacKey mac;
  Timestamp now;

  absl::StatusOr<Batch> Decode(const std::vector<std::string>& paths, const json::object& args) {
    ingest::BatchSink sink;
    ingest::DecodeOptions o;
    o.rules = rules.get();
    o.mac_key = &mac;
    o.wall_now = now;
    if (args.contains("at")) o.at = ParseTime(args.at("at"));
    o.log_namespace = Text(args.if_contains("namespace"));
    auto stats = ingest::DecodePaths(paths, o, &sink);
    if (!stats.ok()) return stats.status();
    if (!sink.batch.dead_letters.empty()) {
      return absl::InternalError(absl::StrCat("dead letter: ", sink.batch.dead_letters[0].source,
                                              " ", sink.batch.dead_letters[0].position, " ",
                                              sink.batch.dead_letters[0].reason));
    }
    return std::move(sink.batch);
  }

  absl::Status ApplyInPieces(std::vector<Mutation> mutations, size_t piece) {
    for (size_t i = 0; i < mutations.size(); i += piece) {
      Batch b;
      for (size_t j = i; j < std::min(mutations.size(), i + piece); ++j)
        b.mutations.push_back(std::move(mutations[j]));
      auto result = db->Apply(std::move(b));
      if (!result.ok()) return result.status();
    }
    return absl::OkStatus();
  }
};

ScopeName FirstScope(const std::vector<Mutation>& mutations) {
  ScopeName out;
  for (const Mutation& m : mutations) {
    const ScopeName& s = std::visit([](const auto& r) -> const ScopeName& { return r.scope; }, m);
    if (out.tenant.empty()) out.tenant = s.tenant;
    if (out.cluster.empty() && s.tenant == out.tenant) out.cluster = s.cluster;
  }
  return out;
}

Outcome Judge(const Expectation& e, query::RootCauseAnswer answer) {
  Outcome o;
  o.verdict = answer.verdict;
  auto fail = [&](std::string what) { o.failures.push_back(std::move(what)); };
  if (std::find(e.verdicts.begin(), e.verdicts.end(), answer.verdict) == e.verdicts.end()) {
    fail(absl::StrCat("verdict ", answer.verdict));
  }
  for (const query::CauseAnswer& c : answer.root_causes) {
    const bool hit = std::any_of(e.roots.begin(), e.roots.end(),
                                 [&](const auto& r) { return Same(r, c.resource); });
    if (hit && o.rank == 0) o.rank = c.rank;
    if (o.rank != 0) continue;
    for (const auto& n : e.not_above) {
      if (Same(n, c.resource)) fail(absl::StrCat("above the root: ", query::ShortName(c.resource)));
    }
    for (const std::string& cls : e.not_above_classes) {
      if (c.episode.has_value() && c.episode->cls == cls)
        fail(absl::StrCat("above the root: ", cls));
    }
  }
  if (!e.roots.empty() && o.rank != 1) fail(absl::StrCat("the expected root has rank ", o.rank));
  if (o.rank == 1 && !e.categories.empty()) {
    const std::string& category = answer.root_causes[0].category;
    if (std::find(e.categories.begin(), e.categories.end(), category) == e.categories.end()) {
      fail(absl::StrCat("category ", category));
    }
  }
  for (const auto& r : e.affected) {
    const bool found = std::any_of(answer.affected.begin(), answer.affected.end(),
                                   [&](const auto& a) { return Same(a.resource, r); });
    if (!found) fail(absl::StrCat("not among the affected: ", query::ShortName(r)));
  }
  o.answer = std::move(answer);
  return o;
}

std::string Answer(const Database& db, const char* question, const server::Params& params) {
  auto answer = server::Ask(db, question, params, {});
  const std::string asked =
      absl::StrCat(question, " ", absl::StrJoin(params, " ", absl::PairFormatter("=")), ": ");
  if (!answer.ok()) return absl::StrCat(asked, answer.status().ToString());
  json::value told = *std::move(answer);
  if (json::object* o = told.if_object()) {
    o->erase("buckets");  // how many bytes the store takes is its own affair
    o->erase("disk_bytes");
  }
  return asked + json::serialize(told);
}

// What each question of the product answers about the object and the scope, then and before.
void AskAll(const Database& db, const query::Question& q, std::vector<std::string>* answers) {
  for (const Duration ago : {Duration(0), Duration(15min), Duration(2h)}) {
    server::Params where = {{"at", query::TimeText(q.at - ago)}};
    if (!q.scope.tenant.empty()) where["tenant"] = q.scope.tenant;
    if (!q.scope.cluster.empty()) where["cluster"] = q.scope.cluster;
    for (const char* question :
         {"rca", "incidents", "timeline", "events", "diff", "doctor", "stats"}) {
      server::Params all = where;
      all["all_namespaces"] = "true";
      all["since"] = "3h";
      answers->push_back(Answer(db, question, all));
    }
    if (q.object.empty()) continue;
    where["object"] = q.object;
    where["namespace"] = q.ns;
    for (const char* question : {"rca", "blast-radius", "neighbours", "resource", "timeline"}) {
      answers->push_back(Answer(db, question, where));
    }
  }
}

}  // namespace

const char* OrderName(Order order) {
  switch (order) {
    case Order::kGiven:
      return "given";
    case Order::kShuffled:
      return "shuffled";
    case Order::kCauseLast:
      return "cause last";
  }
  return "";
}

std::vector<std::string> CaseNames() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(kRoot)) {
    const std::string name = entry.path().filename();
    if (name != "noise" && fs::exists(entry.path() / "case.json")) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

absl::StatusOr<std::vector<Outcome>> Run(const std::string& name, Order order, bool with_noise,
                                         uint64_t seed, Duration memory_window) {
  const fs::path dir = kRoot / name;
  const json::object spec = json::parse(ReadFile(dir / "case.json")).as_object();
  const fs::path scratch =
      fs::temp_directory_path() /
      absl::StrCat("kg-scenario-", getpid(), "-", name, "-", OrderName(order), with_noise, seed);
  fs::remove_all(scratch);
  fs::create_directories(scratch / "late");

  Loader loader;
  loader.now = FromMicros(
      absl::ToUnixMicros(absl::FromCivil(absl::CivilHour(2026, 3, 2, 12), absl::UTCTimeZone())));
  auto rules = RuleBook::Load();
  if (!rules.ok()) return rules.status();
  loader.rules = *rules;
  loader.mac = {"test", std::string(32, 'k')};  // the same for every run, so that dumps compare

  std::map<std::string, std::set<int64_t>> late;
  if (order == Order::kCauseLast) {
    for (const json::value& v : spec.at("cause_last").as_array()) {
      for (const json::value& r : v.as_object().at("records").as_array()) {
        late[std::string(v.as_object().at("input").as_string())].insert(r.as_int64());
      }
    }
  }
  std::vector<std::string> first, second;
  for (const json::value& v : spec.at("inputs").as_array()) {
    const std::string input(v.as_string());
    if (late.count(input) == 0) {
      first.push_back((dir / input).string());
      continue;
    }
    std::ofstream(scratch / "late" / input)
        << Split(ReadFile(dir / input), late[input], absl::EndsWith(input, ".json")).second;
    first.push_back((dir / input).string());
    second.push_back((scratch / "late" / input).string());
  }
  const json::object args =
      spec.contains("load_args") ? spec.at("load_args").as_object() : json::object();
  auto batch = loader.Decode(first, args);
  if (!batch.ok()) return batch.status();
  std::vector<Mutation> mutations = std::move(batch->mutations);

  DatabaseOptions options;
  options.now = [&] { return loader.now; };
  options.sync = false;
  options.memory_window = memory_window;
  // Whom records without a tenant belong to is decided by the first that has one: fixed here, so
  // that the order of the rest can change.
  const ScopeName first_scope = FirstScope(mutations);
  options.default_tenant = first_scope.tenant;
  options.default_cluster = first_scope.cluster;
  auto db = Database::Open((scratch / "db").string(), options);
  if (!db.ok()) return db.status();
  loader.db = *std::move(db);

  if (with_noise) {
    const json::object noise = json::parse(ReadFile(kRoot / "noise" / "case.json")).as_object();
    std::vector<std::string> paths;
    for (const json::value& v : noise.at("inputs").as_array())
      paths.push_back((kRoot / "noise" / std::string(v.as_string())).string());
    auto more = loader.Decode(
        paths, noise.contains("load_args") ? noise.at("load_args").as_object() : json::object());
    if (!more.ok()) return more.status();
    for (Mutation& m : more->mutations) mutations.push_back(std::move(m));
  }
  std::mt19937_64 random(seed);
  if (order == Order::kShuffled) std::shuffle(mutations.begin(), mutations.end(), random);
  if (!second.empty()) {
    auto rest = loader.Decode(second, args);
    if (!rest.ok()) return rest.status();
    DeliverLast(rest->mutations, &mutations);
  }
  const size_t piece = order == Order::kGiven ? 1000 : 1 + random() % 200;
  if (auto status = loader.ApplyInPieces(std::move(mutations), piece); !status.ok()) return status;
  if (auto status = loader.db->Settle(); !status.ok()) return status;

  std::vector<Expectation> questions = {ReadExpectation(spec)};
  if (spec.contains("more")) {
    for (const json::value& v : spec.at("more").as_array())
      questions.push_back(ReadExpectation(v.as_object()));
  }
  std::vector<Outcome> out;
  for (const Expectation& e : questions) {
    auto answer = query::RootCause(*loader.db->GetView(e.question.at), e.question, query::Budget{});
    if (!answer.ok()) return answer.status();
    out.push_back(Judge(e, *std::move(answer)));
  }
  for (const Expectation& e : questions) AskAll(*loader.db, e.question, &out.front().answers);
  auto dump = loader.db->CanonicalDump();
  if (dump.ok()) out.front().dump = *std::move(dump);
  loader.db.reset();
  fs::remove_all(scratch);
  return out;
}

std::string Text(const query::RootCauseAnswer& answer) {
  std::string out = absl::StrCat("verdict ", answer.verdict, "\n");
  auto tell = [&](const char* what, const std::vector<query::CauseAnswer>& list) {
    for (const query::CauseAnswer& c : list) {
      absl::StrAppend(&out, what, " ", c.rank, " ", c.category, " ", query::ShortName(c.resource),
                      " ",
                      c.episode.has_value()   ? c.episode->cls
                      : c.finding.has_value() ? c.finding->text
                                              : "",
                      absl::StrFormat(" score %.2f confidence %.2f explains %d", c.score,
                                      c.confidence, c.explains.total),
                      c.lost_because.empty() ? "" : absl::StrCat(" (", c.lost_because, ")"), "\n");
      for (const query::Evidence& e : c.evidence) {
        absl::StrAppend(&out, "      ", query::TimeText(e.time), " ", e.role, " ", e.cls, " ",
                        e.text.substr(0, 120), "\n");
      }
    }
  };
  tell("root", answer.root_causes);
  tell("  candidate", answer.candidates);
  return out;
}

}  // namespace kg::scenarios
