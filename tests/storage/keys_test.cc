#include "storage/keys.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

namespace kg::storage::keys {
namespace {

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) {
    hex += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    hex += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

const ResourceId kResource{0x0a0b0c0d};
const Timestamp kTime = FromMicros(0x0102030405060708);
const EpisodeKey kBurst{kTime, EpisodeHash{0x1112131415161718}};
const EpisodeKey kOther{FromMicros(-1), EpisodeHash{0x2122232425262728}};
const Hash128 kHash = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

TEST_CASE("every key builder keeps its bytes") {
  CHECK(Hex(Episode(kBurst)) == "81020304050607081112131415161718");
  CHECK(Hex(Episode(kOther)) == "7fffffffffffffff2122232425262728");
  CHECK(Hex(EpisodeFrom(kTime)) == "8102030405060708");
  CHECK(Hex(Subject({kResource, kBurst})) == "0a0b0c0d81020304050607081112131415161718");
  CHECK(Hex(SubjectPrefix(kResource)) == "0a0b0c0d");
  CHECK(Hex(SubjectFrom(kResource, kTime)) == "0a0b0c0d8102030405060708");
  CHECK(Hex(EventId(kHash)) == "000102030405060708090a0b0c0d0e0f");
  CHECK(Hex(Effect({kBurst, kOther})) ==
        "810203040506070811121314151617187fffffffffffffff2122232425262728");
  CHECK(Hex(EffectPrefix(kBurst)) == "81020304050607081112131415161718");
  CHECK(Hex(Member({0x3132333435363738, kBurst})) ==
        "313233343536373881020304050607081112131415161718");
  CHECK(Hex(MemberPrefix(0x3132333435363738)) == "3132333435363738");
  CHECK(Hex(ClosedEdge({kResource, Direction::kIn, kTime, EdgeTypeId{0x0405},
                        ResourceId{0x0e0f1011}, FromMicros(0)})) ==
        "0a0b0c0d01810203040506070804050e0f10118000000000000000");
  CHECK(Hex(ClosedEdgePrefix(kResource, Direction::kOut)) == "0a0b0c0d00");
  CHECK(Hex(ClosedEdgeFrom(kResource, Direction::kIn, kTime)) == "0a0b0c0d018102030405060708");
  CHECK(Hex(Revision({kResource, kTime, FromMicros(0), 0x0e0f1011})) ==
        "0a0b0c0d810203040506070880000000000000000e0f1011");
  CHECK(Hex(RevisionPrefix(kResource)) == "0a0b0c0d");
  CHECK(Hex(RevisionFrom(kResource, kTime)) == "0a0b0c0d8102030405060708");
  CHECK(Hex(HangingDelete(kHash, kTime)) == "000102030405060708090a0b0c0d0e0f8102030405060708");
  CHECK(Hex(HangingDeletePrefix(kHash)) == "000102030405060708090a0b0c0d0e0f");
  CHECK(Hex(Feed(0x0102030405060708, 0x090a0b0c)) == "0102030405060708090a0b0c");
  CHECK(Hex(Resource(kResource)) == "0a0b0c0d");
  CHECK(Hex(Edge({kResource, EdgeTypeId{0x0102}, ResourceId{0x03040506}})) ==
        "0a0b0c0d010203040506");
  CHECK(Hex(EdgePrefix(kResource)) == "0a0b0c0d");
  CHECK(Hex(Incident(0x0102030405060708)) == "0102030405060708");
}

TEST_CASE("hashes keep their values across processes and versions") {
  // Published test values of XXH3: the empty input with seed 0.
  CHECK(StableHash("") == 0x2d06800538d394c2);
  CHECK(Hex(EventId(Hash128Of(""))) == "99aa06d3014798d86001c324468d497f");
  CHECK(HashEventId("a").value == StableHash("a"));
  CHECK(TagOfUid("").value == 0);
  CHECK(TagOfUid("a").value == StableHash("a") >> 32);
}

TEST_CASE("keys read back what was written") {
  CHECK(ParseEpisode(Episode(kOther)) == kOther);
  CHECK(ParseSubject(Subject({kResource, kBurst})) == SubjectKey{kResource, kBurst});
  CHECK(ParseEffect(Effect({kBurst, kOther})) == EffectKey{kBurst, kOther});
  CHECK(ParseMember(Member({5, kBurst})) == MemberKey{5, kBurst});
  const ClosedEdgeKey closed{kResource,     Direction::kIn, kTime,
                             EdgeTypeId{9}, ResourceId{8},  kBeginning};
  CHECK(ParseClosedEdge(ClosedEdge(closed)) == closed);
  const RevisionKey revision{kResource, kForever, kBeginning, 0x0e0f1011};
  CHECK(ParseRevision(Revision(revision)) == revision);
  const EdgeKey edge{kResource, EdgeTypeId{1024}, ResourceId{1}};
  CHECK(ParseEdge(Edge(edge)) == edge);
  CHECK(ParseResource(Resource(kResource)) == kResource);
  CHECK(ParseIncident(Incident(~0ull)) == ~0ull);
}

TEST_CASE("a key of another length is damage, not a key") {
  for (const int change : {-1, 1}) {
    const auto bent = [&](std::string key) {
      key.resize(key.size() + change);
      return key;
    };
    CHECK_FALSE(ParseEpisode(bent(Episode(kBurst))));
    CHECK_FALSE(ParseSubject(bent(Subject({kResource, kBurst}))));
    CHECK_FALSE(ParseEffect(bent(Effect({kBurst, kOther}))));
    CHECK_FALSE(ParseMember(bent(Member({5, kBurst}))));
    CHECK_FALSE(ParseClosedEdge(bent(ClosedEdge({}))));
    CHECK_FALSE(ParseRevision(bent(Revision({}))));
    CHECK_FALSE(ParseEdge(bent(Edge({}))));
    CHECK_FALSE(ParseResource(bent(Resource(kResource))));
    CHECK_FALSE(ParseIncident(bent(Incident(1))));
  }
  std::string direction = ClosedEdge({});
  direction[4] = 2;
  CHECK_FALSE(ParseClosedEdge(direction));
}

TEST_CASE("byte order is time order, before 1970 too") {
  std::vector<std::string> sorted;
  for (const Timestamp t : {kBeginning, FromMicros(-256), FromMicros(-1), FromMicros(0),
                            FromMicros(1), FromMicros(255), FromMicros(256), kForever}) {
    sorted.push_back(EpisodeFrom(t));
  }
  CHECK(std::is_sorted(sorted.begin(), sorted.end()));
  CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
}

}  // namespace
}  // namespace kg::storage::keys
