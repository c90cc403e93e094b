#include "engine/view.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/rows.h"
#include "engine/internal/tree_rows.h"
#include "engine/internal/view_impl.h"

namespace kg {

uint64_t IncidentTree::id() const {
  std::string bytes;
  storage::keys::AppendU32(&bytes, scope.value);
  absl::StrAppend(&bytes, storage::keys::Episode(root));
  return storage::keys::StableHash(bytes);
}

std::vector<IncidentPtr> View::AllTrees() const {
  std::vector<IncidentPtr> all;
  for (const ScopeDescription& s : scopes()) {
    ForEachTree(s.id, [&](const IncidentPtr& tree) {
      all.push_back(tree);
      return true;
    });
  }
  return all;
}

IncidentPtr FindTree(const IncidentIndex& trees, ScopeId scope, EpisodeKey root) {
  const IncidentPtr* tree = trees.Find(std::make_pair(scope, root));
  return tree == nullptr ? nullptr : *tree;
}

IncidentPtr FindTreeById(const IncidentIndex& trees, ScopeId scope, uint64_t id) {
  IncidentPtr found;
  ForEachTreeOf(trees, scope, [&](const IncidentPtr& tree) {
    if (tree->id() == id || std::binary_search(tree->aliases.begin(), tree->aliases.end(), id))
      found = tree;
    return found == nullptr;
  });
  return found;
}

void ForEachTreeOf(const IncidentIndex& trees, ScopeId scope,
                   const std::function<bool(const IncidentPtr&)>& fn) {
  const std::pair<ScopeId, EpisodeKey> first{scope, {kBeginning, EpisodeHash(0)}};
  trees.ForEachFrom(first,
                    [&](const IncidentPtr& tree) { return tree->scope == scope && fn(tree); });
}

BurstPtr FindBurst(const Graph& graph, ResourceId resource, EpisodeKey key) {
  const Node* node = graph.Find(resource);
  if (node == nullptr) return nullptr;
  const BurstPtr* b = node->bursts.Find(key);
  if (b == nullptr) {
    node = graph.Find(resource, key.onset);
    b = node->bursts.Find(key);
  }
  return b == nullptr ? nullptr : *b;
}

IncidentPtr ViewImpl::Tree(ScopeId scope, EpisodeKey root) const {
  IncidentPtr tree = FindTree(p_.incidents, scope, root);
  if (tree != nullptr || p_.snapshot == nullptr) return tree;
  auto stored = ReadTree(*p_.snapshot, scope, root, p_.expired_until);
  archive_.Note(stored.status());
  return stored.ok() ? *std::move(stored) : nullptr;
}

IncidentPtr ViewImpl::TreeById(ScopeId scope, uint64_t id) const {
  if (p_.snapshot == nullptr) return nullptr;
  std::set<uint64_t> seen;
  while (seen.insert(id).second) {
    auto row = ReadIncident(*p_.snapshot, scope, id);
    archive_.Note(row.status());
    if (!row.ok() || !row->has_value()) return FindTreeById(p_.incidents, scope, id);
    if ((*row)->merged_into == 0) return Tree(scope, (*row)->root);
    id = (*row)->merged_into;
  }
  return nullptr;
}

void ViewImpl::ForEachTree(ScopeId scope, const std::function<bool(const IncidentPtr&)>& fn) const {
  bool more = true;
  ForEachTreeOf(p_.incidents, scope, [&](const IncidentPtr& tree) { return more = fn(tree); });
  if (!more || p_.snapshot == nullptr) return;
  auto in_memory = [&](EpisodeKey root) { return FindTree(p_.incidents, scope, root) != nullptr; };
  archive_.Note(ForEachStoredTree(*p_.snapshot, scope, p_.expired_until, in_memory, fn));
  archive_.Note(p_.snapshot->status());
}

int64_t ViewImpl::Links(ScopeId scope) const {
  auto links = p_.links.find(scope.value);
  return links == p_.links.end() ? 0 : links->second;
}

std::vector<ScopeDescription> ViewImpl::scopes() const {
  std::vector<ScopeDescription> out;
  for (const ScopeInfo& s : identity_->scopes()) out.push_back({s.id, s.tenant, s.cluster});
  return out;
}

std::optional<ResourceId> ViewImpl::Find(ScopeId scope, const ObjectRef& ref) const {
  const auto id = identity_->Find(scope, Canonical(*rules_, ref));
  // A slot newer than this view is not there yet.
  if (!id.has_value() || p_.graph->Find(*id) == nullptr) return std::nullopt;
  return id;
}

std::vector<ResourceId> ViewImpl::List(ScopeId scope, const std::string& ns,
                                       const std::string& kind) const {
  std::vector<std::pair<std::shared_ptr<const SlotName>, ResourceId>> found;
  for (uint32_t i = 1; i < p_.graph->end_id(); ++i) {
    const Node* node = p_.graph->Find(ResourceId(i));
    if (node == nullptr || node->name == nullptr || node->name->scope != scope) continue;
    if (!ns.empty() && node->name->ns != ns) continue;
    if (!kind.empty() && !absl::EqualsIgnoreCase(node->name->kind, kind)) continue;
    found.emplace_back(node->name, ResourceId(i));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return *a.first < *b.first; });
  std::vector<ResourceId> out;
  for (const auto& [name, id] : found) out.push_back(id);
  return out;
}

