#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "engine/database.h"
#include "engine/episode.h"
#include "engine/internal/archive.h"
#include "engine/internal/identity.h"
#include "engine/internal/link.h"
#include "engine/internal/slot.h"
#include "engine/internal/tree_rows.h"
#include "engine/internal/verify/rederive.h"
#include "engine/records.h"
#include "engine/view.h"
#include "storage/store.h"

namespace kg {

// What was done since the database was opened.
struct WorkDone {
  int64_t failures = 0;
  int64_t effects_linked = 0;
  int64_t candidates_scored = 0;
  uint64_t rows_written = 0;
  uint64_t bytes_written = 0;
  uint64_t letters_not_kept = 0;  // for DatabaseLimits::dead_letters
  uint64_t dirty_slots = 0;       // of the last commit that changed anything
  uint64_t dirty_widened = 0;     // for DatabaseLimits::dirty_slots
};

// What readers see of one commit.
using Resolvers = absl::flat_hash_map<uint32_t, std::set<ResourceId>>;  // by scope

struct Published {
  std::shared_ptr<const Graph> graph = std::make_shared<Graph>();
  std::shared_ptr<const Resolvers> resolvers = std::make_shared<Resolvers>();
  IncidentIndex incidents;
  Timestamp clock = kBeginning;
  Timestamp oldest = kBeginning;
  Timestamp expired_until = kBeginning;  // what ended before is part of no tree
  std::shared_ptr<const storage::Snapshot> snapshot;
  std::shared_ptr<const std::vector<DamagedTime>> damage;  // null: none
  std::shared_ptr<const Identity> identity;                // added by whoever owns the writer's
  int64_t episodes = 0, dead_letters = 0, edges_open = 0;
  int64_t event_ids_in_memory = 0, bursts_in_memory = 0;
  std::map<uint32_t, int64_t> links;  // by scope
  WorkDone work;
};

// Folds batches into facts, derives what follows, and turns both into one commit.
//
// Operation: Begin, then any number of Fold, then Commit. Fold changes only working state; Commit
// derives (links, incidents), writes one batch and yields the next version to publish. What the
// store refuses to write now (a full disk) waits, and goes first once it can. After any other
// failed commit the working state is ahead of the store and the writer refuses to go on: another
// one, restored from the store, takes its place where the store can still write. Concurrency: one
// thread at a time.
class Writer : private ImplicitEdges, private NodeArchive {
 public:
  Writer(storage::Store* store, const RuleBook* rules, Identity* identity, DatabaseOptions options);

  // Rebuilds the working state from the store's rows.
  absl::Status Restore();

  void Begin();
  ApplyResult Fold(Batch&& batch);
  // `flush_confirmations`: also write what so far only confirmed known states.
  absl::StatusOr<uint64_t> Commit(bool flush_confirmations);
  const Published& published() const { return published_; }
  // Derives again what rows were lost of: episodes and edges from the states of objects, links of
  // the effects named. A commit of its own, after Restore.
  absl::Status DeriveAgain(const verify::Rederive& what);
  bool failed() const { return failed_; }
  // A commit waits: WriteAgain must succeed before the next Begin.
  bool unwritten() const { return unwritten_; }
  absl::StatusOr<uint64_t> WriteAgain();
  // Forgets what was in buckets that the store has dropped. A commit of its own, between batches;
  // the next version to publish pins none of them.
  absl::StatusOr<uint64_t> AfterDrop();

  std::optional<SourcePosition> Position(const std::string& source, int partition) const;
  std::vector<SourcePosition> Positions() const;
  absl::StatusOr<std::string> CanonicalDump() const;
  const Slot* FindSlot(ResourceId id) const;

 private:
  using EpisodeId = std::pair<uint32_t, uint64_t>;  // scope, hash of the event id
  using BurstId = std::pair<uint32_t, EpisodeKey>;  // scope, key
  using Spans = absl::InlinedVector<Interval, 1>;   // onset and end of each burst, by onset
  // The bursts of an event id. Those that ended before spans_since_ may be missing unless `whole`.
  struct KnownSpans {
    Spans spans;
    bool whole = false;
  };
  // A failure or a change.
  struct BurstHome {
    ResourceId resource;
    Timestamp end;  // where its rows stand
  };

