#include "tests/fuzz/database.h"

#include <array>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "engine/verify.h"
#include "server/ask.h"
#include "server/ingest_run.h"
#include "storage/check.h"
#include "storage/store.h"
#include "tests/fuzz/expect.h"

namespace kg::fuzz {
namespace {

namespace fs = std::filesystem;
using storage::BucketPtr;
using storage::RecordKind;
using storage::Table;

// A pod that can't find the Secret it mounts, what owns it, and the event that says so.
constexpr char kObjects[] = R"({"apiVersion":"v1","kind":"List","items":[
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"billing","namespace":"pay",
 "uid":"d-1","creationTimestamp":"2026-03-02T10:00:00Z","labels":{"app":"billing"}},
 "spec":{"replicas":1,"selector":{"matchLabels":{"app":"billing"}},
 "template":{"metadata":{"labels":{"app":"billing"}},"spec":{"containers":[{"name":"app",
 "image":"r.example/billing:1"}],"volumes":[{"name":"db","secret":{"secretName":"db-login"}}]}}}},
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"billing-x9z","namespace":"pay","uid":"p-1",
 "creationTimestamp":"2026-03-02T10:00:01Z","labels":{"app":"billing"},
 "ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"billing","uid":"d-1",
 "controller":true}]},"spec":{"nodeName":"n1","containers":[{"name":"app",
 "image":"r.example/billing:1","env":[{"name":"DB_PASSWORD","value":"planted-hunter2"}]}],
 "volumes":[{"name":"db","secret":{"secretName":"db-login"}}]},
 "status":{"phase":"Pending","conditions":[{"type":"Ready","status":"False",
 "reason":"ContainersNotReady","lastTransitionTime":"2026-03-02T10:00:01Z"}]}},
{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","uid":"n-1",
 "creationTimestamp":"2026-02-01T00:00:00Z"}},
{"apiVersion":"v1","kind":"Event","metadata":{"name":"billing-x9z.1","namespace":"pay",
 "uid":"e-1","creationTimestamp":"2026-03-02T10:00:02Z"},"type":"Warning","reason":"FailedMount",
 "message":"MountVolume.SetUp failed for volume \"db\" : secret \"db-login\" not found",
 "involvedObject":{"kind":"Pod","namespace":"pay","name":"billing-x9z","uid":"p-1"},
 "count":9,"firstTimestamp":"2026-03-02T10:00:02Z","lastTimestamp":"2026-03-02T10:20:00Z",
 "source":{"component":"kubelet","host":"n1"}},
{"apiVersion":"v1","kind":"Nameless"}
]})";

// The same a little later: edges and revisions that ended.
constexpr char kLater[] = R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{
 "name":"billing","namespace":"pay","uid":"d-1","generation":2,
 "creationTimestamp":"2026-03-02T10:00:00Z","labels":{"app":"billing"},
 "managedFields":[{"manager":"kubectl","operation":"Update","time":"2026-03-02T10:22:00Z"}]},
 "spec":{"replicas":2,"selector":{"matchLabels":{"app":"billing"}},
 "template":{"metadata":{"labels":{"app":"billing"}},"spec":{"containers":[{"name":"app",
 "image":"r.example/billing:2"}]}}}})";

bool Put(Database* database, const std::string& body) {
  ingest::MacKey key;
  const auto options = server::DecodeOptionsFor(*database, WallClock(), &key);
  server::ApplySink sink(database, server::ApplySink::Options());
  return ingest::DecodeBody(body, options, "seed", &sink).ok() && sink.Finish().ok();
}

std::string MadeDirectory() {
  static const ScratchDir scratch;
  const std::string path = scratch / "small";
  auto database = Database::Open(path, SmallDatabase::Options());
  Expect(database.ok(), "a new database opens");
  Expect(Put(database->get(), kObjects) && Put(database->get(), kLater), "a load");
  return path;
}

std::string CopyOfSmall(const std::string& name) {
  static const ScratchDir scratch;
  const std::string path = scratch / name;
  fs::remove_all(path);
  fs::copy(SmallDatabase::Directory(), path, fs::copy_options::recursive);
  return path;
}

// --- damaged rows

struct Row {
  Table table = Table::kMeta;
  std::optional<Timestamp> bucket;  // none: a permanent table
  ScopeId scope;
  RecordKind kind = RecordKind::kEpisode;
  std::string key;
  std::string value;
};

void Collect(storage::Cursor* cursor, Row row, std::vector<Row>* rows) {
  for (; cursor->Valid(); cursor->Next()) {
    row.key = std::string(cursor->key());
    row.value = std::string(cursor->value());
    rows->push_back(row);
  }
}

storage::StoreOptions StoreOptions() {
  storage::StoreOptions options;
  options.sync = false;
  options.reserve_bytes = 0;
  return options;
}

std::vector<Row> AllRows() {
  std::vector<Row> rows;
  auto store = storage::Store::Open(CopyOfSmall("rows"), StoreOptions());
  Expect(store.ok(), "the store opens");
  const auto snapshot = (*store)->GetSnapshot();
  for (const Table table : {Table::kMeta, Table::kResource, Table::kAlias, Table::kEdge,
                            Table::kOpen, Table::kIncident, Table::kSystem}) {
    const auto groups = storage::GroupsOf(*snapshot, table, nullptr);
    Expect(groups.ok(), "tables can be read");
    for (const storage::RowGroup& group : *groups) {
      const Row row{table, std::nullopt, group.scope, {}, "", ""};
      Collect(snapshot->Scan(group.scope, table, "").get(), row, &rows);
    }
  }
  for (const BucketPtr& bucket : snapshot->buckets()) {
    const auto groups = storage::GroupsOf(*snapshot, bucket, nullptr);
    Expect(groups.ok(), "buckets can be read");
    for (const storage::RowGroup& group : *groups) {
      const auto kind = static_cast<RecordKind>(group.kind);
      const Row row{{}, storage::BucketStart(bucket), group.scope, kind, "", ""};
      Collect(snapshot->Scan(bucket, group.scope, kind, "").get(), row, &rows);
    }
  }
  return rows;
}

