#include "storage/keys.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kg::storage::keys {
namespace {

constexpr uint64_t kSignBit = 1ull << 63;

// Reads a key front to back; `ok` turns false once it is too short, and only a key read to its
// exact end is whole.
class Reader {
 public:
  explicit Reader(absl::string_view key) : rest_(key) {}

  uint64_t Unsigned(size_t bytes) {
    if (rest_.size() < bytes) {
      ok_ = false;
      return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; ++i) v = v << 8 | static_cast<uint8_t>(rest_[i]);
    rest_.remove_prefix(bytes);
    return v;
  }
  Timestamp Time() { return FromMicros(static_cast<int64_t>(Unsigned(8) ^ kSignBit)); }
  ResourceId Resource() { return ResourceId(static_cast<uint32_t>(Unsigned(4))); }
  EpisodeKey Episode() {
    const Timestamp onset = Time();
    return {onset, EpisodeHash(Unsigned(8))};
  }
  bool Whole() const { return ok_ && rest_.empty(); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

void AppendBigEndian(std::string* out, uint64_t v, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(v >> shift & 0xff));
  }
}

void AppendEpisode(std::string* out, const EpisodeKey& k) {
  AppendTime(out, k.onset);
  AppendU64(out, k.hash.value);
}

template <typename T>
std::optional<T> IfWhole(const Reader& r, const T& v) {
  return r.Whole() ? std::optional<T>(v) : std::nullopt;
}

}  // namespace

EpisodeHash HashEventId(absl::string_view event_id) {
  return EpisodeHash(StableHash(event_id));
}

Hash128 Hash128Of(absl::string_view text) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(text.data(), text.size()));
  Hash128 h;
  std::copy(std::begin(canonical.digest), std::end(canonical.digest), h.begin());
  return h;
}

UidTag TagOfUid(absl::string_view uid) {
  if (uid.empty()) return UidTag(0);
  const auto tag = static_cast<uint32_t>(StableHash(uid) >> 32);
  return UidTag(tag == 0 ? 1 : tag);
}

