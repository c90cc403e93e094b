#include "engine/limits.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/semantics/fixture.h"

// Each limit of a database is reached: what is beyond it is refused with a reason, cut with a mark
// or kept as a dead letter, and counted.

namespace kg::semantics {
namespace {

const ObjectRef kPod = Ref("Pod", "shop", "web-0");

Mutation BackOff(const std::string& id, const std::string& message = "Back-off restarting") {
  return Event(id, kPod, "BackOff", message, At(10), At(10));
}

// A world whose database was opened with `limits`.
void Limit(World* world, const DatabaseLimits& limits) {
  world->options.limits = limits;
  world->Reopen();
}

absl::StatusOr<ApplyResult> TryApply(World* world, std::vector<Mutation> mutations) {
  Batch batch;
  batch.mutations = std::move(mutations);
  return world->db().Apply(std::move(batch));
}

LimitUse Use(World* world, const std::string& limit) {
  const auto stats = world->db().Stats();
  REQUIRE(stats.ok());
  REQUIRE(stats->limits.count(limit) == 1);
  return stats->limits.at(limit);
}

std::vector<DeadLetter> Letters(World* world) {
  std::vector<DeadLetter> all;
  const auto view = world->view();
  for (const ScopeDescription& scope : view->scopes()) {
    auto letters = view->DeadLetters(scope.id, 1000);
    REQUIRE(letters.ok());
    all.insert(all.end(), letters->begin(), letters->end());
  }
  return all;
}

TEST_CASE("a batch with too many mutations is refused whole and the next is taken") {
  World w;
  DatabaseLimits limits;
  limits.batch_mutations = 3;
  Limit(&w, limits);
  const auto refused = TryApply(&w, {BackOff("a"), BackOff("b"), BackOff("c"), BackOff("d")});
  CHECK(refused.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(absl::StrContains(refused.status().message(), "4 mutations"));
  CHECK(absl::StrContains(refused.status().message(), "split it"));
  CHECK(w.db().Health().ok());
  CHECK(Use(&w, "max_batch").exceeded == 1);
  w.Apply({BackOff("a"), BackOff("b"), BackOff("c")});
}

TEST_CASE("a batch with too many bytes is refused whole and the next is taken") {
  World w;
  DatabaseLimits limits;
  limits.batch_bytes = 4096;
  Limit(&w, limits);
  const auto refused = TryApply(&w, {BackOff("a", std::string(8192, 'x'))});
  CHECK(refused.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(Use(&w, "max_batch_bytes").exceeded == 1);
  w.Apply({BackOff("a")});
}

TEST_CASE("a record that is too large is a dead letter that says so and the others are applied") {
  World w;
  DatabaseLimits limits;
  limits.record_bytes = 4096;
  limits.record_items = 8;
  limits.name_bytes = 64;
  Limit(&w, limits);
  Object many("Pod", "shop", "many");
  many.SeenAt(At(10));
  for (int i = 0; i < 9; ++i) many.Set(absl::StrCat("spec.f", i), "v");
  const auto result = TryApply(
      &w, {BackOff("large", std::string(8192, 'x')), many,
           Event("long", Ref("Pod", "shop", std::string(65, 'n')), "BackOff", "m", At(10), At(10)),
           BackOff("fits")});
  REQUIRE(result.ok());
  CHECK(result->applied == 1);
  CHECK(result->refused == 3);
  CHECK(result->dead_letters == 3);
  REQUIRE(result->problems.size() == 3);
  CHECK(absl::StrContains(result->problems[0], "event 1 of its batch: it has"));
  CHECK(absl::StrContains(result->problems[0], "--max-record-bytes"));
  CHECK(absl::StrContains(result->problems[1], "9 fields"));
  CHECK(absl::StrContains(result->problems[2], "the subject has 65 bytes"));
  CHECK(Use(&w, "max_record_bytes").exceeded == 1);
  CHECK(Use(&w, "max_record_items").exceeded == 1);
  CHECK(Use(&w, "max_name_bytes").exceeded == 1);
  CHECK(Letters(&w).size() == 3);
}

TEST_CASE("a message that is too long is cut between characters and says so") {
  World w;
  DatabaseLimits limits;
  limits.message_bytes = 9;
  Limit(&w, limits);
  w.Apply({BackOff("a", "Back-offé and so on")});  // é begins at byte 8
  const auto bursts = w.Bursts(kPod);
  REQUIRE(bursts.size() == 1);
  CHECK(bursts[0].episode.message == "Back-off…[cut, 20 bytes]");
  CHECK(Use(&w, "max_message_bytes").exceeded == 1);
}

TEST_CASE("hostile tenants make no more scopes than are allowed and their records are kept") {
  World w;
  DatabaseLimits limits;
  limits.scopes = 3;
  w.options.default_cluster = "";  // else each tenant begins with that, too
  Limit(&w, limits);
  std::vector<Mutation> mutations;
  for (int i = 0; i < 50; ++i) {
    Mutation m = BackOff(absl::StrCat("e", i));
    std::get<EventRecord>(m).scope = {absl::StrCat("tenant-", i), absl::StrCat("cluster-", i)};
    mutations.push_back(std::move(m));
  }
  const auto result = TryApply(&w, mutations);
  REQUIRE(result.ok());
  CHECK(result->applied == 3);
  CHECK(result->refused == 47);
  CHECK(result->dead_letters == 47);
  std::string names;
  for (const ScopeDescription& s : w.view()->scopes())
    absl::StrAppend(&names, s.tenant, "/", s.cluster, " ");
  INFO(names);
  // One more is for what belongs to none of them.
  CHECK(w.view()->scopes().size() <= 4);
  CHECK(Use(&w, "max_scopes").exceeded == 47);
  // Those that are there go on, also after a reopen.
  w.Reopen();
  const auto again = TryApply(&w, mutations);
  REQUIRE(again.ok());
  CHECK(again->unchanged == 3);
  CHECK(w.view()->scopes().size() <= 4);
  // The letters hold the records, so that they can be applied under a wider limit.
  const auto letters = Letters(&w);
  REQUIRE(letters.size() == 47);
  CHECK(absl::StrContains(letters[0].reason, "--max-scopes"));
  limits.scopes = 100;
  Limit(&w, limits);
  REQUIRE(letters[0].mutation.has_value());
  const auto mended = TryApply(&w, {*letters[0].mutation});
  REQUIRE(mended.ok());
  CHECK(mended->applied == 1);
}

TEST_CASE("dead letters beyond the limit are counted and the sender hears of it") {
  World w;
  w.Apply({BackOff("first")});
  DatabaseLimits limits;
  limits.dead_letters = 5;
  Limit(&w, limits);
  Batch batch;
  for (int i = 0; i < 8; ++i) {
    DeadLetter letter;
    letter.source = "file:a";
    letter.position = absl::StrCat("line ", i);
    letter.reason = "no JSON";
    batch.dead_letters.push_back(letter);
  }
  const auto result = w.db().Apply(batch);
  REQUIRE(result.ok());
  CHECK(result->dead_letters == 8);
  REQUIRE(result->problems.size() == 1);
  CHECK(absl::StrContains(result->problems[0], "--max-dead-letters"));
  CHECK(Letters(&w).size() == 5);
  CHECK(Use(&w, "max_dead_letters").used == 5);
  CHECK(Use(&w, "max_dead_letters").exceeded == 3);
  // Told again they are the same letters.
  REQUIRE(w.db().Apply(batch).ok());
  CHECK(Letters(&w).size() == 5);
}

TEST_CASE("positions beyond the limit are not kept and those that are go on") {
  World w;
  DatabaseLimits limits;
  limits.positions = 2;
  Limit(&w, limits);
  const auto apply = [&](const std::string& source, int64_t offset) {
    Batch batch;
    batch.mutations = {BackOff(absl::StrCat(source, offset))};
    batch.positions = {{source, 0, offset, -1, ""}};
    const auto result = w.db().Apply(std::move(batch));
    REQUIRE(result.ok());
    return result->problems;
  };
  CHECK(apply("a", 1).empty());
  CHECK(apply("b", 1).empty());
  const auto told = apply("c", 1);
  REQUIRE(told.size() == 1);
  CHECK(absl::StrContains(told[0], "--max-positions"));
  CHECK(apply("a", 2).empty());
  CHECK(w.db().Position("a", 0)->offset == 2);
  CHECK_FALSE(w.db().Position("c", 0).has_value());
  CHECK(Use(&w, "max_positions").used == 2);
  CHECK(Use(&w, "max_positions").exceeded == 1);
  w.Reopen();
  CHECK(apply("c", 1).size() == 1);
}

TEST_CASE("a view that is too old gives up its snapshot and a new one reads") {
  World w;
  DatabaseLimits limits;
  limits.view_age = std::chrono::minutes(1);
  Limit(&w, limits);
  w.Apply({BackOff("a")});
  const auto count = [&](const View& view) -> absl::StatusOr<int> {
    int seen = 0;
    auto status = view.ForEachEpisode(w.scope(), {kBeginning, kForever}, [&](const auto&) {
      ++seen;
      return true;
    });
    if (!status.ok()) return status;
    return seen;
  };
  const auto view = w.view();
  w.wall += std::chrono::seconds(59);
  REQUIRE(w.db().Maintain().ok());
  CHECK(*count(*view) == 1);
  CHECK(Use(&w, "max_view_age").used == 59);
  w.wall += std::chrono::seconds(2);
  REQUIRE(w.db().Maintain().ok());
  CHECK(count(*view).status().code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(absl::StrContains(count(*view).status().message(), "--max-view-age"));
  CHECK(view->DeadLetters(w.scope(), 10).status().code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(view->graph().Find(w.Id(kPod)) != nullptr);  // what is in memory is still there
  CHECK(*count(*w.view()) == 1);
  CHECK(Use(&w, "max_view_age").exceeded == 1);
  CHECK(Use(&w, "max_view_age").used == 0);
}

TEST_CASE("a view that is too old ends a walk over its rows that is under way") {
  World w;
  DatabaseLimits limits;
  limits.view_age = std::chrono::minutes(1);
  Limit(&w, limits);
  w.Apply({BackOff("a"), BackOff("b"), BackOff("c")});
  const auto view = w.view();
  int seen = 0;
  const auto status = view->ForEachEpisode(w.scope(), {kBeginning, kForever}, [&](const auto&) {
    ++seen;
    w.wall += std::chrono::minutes(2);
    REQUIRE(w.db().Maintain().ok());
    return true;
  });
  CHECK(status.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(seen == 1);
}

TEST_CASE("callers who come together share no commit that is larger than a batch may be") {
  World w;
  DatabaseLimits limits;
  limits.batch_mutations = 5;
  Limit(&w, limits);
  constexpr int kCallers = 12;
  std::vector<std::thread> callers;
  std::vector<absl::StatusOr<ApplyResult>> results(kCallers, absl::UnknownError("not back yet"));
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&w, &results, c] {
      std::vector<Mutation> three;
      for (int i = 0; i < 3; ++i) three.push_back(BackOff(absl::StrCat(c, "-", i)));
      results[c] = TryApply(&w, std::move(three));
    });
  }
  for (std::thread& t : callers) t.join();
  std::set<uint64_t> commits;
  for (const auto& result : results) {
    REQUIRE(result.ok());
    CHECK(result->applied == 3);
    commits.insert(result->sequence);
  }
  CHECK(commits.size() == kCallers);  // two of them have 6
  CHECK(w.db().Stats()->callers_waiting == 0);
}

// A node that hosts 40 pods fails late, after each of the pods did.
std::vector<Mutation> LateCause() {
  std::vector<Mutation> story;
  const ObjectRef node = Ref("Node", "", "node-1");
  for (int i = 0; i < 40; ++i) {
    const ObjectRef pod = Ref("Pod", "shop", absl::StrCat("web-", i));
    story.push_back(EdgeSeen("RUNS_ON", pod, node, At(9)));
    story.push_back(Event(absl::StrCat("e", i), pod, "NodeNotReady", "Node is not ready", At(10, 2),
                          At(10, 2)));
  }
  story.push_back(Event("cause", node, "NodeNotReady", "it stopped", At(10), At(10)));
  return story;
}

TEST_CASE("more dirty slots than are allowed widen to all in the time and no link is missed") {
  World roomy, tight;
  DatabaseLimits limits;
  limits.dirty_slots = 8;
  Limit(&tight, limits);
  for (const Mutation& m : LateCause()) {
    roomy.Apply({m});
    tight.Apply({m});
  }
  REQUIRE(roomy.db().Stats()->links >= 40);
  CHECK(tight.db().Stats()->links == roomy.db().Stats()->links);
  RequireSameDump(roomy.Dump(), tight.Dump(), "with 8 dirty slots");
  CHECK(Use(&roomy, "max_dirty_slots").exceeded == 0);
  CHECK(Use(&tight, "max_dirty_slots").exceeded > 0);
  CHECK(Use(&tight, "max_dirty_slots").limit == 8);
}

uint64_t BytesIn(const std::string& dir) {
  uint64_t bytes = 0;
  std::error_code gone;
  for (std::filesystem::recursive_directory_iterator it(dir, gone), end; !gone && it != end;
       it.increment(gone)) {
    std::error_code ignored;
    const uint64_t size = it->is_regular_file(ignored) ? it->file_size(ignored) : 0;
    if (!ignored) bytes += size;
  }
  return bytes;
}

// 64 MiB of text that does not compress, through a limit of 8 MiB, as fast as it is taken. The
// clock goes on by a minute a batch: what lies in the bucket of the clock can't be dropped, so a
// batch is to be a small part of the limit.
TEST_CASE("disk use stays within twice the limit of size under an ingest that outruns it") {
  constexpr uint64_t kMax = 8u << 20;
  World w;
  w.options.max_bytes = kMax;
  w.options.write_buffer_bytes = 1u << 20;
  w.options.sync = false;
  w.Reopen();
  const uint64_t before = BytesIn(w.path());
  Random random(7);
  uint64_t peak = 0, told = 0;
  for (int batch = 0; batch < 256; ++batch) {
    std::vector<Mutation> mutations;
    for (int i = 0; i < 64; ++i) {
      std::string noise;
      while (noise.size() < 4096) noise.push_back(static_cast<char>('!' + random.Below(90)));
      mutations.push_back(
          Event(absl::StrCat(batch, "-", i), kPod, "Scheduled", noise, At(0, batch), At(0, batch)));
    }
    w.Apply(std::move(mutations));
    if (batch % 8 == 7) {
      peak = std::max(peak, BytesIn(w.path()));
      told = std::max(told, w.db().Stats()->disk_bytes);
    }
  }
  INFO("peak " << peak << " on disk, " << told << " told, " << before << " when empty");
  CHECK(told <= 2 * kMax);
  CHECK(peak <= before + 2 * kMax);
  CHECK(Use(&w, "max_bytes").limit == kMax);
  // It did go through, and the newest is there.
  CHECK(w.view()->oldest() > At(0, 30));
  CHECK_FALSE(w.view()->FindEvent(w.scope(), "255-63")->empty());
  CHECK(w.view()->FindEvent(w.scope(), "0-0")->empty());
}

// Files of `ending` in `dir`; those that this process has open when `open`.
std::vector<std::filesystem::path> FilesOf(const std::string& dir, const std::string& ending,
                                           bool open = false) {
  std::vector<std::filesystem::path> out;
  std::error_code error;
  std::filesystem::directory_iterator it(open ? "/proc/self/fd" : dir, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const auto path = open ? std::filesystem::read_symlink(it->path(), gone) : it->path();
    if (!gone && absl::StartsWith(path.string(), dir) && path.extension() == ending)
      out.push_back(path);
  }
  return out;
}

TEST_CASE("no more table files are open than are allowed and all of them are read") {
  constexpr int kHours = 40;
  World w(std::chrono::hours(47));
  w.options.max_open_files = 20;
  w.options.rocksdb_options["disable_auto_compactions"] = "true";
  w.Reopen();
  for (int hour = 0; hour < kHours; ++hour) {
    w.Apply({Event(absl::StrCat("e", hour), kPod, "Scheduled", "m", At(hour), At(hour))});
    REQUIRE(w.db().Maintain().ok());
    if (hour % 10 == 9) w.Reopen();  // flushes
  }
  const auto count_open = [&] { return FilesOf(w.path(), ".sst", true).size(); };
  int seen = 0;
  size_t most = 0;
  const auto status = w.view()->ForEachEpisode(w.scope(), {kBeginning, kForever}, [&](const auto&) {
    ++seen;
    most = std::max(most, count_open());
    return true;
  });
  REQUIRE(status.ok());
  CHECK(seen == kHours);
  const size_t files = FilesOf(w.path(), ".sst").size();
  INFO(files << " files, " << most << " open at most, " << count_open() << " after");
  CHECK(files > 24);
  CHECK(count_open() <= 20);
  CHECK(Use(&w, "max_open_files").limit == 20);
}

// 8 MiB of text. Tables are flushed beside the ingest, so the log may pass its limit meanwhile.
TEST_CASE("the log of writes is kept short by its limit") {
  constexpr uint64_t kMax = 1u << 20;
  World w;
  w.options.max_wal_bytes = kMax;
  w.options.sync = false;
  w.Reopen();
  uint64_t peak = 0;
  Random random(3);
  for (int batch = 0; batch < 64; ++batch) {
    std::vector<Mutation> mutations;
    for (int i = 0; i < 64; ++i) {
      std::string noise;
      while (noise.size() < 2048) noise.push_back(static_cast<char>('!' + random.Below(90)));
      mutations.push_back(
          Event(absl::StrCat(batch, "-", i), kPod, "Scheduled", noise, At(0, batch), At(0, batch)));
    }
    w.Apply(std::move(mutations));
    peak = std::max(peak, static_cast<uint64_t>(Use(&w, "max_wal_bytes").used));
  }
  INFO(peak << " bytes at most");
  CHECK(peak <= 4 * kMax);
  CHECK(peak > 0);
  CHECK(Use(&w, "max_wal_bytes").limit == kMax);
}

}  // namespace
}  // namespace kg::semantics
