#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/ask.h"
#include "tests/semantics/fixture.h"

// Readers beside writers: several threads apply, one maintains, others ask. Most of what this finds
// it finds under the thread sanitizer.

namespace kg::server {
namespace {

using semantics::At;
using semantics::Event;
using semantics::Ref;
using std::chrono::minutes;

constexpr int kWriters = 3;

// What one thread notes down; Catch2's checks are for the main thread only.
struct Notes {
  std::set<std::string> wrong;
  int64_t answers = 0;

  void Check(const absl::Status& status) {
    if (!status.ok()) wrong.insert(status.ToString());
  }
};

ObjectRef Pod(int writer, int step) {
  return Ref("Pod", "shop", absl::StrCat("web-", writer, "-", step % 3));
}

// A pod restarts on a node that reboots now and then, and that pods of other writers share.
std::vector<Mutation> Told(int writer, int step, Duration stride) {
  const Timestamp t = At(8) + step * stride;
  const ObjectRef pod = Pod(writer, step);
  const ObjectRef node = Ref("Node", "", absl::StrCat("n-", (writer + step) % 2));
  std::vector<Mutation> told = {
      semantics::Object("Pod", "shop", pod.name, absl::StrCat("uid-", pod.name))
          .SeenAt(t)
          .Created(At(7))
          .Set("metadata.labels.app", "web")
          .Set("spec.containers[0].image", absl::StrCat("r.example/web:", step))
          .On(node.name),
      semantics::EdgeSeen("RUNS_ON", pod, node, t),
      Event(absl::StrCat("bo-", writer, "-", step), pod, "BackOff",
            "Back-off restarting failed container", t + minutes(2), t + minutes(4), 3),
      semantics::LogLine(pod, t + minutes(3), "panic: runtime error: index out of range"),
      semantics::EdgeGone("RUNS_ON", pod, node, t + minutes(20))};
  if (step % 2 == 0) {
    told.push_back(Event(absl::StrCat("reboot-", writer, "-", step), node, "Rebooted",
                         "Node has been rebooted", t + minutes(1), t + minutes(1)));
  }
  return told;
}

absl::Status Tell(Database* database, int writer, int step, Duration stride) {
  Batch batch;
  batch.mutations = Told(writer, step, stride);
  batch.positions.push_back({absl::StrCat("w-", writer), 0, step, -1, ""});
  return database->Apply(std::move(batch)).status();
}

// All that a view shows, counted; names and history that it can't find are noted.
std::vector<size_t> Counts(const View& view, Notes* notes) {
  size_t nodes = 0, bursts = 0, links = 0, edges = 0, members = 0, episodes = 0;
  for (uint32_t i = 1; i < view.graph().end_id(); ++i) {
    const Node* node = view.graph().Find(ResourceId(i), kBeginning);
    if (node == nullptr) continue;
    ++nodes;
    if (view.Name(ResourceId(i)) == nullptr) notes->wrong.insert("a slot without a name");
    node->bursts.ForEach([&](const BurstPtr& b) {
      ++bursts;
      links += b->causes.size();
      return true;
    });
    edges += node->out.size() + node->in.size() + node->out_closed.size() + node->in_closed.size();
  }
  for (const IncidentPtr& tree : view.AllTrees()) members += tree->members.size();
  for (const ScopeDescription& scope : view.scopes()) {
    notes->Check(view.ForEachEpisode(scope.id, {kBeginning, kForever}, [&](const EpisodeRecord&) {
      ++episodes;
      return true;
    }));
  }
  notes->Check(view.status());
  return {nodes, bursts, links, edges, members, episodes};
}

void Ask(const Database& database, Notes* notes) {
  const Params all{{"all_namespaces", ""}, {"since", "12h"}};
  const Params node{{"object", "node/n-0"}, {"since", "12h"}};
  const std::vector<std::pair<std::string, Params>> questions = {
      {"rca", all},
      {"rca", node},
      {"blast-radius", node},
      {"timeline", all},
      {"timeline", node},
      {"events", all},
      {"incidents", all},
      {"resource", node},
      {"neighbours", {{"object", "node/n-0"}}},
      {"stats", {}},
      {"diff", {{"since", "12h"}}}};
  for (const auto& [question, params] : questions) {
    auto answer = server::Ask(database, question, params, AskOptions());
    notes->Check(answer.status());
    ++notes->answers;
  }
}

void Read(const Database& database, Notes* notes) {
  Ask(database, notes);
  // Two threads read one view, and what one of them has read stays so.
  const std::shared_ptr<const View> view = database.GetView();
  Notes others;
  std::vector<size_t> first, again;
  std::thread other([&] { first = Counts(*view, &others); });
  again = Counts(*view, notes);
  other.join();
  notes->wrong.merge(others.wrong);
  if (first != again || Counts(*view, notes) != first) notes->wrong.insert("a view has changed");
}

// Runs writers, readers and one that maintains until the writers have told all.
void RunBeside(Database* database, int steps, Duration stride) {
  constexpr int kReaders = 2;
  std::vector<Notes> notes(kWriters + kReaders + 1);
  std::atomic<int> writing = kWriters;
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w, mine = &notes[w]] {
      for (int step = 1; step < steps; ++step) mine->Check(Tell(database, w, step, stride));
      --writing;
    });
  }
  for (int r = 0; r < kReaders; ++r) {
    threads.emplace_back([&, mine = &notes[kWriters + r]] {
      bool more = true;
      while (more) {
        more = writing > 0;
        Read(*database, mine);
      }
    });
  }
  threads.emplace_back([&, mine = &notes.back()] {
    bool more = true;
    while (more) {
      more = writing > 0;
      mine->Check(database->Maintain());
      mine->Check(database->Settle());
      mine->Check(database->Stats().status());
      mine->Check(database->CanonicalDump().status());
      database->Position("w-1", 0);
    }
  });
  for (std::thread& t : threads) t.join();
  for (const Notes& n : notes) CHECK(n.wrong == std::set<std::string>());
  for (int r = 0; r < kReaders; ++r) CHECK(notes[kWriters + r].answers > 0);
}

TEST_CASE("questions are answered beside writers whatever memory holds, and the facts are theirs") {
  constexpr int kSteps = 10;
  semantics::World alone;
  for (int step = 0; step < kSteps; ++step) {
    for (int w = 0; w < kWriters; ++w) REQUIRE(Tell(&alone.db(), w, step, minutes(30)).ok());
  }
  for (const int window : {0, 1}) {
    semantics::World world(std::chrono::hours(24 * 7), std::chrono::hours(window));
    for (int w = 0; w < kWriters; ++w) REQUIRE(Tell(&world.db(), w, 0, minutes(30)).ok());
    RunBeside(&world.db(), kSteps, minutes(30));
    semantics::RequireSameDump(alone.Dump(), world.Dump(), absl::StrCat("window ", window));
    world.Reopen();
    semantics::RequireSameDump(alone.Dump(), world.Dump(), absl::StrCat("reopened ", window));
  }
}

TEST_CASE("questions are answered beside writers while buckets expire under them") {
  for (const int window : {0, 1}) {
    semantics::World world(std::chrono::hours(24), std::chrono::hours(window));
    for (int w = 0; w < kWriters; ++w) REQUIRE(Tell(&world.db(), w, 0, std::chrono::hours(6)).ok());
    RunBeside(&world.db(), 12, std::chrono::hours(6));
    CHECK(world.view()->oldest() > At(8));
  }
}

}  // namespace
}  // namespace kg::server