const std::vector<Row>& SmallRows() {
  static const std::vector<Row> rows = AllRows();
  return rows;
}

enum class Damage : uint8_t { kReplaced, kOverwritten, kCut, kGone, kOtherKey };
constexpr int kDamages = 5;

void Overwrite(absl::string_view with, std::string* text) {
  if (with.empty() || text->empty()) return;
  size_t at = static_cast<uint8_t>(with[0]) % text->size();
  for (const char c : with.substr(1)) {
    if (at >= text->size()) return;
    (*text)[at++] ^= c;
  }
}

Row Damaged(Row row, Damage damage, absl::string_view with) {
  switch (damage) {
    case Damage::kReplaced:
      row.value = std::string(with);
      break;
    case Damage::kOverwritten:
      Overwrite(with, &row.value);
      break;
    case Damage::kCut:
      if (!with.empty()) row.value.resize(static_cast<uint8_t>(with[0]) % (row.value.size() + 1));
      break;
    case Damage::kGone:
      break;
    case Damage::kOtherKey:
      Overwrite(with, &row.key);
      break;
  }
  return row;
}

absl::Status Write(const std::string& path, const Row& before, const Row& after, bool gone) {
  auto store = storage::Store::Open(path, StoreOptions());
  if (!store.ok()) return store.status();
  auto session = (*store)->BeginWrite({});
  if (!session.ok()) return session.status();
  BucketPtr bucket;
  for (const BucketPtr& each : (*session)->buckets()) {
    if (before.bucket && storage::BucketStart(each) == *before.bucket) bucket = each;
  }
  if (before.bucket && bucket == nullptr) return absl::NotFoundError("the bucket");
  if (before.bucket) {
    (*session)->Delete(bucket, before.scope, before.kind, before.key);
    if (!gone) (*session)->Put(bucket, after.scope, after.kind, after.key, after.value);
  } else {
    (*session)->Delete(before.scope, before.table, before.key);
    if (!gone) (*session)->Put(after.scope, after.table, after.key, after.value);
  }
  return (*session)->Commit().status();
}

void AskAll(const Database& database) {
  server::AskOptions options;
  options.now = WallClock;
  const std::array<std::pair<const char*, server::Params>, 7> questions = {{
      {"rca", {{"all_namespaces", ""}, {"since", "1d"}}},
      {"events", {{"all_namespaces", ""}, {"since", "1d"}}},
      {"incidents", {{"all_namespaces", ""}}},
      {"timeline", {{"object", "pod/billing-x9z"}, {"namespace", "pay"}, {"since", "1d"}}},
      {"resource", {{"object", "deployment/billing"}, {"namespace", "pay"}}},
      {"dead-letters", {}},
      {"stats", {}},
  }};
  for (const auto& [question, params] : questions)
    (void)server::Ask(database, question, params, options);
  (void)database.CanonicalDump();
}

}  // namespace

Timestamp WallClock() {
  return FromMicros(1'772'447'400'000'000);  // 2026-03-02T10:30:00Z
}

DatabaseOptions SmallDatabase::Options() {
  DatabaseOptions options;
  options.sync = false;
  options.now = WallClock;
  return options;
}

const std::string& SmallDatabase::Directory() {
  static const std::string path = MadeDirectory();
  return path;
}

std::unique_ptr<Database> SmallDatabase::Open() {
  static int copies = 0;
  auto database = Database::Open(CopyOfSmall(absl::StrCat("copy-", ++copies % 2)), Options());
  Expect(database.ok(), "a copy opens");
  return *std::move(database);
}

void DamagedRows(absl::string_view input) {
  if (input.size() < 3) return;
  const size_t at = static_cast<uint8_t>(input[0]) * size_t{256} + static_cast<uint8_t>(input[1]);
  const auto damage = static_cast<Damage>(static_cast<uint8_t>(input[2]) % kDamages);
  const Row& row = SmallRows()[at % SmallRows().size()];
  const std::string path = CopyOfSmall("damaged");
  const Row after = Damaged(row, damage, input.substr(3));
  if (!Write(path, row, after, damage == Damage::kGone).ok()) return;
  VerifyOptions verify;
  verify.database = SmallDatabase::Options();
  verify.files = false;
  (void)Verify(path, verify);
  auto database = Database::Open(path, SmallDatabase::Options());
  if (!database.ok()) return;
  AskAll(**database);
  Expect(Put(database->get(), kLater) || !(*database)->Health().ok(),
         "a database takes a load, or says what is wrong with it");
}

Seeds DamagedRowSeeds() {
  Seeds seeds;
  for (size_t i = 0; i < SmallRows().size(); ++i) {
    const std::string row = {static_cast<char>(i >> 8), static_cast<char>(i)};
    for (const char* how : {"\x01\x04\xff", "\x01\x11\x80\x80", "\x02\x07", "\x03"})
      seeds.push_back(row + how);
  }
  return seeds;
}

}  // namespace kg::fuzz
