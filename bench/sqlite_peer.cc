#include "bench/sqlite_peer.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "bench/measure.h"

namespace kg::bench {
namespace {

using storage::keys::Direction;

// `step` holds each edge twice, once for each way in which the search for a cause may go: `kind` is
// the rank of the kind of path that it makes, `up` and `down` mark ownership.
constexpr char kSchema[] = R"sql(
CREATE TABLE event(n INTEGER PRIMARY KEY, id TEXT, slot INT, cls INT, failure INT, ts INT,
                   reason TEXT, message TEXT);
CREATE INDEX failure_of ON event(slot, ts, cls) WHERE failure;
CREATE UNIQUE INDEX failure_id ON event(id) WHERE failure;
CREATE TABLE step(slot INT, next INT, kind INT, cost INT, up INT, down INT,
                  PRIMARY KEY(slot, next, kind, up, down)) WITHOUT ROWID;
CREATE INDEX step_back ON step(next, slot, up, down);
CREATE TABLE prior(effect INT, kind INT, cause INT, prior REAL, back REAL, later INT,
                   lag_min INT, lag_typ INT, lag_max INT,
                   PRIMARY KEY(effect, kind, cause)) WITHOUT ROWID;
CREATE TABLE link(effect INT, cause INT, confidence REAL,
                  PRIMARY KEY(effect, cause)) WITHOUT ROWID;
CREATE INDEX effect_of ON link(cause);
CREATE TABLE resource(kind TEXT, ns TEXT, name TEXT, slot INT,
                      PRIMARY KEY(kind, ns, name)) WITHOUT ROWID;
CREATE TABLE member(event INTEGER PRIMARY KEY, incident INT);
)sql";
constexpr char kMoreIndexes[] =
    "CREATE INDEX event_at ON event(ts);"
    "CREATE INDEX event_of ON event(slot, ts);"
    "CREATE INDEX member_of ON member(incident)";

constexpr char kFind[] = "SELECT slot FROM resource WHERE kind = ?1 AND ns = ?2 AND name = ?3";
// An effect joins the incident of its best cause, or begins one.
constexpr char kJoin[] =
    "INSERT INTO member VALUES(?1, coalesce((SELECT m.incident FROM link l JOIN member m "
    "ON m.event = l.cause WHERE l.effect = ?1 AND l.confidence >= 0.5 "
    "ORDER BY l.confidence DESC LIMIT 1), ?1))";

constexpr char kInsert[] =
    "INSERT OR IGNORE INTO event(id, slot, cls, failure, ts, reason, message) "
    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";

// ?1 the effect's slot, ?2 its class, ?3 its time, ?4 how far its class looks back.
#define KG_REACH                                                                                 \
  "WITH RECURSIVE reach(slot, cost, hops, up, kind) AS ("                                        \
  " VALUES(?1, 0, 0, 0, 0) UNION"                                                                \
  " SELECT s.next, r.cost + s.cost, r.hops + 1, r.up OR s.up, max(r.kind, s.kind)"               \
  "  FROM reach r JOIN step s ON s.slot = r.slot WHERE r.hops < 3 AND NOT (r.up AND s.down)),"   \
  "near AS (SELECT slot, cost, hops, kind, min(cost * 8 + hops) FROM reach GROUP BY slot),"      \
  "seen AS (SELECT e.*, near.cost, near.hops, near.kind,"                                        \
  "  CASE near.hops WHEN 0 THEN 2000000 ELSE 10000000 END tol"                                   \
  " FROM near CROSS JOIN event e ON e.n IN (SELECT n FROM event WHERE failure"                   \
  "  AND slot = near.slot AND ts BETWEEN ?3 - ?4 AND ?3 + 3600000000 ORDER BY ts DESC LIMIT ?6)" \
  " WHERE e.ts <= ?3 + tol AND NOT (e.slot = ?1 AND e.cls = ?2)),"
#define KG_SCORED                                                                                \
  "timed AS (SELECT seen.*, p.prior, max(CASE WHEN ?3 - ts + tol < lag_min"                      \
  "   OR ?3 - ts - tol > lag_max THEN 0 WHEN max(?3 - ts - tol, lag_min) <= lag_typ THEN 1"      \
  "   ELSE 1 - 0.8 * (max(?3 - ts - tol, lag_min) - lag_typ) / (lag_max - lag_typ) END,"         \
  "   CASE WHEN ts < ?3 AND ts + 600000000 >= ?3 THEN 0.4 ELSE 0 END) temporal"                  \
  " FROM seen CROSS JOIN prior p ON p.effect = ?2 AND p.kind = seen.kind AND p.cause = seen.cls" \
  " WHERE ts + CASE hops WHEN 0 THEN 0 ELSE tol END < ?3 OR p.prior > p.back"                    \
  "  OR (p.prior = p.back AND ts + p.later < ?3)),"                                              \
  "scored AS (SELECT *, 0.3 * temporal + 0.3 / (1 + cost / 1000.0) + 0.4 * prior confidence"     \
  " FROM timed WHERE temporal > 0)"
#define KG_BEST                     \
  " FROM scored GROUP BY slot, cls" \
  " ORDER BY max(confidence) >= 0.5 AND prior >= 0.35 DESC, confidence DESC, n LIMIT 5"

constexpr char kLink[] =
    "INSERT INTO link " KG_REACH KG_SCORED " SELECT ?5, n, max(confidence)" KG_BEST;
constexpr char kRootCause[] =
    KG_REACH KG_SCORED " SELECT n, max(confidence), ts, reason, message, slot, hops" KG_BEST;
constexpr char kReach[] =
    "WITH RECURSIVE reach(slot, hops, up) AS (VALUES(?1, 0, 0) UNION "
    "SELECT s.next, r.hops + 1, r.up OR s.up FROM reach r JOIN step s ON s.slot = r.slot "
    "WHERE r.hops < 3 AND NOT (r.up AND s.down)) SELECT count(DISTINCT slot) FROM reach";
// Against the steps: whom a fault of ?1 reaches. ?2 is the time of asking.
constexpr char kBlast[] =
    "WITH RECURSIVE hit(slot, hops, up) AS (VALUES(?1, 0, 0) UNION "
    "SELECT s.slot, h.hops + 1, h.up OR s.down FROM hit h JOIN step s ON s.next = h.slot "
    "WHERE h.hops < 8 AND NOT (h.up AND s.up)),"
    "who AS (SELECT slot, min(hops) hops FROM hit GROUP BY slot) "
    "SELECT slot, hops, (SELECT count(*) FROM event e WHERE failure AND e.slot = who.slot "
    " AND ts BETWEEN ?2 - 86400000000 AND ?2) day, (SELECT max(ts) FROM event e WHERE failure "
    " AND e.slot = who.slot AND ts BETWEEN ?2 - 3600000000 AND ?2) last "
    "FROM who ORDER BY last IS NULL, hops, slot";

int RankOf(PathKind kind) {
  static constexpr PathKind kByRank[] = {
      PathKind::kSelf,    PathKind::kOwner,     PathKind::kOther,  PathKind::kService,
      PathKind::kScaling, PathKind::kNamespace, PathKind::kConfig, PathKind::kNode,
      PathKind::kStorage, PathKind::kDns,       PathKind::kCalls};
  for (size_t i = 0; i < std::size(kByRank); ++i) {
    if (kByRank[i] == kind) return static_cast<int>(i);
  }
  return 0;
}

void CheckSql(sqlite3* db, int code, const char* what) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  Check(absl::InternalError(sqlite3_errmsg(db)), what);
}

