#include "engine/internal/packed_episode.h"

#include <algorithm>
#include <array>
#include <bit>

#include "engine/internal/packed_bytes.h"

namespace kg::records {
namespace {

// On disk: never renumber; new members get the next bit.
enum Has : uint32_t {
  kMoreClasses = 1u << 0,
  kEarliest = 1u << 1,  // differs from the onset
  kOpen = 1u << 2,      // has no end
  kEnd = 1u << 3,       // differs from the onset
  kEtypeText = 1u << 4,
  kReason = 1u << 5,
  kMessage = 1u << 6,
  kMessageTime = 1u << 7,     // differs from the onset
  kMessageUntimed = 1u << 8,  // is kBeginning
  kContainer = 1u << 9,
  kEmitter = 1u << 10,
  kType = 1u << 11,
  kNamedSeverity = 1u << 12,
  kOtherIds = 1u << 13,
  kWidth = 1u << 14,
  kPoints = 1u << 15,
  kPaths = 1u << 16,
  kTimeSource = 1u << 17,
  kBlamed = 1u << 18,
  kUid = 1u << 19,
  kRuns = 1u << 20,
  kAll = (1u << 21) - 1,
};

constexpr std::array<absl::string_view, 5> kEtypes = {"k8s.event", "k8s.status", "k8s.change",
                                                      "k8s.log", "prom.alert"};

// How a point's bits are written: one bit by its number, few by theirs, many as they are.
constexpr uint8_t kFewBits = 64;
constexpr int kMostListed = 7;
constexpr uint8_t kAllBits = 128;

int64_t Minus(Timestamp a, Timestamp b) {
  return static_cast<int64_t>(static_cast<uint64_t>(ToMicros(a)) -
                              static_cast<uint64_t>(ToMicros(b)));
}
Timestamp Plus(Timestamp a, int64_t us) {
  return FromMicros(
      static_cast<int64_t>(static_cast<uint64_t>(ToMicros(a)) + static_cast<uint64_t>(us)));
}

void PackBits(uint64_t seen, Packer* p) {
  const int bits = std::popcount(seen);
  if (bits == 1) return p->Byte(static_cast<uint8_t>(std::countr_zero(seen)));
  if (bits > kMostListed) {
    p->Byte(kAllBits);
    return p->Little(seen, 8);
  }
  p->Byte(static_cast<uint8_t>(kFewBits + bits));
  for (; seen != 0; seen &= seen - 1) p->Byte(static_cast<uint8_t>(std::countr_zero(seen)));
}

uint64_t UnpackBits(Unpacker* u) {
  const uint8_t head = u->Byte();
  if (head == kAllBits) return u->Little(8);
  if (head < kFewBits) return 1ull << head;
  uint64_t seen = 0;
  for (int i = head - kFewBits; i > 0 && u->ok(); --i) seen |= 1ull << (u->Byte() & 63);
  return seen;
}

uint32_t PresenceOf(const EpisodeRecord& e) {
  uint32_t has = 0;
  auto set = [&](Has bit, bool present) { has |= present ? static_cast<uint32_t>(bit) : 0u; };
  set(kMoreClasses, !e.more_classes.empty());
  set(kEarliest, e.earliest != e.onset);
  set(kOpen, e.end == kForever);
  set(kEnd, e.end != kForever && e.end != e.onset);
  set(kEtypeText, std::find(kEtypes.begin(), kEtypes.end(), e.etype) == kEtypes.end());
  set(kReason, !e.reason.empty());
  set(kMessage, !e.message.empty());
  set(kMessageUntimed, e.message_time == kBeginning);
  set(kMessageTime, e.message_time != kBeginning && e.message_time != e.onset);
  set(kContainer, !e.container.empty());
  set(kEmitter, !e.emitter.empty());
  set(kType, !e.type.empty());
  set(kNamedSeverity, !e.named_severity.empty());
  set(kOtherIds, !e.other_ids.empty());
  set(kWidth, e.width_minutes != 1);
  set(kPoints, !e.points.empty());
  set(kPaths, !e.paths.empty());
  set(kTimeSource, e.time_source != TimeSource::kSource);
  set(kBlamed, e.blamed.value != 0);
  set(kUid, !e.uid.empty());
  set(kRuns, !e.runs.empty());
  return has;
}

void PackPoints(const EpisodeRecord& e, Packer* p) {
  p->Varint(e.points.size());
  Timestamp last = e.onset;
  for (const SeriesPoint& point : e.points) {
    p->Micros(Minus(point.slot, last));
    last = point.slot;
    PackBits(point.seen, p);
    p->Signed(point.source_count);
  }
}

void UnpackPoints(EpisodeRecord* e, Unpacker* u) {
  Timestamp last = e->onset;
  for (size_t n = u->Count(); n > 0 && u->ok(); --n) {
    last = Plus(last, u->Micros());
    const uint64_t seen = UnpackBits(u);
    e->points.push_back({last, seen, u->Signed()});
  }
}

}  // namespace

std::string PackEpisode(const EpisodeRecord& e) {
  std::string out;
  out.reserve(128 + e.message.size());
  Packer p(&out);
  const uint32_t has = PresenceOf(e);
  p.Byte(kPackedEpisode);
  p.Little(e.resource.value, 4);
  p.Little(e.cls.value, 2);
  p.Byte(static_cast<uint8_t>(static_cast<uint8_t>(e.category) | static_cast<uint8_t>(e.severity)
                                                                     << 4));
  p.Varint(has);
  p.Micros(ToMicros(e.onset));
  p.Id(e.event_id);
  if ((has & kMoreClasses) != 0) {
    p.Varint(e.more_classes.size());
    for (ClassId c : e.more_classes) p.Varint(c.value);
  }
  if ((has & kEarliest) != 0) p.Micros(Minus(e.earliest, e.onset));
  if ((has & kEnd) != 0) p.Micros(Minus(e.end, e.onset));
  if ((has & kEtypeText) != 0) {
    p.Text(e.etype);
  } else {
    p.Byte(
        static_cast<uint8_t>(std::find(kEtypes.begin(), kEtypes.end(), e.etype) - kEtypes.begin()));
  }
  if ((has & kReason) != 0) p.Text(e.reason);
  if ((has & kMessage) != 0) p.Text(e.message);
  if ((has & kMessageTime) != 0) p.Micros(Minus(e.message_time, e.onset));
  if ((has & kContainer) != 0) p.Text(e.container);
  if ((has & kEmitter) != 0) p.Text(e.emitter);
  if ((has & kType) != 0) p.Text(e.type);
  if ((has & kNamedSeverity) != 0) p.Text(e.named_severity);
  if ((has & kOtherIds) != 0) {
    p.Varint(e.other_ids.size());
    for (const std::string& id : e.other_ids) p.Id(id);
  }
  if ((has & kWidth) != 0) p.Varint(static_cast<uint64_t>(e.width_minutes));
  if ((has & kPoints) != 0) PackPoints(e, &p);
  if ((has & kPaths) != 0) {
    p.Varint(e.paths.size());
    for (const std::string& path : e.paths) p.Text(path);
  }
  if ((has & kTimeSource) != 0) p.Byte(static_cast<uint8_t>(e.time_source));
  if ((has & kBlamed) != 0) p.Varint(e.blamed.value);
  if ((has & kUid) != 0) p.Id(e.uid);
  if ((has & kRuns) != 0) {
    p.Varint(e.runs.size());
    for (const Interval& r : e.runs) {
      p.Micros(Minus(r.from, e.onset));
      p.Byte(r.to == kForever ? 1 : 0);
      if (r.to != kForever) p.Micros(Minus(r.to, r.from));
    }
  }
  return out;
}

absl::StatusOr<EpisodeRecord> UnpackEpisode(ScopeId scope, absl::string_view row) {
  Unpacker u(row);
  const auto damaged = [] { return absl::DataLossError("damaged record"); };
  if (u.Byte() != static_cast<uint8_t>(kPackedEpisode)) return damaged();
  EpisodeRecord e;
  e.scope = scope;
  e.resource = ResourceId(static_cast<uint32_t>(u.Little(4)));
  e.cls = ClassId(static_cast<uint16_t>(u.Little(2)));
  const uint8_t kinds = u.Byte();
  e.category = static_cast<Category>(kinds & 0xf);
  e.severity = static_cast<Severity>(kinds >> 4);
  const uint64_t has = u.Varint();
  if (has > kAll || e.category > Category::kNoise || e.severity > Severity::kFatal)
    return damaged();
  e.onset = FromMicros(u.Micros());
  e.event_id = u.Id();
  if ((has & kMoreClasses) != 0) {
    for (size_t n = u.Count(); n > 0; --n)
      e.more_classes.push_back(ClassId(static_cast<uint16_t>(u.Varint())));
  }
  e.earliest = (has & kEarliest) != 0 ? Plus(e.onset, u.Micros()) : e.onset;
  e.end = (has & kOpen) != 0 ? kForever : (has & kEnd) != 0 ? Plus(e.onset, u.Micros()) : e.onset;
  if ((has & kEtypeText) != 0) {
    e.etype = u.Text();
  } else {
    const uint8_t etype = u.Byte();
    if (etype >= kEtypes.size()) return damaged();
    e.etype = std::string(kEtypes[etype]);
  }
  if ((has & kReason) != 0) e.reason = u.Text();
  if ((has & kMessage) != 0) e.message = u.Text();
  e.message_time = (has & kMessageUntimed) != 0 ? kBeginning
                   : (has & kMessageTime) != 0  ? Plus(e.onset, u.Micros())
                                                : e.onset;
  if ((has & kContainer) != 0) e.container = u.Text();
  if ((has & kEmitter) != 0) e.emitter = u.Text();
  if ((has & kType) != 0) e.type = u.Text();
  if ((has & kNamedSeverity) != 0) e.named_severity = u.Text();
  if ((has & kOtherIds) != 0) {
    for (size_t n = u.Count(); n > 0; --n) e.other_ids.push_back(u.Id());
  }
  const uint64_t width_minutes = (has & kWidth) != 0 ? u.Varint() : 1;
  if ((has & kPoints) != 0) UnpackPoints(&e, &u);
  if ((has & kPaths) != 0) {
    for (size_t n = u.Count(); n > 0; --n) e.paths.push_back(u.Text());
  }
  if ((has & kTimeSource) != 0) e.time_source = static_cast<TimeSource>(u.Byte());
  if ((has & kBlamed) != 0) e.blamed = ResourceId(static_cast<uint32_t>(u.Varint()));
  if ((has & kUid) != 0) e.uid = u.Id();
  if ((has & kRuns) != 0) {
    for (size_t n = u.Count(); n > 0 && u.ok(); --n) {
      Interval run;
      run.from = Plus(e.onset, u.Micros());
      run.to = u.Byte() != 0 ? kForever : Plus(run.from, u.Micros());
      e.runs.push_back(run);
    }
  }
  if (!u.done() || width_minutes < 1 || width_minutes > kMaxWidthMinutes ||
      e.time_source > TimeSource::kWallClock) {
    return damaged();
  }
  e.width_minutes = static_cast<int>(width_minutes);
  return e;
}

}  // namespace kg::records
