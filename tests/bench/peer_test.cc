#include <catch2/catch.hpp>
#include <cstdlib>

#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/setup.h"
#include "bench/sqlite_peer.h"

// The ratio to SQLite is one only as long as both do the same.

namespace kg::bench {
namespace {

constexpr uint64_t kEvents = 4'000;

struct Links {
  int64_t kg = 0, sql = 0;
};

Links LinkBoth(double failures, PeerOptions options) {
  const ScratchDir scratch("/tmp");
  EventMix mix;
  mix.failures = failures;
  Cluster cluster(400, 1), again(400, 1);
  const auto db = OpenWith(scratch.Sub("kg"), cluster);
  const EventRun run =
      ApplyEvents(db.get(), 0, kEvents, 1, [&](uint64_t i) { return cluster.Event(i, mix); });
  std::vector<EventRecord> events;
  for (uint64_t i = 0; i < kEvents; ++i) events.push_back(again.Event(i, mix));
  SqlitePeer sqlite(scratch.Sub("sqlite"), *db->GetView(), events, options);
  for (size_t i = 0; i < events.size(); i += kBatch) {
    std::vector<PeerEvent> batch;
    for (size_t k = i; k < std::min(events.size(), i + kBatch); ++k)
      batch.push_back(sqlite.Prepare(*db->rules(), events[k]));
    sqlite.Apply(batch);
  }
  return {run.links(), sqlite.links()};
}

TEST_CASE("SQLite stores the links that kg stores") {
  const double failures = GENERATE(0.2, 1.0);
  const Links links = LinkBoth(failures, {PeerJob::kSameJob, -1});
  INFO("share of failures " << failures << ", kg " << links.kg << ", SQLite " << links.sql);
  CHECK(links.kg > 100);
  // Effects that a later batch gives an earlier cause are looked at again by kg alone.
  CHECK(std::abs(links.kg - links.sql) * 50 < links.kg);
}

TEST_CASE("What the peer is spared changes none of its links") {
  const Links whole = LinkBoth(1.0, {PeerJob::kSameJob, 64});
  const Links bare = LinkBoth(1.0, {PeerJob::kLinksOnly, 64});
  CHECK(whole.sql == bare.sql);
}

TEST_CASE("SQLite reaches whom an object depends on and whom it fails") {
  const ScratchDir scratch("/tmp");
  Cluster cluster(400, 1);
  const auto db = OpenWith(scratch.Sub("kg"), cluster);
  EventMix mix;
  mix.failures = 1;
  const std::vector<EventRecord> events = {cluster.Warning(0, kStart, 1)};
  SqlitePeer sqlite(scratch.Sub("sqlite"), *db->GetView(), events, {});
  const PeerEvent pod = sqlite.Prepare(*db->rules(), events[0]);
  REQUIRE(pod.slot != 0);
  CHECK(pod.failure);
  // Itself, its ReplicaSet and Deployment, their ConfigMap, its node; and the Service that the
  // first pods of a Deployment call, with its eight pods and what those stand on.
  CHECK(sqlite.Reach(pod.slot) > 10);
  // Itself, its owners, the Service that selects it and those who call that.
  CHECK(sqlite.Blast(pod.slot, pod.at_us) >= 4);
}

}  // namespace
}  // namespace kg::bench
