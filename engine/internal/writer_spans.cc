#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/writer.h"

// Which bursts an event id has. Memory knows those of buckets within its window; what a record that
// reaches further back may touch is read from the rows of the id.

namespace kg {

using storage::RecordKind;

// All bursts of the id that something from `from` on may touch.
Writer::Spans& Writer::SpansOf(EpisodeId id, Timestamp from) {
  KnownSpans& known = spans_[id];
  if (!known.whole && (from < kBeginning + kEpisodeGap || from - kEpisodeGap < spans_since_)) {
    if (spans_since_ != kBeginning) LoadSpans(id, &known);
    known.whole = true;
  }
  return known.spans;
}

// What memory has stands: the batch under way may have changed it.
void Writer::LoadSpans(EpisodeId id, KnownSpans* known) {
  const storage::Snapshot& s = *published_.snapshot;
  const ScopeId scope(id.first);
  const std::string key = storage::keys::EventId(EpisodeHash(id.second));
  for (const storage::BucketPtr& b : s.buckets()) {
    if (storage::BucketStart(b) >= spans_since_) break;
    auto row = s.Get(b, scope, RecordKind::kEventIdIndex, key);
    NoteHistory(row.status());
    if (!row.ok() || !row->has_value()) continue;
    auto decoded = records::DecodeEventId(key, **row);
    NoteHistory(decoded.status());
    if (!decoded.ok()) continue;
    for (const Interval& burst : decoded->bursts) {
      if (burst.to >= spans_since_ || burst.to < expired_until_) continue;
      Spans& spans = known->spans;
      auto at = std::lower_bound(spans.begin(), spans.end(), burst);
      if (at == spans.end() || *at != burst) spans.insert(at, burst);
      LoadAlertRuns(id, burst);
    }
  }
}

void Writer::LoadAlertRuns(EpisodeId id, const Interval& burst) {
  const storage::Snapshot& s = *published_.snapshot;
  const ScopeId scope(id.first);
  const EpisodeKey key{burst.from, EpisodeHash(id.second)};
  for (const storage::BucketPtr& b : s.buckets()) {
    if (burst.to < storage::BucketStart(b) || burst.to >= storage::BucketEnd(b)) continue;
    auto row = s.Get(b, scope, RecordKind::kEpisode, storage::keys::Episode(key));
    NoteHistory(row.status());
    if (!row.ok() || !row->has_value()) continue;
    auto record = records::DecodeEpisode(scope, **row);
    NoteHistory(record.status());
    if (!record.ok() || record->etype != "prom.alert") continue;
    for (const Interval& r : record->runs) alert_runs_[id].try_emplace(r.from, r.to);
  }
}

// The start of the bucket in which the memory window begins, so that a row of event ids is known
// whole or not at all.
Timestamp Writer::SpansLine() const {
  if (clock_ == kBeginning || clock_ < kBeginning + options_.memory_window) return kBeginning;
  Timestamp line = kBeginning;
  for (const storage::BucketInfo& b : store_->Buckets()) {
    if (b.start <= clock_ - options_.memory_window) line = std::max(line, b.start);
  }
  return line;
}

void Writer::ForgetSpans() {
  spans_since_ = std::max(spans_since_, SpansLine());
  for (auto it = spans_.begin(); it != spans_.end();) {
    const Spans& spans = it->second.spans;
    const bool over = std::all_of(spans.begin(), spans.end(),
                                  [&](const Interval& s) { return s.to < spans_since_; });
    if (over) {
      alert_runs_.erase(it->first);
      spans_.erase(it++);
    } else {
      ++it;
    }
  }
}

// One row in each bucket that holds bursts of the id, and in `open`, with those that it holds.
void Writer::PutEventIds(storage::WriteSession* session, const EventIdOp& op) {
  struct Held {
    storage::BucketPtr bucket;  // nullptr: `open`
    Spans before, now;
  };
  std::vector<Held> homes;
  auto add = [&](const Spans& bursts, Spans Held::*which) {
    for (const Interval& burst : bursts) {
      const storage::BucketPtr bucket =
          burst.to == kForever ? nullptr : session->BucketFor(burst.to);
      if (burst.to != kForever && bucket == nullptr) continue;  // expired meanwhile
      auto home = std::find_if(homes.begin(), homes.end(),
                               [&](const Held& h) { return h.bucket == bucket; });
      if (home == homes.end()) home = homes.insert(homes.end(), Held{bucket, {}, {}});
      ((*home).*which).push_back(burst);
    }
  };
  add(op.before, &Held::before);
  add(op.now, &Held::now);
  for (const Held& home : homes) {
    if (home.before == home.now) continue;
    const std::string value =
        records::EncodeEventId(op.key, {op.hash, {home.now.begin(), home.now.end()}});
    const std::string in_open = absl::StrCat("X", op.key);
    if (home.bucket != nullptr) {
      home.now.empty()
          ? session->Delete(home.bucket, op.scope, RecordKind::kEventIdIndex, op.key)
          : session->Put(home.bucket, op.scope, RecordKind::kEventIdIndex, op.key, value);
    } else {
      home.now.empty() ? session->Delete(op.scope, storage::Table::kOpen, in_open)
                       : session->Put(op.scope, storage::Table::kOpen, in_open, value);
    }
  }
}

void Writer::CountEpisode(Timestamp end, int64_t by) {
  episodes_ += by;
  if (end == kForever) return;
  const int64_t slot = kEndSlot.count();
  episodes_ended_[FromMicros(ToMicros(end) / slot * slot)] += by;
}

void Writer::CountLinks(uint32_t scope, Timestamp end, int64_t by) {
  links_[scope] += by;
  if (end == kForever || by == 0) return;
  const int64_t slot = kEndSlot.count();
  links_ended_[{FromMicros(ToMicros(end) / slot * slot), scope}] += by;
}

void Writer::UncountEnded(Timestamp oldest) {
  while (!episodes_ended_.empty() && episodes_ended_.begin()->first + kEndSlot <= oldest) {
    episodes_ -= episodes_ended_.begin()->second;
    episodes_ended_.erase(episodes_ended_.begin());
  }
  while (!links_ended_.empty() && links_ended_.begin()->first.first + kEndSlot <= oldest) {
    links_[links_ended_.begin()->first.second] -= links_ended_.begin()->second;
    links_ended_.erase(links_ended_.begin());
  }
}

}  // namespace kg