  // Where a row of a burst stands.
  struct Place {
    EpisodeKey key;
    Timestamp end;
    ResourceId resource;
  };
  // A burst that this batch touches.
  struct Doc {
    EpisodeRecord now;
    bool gone = false;
    bool changed = false;
    std::vector<Place> was;  // rows to take away
  };
  struct RowOp {
    bool is_delete = false;
    bool in_table = true;
    storage::Table table = storage::Table::kMeta;
    Timestamp bucket_time;
    storage::RecordKind kind = storage::RecordKind::kEpisode;
    ScopeId scope;
    std::string key;
    std::string value;
  };
  // Bursts of one event id, which is found by a row in each bucket that holds any.
  struct EventIdOp {
    ScopeId scope;
    std::string key;
    EpisodeHash hash;
    Spans before, now;
  };
  // What stood before the batch touched a slot.
  struct TouchedSlot {
    SlotHistory history;
    std::vector<Lane> lanes;
  };
  // What the topology topic said of two slots, besides what topology_ holds.
  struct Pair {
    std::vector<Timestamp> deletes;  // that named no type; ascending
    std::vector<EdgeTypeId> types;   // claimed so far
  };

  // writer.cc
  void Handle(ObjectRecord&& r, ApplyResult* result);
  void Handle(EdgeRecord&& r, ApplyResult* result);
  void Handle(EventRecord&& r, ApplyResult* result);
  void Handle(AlertRecord&& r, ApplyResult* result);
  void Handle(LogRecord&& r, ApplyResult* result);
  void Handle(CompletenessRecord&& r, ApplyResult* result);
  bool TooOld(Timestamp end, ApplyResult* result);
  void WritePositions();
  bool ConfirmationsDue() const;
  void WriteConfirmations();
  absl::Status Fail(absl::Status status);
  void TakeBackPositions();

  static constexpr size_t kMaxProblems = 5;  // told of in one result
  // Divides every width of a bucket, hence every line that expiry by age draws.
  static constexpr Duration kEndSlot = std::chrono::minutes(10);

  // writer_letters.cc
  void Refuse(Mutation&& m, std::string reason, ApplyResult* result);
  void AddDeadLetter(ScopeId scope, const DeadLetter& letter);
  void TakeOut(const MendedLetter& letter);
  absl::Status IndexDeadLetters(const storage::Snapshot& s);

  // writer_slots.cc
  Slot& SlotFor(ResourceId id);
  ResourceId ResolveRef(ScopeId scope, const ObjectRef& ref);  // canonicalises
  ResourceId ResolveCanonical(ScopeId scope, const ObjectRef& canonical);
  void Touch(Slot& slot);  // before its facts change
  void Sight(Slot& slot, const std::string& uid, Timestamp at);
  // A listing shows that it is there, though not in which state. False: nothing new, here and
  // below.
  bool SightListed(Slot& slot, const std::string& uid, Timestamp at);
  // What a complete listing of a kind in a namespace ("": everywhere) lacks was gone; `what` has no
  // name.
  bool FoldListing(const SlotName& what, Timestamp at);
  void NoteUnlisted(Slot& slot);
  Listings& ListingsOf(const SlotName& what) {
    return listings_[{what.scope.value, what.group, what.kind}];
  }
  void LearnState(Slot& slot, uint64_t hash, Fields fields);
  void MentionHosts(Slot& slot, const std::string& uid, absl::string_view text, Timestamp at);
  void DeriveTouchedSlots();
  void DeriveEdges(const Slot& slot, const SlotHistory& before, const SlotHistory& after);
  using EpisodeMap = std::map<std::string, DerivedEpisode>;
  void DeriveEpisodes(const Slot& slot, const EpisodeMap& before, const EpisodeMap& after);
  void WriteSlot(const Slot& slot);
  void WriteRevisions(const Slot& slot, const std::vector<Lane>& before);
  void JoinSelectors();
  void JoinSelector(ResourceId selector, ResourceId pod);
  void JoinTemplates(ResourceId deployment);
  EpisodeMap TemplateChanges(const Slot& deployment) const;
  void IndexFacets(const Slot& slot, const SlotHistory& history);

  // writer_edges.cc
  void SetClaim(const storage::keys::EdgeKey& edge, uint64_t asserter,
                std::vector<Interval> intervals, uint16_t flags);
  static std::vector<Interval> Union(const records::Claims& claims);
  std::vector<Interval> Live(std::vector<Interval> intervals) const;
  void FoldTopology(const EdgeRecord& r, ApplyResult* result);
  StretchList& TopologyOf(const storage::keys::EdgeKey& edge);
  bool DeletePair(ScopeId scope, const storage::keys::EdgeKey& pair, Timestamp at);
  void WriteHangingDelete(ScopeId scope, const storage::keys::EdgeKey& edge, Timestamp at);
  void WriteEdgeConfirmations();
  void RefoldTopology(const storage::keys::EdgeKey& edge);
  void WriteEdges();

