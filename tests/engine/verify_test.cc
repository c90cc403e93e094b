#include "engine/verify.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/records.h"
#include "schemas/records_generated.h"
#include "storage/keys.h"
#include "storage/records.h"
#include "storage/store.h"
#include "tests/semantics/fixture.h"
#include "tests/semantics/stories.h"

// Each kind of row is damaged through the store, found with the right words, and mended to what an
// undamaged database says.

namespace kg::semantics {
namespace {

namespace keys = storage::keys;
using storage::RecordKind;
using storage::Table;

std::string Text(const VerifyReport& report) {
  std::string out;
  for (const Finding& f : report.findings) {
    out += std::string(FindingKindName(f.kind)) + " | " + f.scope + " | " + f.family + " | " +
           f.record + " | " + f.key + " | " + f.what + "\n";
  }
  return out;
}

VerifyReport MustVerify(const std::string& path, const DatabaseOptions& database) {
  VerifyOptions options;
  options.database = database;
  auto report = Verify(path, options);
  INFO(report.status());
  REQUIRE(report.ok());
  return *report;
}

TEST_CASE("nothing is wrong with what stories leave behind") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    World w;
    StoryLimits limits;
    limits.records = 120;
    const std::vector<Mutation> story = RandomStory(seed, limits);
    for (size_t i = 0; i < story.size();) {
      std::vector<Mutation> batch;
      for (; i < story.size() && batch.size() < 1 + seed % 9; ++i) batch.push_back(story[i]);
      REQUIRE(w.db().Apply(Batch{batch, {}, {}, {}}).ok());
    }
    REQUIRE(w.db().Settle().ok());
    w.ReopenAround([&](const std::string& path) {
      const VerifyReport report = MustVerify(path, w.options);
      INFO("seed " << seed << "\n" << Text(report));
      CHECK(report.ok());
    });
  }
}

// A node that runs out of memory, pods that fail for it, an image that is not there, a change; two
// revisions of each pod, an edge that ended, an alert that still fires.
std::vector<Mutation> Story() {
  std::vector<Mutation> out;
  const ObjectRef node = Ref("Node", "", "n-1", "node-uid-1");
  out.push_back(
      Object("Node", "", "n-1", "node-uid-1")
          .SeenAt(At(9))
          .Created(At(8))
          .Set("status.conditions[MemoryPressure].status", "True")
          .Set("status.conditions[MemoryPressure].reason", "KubeletHasInsufficientMemory")
          .Set("status.conditions[MemoryPressure].lastTransitionTime", "2023-11-15T09:00:00Z"));
  for (int i = 0; i < 4; ++i) {
    const std::string name = absl::StrCat("web-", i), uid = absl::StrCat("pod-uid-", i);
    const ObjectRef pod = Ref("Pod", "shop", name, uid);
    out.push_back(Object("Pod", "shop", name, uid)
                      .SeenAt(At(8, 30))
                      .Created(At(8, 20))
                      .On("n-1")
                      .Set("spec.containers[app].image", "web:1"));
    out.push_back(Object("Pod", "shop", name, uid)
                      .SeenAt(At(9, 10))
                      .Created(At(8, 20))
                      .On("n-1")
                      .Set("spec.containers[app].image", "web:2"));
    out.push_back(Event(absl::StrCat("evicted-", i), pod, "Evicted",
                        "The node was low on resource: memory.", At(9, 1 + i), At(9, 2 + i), 3));
    out.push_back(Event(absl::StrCat("backoff-", i), pod, "BackOff",
                        "Back-off restarting failed container", At(9, 20), At(9, 40 + i), 9));
    out.push_back(
        Event(absl::StrCat("scheduled-", i), pod, "Scheduled", "assigned", At(8, 20), At(8, 20)));
    out.push_back(EdgeSeen("CALLS", pod, Ref("Service", "shop", "cart"), At(8, 30)));
  }
  out.push_back(
      EdgeGone("CALLS", Ref("Pod", "shop", "web-3"), Ref("Service", "shop", "cart"), At(9, 15)));
  out.push_back(Alert("00112233445566aa", "HighErrorRate", Ref("Service", "shop", "cart"),
                      At(9, 30), At(9, 31)));
  out.push_back(Listing("ConfigMap", "shop", {}, At(9, 45)));
  return out;
}