void StoreSteps(sqlite3* db, const View& view) {
  Sql insert(db, "INSERT OR IGNORE INTO step VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  const RuleBook& rules = view.rules();
  const EdgeTypeId controls = rules.EdgeTypeByName("CONTROLS");
  auto add = [&](uint32_t slot, ResourceId next, const EdgeTypeInfo& info, bool up, bool down) {
    insert.Bind(1, slot).Bind(2, next.value).Bind(3, RankOf(info.path));
    insert.Bind(4, static_cast<int64_t>(info.hop_cost * 1000)).Bind(5, up).Bind(6, down).Run();
  };
  for (uint32_t id = 1; id < view.graph().end_id(); ++id) {
    for (Direction direction : {Direction::kOut, Direction::kIn}) {
      const bool out = direction == Direction::kOut;
      view.graph().ForEachEdge(ResourceId(id), direction, view.as_of(),
                               [&](ResourceId other, EdgeTypeId type, uint16_t, Interval) {
                                 const EdgeTypeInfo& info = rules.EdgeType(type);
                                 const bool carries =
                                     info.travels == Travels::kBoth ||
                                     info.travels == (out ? Travels::kToFrom : Travels::kFromTo);
                                 const bool owns = type == controls;
                                 if (carries && info.only_effects.empty())
                                   add(id, other, info, owns && !out, owns && out);
                                 return true;
                               });
    }
  }
}

void StoreNames(sqlite3* db, const View& view) {
  Sql insert(db, "INSERT OR IGNORE INTO resource VALUES(?1, ?2, ?3, ?4)");
  for (uint32_t id = 1; id < view.graph().end_id(); ++id) {
    const Node* node = view.graph().Find(ResourceId(id));
    if (node == nullptr || node->name == nullptr) continue;
    const SlotName& name = *node->name;
    insert.BindText(1, name.kind).BindText(2, name.ns).BindText(3, name.name).Bind(4, id).Run();
  }
}

void StorePriors(sqlite3* db, const RuleBook& rules, const std::set<ClassId>& classes) {
  Sql insert(db, "INSERT INTO prior VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  auto precedence = [&](ClassId c) {
    return 100'000ll * std::min(100, std::max(0, rules.Class(c).precedence));
  };
  for (ClassId effect : classes) {
    for (ClassId cause : classes) {
      for (int kind = 0; kind <= static_cast<int>(PathKind::kOther); ++kind) {
        const PathKind path = static_cast<PathKind>(kind);
        const PairPrior p = rules.Prior(cause, effect, path);
        if (p.prior <= 0) continue;
        insert.Bind(1, effect.value).Bind(2, RankOf(path)).Bind(3, cause.value);
        insert.BindReal(4, p.prior).BindReal(5, rules.Prior(effect, cause, path).prior);
        insert.Bind(6, precedence(cause) - precedence(effect)).Bind(7, p.lag_min.count());
        insert.Bind(8, p.lag_typical.count()).Bind(9, p.lag_max.count()).Run();
      }
    }
  }
}

}  // namespace

