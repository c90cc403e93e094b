#include "engine/internal/writer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace kg {
namespace {

Severity FromName(absl::string_view named, Severity otherwise) {
  if (named == "FATAL" || named == "CRITICAL" || named == "PAGE") return Severity::kFatal;
  if (named == "ERROR") return Severity::kError;
  if (named == "WARNING" || named == "WARN") return Severity::kWarning;
  if (named == "INFO" || named == "NORMAL" || named == "DEBUG" || named == "NONE")
    return Severity::kInfo;
  return otherwise;
}

// By which time a record is placed, and how a person calls that time.
struct DatedBy {
  Timestamp at;
  const char* field;
};
DatedBy DateOf(const ObjectRecord& r) {
  return {r.at, "the object's time of observation"};
}
DatedBy DateOf(const EdgeRecord& r) {
  return {r.at, "the edge's time"};
}
DatedBy DateOf(const EventRecord& r) {
  return {r.last, "the event's time"};
}
DatedBy DateOf(const AlertRecord& r) {
  return {r.at, "the alert's time of delivery"};
}
DatedBy DateOf(const LogRecord& r) {
  return {r.at, "the log line's time"};
}
DatedBy DateOf(const CompletenessRecord& r) {
  return {r.at, "the snapshot's time"};
}

bool NamesNothing(const ObjectRecord& r) {
  return r.ref.name.empty() && r.ref.uid.empty();
}
bool NamesNothing(const EdgeRecord& r) {
  return (r.from.name.empty() && r.from.uid.empty()) || (r.to.name.empty() && r.to.uid.empty());
}
// What happened is worth keeping though its subject is unknown.
template <typename Record>
bool NamesNothing(const Record&) {
  return false;
}

}  // namespace

Writer::Writer(storage::Store* store, const RuleBook* rules, Identity* identity,
               DatabaseOptions options)
    : store_(store), rules_(*rules), identity_(identity), options_(std::move(options)) {
  slots_.push_back(nullptr);
  for (const EdgeTypeInfo& e : rules_.edge_types()) {
    choosy_classes_.insert(e.only_effects.begin(), e.only_effects.end());
  }
}

void Writer::Begin() {
  NodeArchive* const archive = this;
  graph_ = std::make_unique<GraphBuilder>(*published_.graph, archive);
  touched_slots_.clear();
  touched_edges_.clear();
  docs_.clear();
  spans_before_.clear();
  redirected_.clear();
  joins_.clear();
  template_joins_.clear();
  dirty_.clear();
  removed_bursts_.clear();
  made_anew_.clear();
  moved_.clear();
  feed_.clear();
  old_end_.clear();
  own_trees_.clear();
  ops_.clear();
  event_ids_.clear();
  positions_before_.clear();
  incidents_ = published_.incidents;
  wants_commit_ = false;
}

ApplyResult Writer::Fold(Batch&& batch) {
  ApplyResult result;
  for (const MendedLetter& letter : batch.mended) TakeOut(letter);
  for (Mutation& m : batch.mutations) {
    const DatedBy dated = std::visit([](const auto& r) { return DateOf(r); }, m);
    // Far-future records can't move the clock; they wait for someone to look at one.
    if (dated.at > options_.now() + options_.future_tolerance) {
      Refuse(std::move(m),
             absl::StrCat(
                 dated.field, ", ",
                 absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMicros(ToMicros(dated.at)),
                                  absl::UTCTimeZone()),
                 ", lies in the future; check the sender's clock, then retry"),
             &result);
      continue;
    }
    if (std::visit([](const auto& r) { return NamesNothing(r); }, m)) {
      Refuse(std::move(m), "the record names neither a name nor a uid; check its source", &result);
      continue;
    }
    clock_ = std::max(clock_, dated.at);
    std::visit([&](auto& r) { Handle(std::move(r), &result); }, m);
  }
  for (const DeadLetter& d : batch.dead_letters) {
    AddDeadLetter(identity_->ScopeFor(d.scope), d);
    ++result.dead_letters;
  }
  for (const SourcePosition& p : batch.positions) {
    const PositionKey key{p.source, p.partition};
    positions_before_.try_emplace(key, Position(p.source, p.partition));
    positions_[key] = p;
    unwritten_positions_.insert(key);
  }
  return result;
}