// A row of a store as it stands.
struct Row {
  storage::BucketPtr bucket;
  Table table = Table::kOpen;
  RecordKind kind = RecordKind::kEpisode;
  std::string key, value;
};

// A database of the story, closed, in which rows and files can be damaged.
class Damaged {
 public:
  Damaged() : path_(dir_.Sub("data")) {
    World world;
    world.Apply(Story());
    expected_ = world.Dump();
    options_ = world.options;
    options_.now = [] { return At(24 * 400); };
    world.ReopenAround([&](const std::string& path) {
      std::filesystem::copy(path, path_, std::filesystem::copy_options::recursive);
    });
  }

  const std::string& path() const { return path_; }
  const DatabaseOptions& options() const { return options_; }

  // The first row of a kind, in a bucket or in a table, that `pick` takes.
  using Pick = std::function<bool(const Row&)>;
  using Make = std::function<std::string(const Row&)>;
  static bool Any(const Row&) { return true; }
  void DeleteRow(RecordKind kind, const Pick& pick = Any) { Change(kind, pick, nullptr); }
  void DeleteRow(Table table, const Pick& pick = Any) { Change(table, pick, nullptr); }
  void Spoil(RecordKind kind, const Pick& pick = Any) {
    Change(kind, pick, [](const Row& r) { return std::string(r.value.size() / 2, '\x7f'); });
  }
  void Spoil(Table table, const Pick& pick = Any) {
    Change(table, pick, [](const Row& r) { return std::string(r.value.size() / 2 + 1, '\x7f'); });
  }
  void Put(Table table, const std::string& key, const std::string& value) {
    WithStore(
        [&](storage::Store*, storage::WriteSession* s) { s->Put(ScopeId(1), table, key, value); });
  }
  void Put(RecordKind kind, const std::string& key, const std::string& value) {
    WithStore([&](storage::Store*, storage::WriteSession* s) {
      s->Put(s->BucketFor(At(9)), ScopeId(1), kind, key, value);
    });
  }
  void Change(RecordKind kind, const Pick& pick, const Make& make) {
    WithStore([&](storage::Store* store, storage::WriteSession* s) {
      const auto snapshot = store->GetSnapshot();
      for (const storage::BucketPtr& b : snapshot->buckets()) {
        for (auto c = snapshot->Scan(b, ScopeId(1), kind, ""); c->Valid(); c->Next()) {
          const Row row{b, Table::kOpen, kind, std::string(c->key()), std::string(c->value())};
          if (!pick(row)) continue;
          make ? s->Put(b, ScopeId(1), kind, row.key, make(row))
               : s->Delete(b, ScopeId(1), kind, row.key);
          return;
        }
      }
      FAIL("no such row");
    });
  }
  void Change(Table table, const Pick& pick, const Make& make) {
    WithStore([&](storage::Store* store, storage::WriteSession* s) {
      const auto snapshot = store->GetSnapshot();
      for (auto c = snapshot->Scan(ScopeId(1), table, ""); c->Valid(); c->Next()) {
        const Row row{nullptr, table, RecordKind::kEpisode, std::string(c->key()),
                      std::string(c->value())};
        if (!pick(row)) continue;
        make ? s->Put(ScopeId(1), table, row.key, make(row))
             : s->Delete(ScopeId(1), table, row.key);
        return;
      }
      FAIL("no such row");
    });
  }
  void WithStore(const std::function<void(storage::Store*, storage::WriteSession*)>& fn) {
    storage::StoreOptions options;
    options.create_if_missing = false;
    auto store = storage::Store::Open(path_, options);
    REQUIRE(store.ok());
    auto session = (*store)->BeginWrite({});
    REQUIRE(session.ok());
    fn(store->get(), session->get());
    REQUIRE((*session)->Commit().ok());
  }