  // dump.cc
  void DumpTopology(Timestamp oldest, std::vector<std::string>* lines) const;
  absl::StatusOr<bool> DumpEpisode(ScopeId scope, absl::string_view value, const Graph& graph,
                                   Timestamp oldest, std::vector<std::string>* lines) const;
  std::string DumpScope(ScopeId id) const;
  std::string DumpSlot(ResourceId id) const;

  // writer_redirect.cc: a slot that was known by a uid alone turns out to be another
  void NoteNameless(const storage::keys::EdgeKey& edge);
  void Redirect(ResourceId nameless, ResourceId to);
  void RedirectTopology(ResourceId nameless, ResourceId to);
  void RedirectEpisodes(ResourceId nameless, ResourceId to);
  void ForgetRedirected();

  // writer_episodes.cc
  bool AddBurst(EpisodeRecord&& rec);  // false: it said nothing new
  void NoteFailure(ScopeId scope, Timestamp onset);
  void SetRuns(const EpisodeRecord& like, const std::vector<DerivedRun>& runs, Timestamp since,
               std::optional<Timestamp> told = std::nullopt);
  Doc& LoadDoc(EpisodeId id, Timestamp onset);
  void Classified(EpisodeRecord* rec, SignalPlace place, absl::string_view type);
  ResourceId BlamedBy(ScopeId scope, const std::string& ns, ClassId cls, absl::string_view message);
  void WriteEpisodes();
  void WriteEpisode(EpisodeId id, Doc& doc);
  void RemoveRows(ScopeId scope, const Place& place);
  void MoveBurst(BurstId id, ResourceId from, ResourceId to);
  void WriteEventIds();

  // writer_settle.cc
  std::vector<Edge> From(ResourceId from, const SlotName& name, ClassId effect) const override;
  void MarkDirty(ResourceId slot, Interval when) { dirty_.push_back({slot, when}); }
  void Settle();
  std::vector<std::pair<BurstId, ResourceId>> AffectedEffects();
  void Relink(BurstId id, ResourceId slot);
  // The burst that its best link names; it hangs on it unless a circle was cut there.
  std::optional<BurstId> BestCauseOf(const BurstId& id) const;
  void SetParent(BurstId child, std::optional<BurstId> parent);
  void MendCircle(const BurstId& member);
  void Hang(BurstId child, std::optional<BurstId> parent);
  void UpdateTrees();
  BurstId RootOf(BurstId id) const;
  void WriteTree(BurstId root);
  void AddAlias(uint64_t old_id, BurstId heir);
  std::string MemberKeyOf(const BurstId& member, const BurstId& root) const;
  void MoveMember(BurstId member, std::optional<BurstId> from, std::optional<BurstId> to);
  void WriteCauses(ScopeId scope, const Burst& before, const Burst& after, Timestamp old_end);

  // writer_repair.cc
  void TouchAnew(Slot& slot);

  // writer_spans.cc
  Spans& SpansOf(EpisodeId id, Timestamp from);
  void LoadSpans(EpisodeId id, KnownSpans* known);
  void LoadAlertRuns(EpisodeId id, const Interval& burst);
  void ForgetSpans();
  Timestamp SpansLine() const;
  void CountEpisode(Timestamp end, int64_t by);
  void CountLinks(uint32_t scope, Timestamp end, int64_t by);
  void UncountEnded(Timestamp oldest);

  // writer_trees.cc
  void Warm(const BurstId& id);
  std::optional<BurstId> StoredRootOf(const BurstId& id, const StoredBurst& burst);
  void LoadTree(BurstId root);
  void Adopt(const BurstId& id, const StoredBurst& burst);
  void HangLoaded(const BurstId& id, const StoredBurst& burst, const BurstId& root);
  void ForgetTrees();
  void ForgetBurst(const BurstId& id);
  void ImplicitEffectsBefore(uint32_t scope, Interval when,
                             std::vector<std::pair<BurstId, ResourceId>>* out);
  void ExpireColdTrees(Timestamp oldest);
  void DropIncident(ScopeId scope, uint64_t id, const std::vector<uint64_t>& aliases);