void Writer::WritePositions() {
  for (const PositionKey& at : unwritten_positions_) {
    std::string key = absl::StrCat("p", at.first);
    storage::keys::AppendU32(&key, static_cast<uint32_t>(at.second));
    PutTable(storage::Table::kMeta, ScopeId(0), std::move(key),
             records::EncodePosition(positions_.at(at)));
  }
  unwritten_positions_.clear();
}

// A point that retention has passed leaves no trace. What still holds is never too old.
bool Writer::TooOld(Timestamp end, ApplyResult* result) {
  const Timestamp oldest = std::max(store_->OldestLive(), clock_ - options_.retention);
  if (end >= oldest) return false;
  ++result->refused;
  if (result->problems.size() < kMaxProblems) {
    result->problems.push_back(
        "older than the retention; a longer one can be set when the database is made");
  }
  return true;
}

void Writer::Handle(ObjectRecord&& r, ApplyResult* result) {
  if (r.deleting.has_value()) {
    // Part of the state: what a terminating object reports of itself is no failure.
    Field f{"metadata.deletionTimestamp", absl::StrCat(ToMicros(*r.deleting)), FieldKind::kNumber};
    auto at = std::lower_bound(r.fields.begin(), r.fields.end(), f);
    if (at == r.fields.end() || at->path != f.path) r.fields.insert(at, std::move(f));
  }
  const ScopeId scope = identity_->ScopeFor(r.scope);
  r.ref = Canonical(rules_, std::move(r.ref));
  const ResourceId id = ResolveCanonical(scope, r.ref);
  if (id.value == 0) return;
  Slot& slot = SlotFor(id);
  const std::string& uid = r.ref.uid;

  const bool present = r.presence == Presence::kPresent && r.shape != ObjectShape::kBare;
  const bool shows_state = present || (r.shape != ObjectShape::kBare && !r.fields.empty());
  const uint64_t hash = shows_state ? storage::keys::StableHash(CanonicalBytes(r.fields)) : 0;

  if (!present && uid.empty()) {
    auto at = std::lower_bound(slot.deletions.begin(), slot.deletions.end(), r.at);
    if (at != slot.deletions.end() && *at == r.at) {
      ++result->unchanged;
      return;
    }
    Touch(slot);
    slot.deletions.insert(std::lower_bound(slot.deletions.begin(), slot.deletions.end(), r.at),
                          r.at);
    ++result->applied;
    return;
  }

  auto known = slot.lives.find(uid);
  Life life = known == slot.lives.end() ? Life() : known->second;
  if (r.created.has_value())
    life.created = life.created == kBeginning ? *r.created : std::min(life.created, *r.created);
  if (r.deleting.has_value()) life.deleting = std::min(life.deleting, *r.deleting);
  if (!present) life.deleted = std::min(life.deleted, r.at);
  const Timestamp last_seen = std::max(life.last_seen, r.at);
  if (shows_state) life.first_seen = std::min(life.first_seen, r.at);

  // The common case, a refresh of what is known, must stay cheap: nothing is derived again. When a
  // thing was last seen matters only beside a deletion by name and a complete listing without it.
  const bool may_revive = life.unlisted != kForever || ListedWithin(slot, life.last_seen, r.at);
  // A sighting by name alone says nothing new where no life with a uid could be meant.
  const bool meant =
      !uid.empty() || (slot.lives.size() == 1 && r.created.value_or(r.at) >= slot.named_first);
  if (known != slot.lives.end() && meant && life == known->second && slot.deletions.empty() &&
      !(shows_state && may_revive)) {
    if (!shows_state) {
      ++result->unchanged;
      return;
    }
    Lane& lane = slot.LaneFor(uid, r.shape);
    const auto& stretches = lane.seen.stretches();
    const bool newest =
        !stretches.empty() && stretches.back().state == hash && r.at >= stretches.back().first;
    const auto stamps = lane.managed.find(hash);
    const bool known_stamps = stamps == lane.managed.end() ? KnowsStamps(r.managed, {})
                                                           : KnowsStamps(r.managed, stamps->second);
    if (known_stamps && (newest || lane.seen.Covers(r.at, hash))) {
      const auto outcome = lane.seen.Insert(r.at, hash, r.generation, clock_);
      known->second.last_seen = last_seen;
      if (uid.empty()) slot.named_last = std::max(slot.named_last, r.at);
      if (outcome != StretchList::Outcome::kNothing) unconfirmed_.insert(id);
      ++result->unchanged;
      return;
    }
    // Of two states of one instant the weaker leaves no trace, however often it is told.
    StretchList probe = lane.seen;
    if (known_stamps &&
        probe.Insert(r.at, hash, r.generation, clock_) == StretchList::Outcome::kNothing) {
      ++result->unchanged;
      return;
    }
  }

  Touch(slot);
  life.last_seen = shows_state ? last_seen : life.last_seen;
  slot.lives[uid] = life;
  if (uid.empty()) {
    slot.named_first = std::min(slot.named_first, r.created.value_or(r.at));
    slot.named_last = std::max(slot.named_last, r.at);
  }
  ++result->applied;
  if (!shows_state) return;
  // A watch's last frame carries the last state as well.
  Lane& lane = slot.LaneFor(uid, r.shape);
  lane.seen.Insert(r.at, hash, r.generation, clock_);
  LearnStamps(r.managed, &lane.managed[hash]);
  LearnState(slot, hash, std::move(r.fields));
}