  VerifyReport Check() { return MustVerify(path_, options_); }
  RepairReport MustRepair(bool keep_original = true) {
    VerifyOptions options;
    options.database = options_;
    auto repaired = Repair(path_, {options, keep_original});
    INFO(repaired.status());
    REQUIRE(repaired.ok());
    return *repaired;
  }

  // Found as told and repaired as far as it goes.
  RepairReport RequireFound(FindingKind kind, const std::string& record, const std::string& words) {
    const VerifyReport found = Check();
    INFO(Text(found));
    CHECK(std::any_of(found.findings.begin(), found.findings.end(), [&](const Finding& f) {
      return f.kind == kind && f.record == record && absl::StrContains(f.what, words);
    }));
    return MustRepair();
  }
  // Found as told, mended, and the same as before.
  void RequireMended(FindingKind kind, const std::string& record, const std::string& words) {
    const RepairReport r = RequireFound(kind, record, words);
    INFO("before:\n" << Text(r.before) << "after:\n" << Text(r.after));
    CHECK(r.after.ok());
    CHECK(r.lost.empty());
    CHECK(r.after.epoch == r.before.epoch + 1);
    CHECK(std::filesystem::exists(r.original));
    RequireSameDump(expected_, Dump(), "repaired");
  }
  std::string Dump() {
    auto db = Database::Open(path_, options_);
    INFO(db.status());
    REQUIRE(db.ok());
    REQUIRE((*db)->Settle().ok());
    return *(*db)->CanonicalDump();
  }

 private:
  TempDir dir_;
  const std::string path_;
  DatabaseOptions options_;
  std::string expected_;
};

TEST_CASE("a lost subject row is found and mended") {
  Damaged d;
  d.DeleteRow(RecordKind::kSubjectIndex);
  d.RequireMended(FindingKind::kMissing, "subject index (S)", "not found by its subject");
}

TEST_CASE("a subject row without its episode is found and goes") {
  Damaged d;
  d.Put(RecordKind::kSubjectIndex, keys::Subject({ResourceId(1), {At(9), EpisodeHash(77)}}),
        std::string(24, '\0'));
  d.RequireMended(FindingKind::kStray, "subject index (S)", "its episode is gone");
}

TEST_CASE("a subject row with a value is found and mended") {
  Damaged d;
  d.Change(RecordKind::kSubjectIndex, Damaged::Any, [](const Row&) { return "x"; });
  d.RequireMended(FindingKind::kDisagrees, "subject index (S)", "none belongs there");
}

TEST_CASE("a lost event id row is found and mended") {
  Damaged d;
  d.DeleteRow(RecordKind::kEventIdIndex);
  d.RequireMended(FindingKind::kMissing, "event id index (X)", "can't be found by its id");
}

TEST_CASE("an unreadable event id row is found and mended") {
  Damaged d;
  d.Spoil(RecordKind::kEventIdIndex);
  d.RequireMended(FindingKind::kDamaged, "event id index (X)", "can't be read");
}

TEST_CASE("lost causes are derived again") {
  Damaged d;
  d.DeleteRow(RecordKind::kCauses);
  d.RequireMended(FindingKind::kStray, "effects (D)", "derived again");
}

TEST_CASE("unreadable causes are derived again") {
  Damaged d;
  d.Spoil(RecordKind::kCauses);
  d.RequireMended(FindingKind::kDamaged, "causes (C)", "derived again");
}

TEST_CASE("a lost effects row is found and mended") {
  Damaged d;
  d.DeleteRow(RecordKind::kEffects);
  d.RequireMended(FindingKind::kMissing, "effects (D)", "not found from it");
}

TEST_CASE("a lost member is found and mended") {
  Damaged d;
  d.DeleteRow(RecordKind::kMembers);
  d.RequireMended(FindingKind::kMissing, "member (P)", "does not list it");
}