std::vector<ResourceId> ViewImpl::Resolvers(ScopeId scope) const {
  const auto found = p_.resolvers->find(scope.value);
  if (found == p_.resolvers->end()) return {};
  return {found->second.begin(), found->second.end()};
}

absl::StatusOr<std::optional<EpisodeRecord>> ViewImpl::Episode(ScopeId scope,
                                                               EpisodeKey key) const {
  const std::string k = storage::keys::Episode(key);
  auto row = p_.snapshot->Get(scope, storage::Table::kOpen, absl::StrCat("E", k));
  if (!row.ok()) return row.status();
  if (!row->has_value()) {
    for (const storage::BucketPtr& b : p_.snapshot->buckets()) {
      if (storage::BucketEnd(b) <= key.onset) continue;
      row = p_.snapshot->Get(b, scope, storage::RecordKind::kEpisode, k);
      if (!row.ok()) return row.status();
      if (row->has_value()) break;
    }
  }
  if (!row->has_value()) {
    if (auto status = p_.snapshot->status(); !status.ok()) return status;
    return std::optional<EpisodeRecord>();
  }
  auto rec = records::DecodeEpisode(scope, **row);
  if (!rec.ok()) return rec.status();
  if (rec->end < p_.oldest)
    return std::optional<EpisodeRecord>();  // expired, though not dropped yet
  return std::optional<EpisodeRecord>(*std::move(rec));
}

absl::Status ViewImpl::ForEachEpisode(ScopeId scope, Interval when,
                                      const std::function<bool(const EpisodeRecord&)>& fn) const {
  // Rows stand in the bucket of their end, by onset, so the first ones of a later bucket may have
  // begun within `when`: the buckets are merged as they are read, and no more is read than is asked
  // for.
  struct Source {
    std::unique_ptr<storage::Cursor> rows;
    size_t skip;  // bytes of the key before the onset
    absl::string_view key() const { return rows->key().substr(skip); }
  };
  std::vector<Source> sources;
  sources.push_back({p_.snapshot->Scan(scope, storage::Table::kOpen, "E"), 1});
  for (const storage::BucketPtr& b : p_.snapshot->buckets()) {
    if (storage::BucketEnd(b) <= when.from) continue;
    sources.push_back({p_.snapshot->Scan(b, scope, storage::RecordKind::kEpisode, ""), 0});
  }
  auto later = [&](size_t a, size_t b) { return sources[a].key() > sources[b].key(); };
  std::vector<size_t> heap;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].rows->Valid()) {
      heap.push_back(i);
    } else if (auto status = sources[i].rows->status(); !status.ok()) {
      return status;
    }
  }
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    Source& source = sources[heap.back()];
    const auto key = storage::keys::ParseEpisode(source.key());
    if (!key.has_value()) return absl::DataLossError("the key of an episode is damaged");
    if (key->onset >= when.to) break;  // all that is left begins later still
    auto rec = records::DecodeEpisode(scope, source.rows->value());
    if (!rec.ok()) return rec.status();
    if (rec->end >= when.from && rec->end >= p_.oldest && !fn(*rec)) return absl::OkStatus();
    source.rows->Next();
    if (source.rows->Valid()) {
      std::push_heap(heap.begin(), heap.end(), later);
    } else {
      if (auto status = source.rows->status(); !status.ok()) return status;
      heap.pop_back();
    }
  }
  return p_.snapshot->status();
}