void Writer::Handle(EdgeRecord&& r, ApplyResult* result) {
  FoldTopology(r, result);
}

void Writer::Handle(EventRecord&& r, ApplyResult* result) {
  if (TooOld(r.last, result)) return;
  if (r.first > r.last) std::swap(r.first, r.last);
  const ScopeId scope = identity_->ScopeFor(r.scope);
  r.subject = Canonical(rules_, std::move(r.subject));
  const ResourceId id = ResolveCanonical(scope, r.subject);
  EpisodeRecord rec;
  rec.scope = scope;
  rec.resource = id;
  rec.event_id = r.event_id;
  rec.other_ids = std::move(r.other_ids);
  std::sort(rec.other_ids.begin(), rec.other_ids.end());  // as merging keeps them
  rec.etype = r.etype;
  rec.reason = std::move(r.reason);
  rec.message = std::move(r.message);
  rec.container = std::move(r.container);
  rec.emitter = std::move(r.emitter);
  rec.type = std::move(r.type);
  rec.named_severity = std::move(r.severity);
  rec.time_source = r.at_source;
  rec.uid = r.subject.uid;
  Classified(&rec, SignalPlace::kEvent, rec.type);
  if (rec.category == Category::kInfo && rec.named_severity.empty()) rec.severity = Severity::kInfo;
  rec.blamed = BlamedBy(scope, r.subject.ns, rec.cls, rec.message);
  if (id.value != 0) {
    Slot& slot = SlotFor(id);
    Sight(slot, r.subject.uid, r.first);
    if (rules_.Class(rec.cls).IsFailure()) MentionHosts(slot, r.subject.uid, rec.message, r.first);
  }
  // Both ends of the series are occurrences; the source's count belongs to the last.
  const uint64_t payload = storage::keys::StableHash(absl::StrCat(rec.message, "\n", r.count));
  EpisodeRecord last = rec;
  last.earliest = last.onset = last.end = last.message_time = r.last;
  last.AddPoint(r.last, payload ^ static_cast<uint64_t>(ToMicros(r.last)), r.count);
  if (r.first != r.last) {
    rec.earliest = rec.onset = rec.end = r.first;
    rec.message_time = r.last;
    rec.AddPoint(r.first, static_cast<uint64_t>(ToMicros(r.first)), 1);
    const bool news = AddBurst(std::move(rec));
    ++(AddBurst(std::move(last)) || news ? result->applied : result->unchanged);
    return;
  }
  ++(AddBurst(std::move(last)) ? result->applied : result->unchanged);
}