TEST_CASE("a member of the wrong incident is found and goes") {
  Damaged d;
  keys::EpisodeKey burst;
  d.Change(RecordKind::kMembers, Damaged::Any, [&](const Row& r) {
    burst = keys::ParseMember(r.key)->burst;
    return r.value;
  });
  d.Put(RecordKind::kMembers, keys::Member({42, burst}), "");
  const VerifyReport report = d.Check();
  CHECK(report.found >= 1);
  d.RequireMended(FindingKind::kStray, "member (P)", "");
}

TEST_CASE("a lost incident is found and mended") {
  Damaged d;
  d.DeleteRow(Table::kIncident);
  d.RequireMended(FindingKind::kMissing, "incident", "has no row");
}

TEST_CASE("an unreadable incident is found and mended") {
  Damaged d;
  d.Spoil(Table::kIncident);
  d.RequireMended(FindingKind::kDamaged, "incident", "can't be read");
}

TEST_CASE("an incident that counts wrongly is found and mended") {
  Damaged d;
  d.Change(Table::kIncident, Damaged::Any, [](const Row& r) {
    fb::IncidentT incident;
    (*storage::DecodeTable<fb::Incident>(r.value))->UnPackTo(&incident);
    incident.members += 5;
    flatbuffers::FlatBufferBuilder builder;
    return storage::EncodeTable(&builder, fb::Incident::Pack(builder, &incident));
  });
  d.RequireMended(FindingKind::kDisagrees, "incident", "members, there are");
}

TEST_CASE("a lost alias is found and mended") {
  Damaged d;
  d.DeleteRow(Table::kAlias);
  d.RequireMended(FindingKind::kMissing, "alias", "can't be found by its uid");
}

TEST_CASE("an alias that leads nowhere is found and mended") {
  Damaged d;
  std::string value;
  keys::AppendU32(&value, 9999);
  d.Change(Table::kAlias, Damaged::Any, [&](const Row&) { return value; });
  d.RequireMended(FindingKind::kStray, "alias", "which is not there");
}

TEST_CASE("the lost far end of a closed edge is found and mended") {
  Damaged d;
  d.DeleteRow(RecordKind::kClosedEdge, [](const Row& r) {
    return keys::ParseClosedEdge(r.key)->direction == keys::Direction::kIn;
  });
  d.RequireMended(FindingKind::kMissing, "closed edge (H)", "from its beginning only");
}

TEST_CASE("an edge that an object asserts is derived again") {
  Damaged d;
  d.Spoil(Table::kEdge, [&](const Row& r) {
    const auto row = records::DecodeEdge(r.value);
    return row.ok() && row->topology.empty();
  });
  d.RequireMended(FindingKind::kDamaged, "edge", "derived again");
}

TEST_CASE("an edge that nobody asserts now is found and goes") {
  Damaged d;
  d.Put(Table::kEdge, keys::Edge({ResourceId(1), EdgeTypeId(1), ResourceId(2)}),
        records::EncodeEdge({}, nullptr));
  d.RequireMended(FindingKind::kDisagrees, "edge", "nobody says");
}

TEST_CASE("an episode that an object's state tells is derived again") {
  Damaged d;
  d.Spoil(RecordKind::kEpisode, [](const Row& r) {
    const auto e = records::DecodeEpisode(ScopeId(1), r.value);
    return e.ok() && e->etype == "k8s.change";
  });
  d.RequireMended(FindingKind::kDamaged, "episode (E)", "derived again");
}

TEST_CASE("an event that can't be read is lost and all that hung on it goes") {
  Damaged d;
  d.Spoil(RecordKind::kEpisode, [](const Row& r) {
    const auto e = records::DecodeEpisode(ScopeId(1), r.value);
    return e.ok() && e->event_id == "evicted-2";
  });
  const RepairReport r = d.RequireFound(FindingKind::kDamaged, "episode (E)", "lost");
  INFO(Text(r.after));
  CHECK(r.after.ok());
  const std::string dump = d.Dump();
  CHECK_FALSE(absl::StrContains(dump, "evicted-2"));
  CHECK(absl::StrContains(dump, "evicted-1"));
}