absl::Status ViewImpl::ForEachEpisodeOf(ScopeId scope, ResourceId resource, Interval when,
                                        const std::function<bool(const EpisodeRecord&)>& fn) const {
  std::vector<EpisodeRecord> found;
  auto take = [&](absl::StatusOr<std::optional<std::string>> row) -> absl::Status {
    if (!row.ok()) return row.status();
    if (!row->has_value()) return absl::OkStatus();
    auto rec = records::DecodeEpisode(scope, **row);
    if (!rec.ok()) return rec.status();
    if (rec->onset < when.to && rec->end >= when.from && rec->end >= p_.oldest)
      found.push_back(*std::move(rec));
    return absl::OkStatus();
  };
  const std::string prefix = storage::keys::SubjectPrefix(resource);
  auto open = [&](absl::string_view key, absl::string_view) {
    const std::string burst(key.substr(5));
    return take(p_.snapshot->Get(scope, storage::Table::kOpen, absl::StrCat("E", burst)));
  };
  auto status =
      ForEachRow(p_.snapshot->Scan(scope, storage::Table::kOpen, absl::StrCat("S", prefix)), open);
  if (!status.ok()) return status;
  for (const storage::BucketPtr& b : p_.snapshot->buckets()) {
    if (storage::BucketEnd(b) <= when.from) continue;
    const auto c = p_.snapshot->Scan(b, scope, storage::RecordKind::kSubjectIndex, prefix);
    for (; c->Valid(); c->Next()) {
      const auto key = storage::keys::ParseSubject(c->key());
      if (!key.has_value()) return absl::DataLossError("the key of a subject row is damaged");
      if (key->burst.onset >= when.to) break;
      status = take(p_.snapshot->Get(b, scope, storage::RecordKind::kEpisode,
                                     storage::keys::Episode(key->burst)));
      if (!status.ok()) return status;
    }
    if (status = c->status(); !status.ok()) return status;
  }
  if (status = p_.snapshot->status(); !status.ok()) return status;
  std::sort(found.begin(), found.end(), [](const EpisodeRecord& a, const EpisodeRecord& b) {
    return std::tie(a.onset, a.event_id) < std::tie(b.onset, b.event_id);
  });
  for (const EpisodeRecord& e : found) {
    if (!fn(e)) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<EpisodeKey>> ViewImpl::FindEvent(ScopeId scope,
                                                            const std::string& event_id) const {
  namespace keys = storage::keys;
  std::set<EpisodeKey> found;
  auto take = [&](const std::string& key,
                  const absl::StatusOr<std::optional<std::string>>& row) -> absl::Status {
    if (!row.ok()) return row.status();
    if (!row->has_value()) return absl::OkStatus();
    auto decoded = records::DecodeEventId(key, **row);
    if (!decoded.ok()) return decoded.status();
    for (const Interval& b : decoded->bursts) found.insert({b.from, decoded->hash});
    return absl::OkStatus();
  };
  // The second is how a directory of format 1 that was opened for reading has it.
  for (const std::string& key :
       {keys::EventId(keys::HashEventId(event_id)), keys::EventId(keys::Hash128Of(event_id))}) {
    auto status = take(key, p_.snapshot->Get(scope, storage::Table::kOpen, absl::StrCat("X", key)));
    for (const storage::BucketPtr& b : p_.snapshot->buckets()) {
      if (status.ok())
        status = take(key, p_.snapshot->Get(b, scope, storage::RecordKind::kEventIdIndex, key));
    }
    if (!status.ok()) return status;
    if (!found.empty()) break;
  }
  if (auto status = p_.snapshot->status(); !status.ok()) return status;
  return std::vector<EpisodeKey>(found.begin(), found.end());
}

absl::StatusOr<std::vector<RevisionRecord>> ViewImpl::Revisions(ScopeId scope, ResourceId id,
                                                                Interval when) const {
  std::vector<RevisionRecord> out;
  auto add = [&](records::RevisionRow&& r, Timestamp valid_to) {
    RevisionRecord rec;
    rec.uid = r.uid;
    rec.valid = {r.stretch.first, valid_to};
    rec.observed_from = r.stretch.first;
    rec.last_confirmed = r.stretch.last;
    rec.generation = r.stretch.rank;
    rec.fields = std::move(r.fields);
    const Node* node = p_.graph->Find(id);
    if (node != nullptr) {
      for (const Incarnation& i : node->incarnations) {
        if (i.uid == rec.uid) rec.valid.to = std::min(rec.valid.to, i.alive.to);
      }
    }
    if (rec.valid.from < when.to && rec.valid.to > when.from) out.push_back(std::move(rec));
  };
  bool newest_only = false;
  auto row = p_.snapshot->Get(scope, storage::Table::kResource, storage::keys::Resource(id));
  if (!row.ok()) return row.status();
  if (row->has_value()) {
    auto resource = records::DecodeResource(**row);
    if (!resource.ok()) return resource.status();
    // What a bucket holds of it ended before the newest state of its lane began.
    newest_only = !resource->newest.empty();
    for (records::RevisionRow& r : resource->newest) {
      newest_only = newest_only && r.stretch.first <= when.from;
      add(std::move(r), kForever);
    }
  }
  for (const storage::BucketPtr& b : p_.snapshot->buckets()) {
    if (newest_only || storage::BucketEnd(b) <= when.from) continue;
    auto take = [&](absl::string_view bytes, absl::string_view value) -> absl::Status {
      const auto key = storage::keys::ParseRevision(bytes);
      auto r = records::DecodeRevision(value);
      if (!key.has_value() || !r.ok()) return absl::DataLossError("a revision row is damaged");
      add(*std::move(r), key->valid_to);
      return absl::OkStatus();
    };
    auto status = ForEachRow(p_.snapshot->Scan(b, scope, storage::RecordKind::kRevision,
                                               storage::keys::RevisionPrefix(id)),
                             take);
    if (!status.ok()) return status;
  }
  if (auto status = p_.snapshot->status(); !status.ok()) return status;
  std::sort(out.begin(), out.end(), [](const RevisionRecord& a, const RevisionRecord& b) {
    return std::tie(a.valid, a.uid) < std::tie(b.valid, b.uid);
  });
  return out;
}

absl::StatusOr<std::vector<DeadLetter>> ViewImpl::DeadLetters(ScopeId scope, size_t limit) const {
  std::vector<DeadLetter> out;
  auto read = [&](const std::unique_ptr<storage::Cursor>& c) -> absl::Status {
    for (; c->Valid() && out.size() < limit; c->Next()) {
      auto letter = records::DecodeDeadLetter(scope, c->value());
      if (!letter.ok()) return letter.status();
      out.push_back(*std::move(letter));
    }
    return c->status();
  };
  auto status = read(p_.snapshot->Scan(scope, storage::Table::kSystem, "L"));
  for (const storage::BucketPtr& b : p_.snapshot->buckets()) {
    if (!status.ok()) return status;
    status = read(p_.snapshot->Scan(b, scope, storage::RecordKind::kDeadLetter, ""));
  }
  if (!status.ok()) return status;
  return out;
}

}  // namespace kg