void Writer::Handle(AlertRecord&& r, ApplyResult* result) {
  const ScopeId scope = identity_->ScopeFor(r.scope);
  r.subject = Canonical(rules_, std::move(r.subject));
  const ResourceId id = ResolveCanonical(scope, r.subject);
  EpisodeRecord rec;
  rec.scope = scope;
  rec.resource = id;
  rec.event_id = absl::StrCat("alert/", r.fingerprint);
  rec.etype = "prom.alert";
  rec.reason = r.name;
  rec.message = std::move(r.message);
  rec.message_time = r.starts_at;
  rec.named_severity = std::move(r.severity);
  rec.emitter = "prometheus";
  rec.time_source = r.at_source;
  rec.uid = r.subject.uid;
  Classified(&rec, SignalPlace::kAlert, "");
  rec.severity = rec.category == Category::kNoise ? Severity::kInfo
                                                  : FromName(rec.named_severity, rec.severity);
  const Duration pending =
      r.active_at.has_value() ? Duration(0) : rules_.AlertFor(r.name).value_or(Duration(0));
  const Timestamp onset = r.active_at.value_or(r.starts_at);
  const EpisodeId alert{scope.value, rec.hash().value};
  SpansOf(alert, onset - pending);  // and with them the runs
  auto& runs = alert_runs_[alert];
  auto [run, fresh] = runs.try_emplace(onset, kForever);
  const Timestamp end = r.firing ? kForever : std::max(onset, r.ends_at.value_or(r.at));
  if (!fresh && end >= run->second) {
    ++result->unchanged;
    return;
  }
  run->second = std::min(run->second, end);
  if (id.value != 0) Sight(SlotFor(id), r.subject.uid, onset);
  std::vector<DerivedRun> derived;
  for (const auto& [start, stop] : runs) {
    rec.runs.push_back({start, stop});
    derived.push_back({start - pending, start, stop});
  }
  MergeRuns(&derived);
  SetRuns(rec, derived, onset - pending, onset);
  ++result->applied;
}

void Writer::Handle(LogRecord&& r, ApplyResult* result) {
  if (TooOld(r.at, result)) return;
  const ScopeId scope = identity_->ScopeFor(r.scope);
  r.subject = Canonical(rules_, std::move(r.subject));
  const ResourceId id = ResolveCanonical(scope, r.subject);
  const LogClass log = rules_.ClassifyLog(r.severity, r.line);
  EpisodeRecord rec;
  rec.scope = scope;
  rec.resource = id;
  rec.etype = "k8s.log";
  rec.reason = log.reason;
  rec.message = r.line;
  rec.message_time = r.at;
  rec.container = r.container;
  rec.named_severity = r.severity;
  rec.time_source = r.at_source;
  rec.uid = r.subject.uid;
  rec.cls = log.cls;
  rec.category = rules_.Class(log.cls).category;
  rec.severity = rules_.Class(log.cls).severity;
  // A program that only warns of a symptom goes on.
  if (rec.category == Category::kSymptom && FromName(r.severity, rec.severity) < rec.severity) {
    rec.severity = std::max(FromName(r.severity, rec.severity), Severity::kWarning);
  }
  rec.event_id = absl::StrCat("log/", r.subject.ns, "/", r.subject.name, "/", r.container, "/",
                              rules_.Class(log.cls).name, "/",
                              absl::Hex(storage::keys::StableHash(log.shape), absl::kZeroPad16));
  rec.blamed = BlamedBy(scope, r.subject.ns, rec.cls, rec.message);
  rec.earliest = rec.onset = rec.end = r.at;
  rec.AddPoint(r.at, storage::keys::StableHash(r.line) ^ static_cast<uint64_t>(ToMicros(r.at)), 1);
  if (id.value != 0) {
    Slot& slot = SlotFor(id);
    Sight(slot, r.subject.uid, r.at);
    if (rules_.Class(rec.cls).IsFailure()) MentionHosts(slot, r.subject.uid, r.line, r.at);
  }
  ++(AddBurst(std::move(rec)) ? result->applied : result->unchanged);
}

void Writer::Handle(CompletenessRecord&& r, ApplyResult* result) {
  const ScopeId scope = identity_->ScopeFor(r.scope);
  bool news = false;
  for (const ObjectRef& ref : r.present) {
    const ObjectRef canonical = Canonical(rules_, ref);
    const ResourceId id = ResolveCanonical(scope, canonical);
    if (id.value != 0) news = SightListed(SlotFor(id), canonical.uid, r.at) || news;
  }
  std::vector<std::string> namespaces = r.namespaces;
  if (namespaces.empty()) namespaces.push_back("");
  for (const ObjectRef& k : r.kinds) {
    const ObjectRef kind = Canonical(rules_, k);
    for (const std::string& ns : namespaces)
      news = FoldListing({scope, kind.group, kind.kind, ns, ""}, r.at) || news;
  }
  news ? ++result->applied : ++result->unchanged;
}