TEST_CASE("a state between two others that can't be read is lost and the one before holds on") {
  Damaged d;
  d.Spoil(RecordKind::kRevision);
  const RepairReport r = d.RequireFound(FindingKind::kDamaged, "revision (R)", "lost");
  INFO(Text(r.after));
  CHECK(r.after.ok());
  CHECK_FALSE(d.Dump().empty());
}

TEST_CASE("an object that can't be read is called lost and what hung on it stays") {
  Damaged d;
  d.Spoil(Table::kResource, [](const Row& r) {
    const auto row = records::DecodeResource(r.value);
    return row.ok() && row->name.name == "web-1";
  });
  const RepairReport r = d.RequireFound(FindingKind::kDamaged, "resource", "lost");
  INFO(Text(r.after));
  const std::string dump = d.Dump();
  CHECK_FALSE(absl::StrContains(dump, "//Pod/shop/web-1 "));
  CHECK(absl::StrContains(dump, "/Unknown//lost-"));
  CHECK(absl::StrContains(dump, "evicted-1"));
}

TEST_CASE("a hole in the feed is found and a new epoch begins") {
  Damaged d;
  d.WithStore([&](storage::Store* store, storage::WriteSession* session) {
    const auto snapshot = store->GetSnapshot();
    for (const storage::BucketPtr& b : snapshot->buckets()) {
      for (auto c = snapshot->Scan(b, ScopeId(0), RecordKind::kFeed, ""); c->Valid(); c->Next())
        session->Delete(b, ScopeId(0), RecordKind::kFeed, c->key());
    }
  });
  const VerifyReport report = d.Check();
  CHECK(report.found > 0);
  CHECK(absl::StrContains(Text(report), "the feed does not tell of this episode"));
  const RepairReport r = d.MustRepair();
  CHECK(r.after.ok());
  CHECK(r.after.epoch == r.before.epoch + 1);
}

TEST_CASE("rows of a scope that is gone and of no kind are told") {
  Damaged d;
  d.WithStore([&](storage::Store*, storage::WriteSession* session) {
    session->Put(ScopeId(77), Table::kEdge, "x", "y");
    session->Put(session->buckets().front(), ScopeId(1), static_cast<RecordKind>('?'), "a", "b");
  });
  const std::string text = Text(d.Check());
  CHECK(absl::StrContains(text, "its row is gone: whose they are is lost"));
  CHECK(absl::StrContains(text, "no kind of record is written so"));
}

// --- files

