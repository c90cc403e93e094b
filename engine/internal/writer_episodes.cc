#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/internal/blame.h"
#include "engine/internal/writer.h"

// Episodes: bursts under one event id, and the rows they are.

namespace kg {
void Writer::Classified(EpisodeRecord* rec, SignalPlace place, absl::string_view type) {
  rec->cls = rules_.Classify(place, rec->reason, rec->message, type);
  rec->category = rules_.Class(rec->cls).category;
  rec->severity = rules_.Class(rec->cls).severity;
}

ResourceId Writer::BlamedBy(ScopeId scope, const std::string& ns, ClassId cls,
                            absl::string_view message) {
  if (!rules_.Class(cls).IsFailure()) return ResourceId(0);
  const auto blamed = BlamedObject(message, ns);
  return blamed.has_value() ? ResolveRef(scope, *blamed) : ResourceId(0);
}

Writer::Doc& Writer::LoadDoc(EpisodeId id, Timestamp onset) {
  auto& docs = docs_[id];
  for (auto& d : docs) {
    if (!d->gone && d->now.onset == onset) return *d;
  }
  const ScopeId scope(id.first);
  const EpisodeKey key{onset, EpisodeHash(id.second)};
  Timestamp end = kForever;
  for (const Interval& s : spans_[id].spans) {
    if (s.from == onset) end = s.to;
  }
  docs.push_back(std::make_unique<Doc>());
  Doc& doc = *docs.back();
  doc.now.scope = scope;
  doc.now.onset = doc.now.earliest = onset;
  doc.now.end = end;
  absl::StatusOr<std::optional<std::string>> row = std::optional<std::string>();
  const storage::Snapshot& snapshot = *published_.snapshot;
  if (end == kForever) {
    row =
        snapshot.Get(scope, storage::Table::kOpen, absl::StrCat("E", storage::keys::Episode(key)));
  } else {
    for (const storage::BucketPtr& b : snapshot.buckets()) {
      if (storage::BucketStart(b) <= end && end < storage::BucketEnd(b)) {
        row = snapshot.Get(b, scope, storage::RecordKind::kEpisode, storage::keys::Episode(key));
      }
    }
  }
  NoteHistory(row.status());
  if (row.ok() && row->has_value()) {
    auto rec = records::DecodeEpisode(scope, **row);
    NoteHistory(rec.status());
    if (rec.ok()) doc.now = *std::move(rec);
  }
  doc.was.push_back({key, end, doc.now.resource});
  return doc;
}

bool Writer::AddBurst(EpisodeRecord&& rec) {
  const EpisodeId id{rec.scope.value, rec.hash().value};
  Spans& spans = SpansOf(id, rec.onset);
  spans_before_.try_emplace(id, spans);
  std::vector<Interval> joined;
  for (const Interval& s : spans) {
    if (s.from <= PlusGap(rec.end) && rec.onset <= PlusGap(s.to)) joined.push_back(s);
  }
  if (joined.empty()) {
    spans.insert(std::upper_bound(spans.begin(), spans.end(), Interval{rec.onset, rec.end}),
                 Interval{rec.onset, rec.end});
    docs_[id].push_back(std::make_unique<Doc>());
    docs_[id].back()->now = std::move(rec);
    docs_[id].back()->changed = true;
    return true;
  }
  Doc& first = LoadDoc(id, joined[0].from);
  const EpisodeRecord before = first.now;
  first.now.Merge(rec);
  const bool news = joined.size() > 1 || !(first.now == before);
  first.changed = first.changed || news;
  for (size_t i = 1; i < joined.size(); ++i) {
    Doc& other = LoadDoc(id, joined[i].from);
    first.now.Merge(other.now);
    other.gone = true;
  }
  spans.erase(std::remove_if(spans.begin(), spans.end(),
                             [&](const Interval& s) {
                               return std::find(joined.begin(), joined.end(), s) != joined.end();
                             }),
              spans.end());
  const Interval whole{first.now.onset, first.now.end};
  spans.insert(std::upper_bound(spans.begin(), spans.end(), whole), whole);
  return news;
}

// The whole truth about an id whose runs are known: what is not among them goes. Nothing changed
// before `since`. Where `told` is given, what else `like` says is of the burst that holds it alone.
void Writer::SetRuns(const EpisodeRecord& like, const std::vector<DerivedRun>& runs,
                     Timestamp since, std::optional<Timestamp> told) {
  const EpisodeId id{like.scope.value, like.hash().value};
  Spans& spans = SpansOf(id, since);
  const bool whole = spans_[id].whole;
  spans_before_.try_emplace(id, spans);
  const Spans old = spans;
  for (const Interval& s : old) {
    const bool stays = std::any_of(runs.begin(), runs.end(),
                                   [&](const DerivedRun& r) { return r.onset == s.from; });
    if (!stays) LoadDoc(id, s.from).gone = true;
  }
  Spans now;
  for (const DerivedRun& r : runs) {
    // A point that retention has passed is not worth a row; what still holds is, however old.
    const bool known =
        std::any_of(old.begin(), old.end(), [&](const Interval& s) { return s.from == r.onset; });
    if (!known && r.end != kForever && r.end < store_->OldestLive()) continue;
    if (!known && !whole && r.end < spans_since_) continue;  // memory left it, and it is as it was
    Doc* doc = nullptr;
    if (known) {
      doc = &LoadDoc(id, r.onset);
    } else {
      docs_[id].push_back(std::make_unique<Doc>());
      doc = docs_[id].back().get();
    }
    const EpisodeRecord before = doc->now;
    const bool meant = !told.has_value() || (*told >= r.onset && *told <= r.end);
    if (meant || !known) {
      doc->now = like;
    } else {
      doc->now.runs = like.runs;
    }
    doc->now.earliest = std::min(r.earliest, r.onset);
    doc->now.onset = r.onset;
    doc->now.end = r.end;
    auto& own = doc->now.runs;
    own.erase(std::remove_if(own.begin(), own.end(),
                             [&](const Interval& i) { return i.from < r.onset || i.from > r.end; }),
              own.end());
    doc->changed = doc->changed || !known || !(doc->now == before);
    now.push_back({r.onset, r.end});
  }
  spans = std::move(now);
}

void Writer::WriteEpisodes() {
  for (auto& [id, docs] : docs_) {
    for (auto& doc : docs) WriteEpisode(id, *doc);
  }
  WriteEventIds();
}

void Writer::RemoveRows(ScopeId scope, const Place& place) {
  DeleteAtEnd(place.end, storage::RecordKind::kEpisode, scope, storage::keys::Episode(place.key));
  DeleteAtEnd(place.end, storage::RecordKind::kSubjectIndex, scope,
              storage::keys::Subject({place.resource, place.key}));
}

// What was taken for one object's turns out to be another's.
void Writer::MoveBurst(BurstId id, ResourceId from, ResourceId to) {
  const BurstPtr burst = FindBurst(graph_->graph(), from, id.second);
  if (burst == nullptr) return;
  auto root = root_.find(id);
  if (root != root_.end()) MoveMember(id, root->second, std::nullopt);
  moved_.insert(id);
  graph_->Mutable(from).bursts.Erase(id.second);
  auto there = std::make_shared<Burst>(*burst);
  there->resource = to;
  const Duration reach = std::max<Duration>(rules_.MaxLag(there->cls), 10s);
  for (ResourceId slot : {from, to}) MarkDirty(slot, {there->earliest, there->key.onset + reach});
  graph_->Mutable(to).bursts.Put(std::move(there));
  bursts_[id].resource = to;
}

void Writer::NoteFailure(ScopeId scope, Timestamp onset) {
  Timestamp& newest = newest_failure_.try_emplace(scope.value, onset).first->second;
  newest = std::max(newest, onset);
}

void Writer::WriteEpisode(EpisodeId id, Doc& doc) {
  if (!doc.changed && !doc.gone) return;
  wants_commit_ = true;
  const ScopeId scope(id.first);
  const EpisodeRecord& now = doc.now;
  const EpisodeKey key =
      now.event_id.empty() ? EpisodeKey{now.onset, EpisodeHash(id.second)} : now.key();
  const bool watched = now.category == Category::kChange || rules_.Class(now.cls).IsFailure();
  for (const Place& p : doc.was) {
    if (p.end < trees_since_) Warm({scope.value, p.key});
    const bool stays = !doc.gone && p.key == key && p.end == now.end && p.resource == now.resource;
    if (!stays) RemoveRows(scope, p);
    if (!doc.gone && p.key == key && p.resource != now.resource)
      MoveBurst({scope.value, key}, p.resource, now.resource);
    auto root = root_.find({scope.value, p.key});
    if (!stays && !doc.gone && p.key == key && root != root_.end()) {
      const std::string member = MemberKeyOf(root->first, root->second);
      DeleteAtEnd(p.end, storage::RecordKind::kMembers, scope, member);
      PutAtEnd(now.end, storage::RecordKind::kMembers, scope, member, "");
    }
    if (doc.gone || p.key != key) {
      const BurstId burst{scope.value, p.key};
      auto home = bursts_.find(burst);
      if (home != bursts_.end()) removed_bursts_.push_back({burst, home->second.resource});
      old_end_.try_emplace(burst, p.end);
    } else if (p.end != now.end) {
      old_end_.try_emplace(BurstId{scope.value, key}, p.end);
    }
  }
  for (const Place& p : doc.was) CountEpisode(p.end, -1);
  if (!doc.gone) CountEpisode(now.end, 1);
  feed_.push_back('E');
  storage::keys::AppendU32(&feed_, scope.value);
  feed_ += storage::keys::Episode(key);
  if (doc.gone) return;
  PutAtEnd(now.end, storage::RecordKind::kEpisode, scope, storage::keys::Episode(key),
           records::EncodeEpisode(now));
  PutAtEnd(now.end, storage::RecordKind::kSubjectIndex, scope,
           storage::keys::Subject({now.resource, key}), "");
  const BurstId burst_id{scope.value, key};
  if (!watched || now.resource.value == 0) {
    // A later message may tell that it was no failure after all.
    auto home = bursts_.find(burst_id);
    if (home != bursts_.end()) removed_bursts_.push_back({burst_id, home->second.resource});
    return;
  }
  auto burst = std::make_shared<Burst>(BurstOf(key, now));
  Node& node = graph_->Mutable(now.resource);
  const BurstPtr old = FindBurst(graph_->graph(), now.resource, key);
  if (old != nullptr) burst->causes = old->causes;
  // Ends and repeats of what is linked already change no link.
  const bool news = old == nullptr || old->cls != burst->cls ||
                    old->more_classes != burst->more_classes || old->earliest != burst->earliest ||
                    old_end_.count(burst_id) > 0;
  node.bursts.Put(std::move(burst));
  bursts_[burst_id] = {now.resource, now.end};
  if (docs_[id].size() > 1) made_anew_.insert(burst_id);
  widest_onset_ = std::max<Duration>(widest_onset_, now.onset - now.earliest);
  const bool is_failure = rules_.Class(now.cls).IsFailure();
  if (is_failure) NoteFailure(scope, now.onset);
  if (!news && is_failure && old->end != now.end) {
    // Who began after it was over, by one of the two ends, may find it otherwise now.
    const Interval when{PlusGap(std::min(old->end, now.end)), PlusGap(std::max(old->end, now.end))};
    if (when.from < newest_failure_.at(scope.value)) MarkDirty(now.resource, when);
  }
  if (news) {
    if (is_failure) ++work_.failures;
    Duration reach = std::max<Duration>(rules_.MaxLag(now.cls), 10s);
    Timestamp since = now.earliest;
    if (old != nullptr) {  // what it was the cause of as it was before must look again, too
      reach = std::max(reach, rules_.MaxLag(old->cls));
      since = std::min(since, old->earliest);
    }
    Timestamp until = now.onset > kForever - reach ? kForever : now.onset + reach;
    if (is_failure)
      until = std::max(until, PlusGap(old == nullptr ? now.end : std::max(old->end, now.end)));
    MarkDirty(now.resource, {since, until});
  }
}

// X: where the bursts of an id are, by each name of it.
void Writer::WriteEventIds() {
  for (auto& [id, before] : spans_before_) {
    const Spans& now = spans_[id].spans;
    if (now == before) continue;
    std::set<std::string> names;
    for (const auto& doc : docs_[id]) {
      if (doc->now.event_id.empty()) continue;
      names.insert(doc->now.event_id);
      names.insert(doc->now.other_ids.begin(), doc->now.other_ids.end());
    }
    for (const std::string& name : names) {
      event_ids_.push_back({ScopeId(id.first),
                            storage::keys::EventId(storage::keys::HashEventId(name)),
                            EpisodeHash(id.second), before, now});
    }
    if (now.empty()) spans_.erase(id);
  }
}

}  // namespace kg