  // writer_memory.cc
  // A batch that rests on rows that could not be read must not be committed.
  void NoteHistory(const absl::Status& status);
  const Node* Whole(ResourceId id, const Node& recent) override;
  void LeaveMemory();
  Timestamp EndOf(const BurstId& id) const;
  void LeaveMemory(Timestamp horizon, ResourceId id);

  // writer_expiry.cc
  Timestamp ExpiryLine() const;
  void ExpireDue();
  void ExpireBursts(Timestamp oldest);
  void ExpireBurst(const BurstId& id);
  void ExpireEdges(Timestamp oldest);
  void ExpireListings(Timestamp oldest);
  void ExpireRevisions(Timestamp oldest);
  void ExpireSlots(Timestamp oldest);

  // writer_restore.cc
  // Damage in a bucket costs what the bucket holds: it is noted, and reading goes on. Everything
  // else passes through.
  absl::Status Tolerate(const storage::BucketPtr& bucket, const absl::Status& status);
  absl::Status RestoreScopes(const storage::Snapshot& s);
  absl::Status RestoreSlots(const storage::Snapshot& s);
  struct HangingDelete {
    storage::keys::EdgeKey edge;  // type 0: of any type
    Timestamp at;
  };
  absl::Status RestoreHanging(const storage::Snapshot& s, std::vector<HangingDelete>* deletes);
  absl::Status RestoreEdges(const storage::Snapshot& s, const std::vector<HangingDelete>& deletes);
  struct SaidOfEdge {
    std::vector<Stretch> stretches;
    std::string sightings;
  };
  absl::Status RestoreTopology(const absl::flat_hash_map<storage::keys::EdgeKey, SaidOfEdge>& said,
                               const std::vector<HangingDelete>& deletes);
  absl::Status RestoreEpisodes(const storage::Snapshot& s);
  absl::Status RestoreExpiredRoots(const storage::Snapshot& s);
  absl::Status RestoreAliases(const storage::Snapshot& s);
  absl::Status RestoreEpisodeRow(const storage::Snapshot& s, ScopeId scope, absl::string_view key,
                                 absl::string_view value, const storage::BucketPtr& bucket);

  void PutTable(storage::Table table, ScopeId scope, std::string key, std::string value);
  void DeleteTable(storage::Table table, ScopeId scope, std::string key);
  // A row of a burst: in its end's bucket, or in `open` while it holds.
  void PutAtEnd(Timestamp end, storage::RecordKind kind, ScopeId scope, std::string key,
                std::string value);
  void DeleteAtEnd(Timestamp end, storage::RecordKind kind, ScopeId scope, std::string key);
  void CompleteRows();
  absl::StatusOr<uint64_t> CommitRows();
  void PutEventIds(storage::WriteSession* session, const EventIdOp& op);
  absl::StatusOr<uint64_t> WriteRows();
  void MakePublished();
  void WriteFeed();

  storage::Store* const store_;
  const RuleBook& rules_;
  Identity* const identity_;
  const DatabaseOptions options_;
  absl::flat_hash_set<ClassId> choosy_classes_;  // effects that an edge type names as its users