std::string FirstFile(const std::string& path, absl::string_view ending) {
  std::vector<std::string> names;
  for (const auto& e : std::filesystem::directory_iterator(path)) {
    const std::string name = e.path().filename().string();
    if (absl::EndsWith(name, ending) || absl::StartsWith(name, ending)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  REQUIRE_FALSE(names.empty());
  return names.back();
}

void FlipByte(const std::string& file, double at) {
  std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
  f.seekg(0, std::ios::end);
  const auto where = static_cast<std::streamoff>(static_cast<double>(f.tellg()) * at);
  f.seekg(where);
  const char c = static_cast<char>(f.get());
  f.seekp(where);
  f.put(static_cast<char>(c ^ 0x20));
}

// Everything in table files.
void Flush(const std::string& path) {
  storage::StoreOptions options;
  options.create_if_missing = false;
  auto store = storage::Store::Open(path, options);
  REQUIRE(store.ok());
  REQUIRE((*store)->Flush().ok());
}

VerifyReport CheckFile(Damaged* d, absl::string_view ending, double at, bool flush,
                       RepairReport* repaired) {
  if (flush) Flush(d->path());
  FlipByte(d->path() + "/" + FirstFile(d->path(), ending), at);
  const VerifyReport report = d->Check();
  *repaired = d->MustRepair(false);
  return report;
}

TEST_CASE("a flipped byte in a table file is named and what can be read is kept") {
  Damaged d;
  RepairReport repaired;
  const VerifyReport report = CheckFile(&d, ".sst", 0.2, true, &repaired);
  INFO(Text(report));
  REQUIRE(report.found >= 1);
  CHECK(report.findings[0].kind == FindingKind::kFile);
  CHECK(absl::EndsWith(report.findings[0].family, ".sst"));
  CHECK(absl::StrContains(report.findings[0].what, "it holds rows of"));
  INFO(Text(repaired.after));
  REQUIRE(repaired.lost.size() == 1);
  CHECK(absl::StrContains(repaired.lost[0], "rows of file"));
  CHECK(repaired.after.ok());
  CHECK_FALSE(d.Dump().empty());
}

TEST_CASE("a flipped byte in the MANIFEST is named and a new one is made") {
  Damaged d;
  RepairReport repaired;
  const VerifyReport report = CheckFile(&d, "MANIFEST-", 0.5, true, &repaired);
  INFO(Text(report));
  CHECK(report.incomplete);
  CHECK(absl::StrContains(Text(report), "MANIFEST-"));
  CHECK(absl::StrContains(Text(report), "does not match its checksum"));
  INFO(Text(repaired.after));
  CHECK(repaired.after.ok());
}

TEST_CASE("a flipped byte in the log is named") {
  Damaged d;
  RepairReport repaired;
  const VerifyReport report = CheckFile(&d, ".log", 0.3, false, &repaired);
  INFO(Text(report));
  REQUIRE(report.found >= 1);
  CHECK(absl::StrContains(report.findings[0].what, "commits are read up to there only"));
}

TEST_CASE("a CURRENT that names nothing is told and made anew") {
  Damaged d;
  RepairReport repaired;
  const VerifyReport report = CheckFile(&d, "CURRENT", 0.1, true, &repaired);
  INFO(Text(report));
  REQUIRE(report.found >= 1);
  CHECK(report.findings[0].family == "CURRENT");
  INFO(Text(repaired.after));
  CHECK(repaired.after.ok());
}

TEST_CASE("nothing is wrong after buckets have expired") {
  World w(std::chrono::hours(24));
  for (int i = 0; i < 40; ++i) {
    w.wall = At(9 + 3 * i);
    const ObjectRef pod =
        Ref("Pod", "shop", absl::StrCat("web-", i % 5), absl::StrCat("u-", i / 7));
    if (i == 3) {  // of which only uids are told, and nothing ever again
      w.Apply({EdgeSeen("CALLS", Ref("Pod", "shop", "", "uid-alone"),
                        Ref("Service", "shop", "once", "uid-once"), At(9)),
               EdgeGone("CALLS", Ref("Pod", "shop", "", "uid-alone"),
                        Ref("Service", "shop", "once", "uid-once"), At(10))});
    }
    w.Apply({Object("Pod", "shop", absl::StrCat("web-", i % 5), absl::StrCat("u-", i / 7))
                 .SeenAt(At(8 + 3 * i))
                 .On(absl::StrCat("n-", i % 3))
                 .Set("spec.priority", absl::StrCat(i)),
             Event(absl::StrCat("e-", i), pod, "BackOff", "Back-off restarting failed container",
                   At(8 + 3 * i), At(8 + 3 * i, 20), 4),
             Event(absl::StrCat("oom-", i), Ref("Node", "", absl::StrCat("n-", i % 3)), "SystemOOM",
                   "System OOM encountered", At(8 + 3 * i), At(8 + 3 * i))});
    REQUIRE(w.db().Maintain().ok());
    if (i % 8 != 7) continue;
    w.ReopenAround([&](const std::string& path) {
      const VerifyReport report = MustVerify(path, w.options);
      INFO("step " << i << "\n" << Text(report));
      CHECK(report.ok());
      // A longer retention asked for later changes nothing.
      DatabaseOptions longer = w.options;
      longer.retention = std::chrono::hours(24 * 7);
      const VerifyReport again = MustVerify(path, longer);
      INFO(Text(again));
      CHECK(again.ok());
    });
  }
}

}  // namespace
}  // namespace kg::semantics