uint64_t StableHash(absl::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

void AppendU16(std::string* out, uint16_t v) {
  AppendBigEndian(out, v, 2);
}
void AppendU32(std::string* out, uint32_t v) {
  AppendBigEndian(out, v, 4);
}
void AppendU64(std::string* out, uint64_t v) {
  AppendBigEndian(out, v, 8);
}
void AppendTime(std::string* out, Timestamp t) {
  AppendU64(out, static_cast<uint64_t>(ToMicros(t)) ^ kSignBit);
}

std::string Episode(const EpisodeKey& k) {
  std::string s;
  AppendEpisode(&s, k);
  return s;
}

std::string Subject(const SubjectKey& k) {
  std::string s;
  AppendU32(&s, k.resource.value);
  AppendEpisode(&s, k.burst);
  return s;
}

std::string SubjectPrefix(ResourceId resource) {
  return Resource(resource);
}

std::string SubjectFrom(ResourceId resource, Timestamp t) {
  std::string s = Resource(resource);
  AppendTime(&s, t);
  return s;
}

std::string EpisodeFrom(Timestamp t) {
  std::string s;
  AppendTime(&s, t);
  return s;
}

std::string EventId(EpisodeHash h) {
  std::string out;
  AppendU64(&out, h.value);
  return out;
}

std::string EventId(const Hash128& h) {
  return std::string(reinterpret_cast<const char*>(h.data()), h.size());
}

std::string Effect(const EffectKey& k) {
  std::string s;
  AppendEpisode(&s, k.cause);
  AppendEpisode(&s, k.effect);
  return s;
}

std::string EffectPrefix(const EpisodeKey& cause) {
  return Episode(cause);
}

std::string Member(const MemberKey& k) {
  std::string s = Incident(k.incident);
  AppendEpisode(&s, k.burst);
  return s;
}

std::string MemberPrefix(uint64_t incident) {
  return Incident(incident);
}

std::string ClosedEdge(const ClosedEdgeKey& k) {
  std::string s = ClosedEdgeFrom(k.resource, k.direction, k.valid_to);
  AppendU16(&s, k.type.value);
  AppendU32(&s, k.other.value);
  AppendTime(&s, k.valid_from);
  return s;
}

std::string ClosedEdgePrefix(ResourceId resource, Direction direction) {
  std::string s = Resource(resource);
  s.push_back(static_cast<char>(direction));
  return s;
}

std::string ClosedEdgeFrom(ResourceId resource, Direction direction, Timestamp valid_to) {
  std::string s = ClosedEdgePrefix(resource, direction);
  AppendTime(&s, valid_to);
  return s;
}

std::string Revision(const RevisionKey& k) {
  std::string s = RevisionFrom(k.resource, k.valid_to);
  AppendTime(&s, k.valid_from);
  AppendU32(&s, k.lane);
  return s;
}

std::string RevisionPrefix(ResourceId resource) {
  return Resource(resource);
}

std::string RevisionFrom(ResourceId resource, Timestamp valid_to) {
  std::string s = Resource(resource);
  AppendTime(&s, valid_to);
  return s;
}

std::string HangingDelete(const Hash128& what, Timestamp at) {
  std::string s = EventId(what);
  AppendTime(&s, at);
  return s;
}

std::string HangingDeletePrefix(const Hash128& what) {
  return EventId(what);
}

std::string Feed(uint64_t sequence, uint32_t index) {
  std::string s;
  AppendU64(&s, sequence);
  AppendU32(&s, index);
  return s;
}

std::string Resource(ResourceId id) {
  std::string s;
  AppendU32(&s, id.value);
  return s;
}

std::string Edge(const EdgeKey& k) {
  std::string s;
  AppendU32(&s, k.from.value);
  AppendU16(&s, k.type.value);
  AppendU32(&s, k.to.value);
  return s;
}

std::string EdgePrefix(ResourceId from) {
  return Resource(from);
}

std::string Incident(uint64_t id) {
  std::string s;
  AppendU64(&s, id);
  return s;
}

std::optional<EpisodeKey> ParseEpisode(absl::string_view key) {
  Reader r(key);
  const EpisodeKey k = r.Episode();
  return IfWhole(r, k);
}

std::optional<SubjectKey> ParseSubject(absl::string_view key) {
  Reader r(key);
  SubjectKey k;
  k.resource = r.Resource();
  k.burst = r.Episode();
  return IfWhole(r, k);
}

std::optional<EffectKey> ParseEffect(absl::string_view key) {
  Reader r(key);
  EffectKey k;
  k.cause = r.Episode();
  k.effect = r.Episode();
  return IfWhole(r, k);
}

std::optional<MemberKey> ParseMember(absl::string_view key) {
  Reader r(key);
  MemberKey k;
  k.incident = r.Unsigned(8);
  k.burst = r.Episode();
  return IfWhole(r, k);
}

std::optional<ClosedEdgeKey> ParseClosedEdge(absl::string_view key) {
  Reader r(key);
  ClosedEdgeKey k;
  k.resource = r.Resource();
  const uint64_t direction = r.Unsigned(1);
  k.direction = direction == 0 ? Direction::kOut : Direction::kIn;
  k.valid_to = r.Time();
  k.type = EdgeTypeId(static_cast<uint16_t>(r.Unsigned(2)));
  k.other = r.Resource();
  k.valid_from = r.Time();
  if (direction > 1) return std::nullopt;
  return IfWhole(r, k);
}

std::optional<RevisionKey> ParseRevision(absl::string_view key) {
  Reader r(key);
  RevisionKey k;
  k.resource = r.Resource();
  k.valid_to = r.Time();
  k.valid_from = r.Time();
  k.lane = static_cast<uint32_t>(r.Unsigned(4));
  return IfWhole(r, k);
}

std::optional<ResourceId> ParseResource(absl::string_view key) {
  Reader r(key);
  const ResourceId id = r.Resource();
  return IfWhole(r, id);
}

std::optional<EdgeKey> ParseEdge(absl::string_view key) {
  Reader r(key);
  EdgeKey k;
  k.from = r.Resource();
  k.type = EdgeTypeId(static_cast<uint16_t>(r.Unsigned(2)));
  k.to = r.Resource();
  return IfWhole(r, k);
}

std::optional<uint64_t> ParseIncident(absl::string_view key) {
  Reader r(key);
  const uint64_t id = r.Unsigned(8);
  return IfWhole(r, id);
}

}  // namespace kg::storage::keys
