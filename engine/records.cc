#include "engine/records.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/internal/packed_bytes.h"
#include "engine/internal/packed_episode.h"
#include "schemas/records_generated.h"
#include "storage/records.h"

namespace kg::records {
namespace {

template <typename Table, typename Object>
std::string Pack(const Object& object) {
  flatbuffers::FlatBufferBuilder builder(512);
  return storage::EncodeTable(&builder, Table::Pack(builder, &object));
}

// FlatBuffers verifies where a vector stands, not where its elements do: behind a damaged offset
// elements of 8 bytes may begin at any multiple of 4.
template <typename Vector>
bool IsPlaced(const Vector* v) {
  return v == nullptr || v->size() == 0 ||
         reinterpret_cast<uintptr_t>(v->Data()) % alignof(int64_t) == 0;
}

// Whether all vectors of such elements that a table has can be read in place.
template <typename Table>
bool VectorsArePlaced(const Table&) {
  return true;
}
bool VectorsArePlaced(const fb::Episode& t) {
  return IsPlaced(t.points()) && IsPlaced(t.runs());
}
bool VectorsArePlaced(const fb::EventIdRow& t) {
  return IsPlaced(t.bursts());
}
bool VectorsArePlaced(const fb::Resource& t) {
  return IsPlaced(t.deletions());
}
bool VectorsArePlaced(const fb::Edge& t) {
  for (flatbuffers::uoffset_t i = 0; t.claims() != nullptr && i < t.claims()->size(); ++i) {
    if (!IsPlaced(t.claims()->Get(i)->intervals())) return false;
  }
  return IsPlaced(t.topology());
}

template <typename Table>
absl::StatusOr<typename Table::NativeTableType> Unpack(absl::string_view row) {
  auto decoded = storage::DecodeTable<Table>(row);
  if (!decoded.ok()) return decoded.status();
  if (!VectorsArePlaced(**decoded)) return absl::DataLossError("damaged record");
  typename Table::NativeTableType object;
  (*decoded)->UnPackTo(&object);
  return object;
}

int64_t Us(Timestamp t) {
  return ToMicros(t);
}

fb::RevisionT ToTable(const RevisionRow& row) {
  fb::RevisionT r;
  r.uid = row.uid;
  r.shape = static_cast<uint8_t>(row.shape);
  r.first = Us(row.stretch.first);
  r.last = Us(row.stretch.last);
  r.generation = row.stretch.rank;
  r.state = row.stretch.state;
  r.point = row.point;
  r.sightings.assign(row.sightings.begin(), row.sightings.end());
  for (const Field& f : row.fields) {
    auto field = std::make_unique<fb::FieldT>();
    field->path = f.path;
    field->value = f.value;
    field->kind = static_cast<uint8_t>(f.kind);
    r.fields.push_back(std::move(field));
  }
  for (const ManagedStamp& m : row.managed) {
    auto stamp = std::make_unique<fb::ManagedStampT>();
    stamp->manager = m.manager;
    stamp->operation = m.operation;
    stamp->time = Us(m.time);
    r.managed.push_back(std::move(stamp));
  }
  return r;
}

RevisionRow FromTable(const fb::RevisionT& r) {
  RevisionRow row;
  row.uid = r.uid;
  row.shape = static_cast<ObjectShape>(r.shape);
  row.stretch = {FromMicros(r.first), FromMicros(r.last), r.state, r.generation};
  row.point = r.point;
  row.sightings.assign(r.sightings.begin(), r.sightings.end());
  for (const auto& f : r.fields) {
    row.fields.push_back({f->path, f->value, static_cast<FieldKind>(f->kind)});
  }
  for (const auto& m : r.managed) {
    row.managed.push_back({m->manager, m->operation, FromMicros(m->time)});
  }
  return row;
}

std::vector<Interval> Pairs(const std::vector<int64_t>& flat) {
  std::vector<Interval> out;
  for (size_t i = 0; i + 1 < flat.size(); i += 2)
    out.push_back({FromMicros(flat[i]), FromMicros(flat[i + 1])});
  return out;
}

}  // namespace

std::string EncodeEpisode(const EpisodeRecord& e) {
  return PackEpisode(e);
}

absl::StatusOr<EpisodeRecord> DecodeEpisode(ScopeId scope, absl::string_view row) {
  if (!row.empty() && row[0] == kPackedEpisode) return UnpackEpisode(scope, row);
  auto t = Unpack<fb::Episode>(row);
  if (!t.ok()) return t.status();
  if (t->category > static_cast<uint8_t>(Category::kNoise) ||
      t->severity > static_cast<uint8_t>(Severity::kFatal) ||
      t->time_source > static_cast<uint8_t>(TimeSource::kWallClock) ||
      t->width_minutes > static_cast<uint32_t>(kMaxWidthMinutes)) {
    return absl::DataLossError("damaged record");
  }
  EpisodeRecord e;
  e.scope = scope;
  e.resource = ResourceId(t->resource);
  e.cls = ClassId(t->class_id);
  for (uint16_t c : t->more_classes) e.more_classes.push_back(ClassId(c));
  e.category = static_cast<Category>(t->category);
  e.severity = static_cast<Severity>(t->severity);
  e.earliest = FromMicros(t->earliest);
  e.onset = FromMicros(t->onset);
  e.end = FromMicros(t->end);
  e.event_id = std::move(t->event_id);
  e.etype = std::move(t->etype);
  e.reason = std::move(t->reason);
  e.message = std::move(t->message);
  e.message_time = FromMicros(t->message_time);
  e.container = std::move(t->container);
  e.emitter = std::move(t->emitter);
  e.type = std::move(t->type);
  e.named_severity = std::move(t->named_severity);
  e.other_ids = std::move(t->other_ids);
  e.width_minutes = static_cast<int>(std::max(1u, t->width_minutes));
  for (const fb::Point& p : t->points) {
    e.points.push_back({FromMicros(p.slot()), p.seen(), p.source_count()});
  }
  e.paths = std::move(t->paths);
  e.time_source = static_cast<TimeSource>(t->time_source);
  e.blamed = ResourceId(t->related);
  e.uid = std::move(t->uid);
  for (const fb::BurstSpan& r : t->runs)
    e.runs.push_back({FromMicros(r.onset()), FromMicros(r.end())});
  return e;
}

namespace {

constexpr uint8_t kOtherId = 1;   // the key is of another id: the hash of the bursts' own follows
constexpr uint8_t kLastOpen = 2;  // the newest burst has no end

// Wraps where bytes were damaged.
int64_t Minus(uint64_t a, uint64_t b) {
  return static_cast<int64_t>(a - b);
}

uint64_t HashOfKey(absl::string_view key) {
  uint64_t v = 0;
  for (char c : key) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

absl::StatusOr<EventIdRow> DecodeFormat1(absl::string_view row) {
  auto t = Unpack<fb::EventIdRow>(row);
  if (!t.ok()) return t.status();
  EventIdRow out{EpisodeHash(t->hash), {}};
  for (const fb::BurstSpan& b : t->bursts)
    out.bursts.push_back({FromMicros(b.onset()), FromMicros(b.end())});
  return out;
}

}  // namespace

std::string EncodeEventId(absl::string_view key, const EventIdRow& row) {
  std::string out;
  Packer p(&out);
  const bool other = HashOfKey(key) != row.hash.value;
  const bool open = !row.bursts.empty() && row.bursts.back().to == kForever;
  p.Byte(static_cast<uint8_t>((other ? kOtherId : 0) | (open ? kLastOpen : 0)));
  if (other) p.Little(row.hash.value, 8);
  p.Varint(row.bursts.size());
  uint64_t last = 0;
  for (size_t i = 0; i < row.bursts.size(); ++i) {
    const Interval& b = row.bursts[i];
    const auto from = static_cast<uint64_t>(Us(b.from));
    p.Micros(Minus(from, last));
    last = from;
    if (i + 1 < row.bursts.size() || !open) p.Micros(Minus(static_cast<uint64_t>(Us(b.to)), from));
  }
  return out;
}

absl::StatusOr<EventIdRow> DecodeEventId(absl::string_view key, absl::string_view row) {
  if (key.size() == sizeof(storage::keys::Hash128)) return DecodeFormat1(row);
  if (key.size() != 8) return absl::DataLossError("damaged key");
  Unpacker u(row);
  const uint8_t flags = u.Byte();
  EventIdRow out;
  out.hash = EpisodeHash((flags & kOtherId) != 0 ? u.Little(8) : HashOfKey(key));
  const size_t n = u.Count();
  uint64_t last = 0;  // wraps where bytes are damaged
  for (size_t i = 0; i < n && u.ok(); ++i) {
    last += static_cast<uint64_t>(u.Micros());
    Interval b{FromMicros(static_cast<int64_t>(last)), kForever};
    if (i + 1 < n || (flags & kLastOpen) == 0)
      b.to = FromMicros(static_cast<int64_t>(last + static_cast<uint64_t>(u.Micros())));
    out.bursts.push_back(b);
  }
  if (!u.done() || flags > (kOtherId | kLastOpen)) return absl::DataLossError("damaged record");
  return out;
}

std::string EncodeCauses(const std::vector<CauseLink>& links) {
  fb::CausesT t;
  for (const CauseLink& l : links) {
    auto c = std::make_unique<fb::CauseT>();
    c->onset = Us(l.cause.onset);
    c->hash = l.cause.hash.value;
    c->resource = l.cause_resource.value;
    c->class_id = l.cause_class.value;
    c->path_kind = static_cast<uint8_t>(l.path_kind);
    c->hops = static_cast<uint8_t>(l.types.size());
    c->prior_row = l.prior_row;
    c->temporal = l.temporal;
    c->distance = l.distance;
    c->domain = l.domain;
    c->confidence = l.confidence;
    for (ResourceId r : l.path) c->path.push_back(r.value);
    for (EdgeTypeId e : l.types) c->path_types.push_back(e.value);
    for (bool b : l.against_arrow) c->path_against.push_back(b);
    t.links.push_back(std::move(c));
  }
  return Pack<fb::Causes>(t);
}

absl::StatusOr<std::vector<CauseLink>> DecodeCauses(absl::string_view row) {
  auto t = Unpack<fb::Causes>(row);
  if (!t.ok()) return t.status();
  std::vector<CauseLink> out;
  for (const auto& c : t->links) {
    CauseLink l;
    l.cause = {FromMicros(c->onset), EpisodeHash(c->hash)};
    l.cause_resource = ResourceId(c->resource);
    l.cause_class = ClassId(c->class_id);
    l.path_kind = static_cast<PathKind>(c->path_kind);
    l.prior_row = c->prior_row;
    l.temporal = c->temporal;
    l.distance = c->distance;
    l.domain = c->domain;
    l.confidence = c->confidence;
    for (uint32_t r : c->path) l.path.push_back(ResourceId(r));
    for (uint16_t e : c->path_types) l.types.push_back(EdgeTypeId(e));
    for (uint8_t b : c->path_against) l.against_arrow.push_back(b != 0);
    out.push_back(std::move(l));
  }
  return out;
}

std::string EncodeRevision(const RevisionRow& row) {
  return Pack<fb::Revision>(ToTable(row));
}

absl::StatusOr<RevisionRow> DecodeRevision(absl::string_view row) {
  auto t = Unpack<fb::Revision>(row);
  if (!t.ok()) return t.status();
  return FromTable(*t);
}

std::string EncodeResource(const Slot& slot) {
  fb::ResourceT t;
  t.scope = slot.name->scope.value;
  t.group = slot.name->group;
  t.kind = slot.name->kind;
  t.namespace_ = slot.name->ns;
  t.name = slot.name->name;
  for (const auto& [uid, life] : slot.lives) {
    auto i = std::make_unique<fb::IncarnationT>();
    i->uid = uid;
    i->created = Us(life.created);
    i->first_seen = Us(life.first_seen);
    i->last_seen = Us(life.last_seen);
    i->deleted = Us(life.deleted);
    i->deleting = Us(life.deleting);
    i->unlisted = Us(life.unlisted);
    t.incarnations.push_back(std::move(i));
  }
  for (Timestamp d : slot.deletions) t.deletions.push_back(Us(d));
  t.named_first = Us(slot.named_first);
  t.named_last = Us(slot.named_last);
  for (const Lane& lane : slot.lanes) {
    if (lane.seen.empty()) continue;
    const Stretch& s = lane.seen.stretches().back();
    auto state = slot.states.find(s.state);
    auto managed = lane.managed.find(s.state);
    t.newest.push_back(std::make_unique<fb::RevisionT>(ToTable(
        {lane.uid, lane.shape, s, state == slot.states.end() ? Fields{} : state->second->fields,
         managed == lane.managed.end() ? std::vector<ManagedStamp>{} : managed->second, false,
         lane.seen.Sightings()})));
  }
  for (const auto& [mention, at] : slot.mentions) {
    auto m = std::make_unique<fb::MentionT>();
    m->service = mention.first.value;
    m->uid = mention.second;
    m->at = Us(at);
    t.mentions.push_back(std::move(m));
  }
  return Pack<fb::Resource>(t);
}

absl::StatusOr<ResourceRow> DecodeResource(absl::string_view row) {
  auto t = Unpack<fb::Resource>(row);
  if (!t.ok()) return t.status();
  ResourceRow out;
  out.name = {ScopeId(t->scope), t->group, t->kind, t->namespace_, t->name};
  for (const auto& i : t->incarnations) {
    out.lives[i->uid] = {FromMicros(i->created),   FromMicros(i->first_seen),
                         FromMicros(i->last_seen), FromMicros(i->deleted),
                         FromMicros(i->deleting),  FromMicros(i->unlisted)};
  }
  for (int64_t d : t->deletions) out.deletions.push_back(FromMicros(d));
  out.named_first = FromMicros(t->named_first);
  out.named_last = FromMicros(t->named_last);
  for (const auto& r : t->newest) out.newest.push_back(FromTable(*r));
  for (const auto& m : t->mentions)
    out.mentions[{ResourceId(m->service), m->uid}] = FromMicros(m->at);
  return out;
}

std::string EncodeEdge(const Claims& claims, const StretchList* topology) {
  const bool told = topology != nullptr && !topology->empty();
  return EncodeEdge({claims, told ? topology->stretches() : std::vector<Stretch>(),
                     told ? topology->Sightings() : std::string()});
}

std::string EncodeEdge(const EdgeRow& row) {
  fb::EdgeT t;
  for (const auto& [asserter, claim] : row.claims) {
    auto c = std::make_unique<fb::ClaimT>();
    c->asserter = asserter;
    c->flags = claim.flags;
    for (const Interval& i : claim.intervals) {
      c->intervals.push_back(Us(i.from));
      c->intervals.push_back(Us(i.to));
    }
    t.claims.push_back(std::move(c));
  }
  for (const Stretch& s : row.topology) {
    t.topology.insert(t.topology.end(), {Us(s.first), Us(s.last), static_cast<int64_t>(s.state)});
  }
  t.sightings.assign(row.sightings.begin(), row.sightings.end());
  return Pack<fb::Edge>(t);
}

absl::StatusOr<EdgeRow> DecodeEdge(absl::string_view row) {
  auto t = Unpack<fb::Edge>(row);
  if (!t.ok()) return t.status();
  EdgeRow out;
  for (const auto& c : t->claims) out.claims[c->asserter] = {Pairs(c->intervals), c->flags};
  for (size_t i = 0; i + 3 <= t->topology.size(); i += 3) {
    out.topology.push_back({FromMicros(t->topology[i]), FromMicros(t->topology[i + 1]),
                            static_cast<uint64_t>(t->topology[i + 2]), 0});
  }
  out.sightings.assign(t->sightings.begin(), t->sightings.end());
  return out;
}

namespace {

constexpr char kEdgeDeletion = 'e';
constexpr char kListing = 'l';

}  // namespace

std::string EncodeEdgeDeletion(const storage::keys::EdgeKey& edge) {
  return absl::StrCat(absl::string_view(&kEdgeDeletion, 1), storage::keys::Edge(edge));
}

std::string EncodeListing(const SlotName& what) {
  const absl::string_view nul("\0", 1);
  return absl::StrCat(absl::string_view(&kListing, 1), what.group, nul, what.kind, nul, what.ns);
}

absl::StatusOr<HangingRow> DecodeHanging(ScopeId scope, absl::string_view row) {
  HangingRow out;
  if (!row.empty() && row[0] == kEdgeDeletion) {
    const auto edge = storage::keys::ParseEdge(row.substr(1));
    if (edge.has_value()) {
      out.edge = *edge;
      return out;
    }
  } else if (!row.empty() && row[0] == kListing) {
    const std::vector<std::string> parts = absl::StrSplit(row.substr(1), '\0');
    if (parts.size() == 3) {
      out.listing = true;
      out.what = {scope, parts[0], parts[1], parts[2], ""};
      return out;
    }
  }
  return absl::DataLossError("a hanging delete is damaged");
}

std::string EncodeScope(const std::string& tenant, const std::string& cluster) {
  fb::ScopeT t;
  t.tenant = tenant;
  t.cluster = cluster;
  return Pack<fb::Scope>(t);
}

absl::StatusOr<std::pair<std::string, std::string>> DecodeScope(absl::string_view row) {
  auto t = Unpack<fb::Scope>(row);
  if (!t.ok()) return t.status();
  return std::make_pair(t->tenant, t->cluster);
}

std::string EncodePosition(const SourcePosition& p) {
  fb::PositionT t;
  t.source = p.source;
  t.partition = p.partition;
  t.offset = p.offset;
  t.epoch = p.epoch;
  t.topic_id = p.topic_id;
  return Pack<fb::Position>(t);
}

absl::StatusOr<SourcePosition> DecodePosition(absl::string_view row) {
  auto t = Unpack<fb::Position>(row);
  if (!t.ok()) return t.status();
  return SourcePosition{t->source, t->partition, t->offset, t->epoch, t->topic_id};
}

}  // namespace kg::records