Sql::Sql(sqlite3* db, const char* text) : db_(db) {
  CheckSql(db_, sqlite3_prepare_v3(db_, text, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr),
           text);
}

Sql::~Sql() {
  sqlite3_finalize(statement_);
}

Sql& Sql::Bind(int place, int64_t value) {
  CheckSql(db_, sqlite3_bind_int64(statement_, place, value), "binding a number");
  return *this;
}

Sql& Sql::BindReal(int place, double value) {
  CheckSql(db_, sqlite3_bind_double(statement_, place, value), "binding a number");
  return *this;
}

Sql& Sql::BindText(int place, const std::string& value) {
  const int size = static_cast<int>(value.size());
  CheckSql(db_, sqlite3_bind_text(statement_, place, value.data(), size, SQLITE_STATIC),
           "binding a text");
  return *this;
}

bool Sql::Step() {
  const int code = sqlite3_step(statement_);
  CheckSql(db_, code, "stepping");
  return code == SQLITE_ROW;
}

int64_t Sql::Run() {
  int64_t rows = 0;
  while (Step()) ++rows;
  Reset();
  return rows;
}

int64_t Sql::Int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

void Sql::Reset() {
  sqlite3_reset(statement_);
}

void ExecSql(sqlite3* db, const char* text) {
  CheckSql(db, sqlite3_exec(db, text, nullptr, nullptr, nullptr), text);
}

sqlite3* OpenSql(const std::string& file) {
  sqlite3* db = nullptr;
  CheckSql(db, sqlite3_open(file.c_str(), &db), "opening SQLite");
  ExecSql(db,
          "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-131072; "
          "PRAGMA mmap_size=1073741824; PRAGMA temp_store=MEMORY");
  return db;
}