  // Working state: what the store holds, plus the batch under way.
  std::vector<std::unique_ptr<Slot>> slots_;  // by id
  absl::flat_hash_map<storage::keys::EdgeKey, records::Claims> edges_;
  absl::flat_hash_map<storage::keys::EdgeKey, StretchList> topology_;
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, Pair> pairs_;
  absl::flat_hash_map<EpisodeId, KnownSpans> spans_;
  Timestamp spans_since_ = kBeginning;  // the start of a bucket
  // How many ended, by kEndSlot.
  std::map<Timestamp, int64_t> episodes_ended_;
  std::map<std::pair<Timestamp, uint32_t>, int64_t> links_ended_;              // and by scope
  absl::flat_hash_map<EpisodeId, std::map<Timestamp, Timestamp>> alert_runs_;  // startsAt -> end
  absl::flat_hash_map<BurstId, BurstId> parent_;
  absl::flat_hash_map<BurstId, BurstId> expired_root_;  // of expired parents, their trees' roots
  absl::flat_hash_map<BurstId, BurstId> cut_;           // roots of circles, and their best causes
  absl::flat_hash_map<BurstId, std::set<BurstId>> children_;
  absl::flat_hash_map<BurstId, BurstId> root_;  // of members of trees
  absl::flat_hash_map<BurstId, BurstHome> bursts_;
  // Trees all of whose members ended before are read from their rows when something touches them.
  Timestamp trees_since_ = kBeginning;
  std::map<uint32_t, int64_t> links_;             // by scope
  Duration widest_onset_{0};                      // largest latest - earliest so far
  std::map<uint32_t, Timestamp> newest_failure_;  // onset, by scope
  // Facets, for joins: per (scope, namespace).
  struct Namespace {
    std::set<ResourceId> pods;
    std::set<ResourceId> selectors;
  };
  absl::flat_hash_map<std::pair<uint32_t, std::string>, Namespace> namespaces_;
  absl::flat_hash_map<ResourceId, std::vector<Facet>> facets_;
  std::map<std::tuple<uint32_t, std::string, std::string>, Listings>
      listings_;  // scope, group, kind
  absl::flat_hash_map<ResourceId, std::set<ResourceId>>
      template_children_;                                         // Deployment -> ReplicaSets
  absl::flat_hash_map<ResourceId, EpisodeMap> template_changes_;  // what its ReplicaSets tell
  Resolvers dns_;
  bool dns_changed_ = true;  // since it was last published
  absl::flat_hash_map<uint32_t, std::set<BurstId>> implicit_effects_;  // by scope
  absl::flat_hash_map<uint64_t, uint64_t> merged_;                     // incident id -> its heir's
  using PositionKey = std::pair<std::string, int>;
  std::map<PositionKey, SourcePosition> positions_;
  std::set<PositionKey> unwritten_positions_;  // they ride along with the next real write
  std::map<PositionKey, std::optional<SourcePosition>> positions_before_;  // the batch under way
  std::map<PositionKey, SourcePosition> positions_unwritten_;              // of a commit that waits
  // Where each dead letter stands: a time in its bucket, or kBeginning for table `system`.
  absl::flat_hash_map<std::pair<uint32_t, storage::keys::Hash128>, Timestamp> letters_;
  Timestamp clock_ = kBeginning;
  Timestamp confirmations_written_ = kBeginning;
  Timestamp left_memory_ = kBeginning;  // data time of the last pass
  Timestamp expired_until_ = kBeginning;
  absl::flat_hash_set<storage::keys::EdgeKey>
      unconfirmed_edges_;  // likewise, of the topology topic
  // Of slots known by a uid alone: what the topology topic said of them (type 0: of the pair).
  absl::flat_hash_map<ResourceId, std::set<storage::keys::EdgeKey>> nameless_edges_;
  absl::flat_hash_set<ResourceId> unconfirmed_;  // slots whose last sighting is not on disk
  int64_t episodes_ = 0, edges_open_ = 0;
  WorkDone work_;

  // The batch under way.
  std::unique_ptr<GraphBuilder> graph_;
  std::map<ResourceId, TouchedSlot> touched_slots_;
  std::vector<ResourceId> redirected_;  // slots that are others now, to be forgotten
  std::map<storage::keys::EdgeKey, std::vector<Interval>> touched_edges_;  // their intervals before
  std::map<EpisodeId, std::vector<std::unique_ptr<Doc>>> docs_;
  std::map<EpisodeId, Spans> spans_before_;
  std::set<std::pair<ResourceId, ResourceId>> joins_;  // selector, pod
  std::set<ResourceId> template_joins_;
  std::vector<DirtyRegion> dirty_;
  std::vector<std::pair<BurstId, ResourceId>> relink_;  // besides what is dirty
  std::vector<std::pair<BurstId, ResourceId>> removed_bursts_;
  absl::flat_hash_set<BurstId> made_anew_;  // though removed_bursts_ may hold them
  std::set<BurstId> moved_;                 // whose parent changed, or that are new
  std::map<BurstId, Timestamp> old_end_;    // where a changed burst's C row stood
  std::set<BurstId> changed_trees_;
  std::set<BurstId> stale_trees_;  // whose rows were found to be behind, at open
  std::string feed_;               // references to what this batch changed
  std::map<BurstId, std::shared_ptr<IncidentTree>>
      own_trees_;  // not published yet: changed in place
  IncidentIndex incidents_;
  std::vector<RowOp> ops_;
  std::vector<EventIdOp> event_ids_;
  bool wants_commit_ = false;  // something besides confirmations
  bool failed_ = false;
  bool unwritten_ = false;  // ops_ are complete, and the store has not taken them
  absl::Status history_;    // of reading what memory no longer holds
  std::vector<DamagedTime> damage_;
  Published published_;
};

}  // namespace kg
