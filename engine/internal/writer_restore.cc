#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/asserters.h"
#include "engine/internal/meta_rows.h"
#include "engine/internal/rows.h"
#include "engine/internal/writer.h"
#include "schemas/records_generated.h"
#include "storage/records.h"

// From rows back to the working state, at open.

namespace kg {

using meta_rows::ReadU32;

absl::Status Writer::Restore() {
  clock_ = confirmations_written_ = store_->DataClock();
  expired_until_ = ExpiryLine();
  published_.snapshot = store_->GetSnapshot();
  const storage::Snapshot& s = *published_.snapshot;
  // Longer retention brings nothing back that has left the permanent tables.
  auto expired = s.Get(ScopeId(0), storage::Table::kMeta, meta_rows::kExpired);
  if (!expired.ok()) return expired.status();
  if (expired->has_value() && (*expired)->size() == 8)
    expired_until_ = std::max(expired_until_, meta_rows::ReadTime(**expired));
  Begin();
  spans_since_ = SpansLine();
  if (auto status = RestoreScopes(s); !status.ok()) return status;
  std::vector<HangingDelete> deletes;
  if (auto status = RestoreHanging(s, &deletes); !status.ok()) return status;
  if (auto status = RestoreSlots(s); !status.ok()) return status;
  if (auto status = RestoreEdges(s, deletes); !status.ok()) return status;
  if (auto status = RestoreEpisodes(s); !status.ok()) return status;
  if (auto status = IndexDeadLetters(s); !status.ok()) return status;
  dirty_.clear();
  if (auto status = RestoreExpiredRoots(s); !status.ok()) return status;
  UpdateTrees();
  if (auto status = RestoreAliases(s); !status.ok()) return status;
  // Rows may outlive what was forgotten: they go with their bucket or with the next writing.
  ExpireEdges(expired_until_);
  ExpireListings(expired_until_);
  ExpireRevisions(expired_until_);
  ops_.clear();
  touched_slots_.clear();
  touched_edges_.clear();
  LeaveMemory();
  published_.graph = graph_->Publish();
  published_.incidents = incidents_;
  published_.clock = clock_;
  published_.oldest = store_->OldestLive();
  published_.expired_until = expired_until_;
  published_.episodes = episodes_;
  published_.event_ids_in_memory = static_cast<int64_t>(spans_.size());
  published_.bursts_in_memory = static_cast<int64_t>(bursts_.size());
  published_.links = links_;
  published_.dead_letters = static_cast<int64_t>(letters_.size());
  published_.edges_open = edges_open_;
  if (damage_.empty()) return absl::OkStatus();
  // What would be derived from now on would lack what is lost.
  failed_ = true;
  published_.damage = std::make_shared<const std::vector<DamagedTime>>(damage_);
  return absl::OkStatus();
}

absl::Status Writer::Tolerate(const storage::BucketPtr& bucket, const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  const Interval when{storage::BucketStart(bucket), storage::BucketEnd(bucket)};
  if (damage_.empty() || damage_.back().when != when)
    damage_.push_back({when, std::string(status.message())});
  return absl::OkStatus();
}

absl::Status Writer::RestoreScopes(const storage::Snapshot& s) {
  auto scope = [&](absl::string_view key, absl::string_view value) -> absl::Status {
    auto names = records::DecodeScope(value);
    if (!names.ok()) return names.status();
    identity_->RestoreScope({ScopeId(ReadU32(key.substr(1))), names->first, names->second});
    return absl::OkStatus();
  };
  auto status = ForEachRow(s.Scan(ScopeId(0), storage::Table::kMeta, "s"), scope);
  if (!status.ok()) return status;
  auto position = [&](absl::string_view, absl::string_view value) -> absl::Status {
    auto read = records::DecodePosition(value);
    if (!read.ok()) return read.status();
    positions_[{read->source, read->partition}] = *read;
    return absl::OkStatus();
  };
  return ForEachRow(s.Scan(ScopeId(0), storage::Table::kMeta, "p"), position);
}

absl::Status Writer::RestoreSlots(const storage::Snapshot& s) {
  struct Pending {
    ResourceId id;
    records::ResourceRow row;
  };
  std::vector<Pending> rows;
  auto resource = [&](absl::string_view key, absl::string_view value) -> absl::Status {
    auto id = storage::keys::ParseResource(key);
    auto row = records::DecodeResource(value);
    if (!id.has_value() || !row.ok())
      return absl::DataLossError("a row of table resource is damaged");
    identity_->Restore(*id, std::make_shared<SlotName>(row->name));
    rows.push_back({*id, *std::move(row)});
    return absl::OkStatus();
  };
  for (const ScopeInfo& scope : identity_->scopes()) {
    auto status = ForEachRow(s.Scan(scope.id, storage::Table::kResource, ""), resource);
    if (!status.ok()) return status;
    auto alias = [&](absl::string_view key, absl::string_view value) {
      const ResourceId id(ReadU32(value));
      const auto name = identity_->Name(id);
      if (name == nullptr || name->scope != scope.id)
        return absl::OkStatus();  // of one that is gone
      identity_->BindUid(scope.id, std::string(key.substr(1)), id);
      return absl::OkStatus();
    };
    status = ForEachRow(s.Scan(scope.id, storage::Table::kAlias, "u"), alias);
    if (!status.ok()) return status;
  }
  // All names first: states refer to one another's slots.
  for (const Pending& p : rows) SlotFor(p.id).referenced = clock_;
  struct Told {
    std::vector<Stretch> stretches;
    std::string sightings;
  };
  std::map<std::pair<ResourceId, std::pair<std::string, ObjectShape>>, Told> lanes;
  auto learn = [&](ResourceId id, records::RevisionRow& r) {
    Slot& slot = *slots_[id.value];
    Told& told = lanes[{id, {r.uid, r.shape}}];
    told.stretches.push_back(r.stretch);
    if (!r.sightings.empty()) told.sightings = std::move(r.sightings);
    slot.LaneFor(r.uid, r.shape).managed[r.stretch.state] = r.managed;
    LearnState(slot, r.stretch.state, std::move(r.fields));
  };
  for (Pending& p : rows) {
    Slot& slot = *slots_[p.id.value];
    slot.lives = std::move(p.row.lives);
    slot.deletions = std::move(p.row.deletions);
    slot.named_first = p.row.named_first;
    slot.named_last = p.row.named_last;
    slot.mentions = std::move(p.row.mentions);
    for (records::RevisionRow& r : p.row.newest) learn(p.id, r);
  }
  auto revision = [&](absl::string_view key, absl::string_view value) -> absl::Status {
    auto parsed = storage::keys::ParseRevision(key);
    auto row = records::DecodeRevision(value);
    if (!parsed.has_value() || !row.ok()) return absl::DataLossError("a revision row is damaged");
    if (parsed->resource.value < slots_.size() && slots_[parsed->resource.value] != nullptr)
      learn(parsed->resource, *row);
    return absl::OkStatus();
  };
  for (const ScopeInfo& scope : identity_->scopes()) {
    for (const storage::BucketPtr& b : s.buckets()) {
      auto status = ForEachRow(s.Scan(b, scope.id, storage::RecordKind::kRevision, ""), revision);
      if (status = Tolerate(b, status); !status.ok()) return status;
    }
  }
  for (auto& [lane, told] : lanes) {
    std::sort(told.stretches.begin(), told.stretches.end());
    StretchList& seen =
        slots_[lane.first.value]->LaneFor(lane.second.first, lane.second.second).seen;
    if (!seen.Restore(std::move(told.stretches), told.sightings))
      return absl::DataLossError("the sightings in a row of table resource are damaged");
  }
  for (auto& slot : slots_) {
    if (slot == nullptr) continue;
    const SlotHistory history = Unfold(*slot, rules_);
    graph_->Mutable(slot->id).incarnations = history.incarnations;
    IndexFacets(*slot, history);
  }
  for (ResourceId d : template_joins_) {
    if (d.value < slots_.size() && slots_[d.value] != nullptr)
      template_changes_[d] = TemplateChanges(*slots_[d.value]);
  }
  joins_.clear();
  template_joins_.clear();
  return absl::OkStatus();
}

// Complete listings and deletions of edges, by time.
absl::Status Writer::RestoreHanging(const storage::Snapshot& s,
                                    std::vector<HangingDelete>* deletes) {
  for (const ScopeInfo& scope : identity_->scopes()) {
    auto hanging = [&](absl::string_view key, absl::string_view value) -> absl::Status {
      auto row = records::DecodeHanging(scope.id, value);
      if (!row.ok() || key.size() != 24) return absl::DataLossError("a hanging delete is damaged");
      uint64_t us = 0;
      for (char ch : key.substr(16)) us = us << 8 | static_cast<uint8_t>(ch);
      const Timestamp at = FromMicros(static_cast<int64_t>(us ^ (1ull << 63)));
      if (!row->listing) {
        deletes->push_back({row->edge, at});
        return absl::OkStatus();
      }
      auto& times = ListingsOf(row->what)[row->what.ns];
      times.insert(std::lower_bound(times.begin(), times.end(), at), at);
      return absl::OkStatus();
    };
    for (const storage::BucketPtr& b : s.buckets()) {
      auto status =
          ForEachRow(s.Scan(b, scope.id, storage::RecordKind::kHangingDelete, ""), hanging);
      if (status = Tolerate(b, status); !status.ok()) return status;
    }
  }
  std::sort(deletes->begin(), deletes->end(), [](const HangingDelete& a, const HangingDelete& b) {
    return std::tie(a.at, a.edge) < std::tie(b.at, b.edge);
  });
  return absl::OkStatus();
}

absl::Status Writer::RestoreEdges(const storage::Snapshot& s,
                                  const std::vector<HangingDelete>& deletes) {
  absl::flat_hash_map<storage::keys::EdgeKey, SaidOfEdge> said;
  auto merge = [&](const storage::keys::EdgeKey& edge, absl::string_view value) -> absl::Status {
    auto row = records::DecodeEdge(value);
    if (!row.ok()) return row.status();
    // Where the row of an end was lost, verify tells; an edge to nothing can't be walked.
    if (FindSlot(edge.from) == nullptr || FindSlot(edge.to) == nullptr) return absl::OkStatus();
    for (auto& [asserter, claim] : row->claims) {
      EdgeClaim& known = edges_[edge][asserter];
      known.flags = claim.flags;
      known.intervals.insert(known.intervals.end(), claim.intervals.begin(), claim.intervals.end());
      Normalize(&known.intervals);
    }
    SaidOfEdge& known = said[edge];
    const bool newer =
        !row->topology.empty() &&
        (known.stretches.empty() || known.stretches.back().last <= row->topology.back().last);
    if (newer) known = {std::move(row->topology), std::move(row->sightings)};
    return absl::OkStatus();
  };
  auto closed = [&](absl::string_view bytes, absl::string_view value) -> absl::Status {
    auto key = storage::keys::ParseClosedEdge(bytes);
    if (!key.has_value()) return absl::DataLossError("the key of a closed edge is damaged");
    if (key->direction == storage::keys::Direction::kIn) return absl::OkStatus();
    // Not written again when the edge changed later: what it says of others is old.
    if (key->valid_to < expired_until_) return absl::OkStatus();
    return merge({key->resource, key->type, key->other}, value);
  };
  auto open = [&](absl::string_view bytes, absl::string_view value) -> absl::Status {
    auto key = storage::keys::ParseEdge(bytes);
    if (!key.has_value()) return absl::DataLossError("the key of an edge is damaged");
    edges_.erase(*key);
    return merge(*key, value);
  };
  for (const ScopeInfo& scope : identity_->scopes()) {
    for (const storage::BucketPtr& b : s.buckets()) {
      auto status = ForEachRow(s.Scan(b, scope.id, storage::RecordKind::kClosedEdge, ""), closed);
      if (status = Tolerate(b, status); !status.ok()) return status;
    }
    // Last, as the newest word on each edge.
    auto status = ForEachRow(s.Scan(scope.id, storage::Table::kEdge, ""), open);
    if (!status.ok()) return status;
  }
  if (auto status = RestoreTopology(said, deletes); !status.ok()) return status;
  for (const auto& [edge, claims] : edges_) touched_edges_[edge] = {};
  WriteEdges();  // into the graph; the rows it makes are thrown away
  return absl::OkStatus();
}

absl::Status Writer::RestoreTopology(
    const absl::flat_hash_map<storage::keys::EdgeKey, SaidOfEdge>& said,
    const std::vector<HangingDelete>& deletes) {
  const auto known = [&](ResourceId id) {
    return id.value < slots_.size() && slots_[id.value] != nullptr;
  };
  for (const HangingDelete& d : deletes) {
    if (d.edge.type.value != 0 || !known(d.edge.from) || !known(d.edge.to)) continue;
    pairs_[{d.edge.from.value, d.edge.to.value}].deletes.push_back(d.at);
    NoteNameless(d.edge);
  }
  for (const auto& [edge, told] : said) {
    if (told.stretches.empty()) continue;
    if (!topology_[edge].Restore(told.stretches, told.sightings))
      return absl::DataLossError("the sightings in the row of an edge are damaged");
    pairs_[{edge.from.value, edge.to.value}].types.push_back(edge.type);
    NoteNameless(edge);
  }
  for (const HangingDelete& d : deletes) {
    if (!known(d.edge.from) || !known(d.edge.to)) continue;
    if (d.edge.type.value != 0) {
      TopologyOf(d.edge).Insert(d.at, 2, 0, clock_);
      continue;
    }
    for (EdgeTypeId type : pairs_[{d.edge.from.value, d.edge.to.value}].types) {
      topology_[{d.edge.from, type, d.edge.to}].Insert(d.at, 2, 0, clock_);
    }
  }
  return absl::OkStatus();
}

absl::Status Writer::RestoreEpisodeRow(const storage::Snapshot& s, ScopeId scope,
                                       absl::string_view key, absl::string_view value,
                                       const storage::BucketPtr& bucket) {
  auto parsed = storage::keys::ParseEpisode(key);
  auto rec = records::DecodeEpisode(scope, value);
  if (!parsed.has_value() || !rec.ok()) return absl::DataLossError("an episode row is damaged");
  if (rec->end != kForever && rec->end < expired_until_) return absl::OkStatus();
  CountEpisode(rec->end, 1);
  const EpisodeId id{scope.value, parsed->hash.value};
  if (rec->end >= spans_since_) {
    Spans& spans = spans_[id].spans;
    spans.insert(std::upper_bound(spans.begin(), spans.end(), Interval{rec->onset, rec->end}),
                 Interval{rec->onset, rec->end});
    if (rec->etype == "prom.alert") {
      for (const Interval& r : rec->runs) alert_runs_[id][r.from] = r.to;
    }
  }
  const bool watched = rec->category == Category::kChange || rules_.Class(rec->cls).IsFailure();
  // Where the row of its subject was lost, verify tells.
  if (!watched || FindSlot(rec->resource) == nullptr) return absl::OkStatus();
  auto burst = std::make_shared<Burst>(BurstOf(*parsed, *rec));
  auto causes = bucket == nullptr ? s.Get(scope, storage::Table::kOpen, absl::StrCat("C", key))
                                  : s.Get(bucket, scope, storage::RecordKind::kCauses, key);
  if (!causes.ok()) return causes.status();
  if (causes->has_value()) {
    auto links = records::DecodeCauses(**causes);
    if (!links.ok()) return links.status();
    burst->causes = *std::move(links);
    CountLinks(scope.value, rec->end, static_cast<int64_t>(burst->causes.size()));
  }
  const BurstId burst_id{scope.value, *parsed};
  bursts_[burst_id] = {rec->resource, rec->end};
  widest_onset_ = std::max<Duration>(widest_onset_, rec->onset - rec->earliest);
  for (const EdgeTypeInfo& e : rules_.edge_types()) {
    if (std::find(e.only_effects.begin(), e.only_effects.end(), rec->cls) != e.only_effects.end()) {
      implicit_effects_[scope.value].insert(burst_id);
    }
  }
  if (rules_.Class(rec->cls).IsFailure()) NoteFailure(scope, rec->onset);
  graph_->Mutable(rec->resource).bursts.Put(burst);
  for (const CauseLink& c : burst->causes) {
    if (!Groups(c)) continue;
    SetParent(burst_id, BurstId{scope.value, c.cause});
    break;
  }
  moved_.insert(burst_id);
  return absl::OkStatus();
}

// What hangs on a burst that has expired is still part of the tree that this was part of.
absl::Status Writer::RestoreExpiredRoots(const storage::Snapshot& s) {
  for (const ScopeInfo& scope : identity_->scopes()) {
    absl::flat_hash_map<uint64_t, BurstId> anchors;
    auto incident = [&](absl::string_view key, absl::string_view value) -> absl::Status {
      const auto id = storage::keys::ParseIncident(key);
      auto row = storage::DecodeTable<fb::Incident>(value);
      if (!id.has_value() || !row.ok()) return absl::DataLossError("an incident row is damaged");
      const EpisodeKey anchor{FromMicros((*row)->anchor_onset()),
                              EpisodeHash((*row)->anchor_hash())};
      anchors[*id] = {scope.id.value, anchor};
      return absl::OkStatus();
    };
    auto status = ForEachRow(s.Scan(scope.id, storage::Table::kIncident, ""), incident);
    if (!status.ok()) return status;
    auto learn = [&](absl::string_view row) -> absl::Status {
      const auto key = storage::keys::ParseMember(row);
      if (!key.has_value()) return absl::DataLossError("the key of a member is damaged");
      auto parent = parent_.find({scope.id.value, key->burst});
      auto anchor = anchors.find(key->incident);
      if (parent == parent_.end() || anchor == anchors.end()) return absl::OkStatus();
      const bool expired =
          !bursts_.contains(parent->second) && parent->second.second.onset < expired_until_;
      if (expired) expired_root_[parent->second] = anchor->second;
      return absl::OkStatus();
    };
    status =
        ForEachRow(s.Scan(scope.id, storage::Table::kOpen, "P"),
                   [&](absl::string_view key, absl::string_view) { return learn(key.substr(1)); });
    if (!status.ok()) return status;
    for (const storage::BucketPtr& b : s.buckets()) {
      status = ForEachRow(s.Scan(b, scope.id, storage::RecordKind::kMembers, ""),
                          [&](absl::string_view key, absl::string_view) { return learn(key); });
      if (status = Tolerate(b, status); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Writer::RestoreAliases(const storage::Snapshot& s) {
  absl::flat_hash_map<uint64_t, BurstId> roots;
  incidents_.ForEach([&](const IncidentPtr& i) {
    roots[i->id()] = {i->scope.value, i->root};
    return true;
  });
  for (const ScopeInfo& scope : identity_->scopes()) {
    auto incident = [&](absl::string_view key, absl::string_view value) -> absl::Status {
      const auto id = storage::keys::ParseIncident(key);
      auto row = storage::DecodeTable<fb::Incident>(value);
      if (!id.has_value() || !row.ok()) return absl::DataLossError("an incident row is damaged");
      if ((*row)->merged_into() != 0) {
        merged_[*id] = (*row)->merged_into();
        return absl::OkStatus();
      }
      // A crash between the drop of a bucket and what follows from it leaves the rows of incidents
      // as they were; the next commit writes them.
      const BurstId root{scope.id.value,
                         {FromMicros((*row)->anchor_onset()), EpisodeHash((*row)->anchor_hash())}};
      const IncidentPtr* tree = incidents_.Find(std::make_pair(scope.id, root.second));
      if (tree == nullptr || (*tree)->members.size() != (*row)->members())
        stale_trees_.insert(root);
      return absl::OkStatus();
    };
    auto status = ForEachRow(s.Scan(scope.id, storage::Table::kIncident, ""), incident);
    if (!status.ok()) return status;
  }
  const auto merged = merged_;
  for (const auto& [id, into] : merged) {
    uint64_t heir = into;
    for (size_t steps = 0; merged.contains(heir) && steps < merged.size(); ++steps)
      heir = merged.at(heir);
    auto root = roots.find(heir);
    if (root != roots.end()) AddAlias(id, root->second);
  }
  return absl::OkStatus();
}

absl::Status Writer::RestoreEpisodes(const storage::Snapshot& s) {
  for (const ScopeInfo& scope : identity_->scopes()) {
    auto open = [&](absl::string_view key, absl::string_view value) {
      return RestoreEpisodeRow(s, scope.id, key.substr(1), value, nullptr);
    };
    auto status = ForEachRow(s.Scan(scope.id, storage::Table::kOpen, "E"), open);
    if (!status.ok()) return status;
    for (const storage::BucketPtr& b : s.buckets()) {
      auto ended = [&](absl::string_view key, absl::string_view value) {
        return RestoreEpisodeRow(s, scope.id, key, value, b);
      };
      status = ForEachRow(s.Scan(b, scope.id, storage::RecordKind::kEpisode, ""), ended);
      if (status = Tolerate(b, status); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace kg