absl::StatusOr<uint64_t> Writer::Commit(bool flush_confirmations) {
  if (failed_)
    return absl::FailedPreconditionError("an earlier commit failed; reopen the database");
  if (clock_ != kBeginning) store_->AdvanceDataClock(clock_);
  DeriveTouchedSlots();
  WriteEdges();
  WriteEpisodes();
  changed_trees_.insert(stale_trees_.begin(), stale_trees_.end());
  Settle();
  ForgetRedirected();
  if (!history_.ok()) return Fail(history_);
  if (flush_confirmations || ConfirmationsDue()) WriteConfirmations();
  if (wants_commit_) {
    ExpireDue();
    CompleteRows();
    return WriteRows();
  }
  MakePublished();
  return published_.snapshot->sequence();
}

absl::StatusOr<uint64_t> Writer::WriteAgain() {
  for (const auto& [key, position] : positions_unwritten_) positions_[key] = position;
  return WriteRows();
}

absl::StatusOr<uint64_t> Writer::WriteRows() {
  auto committed = CommitRows();
  unwritten_ = !committed.ok();
  positions_unwritten_.clear();
  if (unwritten_) {
    for (const auto& [key, before] : positions_before_) positions_unwritten_[key] = positions_[key];
    TakeBackPositions();
    return committed;
  }
  stale_trees_.clear();
  LeaveMemory();
  MakePublished();
  return committed;
}

void Writer::MakePublished() {
  Published next;
  next.graph = graph_->Publish();
  next.resolvers = dns_changed_ ? std::make_shared<Resolvers>(dns_) : published_.resolvers;
  dns_changed_ = false;
  next.incidents = incidents_;
  next.clock = clock_;
  next.oldest = store_->OldestLive();
  next.expired_until = expired_until_;
  next.snapshot = store_->GetSnapshot();
  next.episodes = episodes_;
  next.event_ids_in_memory = static_cast<int64_t>(spans_.size());
  next.bursts_in_memory = static_cast<int64_t>(bursts_.size());
  next.links = links_;
  next.dead_letters = static_cast<int64_t>(letters_.size());
  next.edges_open = edges_open_;
  next.work = work_;
  next.damage = published_.damage;
  published_ = std::move(next);
}

absl::Status Writer::Fail(absl::Status status) {
  failed_ = true;
  TakeBackPositions();
  return status;
}

// A position says that all before it is stored, what only confirms included. Where none is given
// there is time: most of what is stored may have been seen again since the last commit.
bool Writer::ConfirmationsDue() const {
  return clock_ - confirmations_written_ >= StretchList::kExact ||
         (wants_commit_ && !unwritten_positions_.empty());
}

void Writer::WriteConfirmations() {
  WriteEdgeConfirmations();
  std::vector<ResourceId> slots(unconfirmed_.begin(), unconfirmed_.end());
  std::sort(slots.begin(), slots.end());
  for (ResourceId id : slots) {
    if (touched_slots_.count(id) == 0) WriteSlot(*slots_[id.value]);
  }
  unconfirmed_.clear();
  confirmations_written_ = clock_;
  WritePositions();
  wants_commit_ = wants_commit_ || !ops_.empty();
}

// What is told of positions must not be ahead of the store.
void Writer::TakeBackPositions() {
  for (const auto& [key, before] : positions_before_) {
    if (before.has_value()) {
      positions_[key] = *before;
    } else {
      positions_.erase(key);
    }
  }
}

void Writer::CompleteRows() {
  for (const ScopeInfo& s : identity_->TakeChangedScopes()) {
    std::string key = "s";
    storage::keys::AppendU32(&key, s.id.value);
    PutTable(storage::Table::kMeta, ScopeId(0), std::move(key),
             records::EncodeScope(s.tenant, s.cluster));
  }
  WriteFeed();
}

