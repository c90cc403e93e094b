#include "tests/fuzz/rows.h"

#include <algorithm>
#include <optional>
#include <string>

#include "engine/records.h"
#include "schemas/records_generated.h"
#include "storage/internal/format.h"
#include "storage/keys.h"
#include "storage/records.h"
#include "tests/fuzz/expect.h"

namespace kg::fuzz {
namespace {

namespace keys = storage::keys;

// A key that is read prints as the same bytes; of two, the order of the bytes is that of the
// values.
template <typename Key>
void CheckKeys(absl::string_view bytes, size_t width,
               std::optional<Key> (*parse)(absl::string_view), std::string (*print)(const Key&)) {
  const absl::string_view a = bytes.substr(0, width);
  const absl::string_view b = bytes.substr(std::min(width, bytes.size()), width);
  const std::optional<Key> left = parse(a);
  const std::optional<Key> right = parse(b);
  if (a.size() != width) Expect(!left.has_value(), "a key of another length is none");
  if (left) Expect(print(*left) == a, "a key prints as it was read");
  if (!left || !right) return;
  Expect((*left < *right) == (a < b), "the order of keys is that of their values");
  Expect((*left == *right) == (a == b), "equal keys are equal values");
}

std::string PrintResource(const ResourceId& id) {
  return keys::Resource(id);
}
std::string PrintIncident(const uint64_t& id) {
  return keys::Incident(id);
}

// What was read is written as bytes that read the same.
template <typename Value>
void CheckRow(const absl::StatusOr<Value>& read, absl::StatusOr<Value> (*decode)(absl::string_view),
              std::string (*encode)(const Value&)) {
  if (!read.ok()) return;
  const std::string written = encode(*read);
  const absl::StatusOr<Value> again = decode(written);
  Expect(again.ok(), "a row that was written can be read");
  Expect(encode(*again) == written, "a row reads as it was written");
}

absl::StatusOr<EpisodeRecord> Episode(absl::string_view row) {
  return records::DecodeEpisode(ScopeId(1), row);
}
// Under the key of one id; what is read may be of another.
std::string EventKey() {
  return keys::EventId(EpisodeHash(2));
}
absl::StatusOr<records::EventIdRow> EventIds(absl::string_view row) {
  return records::DecodeEventId(EventKey(), row);
}
std::string WriteEventIds(const records::EventIdRow& row) {
  return records::EncodeEventId(EventKey(), row);
}
absl::StatusOr<records::EventIdRow> EventIdsOfFormat1(absl::string_view row) {
  return records::DecodeEventId(std::string(16, 'k'), row);
}
absl::StatusOr<records::EdgeRow> Edge(absl::string_view row) {
  return records::DecodeEdge(row);
}
std::string WriteEdge(const records::EdgeRow& row) {
  return records::EncodeEdge(row);
}
absl::StatusOr<records::HangingRow> Hanging(absl::string_view row) {
  return records::DecodeHanging(ScopeId(1), row);
}
std::string WriteHanging(const records::HangingRow& row) {
  return row.listing ? records::EncodeListing(row.what) : records::EncodeEdgeDeletion(row.edge);
}
absl::StatusOr<DeadLetter> Letter(absl::string_view row) {
  return records::DecodeDeadLetter(ScopeId(1), row);
}
std::string WriteScope(const std::pair<std::string, std::string>& scope) {
  return records::EncodeScope(scope.first, scope.second);
}

std::string WriteExpiry(const Timestamp& dropped_until) {
  return storage::internal::EncodeExpiry(dropped_until);
}

SourcePosition SomePosition() {
  return {"file:0123", 3, 4711, 2, "topic"};
}

EpisodeRecord SomeEpisode() {
  EpisodeRecord e;
  e.resource = ResourceId(7);
  e.cls = ClassId(12);
  e.more_classes = {ClassId(13)};
  e.onset = FromMicros(1'700'000'000'000'000);
  e.earliest = e.onset - Duration(5);
  e.end = kForever;
  e.event_id = "uid/x";
  e.reason = "BackOff";
  e.message = "Back-off restarting failed container";
  e.AddPoint(e.onset, 99, 4);
  e.paths = {"spec.replicas: 1 -> 2"};
  e.other_ids = {"evt-1"};
  e.uid = "p-1";
  e.runs = {{e.onset, e.onset + Duration(9)}};
  return e;
}

records::RevisionRow SomeRevision() {
  records::RevisionRow row;
  row.uid = "p-1";
  row.stretch = {FromMicros(5), FromMicros(9), 77, 2};
  row.fields = {{"spec.nodeName", "n1"}, {"spec.replicas", "2", FieldKind::kNumber}};
  row.managed = {{"kubectl", "Update", FromMicros(4)}};
  return row;
}

Seeds MutationRows() {
  EventRecord event;
  event.event_id = "e-1";
  event.subject = {"", true, "Pod", "shop", "cart-1", "p-1"};
  event.related = ObjectRef{"", true, "Node", "", "n1", ""};
  event.first = event.last = FromMicros(5);
  ObjectRecord object;
  object.ref = event.subject;
  object.fields = {{"spec.nodeName", "n1"}};
  object.created = FromMicros(1);
  object.managed = {{"kubectl", "Update", FromMicros(4)}};
  AlertRecord alert;
  alert.name = "A";
  alert.fingerprint = "0123456789abcdef";
  alert.labels = {{"pod", "cart-1"}};
  alert.ends_at = FromMicros(9);
  EdgeRecord edge;
  edge.type = "RUNS_ON";
  edge.from = event.subject;
  LogRecord log;
  log.subject = event.subject;
  log.line = "panic: x";
  CompletenessRecord listing;
  listing.namespaces = {"shop"};
  listing.kinds = {event.subject};
  listing.present = {event.subject};
  Seeds rows;
  for (const Mutation& m : {Mutation(event), Mutation(object), Mutation(alert), Mutation(edge),
                            Mutation(log), Mutation(listing)})
    rows.push_back(records::EncodeMutation(m));
  return rows;
}

std::string SomeResource() {
  fb::ResourceT t;
  t.scope = 1;
  t.kind = "Pod";
  t.namespace_ = "shop";
  t.name = "cart-1";
  auto life = std::make_unique<fb::IncarnationT>();
  life->uid = "p-1";
  t.incarnations.push_back(std::move(life));
  t.deletions = {4};
  auto revision = std::make_unique<fb::RevisionT>();
  revision->uid = "p-1";
  t.newest.push_back(std::move(revision));
  auto mention = std::make_unique<fb::MentionT>();
  mention->uid = "p-1";
  t.mentions.push_back(std::move(mention));
  flatbuffers::FlatBufferBuilder builder;
  return storage::EncodeTable(&builder, fb::Resource::Pack(builder, &t));
}

}  // namespace

void Keys(absl::string_view input) {
  if (input.empty()) return;
  const absl::string_view bytes = input.substr(1);
  switch (static_cast<uint8_t>(input[0]) % 9) {
    case 0:
      return CheckKeys<keys::EpisodeKey>(bytes, 16, keys::ParseEpisode, keys::Episode);
    case 1:
      return CheckKeys<keys::SubjectKey>(bytes, 20, keys::ParseSubject, keys::Subject);
    case 2:
      return CheckKeys<keys::EffectKey>(bytes, 32, keys::ParseEffect, keys::Effect);
    case 3:
      return CheckKeys<keys::MemberKey>(bytes, 24, keys::ParseMember, keys::Member);
    case 4:
      return CheckKeys<keys::ClosedEdgeKey>(bytes, 27, keys::ParseClosedEdge, keys::ClosedEdge);
    case 5:
      return CheckKeys<keys::RevisionKey>(bytes, 24, keys::ParseRevision, keys::Revision);
    case 6:
      return CheckKeys<keys::EdgeKey>(bytes, 10, keys::ParseEdge, keys::Edge);
    case 7:
      return CheckKeys<ResourceId>(bytes, 4, keys::ParseResource, PrintResource);
    default:
      return CheckKeys<uint64_t>(bytes, 8, keys::ParseIncident, PrintIncident);
  }
}

Seeds KeySeeds() {
  const keys::EpisodeKey burst{FromMicros(-1), EpisodeHash(5)};
  const keys::EpisodeKey later{FromMicros(1), EpisodeHash(4)};
  const auto two = [](char pick, const std::string& a, const std::string& b) {
    return pick + a + b;
  };
  return {
      two(0, keys::Episode(burst), keys::Episode(later)),
      two(1, keys::Subject({ResourceId(1), burst}), keys::Subject({ResourceId(1), later})),
      two(2, keys::Effect({burst, later}), keys::Effect({burst, burst})),
      two(3, keys::Member({7, burst}), keys::Member({8, burst})),
      two(4,
          keys::ClosedEdge({ResourceId(1), keys::Direction::kIn, FromMicros(0), EdgeTypeId(2),
                            ResourceId(3), FromMicros(-5)}),
          keys::ClosedEdge({ResourceId(1), keys::Direction::kOut, FromMicros(0), EdgeTypeId(2),
                            ResourceId(3), FromMicros(-5)})),
      two(5, keys::Revision({ResourceId(1), kForever, kBeginning, 1}),
          keys::Revision({ResourceId(1), kForever, FromMicros(0), 0})),
      two(6, keys::Edge({ResourceId(1), EdgeTypeId(2), ResourceId(3)}),
          keys::Edge({ResourceId(1), EdgeTypeId(1024), ResourceId(0)})),
      two(7, keys::Resource(ResourceId(1)), keys::Resource(ResourceId(256))),
      two(8, keys::Incident(1), keys::Incident(~0ull)),
  };
}

void EngineRows(absl::string_view input) {
  using namespace records;
  if (input.empty()) return;
  const absl::string_view row = input.substr(1);
  switch (static_cast<uint8_t>(input[0]) % 11) {
    case 0:
      return CheckRow<EpisodeRecord>(Episode(row), Episode, EncodeEpisode);
    case 1:
      (void)EventIdsOfFormat1(row);
      return CheckRow<EventIdRow>(EventIds(row), EventIds, WriteEventIds);
    case 2:
      return CheckRow<std::vector<CauseLink>>(DecodeCauses(row), DecodeCauses, EncodeCauses);
    case 3:
      return CheckRow<RevisionRow>(DecodeRevision(row), DecodeRevision, EncodeRevision);
    case 4:
      (void)DecodeResource(row);
      return;
    case 5:
      return CheckRow<EdgeRow>(Edge(row), Edge, WriteEdge);
    case 6:
      return CheckRow<HangingRow>(Hanging(row), Hanging, WriteHanging);
    case 7:
      return CheckRow<std::pair<std::string, std::string>>(DecodeScope(row), DecodeScope,
                                                           WriteScope);
    case 8:
      return CheckRow<SourcePosition>(DecodePosition(row), DecodePosition, EncodePosition);
    case 9:
      return CheckRow<Mutation>(DecodeMutation(row), DecodeMutation, EncodeMutation);
    default:
      return CheckRow<DeadLetter>(Letter(row), Letter, EncodeDeadLetter);
  }
}

Seeds EngineRowSeeds() {
  using namespace records;
  EdgeClaim claim{{{FromMicros(1), FromMicros(2)}, {FromMicros(4), kForever}}, 3};
  const std::vector<Stretch> topology = {{FromMicros(1), FromMicros(2), 1, 0}};
  CauseLink link;
  link.cause = {FromMicros(1), EpisodeHash(2)};
  link.path = {ResourceId(1), ResourceId(2)};
  link.types = {EdgeTypeId(4)};
  link.against_arrow = {true};
  link.confidence = 0.75f;
  DeadLetter letter;
  letter.source = "file:x";
  letter.reason = "no name";
  letter.excerpt = "{}";
  Seeds seeds = {
      '\0' + EncodeEpisode(SomeEpisode()),
      '\1' + WriteEventIds({EpisodeHash(2), {{FromMicros(1), FromMicros(2)}}}),
      '\1' + WriteEventIds({EpisodeHash(3), {{FromMicros(-1), kForever}}}),
      '\2' + EncodeCauses({link, link}),
      '\3' + EncodeRevision(SomeRevision()),
      '\4' + SomeResource(),
      '\5' + EncodeEdge({{{1, claim}, {2, claim}}, topology, "sightings"}),
      '\6' + EncodeEdgeDeletion({ResourceId(1), EdgeTypeId(2), ResourceId(3)}),
      '\6' + EncodeListing({ScopeId(1), "apps", "Deployment", "shop", ""}),
      '\7' + EncodeScope("acme", "east"),
      '\x08' + EncodePosition(SomePosition()),
      '\x0a' + EncodeDeadLetter(letter),
  };
  Append(Behind('\x09', MutationRows()), &seeds);
  EventRecord event;
  event.event_id = "e-1";
  letter.mutation = event;
  seeds.push_back('\x0a' + EncodeDeadLetter(letter));
  return seeds;
}

void StoreRows(absl::string_view input) {
  using namespace storage::internal;
  if (input.empty()) return;
  const absl::string_view row = input.substr(1);
  switch (static_cast<uint8_t>(input[0]) % 5) {
    case 0:
      return CheckRow<storage::StoreIdentity>(DecodeFormat(row), DecodeFormat, EncodeFormat);
    case 1:
      return CheckRow<storage::BucketInfo>(DecodeBucket(row), DecodeBucket, EncodeBucket);
    case 2:
      return CheckRow<ProgressRow>(DecodeProgress(row), DecodeProgress, EncodeProgress);
    case 3:
      return CheckRow<Timestamp>(DecodeExpiry(row), DecodeExpiry, WriteExpiry);
    default: {
      if (const auto start = StartOfName(row))
        Expect(StartOfName(BucketName(*start)) == start, "a bucket's name reads back");
      if (const auto table = TableOfName(row))
        Expect(TableName(*table) == row, "a table's name reads back");
      const std::string end = PrefixEnd(row);
      Expect(end.empty() || (end > row && end.substr(0, row.size()) != row),
             "the end of a prefix is behind all that begins with it");
    }
  }
}

Seeds StoreRowSeeds() {
  using namespace storage::internal;
  storage::BucketInfo bucket;
  bucket.start = FromMicros(5);
  bucket.end = FromMicros(9);
  bucket.first_sequence = 3;
  return {'\0' + EncodeFormat({1, "00112233445566778899aabbccddeeff", 2}),
          '\1' + EncodeBucket(bucket),
          '\2' + EncodeProgress({FromMicros(5), 7, FromMicros(4)}),
          '\3' + EncodeExpiry(FromMicros(5)),
          "\x04t@1700006400000000",
          "\x04t@-3",
          "\x04incident",
          std::string("\x04\xff\xff", 3)};
}

}  // namespace kg::fuzz
