#include "bench/wire.h"

#include <catch2/catch.hpp>

#include "bench/measure.h"
#include "ingest/decoder.h"

namespace kg::bench {
namespace {

TEST_CASE("The mix is understood whole and holds each kind in its share") {
  const ScratchDir scratch("/tmp");
  const std::string file = scratch.Sub("mix.jsonl");
  const MixCounts counts = WriteMix(file, 5.0 / 808);
  CHECK(counts.logs == 5 * 993);
  CHECK(counts.resources == 5 * 335);
  CHECK(counts.topology == 5 * 279);
  CHECK(counts.targets == 5 * 68);
  CHECK(counts.events == 27);
  CHECK(counts.bytes == BytesBelow(scratch.path()));
  ingest::DecodeOptions options;
  ingest::BatchSink sink;
  const auto stats = ingest::DecodePaths({file}, options, &sink);
  REQUIRE(stats.ok());
  CHECK(sink.batch.dead_letters.empty());
  CHECK(stats->objects == counts.resources + counts.targets);
  CHECK(stats->edges == counts.topology);
  CHECK(stats->events == counts.events);
  CHECK(stats->logs == counts.logs);
}

TEST_CASE("Events and states as lines say what the mutations say") {
  const ScratchDir scratch("/tmp");
  WriteEvents(scratch.Sub("events.jsonl"), 50);
  const uint64_t states = WriteStates(scratch.Sub("states.jsonl"), 0, 1);
  ingest::DecodeOptions options;
  ingest::BatchSink sink;
  const auto stats = ingest::DecodePaths({scratch.Sub("events.jsonl"), scratch.Sub("states.jsonl")},
                                         options, &sink);
  REQUIRE(stats.ok());
  CHECK(sink.batch.dead_letters.empty());
  CHECK(stats->events == 50);
  CHECK(stats->objects == states);
  CHECK(stats->undated == 0);
}

}  // namespace
}  // namespace kg::bench