absl::StatusOr<uint64_t> Writer::CommitRows() {
  std::vector<Timestamp> times;
  for (const RowOp& op : ops_) {
    if (!op.in_table) times.push_back(op.bucket_time);
  }
  for (const EventIdOp& op : event_ids_) {
    for (const Interval& burst : op.now) {
      if (burst.to != kForever) times.push_back(burst.to);
    }
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  auto session = store_->BeginWrite(times);
  if (!session.ok()) return session.status();
  for (const RowOp& op : ops_) {
    if (op.in_table) {
      op.is_delete ? (*session)->Delete(op.scope, op.table, op.key)
                   : (*session)->Put(op.scope, op.table, op.key, op.value);
      continue;
    }
    const storage::BucketPtr bucket = (*session)->BucketFor(op.bucket_time);
    if (bucket == nullptr) continue;  // expired meanwhile: nothing to keep, nothing to take away
    op.is_delete ? (*session)->Delete(bucket, op.scope, op.kind, op.key)
                 : (*session)->Put(bucket, op.scope, op.kind, op.key, op.value);
  }
  for (const EventIdOp& op : event_ids_) PutEventIds(session->get(), op);
  auto info = (*session)->Commit();
  if (!info.ok()) return info.status();
  work_.rows_written += ops_.size() + event_ids_.size();
  for (const RowOp& op : ops_) work_.bytes_written += op.key.size() + op.value.size();
  return info->sequence;
}

// F: one row per commit, in the bucket of the data clock: 'E' with the key of an episode, or 'I'
// with the id of an incident, one behind the other, each behind its scope.
void Writer::WriteFeed() {
  if (feed_.empty() || clock_ == kBeginning) return;
  RowOp op;
  op.in_table = false;
  op.bucket_time = clock_;
  op.kind = storage::RecordKind::kFeed;
  op.scope = ScopeId(0);
  op.key = storage::keys::Feed(store_->GetSnapshot()->sequence() + 1, 0);
  op.value = std::move(feed_);
  ops_.push_back(std::move(op));
}

void Writer::PutTable(storage::Table table, ScopeId scope, std::string key, std::string value) {
  RowOp op;
  op.table = table;
  op.scope = scope;
  op.key = std::move(key);
  op.value = std::move(value);
  ops_.push_back(std::move(op));
}

void Writer::DeleteTable(storage::Table table, ScopeId scope, std::string key) {
  RowOp op;
  op.is_delete = true;
  op.table = table;
  op.scope = scope;
  op.key = std::move(key);
  ops_.push_back(std::move(op));
}

void Writer::PutAtEnd(Timestamp end, storage::RecordKind kind, ScopeId scope, std::string key,
                      std::string value) {
  if (end == kForever) {
    key.insert(key.begin(), static_cast<char>(kind));
    PutTable(storage::Table::kOpen, scope, std::move(key), std::move(value));
    return;
  }
  RowOp op;
  op.in_table = false;
  op.bucket_time = end;
  op.kind = kind;
  op.scope = scope;
  op.key = std::move(key);
  op.value = std::move(value);
  ops_.push_back(std::move(op));
}

void Writer::DeleteAtEnd(Timestamp end, storage::RecordKind kind, ScopeId scope, std::string key) {
  if (end == kForever) {
    key.insert(key.begin(), static_cast<char>(kind));
    DeleteTable(storage::Table::kOpen, scope, std::move(key));
    return;
  }
  RowOp op;
  op.is_delete = true;
  op.in_table = false;
  op.bucket_time = end;
  op.kind = kind;
  op.scope = scope;
  op.key = std::move(key);
  ops_.push_back(std::move(op));
}

std::optional<SourcePosition> Writer::Position(const std::string& source, int partition) const {
  auto it = positions_.find({source, partition});
  if (it == positions_.end()) return std::nullopt;
  return it->second;
}

std::vector<SourcePosition> Writer::Positions() const {
  std::vector<SourcePosition> out;
  for (const auto& [key, p] : positions_) out.push_back(p);
  return out;
}

const Slot* Writer::FindSlot(ResourceId id) const {
  return id.value < slots_.size() ? slots_[id.value].get() : nullptr;
}

}  // namespace kg
