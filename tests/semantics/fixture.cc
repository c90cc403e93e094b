#include "tests/semantics/fixture.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"

namespace kg::semantics {

World::World(Duration retention, Duration memory_window) {
  path_ = dir_.Sub("db");
  options.retention = retention;
  options.memory_window = memory_window;
  options.sync = false;
  options.block_cache_bytes = 1 << 20;
  options.write_buffer_bytes = 4 << 20;
  options.default_tenant = "t";
  options.default_cluster = "c";
  Open();
}

void World::Open() {
  options.now = [this] { return wall; };
  auto db = Database::Open(path_, options);
  INFO(db.status().ToString());
  REQUIRE(db.ok());
  db_ = *std::move(db);
}

void World::Reopen() {
  ReopenAround([](const std::string&) {});
}

void World::ReopenAround(const std::function<void(const std::string& path)>& fn) {
  REQUIRE(db_->Settle().ok());
  db_.reset();
  fn(path_);
  Open();
}

ApplyResult World::Apply(std::vector<Mutation> mutations) {
  Batch batch;
  batch.mutations = std::move(mutations);
  auto result = db_->Apply(std::move(batch));
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  INFO((result->problems.empty() ? "" : result->problems[0]));
  REQUIRE(result->refused == 0);
  return *result;
}

std::string World::Dump() {
  REQUIRE(db_->Settle().ok());
  auto dump = db_->CanonicalDump();
  REQUIRE(dump.ok());
  return *dump;
}

ScopeId World::scope() const {
  const auto id = view()->FindScope({});
  REQUIRE(id.has_value());
  return *id;
}

ResourceId World::Id(const ObjectRef& ref) const {
  const auto id = view()->Find(scope(), ref);
  INFO(ref.kind << "/" << ref.ns << "/" << ref.name);
  REQUIRE(id.has_value());
  return *id;
}

std::vector<Incarnation> World::Lives(const ObjectRef& ref) const {
  const auto v = view();
  return v->graph().Find(Id(ref))->incarnations;
}

std::vector<Interval> World::EdgeIntervals(const std::string& type, const ObjectRef& from,
                                           const ObjectRef& to) const {
  const auto v = view();
  const uint32_t other = Id(to).value;
  const uint16_t id = v->rules().EdgeTypeByName(type).value;
  std::vector<Interval> out;
  const Node* node = v->graph().Find(Id(from), kBeginning);
  node->out.ForEach([&](const OpenEdge& e) {
    if (e.other == other && e.type == id) out.push_back({e.from, kForever});
    return true;
  });
  node->out_closed.ForEach([&](const ClosedEdge& e) {
    if (e.other == other && e.type == id) out.push_back({e.from, e.to});
    return true;
  });
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<BurstSeen> World::Bursts(const ObjectRef& ref, const std::string& cls) const {
  const auto v = view();
  const ResourceId id = Id(ref);
  std::vector<BurstSeen> out;
  const absl::Status status =
      v->ForEachEpisodeOf(scope(), id, {kBeginning, kForever}, [&](const EpisodeRecord& e) {
        if (cls.empty() || v->rules().Class(e.cls).name == cls)
          out.push_back({e, FindBurst(v->graph(), id, e.key())});
        return true;
      });
  REQUIRE(status.ok());
  return out;
}

size_t World::TreeSize(EpisodeKey member) const {
  for (const IncidentPtr& i : view()->AllTrees()) {
    bool has = false;
    i->members.ForEach([&](const auto& m) {
      has = has || m.first == member;
      return !has;
    });
    if (has) return i->members.size();
  }
  return 0;
}

void RequireSameDump(const std::string& expected, const std::string& got, const std::string& what) {
  if (expected == got) {
    SUCCEED();
    return;
  }
  FAIL(what << ": the facts differ (- expected, + got)\n" << DumpDifference(expected, got));
}

void InEveryOrder(const std::vector<Mutation>& story, const Orders& orders,
                  const std::function<void(World&)>& check) {
  std::string expected;
  for (int telling = 0; telling < orders.shuffles + 2; ++telling) {
    const std::string name = telling == 0   ? "as given"
                             : telling == 1 ? "backwards"
                                            : absl::StrCat("shuffled with seed ", telling);
    INFO(name);
    std::vector<Mutation> told = story;
    Random random(static_cast<uint64_t>(telling));
    if (telling == 1) std::reverse(told.begin(), told.end());
    if (telling > 1) random.Shuffle(&told);
    World world(orders.retention);
    if (orders.before) orders.before(&world);
    bool done = !orders.in_between;
    for (size_t i = 0; i < told.size();) {
      const size_t n =
          telling < 2 ? 1
                      : std::min<size_t>(told.size() - i, 1 + random.Below(1 + told.size() / 4));
      world.Apply(
          {told.begin() + static_cast<ptrdiff_t>(i), told.begin() + static_cast<ptrdiff_t>(i + n)});
      i += n;
      if (!done && i >= told.size() / 2) {
        orders.in_between(&world);
        done = true;
      }
    }
    const std::string dump = world.Dump();
    if (telling == 0) expected = dump;
    RequireSameDump(expected, dump, name);
    check(world);
    world.Reopen();
    RequireSameDump(expected, world.Dump(), name + ", opened again");
    check(world);
  }
}

}  // namespace kg::semantics