SqlitePeer::SqlitePeer(const std::string& file, const View& view,
                       const std::vector<EventRecord>& samples, PeerOptions options)
    : options_(options), db_(OpenSql(file)) {
  ExecSql(db_, kSchema);
  if (options_.job == PeerJob::kSameJob) ExecSql(db_, kMoreIndexes);
  find_ = std::make_unique<Sql>(db_, kFind);
  ExecSql(db_, "BEGIN");
  StoreSteps(db_, view);
  StoreNames(db_, view);
  std::set<ClassId> classes;
  for (const EventRecord& e : samples) classes.insert(ClassId(Prepare(view.rules(), e).cls));
  StorePriors(db_, view.rules(), classes);
  ExecSql(db_, "COMMIT; ANALYZE");
  insert_ = std::make_unique<Sql>(db_, kInsert);
  link_ = std::make_unique<Sql>(db_, kLink);
  join_ = std::make_unique<Sql>(db_, kJoin);
  root_cause_ = std::make_unique<Sql>(db_, kRootCause);
  blast_ = std::make_unique<Sql>(db_, kBlast);
  reach_ = std::make_unique<Sql>(db_, kReach);
}

SqlitePeer::~SqlitePeer() {
  for (auto* s : {&find_, &insert_, &link_, &join_, &root_cause_, &blast_, &reach_}) s->reset();
  sqlite3_close(db_);
}

PeerEvent SqlitePeer::Prepare(const RuleBook& rules, const EventRecord& e) const {
  PeerEvent p;
  p.id = e.event_id;
  find_->BindText(1, e.subject.kind).BindText(2, e.subject.ns).BindText(3, e.subject.name);
  if (find_->Step()) p.slot = static_cast<uint32_t>(find_->Int(0));
  find_->Reset();
  const ClassId cls = rules.Classify(SignalPlace::kEvent, e.reason, e.message, e.type);
  p.cls = cls.value;
  p.failure = rules.Class(cls).IsFailure();
  p.at_us = ToMicros(e.last);
  p.look_back_us = rules.MaxLookBack(cls).count();
  p.reason = e.reason;
  p.message = e.message;
  return p;
}

void SqlitePeer::BindSearch(const PeerEvent& e, Sql* sql) const {
  sql->Bind(1, e.slot).Bind(2, e.cls).Bind(3, e.at_us).Bind(4, e.look_back_us);
  sql->Bind(6, options_.newest);
}

void SqlitePeer::Apply(const std::vector<PeerEvent>& batch) {
  ExecSql(db_, "BEGIN");
  std::vector<std::pair<const PeerEvent*, int64_t>> effects;
  for (const PeerEvent& e : batch) {
    insert_->BindText(1, e.id).Bind(2, e.slot).Bind(3, e.cls).Bind(4, e.failure);
    insert_->Bind(5, e.at_us).BindText(6, e.reason).BindText(7, e.message).Run();
    if (e.failure && sqlite3_changes(db_) > 0)
      effects.emplace_back(&e, sqlite3_last_insert_rowid(db_));
  }
  for (const auto& [e, row] : effects) {
    BindSearch(*e, link_.get());
    link_->Bind(5, row).Run();
    if (options_.job == PeerJob::kSameJob) join_->Bind(1, row).Run();
  }
  ExecSql(db_, "COMMIT");
}

int64_t SqlitePeer::links() {
  Sql count(db_, "SELECT count(*) FROM link");
  return count.Step() ? count.Int(0) : 0;
}

int64_t SqlitePeer::Reach(uint32_t slot) {
  const int64_t n = reach_->Bind(1, slot).Step() ? reach_->Int(0) : 0;
  reach_->Reset();
  return n;
}

int64_t SqlitePeer::RootCause(const PeerEvent& e) {
  BindSearch(e, root_cause_.get());
  return root_cause_->Run();
}

int64_t SqlitePeer::Blast(uint32_t slot, int64_t at_us) {
  return blast_->Bind(1, slot).Bind(2, at_us).Run();
}

}  // namespace kg::bench
