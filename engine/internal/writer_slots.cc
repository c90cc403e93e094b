#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/internal/asserters.h"
#include "engine/internal/hosts.h"
#include "engine/internal/writer.h"

// Objects: what was seen of them, and what follows from it.

namespace kg {
namespace {

constexpr absl::string_view kTemplateLabel = "metadata.labels.pod-template-hash";

// Of a pod template, without what its ReplicaSet adds; equal for a Deployment and the ReplicaSet
// that came of it.
uint64_t TemplateHash(const Fields& fields) {
  Fields inner;
  for (const Field& f : Under(fields, "spec.template.")) {
    Field stripped = f;
    stripped.path = f.path.substr(14);
    if (stripped.path != kTemplateLabel) inner.push_back(std::move(stripped));
  }
  return inner.empty() ? 0 : storage::keys::StableHash(CanonicalBytes(inner));
}

bool HasLabelDns(const std::map<std::string, std::string>& labels) {
  auto it = labels.find("k8s-app");
  return it != labels.end() && (it->second == "kube-dns" || it->second == "coredns");
}

// Neighbouring facets that say the same become one.
std::vector<Facet> Joined(const std::vector<Facet>& facets) {
  std::vector<Facet> out;
  for (const Facet& f : facets) {
    const bool same = !out.empty() && out.back().when.to >= f.when.from &&
                      out.back().state->facts.labels == f.state->facts.labels &&
                      out.back().state->facts.selector == f.state->facts.selector;
    if (same) {
      out.back().when.to = std::max(out.back().when.to, f.when.to);
    } else {
      out.push_back(f);
    }
  }
  return out;
}

bool SayTheSame(const std::vector<Facet>& a, const std::vector<Facet>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Facet& x, const Facet& y) {
    return x.when == y.when && x.state->facts.labels == y.state->facts.labels &&
           x.state->facts.selector == y.state->facts.selector;
  });
}

}  // namespace

Slot& Writer::SlotFor(ResourceId id) {
  if (slots_.size() <= id.value) slots_.resize(id.value + 1);
  if (slots_[id.value] == nullptr) {
    slots_[id.value] = std::make_unique<Slot>();
    Slot& slot = *slots_[id.value];
    slot.id = id;
    slot.name = identity_->Name(id);
    slot.listings = &ListingsOf(*slot.name);
    if (graph_ != nullptr) {
      graph_->Mutable(id).name = slot.name;
      Touch(slot);  // a stub gets its row, too
    }
  }
  return *slots_[id.value];
}

ResourceId Writer::ResolveRef(ScopeId scope, const ObjectRef& ref) {
  return ResolveCanonical(scope, Canonical(rules_, ref));
}

ResourceId Writer::ResolveCanonical(ScopeId scope, const ObjectRef& canonical) {
  const ResourceId id = identity_->Resolve(scope, canonical);
  if (id.value == 0) return id;
  const bool fresh = id.value >= slots_.size() || slots_[id.value] == nullptr;
  Slot& slot = SlotFor(id);
  slot.referenced = std::max(slot.referenced, clock_);
  const bool nameless = canonical.name.empty();
  if (nameless ? fresh : !canonical.uid.empty() && slot.lives.count(canonical.uid) == 0) {
    const auto before =
        identity_->Find(scope, {canonical.group, true, canonical.kind, "", "", canonical.uid});
    identity_->BindUid(scope, canonical.uid, id);
    std::string value;
    storage::keys::AppendU32(&value, id.value);
    PutTable(storage::Table::kAlias, scope, absl::StrCat("u", canonical.uid), std::move(value));
    const bool was_nameless = before.has_value() && *before != id &&
                              before->value < slots_.size() && slots_[before->value] != nullptr &&
                              slots_[before->value]->name->name.empty();
    if (was_nameless) Redirect(*before, id);
  }
  return id;
}

void Writer::Touch(Slot& slot) {
  auto [it, fresh] = touched_slots_.try_emplace(slot.id);
  if (!fresh) return;
  it->second.history = Unfold(slot, rules_);
  it->second.lanes = slot.lanes;
  wants_commit_ = true;
}

// Somebody named the object as being there; the object itself was not shown.
void Writer::Sight(Slot& slot, const std::string& uid, Timestamp at) {
  if (uid.empty()) {
    if (at >= slot.named_first) return;
    if (slot.lives.empty()) Touch(slot);
    slot.named_first = std::min(slot.named_first, at);
    unconfirmed_.insert(slot.id);
    return;
  }
  auto life = slot.lives.find(uid);
  if (life != slot.lives.end() && life->second.first_seen <= at) return;
  Touch(slot);
  Life& l = slot.lives[uid];
  l.first_seen = std::min(l.first_seen, at);
}

bool Writer::SightListed(Slot& slot, const std::string& uid, Timestamp at) {
  const auto life = slot.lives.find(uid);
  const bool news = uid.empty() ? at < slot.named_first || at > slot.named_last
                                : life == slot.lives.end() || at < life->second.first_seen ||
                                      at > life->second.last_seen;
  if (!news) return false;
  Touch(slot);
  if (uid.empty()) {
    slot.named_first = std::min(slot.named_first, at);
    slot.named_last = std::max(slot.named_last, at);
    return true;
  }
  Life& l = slot.lives[uid];
  l.first_seen = std::min(l.first_seen, at);
  l.last_seen = std::max(l.last_seen, at);
  return true;
}

bool Writer::FoldListing(const SlotName& what, Timestamp at) {
  std::vector<Timestamp>& times = ListingsOf(what)[what.ns];
  auto where = std::lower_bound(times.begin(), times.end(), at);
  if (where != times.end() && *where == at) return false;
  // Those that it ends must be known as they were before.
  for (const auto& slot : slots_) {
    if (slot == nullptr || slot->listings != &ListingsOf(what)) continue;
    if (!what.ns.empty() && slot->name->ns != what.ns) continue;
    const auto lives = Incarnations(*slot);
    const bool may_end = std::any_of(lives.begin(), lives.end(), [&](const Incarnation& l) {
      auto life = slot->lives.find(l.uid);
      const Timestamp seen = life == slot->lives.end() ? kBeginning : life->second.last_seen;
      return l.alive.Contains(at) && at > std::max(seen, slot->named_last);
    });
    if (may_end) Touch(*slot);
  }
  times.insert(where, at);
  RowOp op;
  op.in_table = false;
  op.bucket_time = at;
  op.kind = storage::RecordKind::kHangingDelete;
  op.scope = what.scope;
  op.value = records::EncodeListing(what);
  op.key = storage::keys::HangingDelete(storage::keys::Hash128Of(op.value), at);
  ops_.push_back(std::move(op));
  wants_commit_ = true;
  return true;
}

// The listing goes with its bucket; that it ended this life stays.
void Writer::NoteUnlisted(Slot& slot) {
  for (const Incarnation& i : Incarnations(slot)) {
    auto life = slot.lives.find(i.uid);
    if (i.alive.to == kForever) continue;
    for (const std::string& ns : {std::string(), slot.name->ns}) {
      auto times = slot.listings->find(ns);
      if (times == slot.listings->end() ||
          !std::binary_search(times->second.begin(), times->second.end(), i.alive.to))
        continue;
      if (life != slot.lives.end()) life->second.unlisted = i.alive.to;
    }
  }
}

void Writer::LearnState(Slot& slot, uint64_t hash, Fields fields) {
  auto [it, fresh] = slot.states.try_emplace(hash, nullptr);
  if (!fresh) return;
  auto state = std::make_shared<SeenState>();
  const SlotName& n = *slot.name;
  const ObjectRef self{n.group, true, n.kind, n.ns, n.name, ""};
  state->facts = DeriveFacts(rules_, self, fields);
  for (const Reference& r : state->facts.references) {
    const ResourceId other = ResolveRef(n.scope, r.other);
    const ResourceId from = r.from.has_value() ? ResolveRef(n.scope, *r.from) : slot.id;
    if (other.value == 0 || from == other) continue;
    storage::keys::EdgeKey edge{from, r.type, other};
    if (r.reverse) std::swap(edge.from, edge.to);
    state->references.push_back({edge, r.flags});
  }
  state->template_hash = TemplateHash(fields);
  state->fields = std::move(fields);
  it->second = std::move(state);
}

void Writer::MentionHosts(Slot& slot, const std::string& uid, absl::string_view text,
                          Timestamp at) {
  if (slot.name->kind != "Pod") return;
  for (const std::string& host : HostsInText(text)) {
    const auto service = ServiceOfHost(host, slot.name->ns);
    if (!service.has_value()) continue;
    const ResourceId target = ResolveRef(slot.name->scope, *service);
    auto it = slot.mentions.find({target, uid});
    if (it != slot.mentions.end() && it->second <= at) continue;
    Touch(slot);
    slot.mentions[{target, uid}] = at;
  }
}

void Writer::DeriveTouchedSlots() {
  for (auto& [id, before] : touched_slots_) {
    Slot& slot = *slots_[id.value];
    const SlotHistory after = Unfold(slot, rules_);
    if (after.incarnations != before.history.incarnations || graph_->Find(id) == nullptr) {
      Node& node = graph_->Mutable(id);
      node.name = slot.name;
      node.incarnations = after.incarnations;
    }
    DeriveEdges(slot, before.history, after);
    DeriveEpisodes(slot, before.history.episodes, after.episodes);
    IndexFacets(slot, after);
    NoteUnlisted(slot);
    WriteSlot(slot);
    WriteRevisions(slot, before.lanes);
  }
  JoinSelectors();
  for (ResourceId deployment : template_joins_) JoinTemplates(deployment);
}

void Writer::DeriveEdges(const Slot& slot, const SlotHistory& before, const SlotHistory& after) {
  const uint64_t asserter = asserters::Object(slot.id);
  for (const auto& [edge, claim] : before.edges) {
    if (after.edges.count(edge) == 0) SetClaim(edge, asserter, {}, 0);
  }
  for (const auto& [edge, claim] : after.edges) {
    auto it = before.edges.find(edge);
    if (it == before.edges.end() || !(it->second == claim)) {
      SetClaim(edge, asserter, claim.intervals, claim.flags);
    }
  }
}

void Writer::DeriveEpisodes(const Slot& slot, const EpisodeMap& before, const EpisodeMap& after) {
  auto record = [&](const DerivedEpisode& d) {
    EpisodeRecord rec;
    rec.scope = slot.name->scope;
    rec.resource = d.about.has_value() ? ResolveRef(rec.scope, *d.about) : slot.id;
    rec.event_id = d.event_id;
    rec.etype = d.etype;
    rec.reason = d.reason;
    rec.message = d.message;
    rec.container = d.container;
    rec.uid = d.uid;
    rec.paths = d.paths;
    rec.cls = d.cls;
    rec.more_classes = d.more_classes;
    rec.category = rules_.Class(d.cls).category;
    rec.severity = rules_.Class(d.cls).severity;
    rec.blamed = BlamedBy(rec.scope, slot.name->ns, rec.cls, rec.message);
    return rec;
  };
  const auto since = [](const DerivedEpisode& e) {
    return e.runs.empty() ? kForever : std::min(e.runs.front().earliest, e.runs.front().onset);
  };
  for (const auto& [id, episode] : before) {
    if (after.count(id) == 0) SetRuns(record(episode), {}, since(episode));
  }
  for (const auto& [id, episode] : after) {
    auto it = before.find(id);
    if (it == before.end()) {
      SetRuns(record(episode), episode.runs, since(episode));
    } else if (!(it->second == episode)) {
      SetRuns(record(episode), episode.runs, std::min(since(episode), since(it->second)));
    }
  }
}

void Writer::WriteSlot(const Slot& slot) {
  PutTable(storage::Table::kResource, slot.name->scope, storage::keys::Resource(slot.id),
           records::EncodeResource(slot));
}

// All but the newest stretch of each lane, in the bucket of their end.
void Writer::WriteRevisions(const Slot& slot, const std::vector<Lane>& before) {
  // A stamp that comes later may date a state that was seen before.
  using Row = std::pair<storage::keys::RevisionKey, std::pair<Stretch, size_t>>;
  auto rows = [&](const Lane& lane) {
    std::vector<Row> out;
    const auto tag = static_cast<uint32_t>(
        storage::keys::StableHash(absl::StrCat(lane.uid, "\n", static_cast<int>(lane.shape))));
    const auto& s = lane.seen.stretches();
    for (size_t i = 0; i + 1 < s.size(); ++i) {
      auto managed = lane.managed.find(s[i].state);
      const size_t stamps = managed == lane.managed.end() ? 0 : managed->second.size();
      out.push_back({{slot.id, s[i + 1].first, s[i].first, tag}, {s[i], stamps}});
    }
    return out;
  };
  for (const Lane& lane : slot.lanes) {
    std::vector<Row> old;
    for (const Lane& l : before) {
      if (l.uid == lane.uid && l.shape == lane.shape) old = rows(l);
    }
    const std::vector<Row> now = rows(lane);
    // Both are in order of time, hence of keys.
    auto find = [](const std::vector<Row>& in,
                   const storage::keys::RevisionKey& key) -> const Row* {
      auto it = std::lower_bound(
          in.begin(), in.end(), key,
          [](const Row& r, const storage::keys::RevisionKey& k) { return r.first < k; });
      return it != in.end() && it->first == key ? &*it : nullptr;
    };
    for (const Row& row : old) {
      if (find(now, row.first) != nullptr) continue;
      DeleteAtEnd(row.first.valid_to, storage::RecordKind::kRevision, slot.name->scope,
                  storage::keys::Revision(row.first));
    }
    for (const Row& row : now) {
      const Row* known = find(old, row.first);
      if (known != nullptr && known->second == row.second) continue;
      const Stretch& stretch = row.second.first;
      auto state = slot.states.find(stretch.state);
      auto managed = lane.managed.find(stretch.state);
      records::RevisionRow revision{
          lane.uid,
          lane.shape,
          stretch,
          state == slot.states.end() ? Fields{} : state->second->fields,
          managed == lane.managed.end() ? std::vector<ManagedStamp>{} : managed->second,
          false,
          ""};
      PutAtEnd(row.first.valid_to, storage::RecordKind::kRevision, slot.name->scope,
               storage::keys::Revision(row.first), records::EncodeRevision(revision));
    }
  }
}

void Writer::IndexFacets(const Slot& slot, const SlotHistory& history) {
  std::vector<Facet> facets = Joined(history.facets);
  const SlotName& n = *slot.name;
  const bool is_pod = n.kind == "Pod" && n.group.empty();
  const bool selects = std::any_of(facets.begin(), facets.end(), [](const Facet& f) {
    return f.state->facts.selector.has_value();
  });
  if (std::any_of(facets.begin(), facets.end(),
                  [](const Facet& f) { return HasLabelDns(f.state->facts.labels); }) &&
      (is_pod || n.kind == "Service" || n.kind == "Deployment")) {
    dns_changed_ = dns_[n.scope.value].insert(slot.id).second || dns_changed_;
  }
  if (n.kind == "ReplicaSet") {
    for (const auto& [edge, claim] : history.edges) {
      if (edge.to != slot.id) continue;
      template_children_[edge.from].insert(slot.id);
      template_joins_.insert(edge.from);
    }
  } else if (n.kind == "Deployment") {
    template_joins_.insert(slot.id);
  }
  if (!is_pod && !selects && facets_.count(slot.id) == 0) return;
  auto& known = facets_[slot.id];
  if (SayTheSame(known, facets)) return;
  known = std::move(facets);
  Namespace& ns = namespaces_[{n.scope.value, n.ns}];
  if (is_pod) {
    ns.pods.insert(slot.id);
    for (ResourceId s : ns.selectors) joins_.insert({s, slot.id});
  } else {
    ns.selectors.insert(slot.id);
    for (ResourceId p : ns.pods) joins_.insert({slot.id, p});
  }
}

void Writer::JoinSelectors() {
  for (const auto& [selector, pod] : joins_) JoinSelector(selector, pod);
}

void Writer::JoinSelector(ResourceId selector, ResourceId pod) {
  std::vector<Interval> intervals;
  EdgeTypeId type;
  for (const Facet& s : facets_[selector]) {
    if (!s.state->facts.selector.has_value()) continue;
    type = s.state->facts.selects;
    for (const Facet& p : facets_[pod]) {
      const Interval both{std::max(s.when.from, p.when.from), std::min(s.when.to, p.when.to)};
      if (!both.empty() && s.state->facts.selector->Matches(p.state->facts.labels))
        intervals.push_back(both);
    }
  }
  if (type.value == 0) return;
  Normalize(&intervals);
  const storage::keys::EdgeKey edge{selector, type, pod};
  if (intervals.empty() && edges_.count(edge) == 0) return;
  SetClaim(edge, asserters::Selector(selector), std::move(intervals), 0);
}

// A Deployment's ReplicaSets are its template's history: what changed between two of them, when the
// later one was made. Where the Deployment itself was seen to change so, that says it already.
Writer::EpisodeMap Writer::TemplateChanges(const Slot& deployment) const {
  struct Version {
    Timestamp created;
    std::string name;
    std::shared_ptr<const SeenState> state;
  };
  EpisodeMap out;
  auto children = template_children_.find(deployment.id);
  if (children == template_children_.end() || deployment.lives.empty()) return out;
  std::vector<Version> versions;
  for (ResourceId id : children->second) {
    const Slot& rs = *slots_[id.value];
    for (const Lane& lane : rs.lanes) {
      auto life = rs.lives.find(lane.uid);
      if (lane.seen.empty() || life == rs.lives.end() || life->second.created == kBeginning)
        continue;
      auto state = rs.states.find(lane.seen.stretches().front().state);
      if (state == rs.states.end() || state->second->template_hash == 0) continue;
      versions.push_back({life->second.created, rs.name->name, state->second});
    }
  }
  std::sort(versions.begin(), versions.end(), [](const Version& a, const Version& b) {
    return std::tie(a.created, a.name) < std::tie(b.created, b.name);
  });
  std::set<uint64_t> seen_to_change;
  for (const Lane& lane : deployment.lanes) {
    const auto& stretches = lane.seen.stretches();
    for (size_t i = 1; i < stretches.size(); ++i) {
      auto a = deployment.states.find(stretches[i - 1].state);
      auto b = deployment.states.find(stretches[i].state);
      if (a == deployment.states.end() || b == deployment.states.end()) continue;
      if (a->second->template_hash != b->second->template_hash)
        seen_to_change.insert(b->second->template_hash);
    }
  }
  const std::string uid = deployment.lives.rbegin()->first;
  for (size_t i = 1; i < versions.size(); ++i) {
    const SeenState& before = *versions[i - 1].state;
    const SeenState& after = *versions[i].state;
    if (before.template_hash == after.template_hash ||
        seen_to_change.count(after.template_hash) > 0)
      continue;
    Fields then = before.fields, now = after.fields;
    for (Fields* f : {&then, &now}) {
      f->erase(
          std::remove_if(f->begin(), f->end(),
                         [](const Field& x) { return absl::EndsWith(x.path, kTemplateLabel); }),
          f->end());
    }
    const auto change = ChangeBetween(rules_, "Deployment", then, now, "spec.template.");
    if (!change.has_value()) continue;
    DerivedEpisode e;
    e.event_id = absl::StrCat("change/", uid, "/", absl::Hex(after.template_hash), "/rs");
    e.etype = "k8s.change";
    e.cls = change->classes.front();
    e.more_classes.assign(change->classes.begin() + 1, change->classes.end());
    e.uid = uid;
    e.reason = "Changed";
    e.paths = change->texts;
    e.message = absl::StrCat(change->summary, " (ReplicaSet ", versions[i].name, ")");
    e.runs.push_back({versions[i].created - 1s, versions[i].created, versions[i].created});
    out.emplace(e.event_id, std::move(e));
  }
  return out;
}

void Writer::JoinTemplates(ResourceId deployment) {
  if (deployment.value >= slots_.size() || slots_[deployment.value] == nullptr) return;
  const Slot& slot = *slots_[deployment.value];
  EpisodeMap now = TemplateChanges(slot);
  EpisodeMap& known = template_changes_[deployment];
  if (now == known) return;
  DeriveEpisodes(slot, known, now);
  known = std::move(now);
}

}  // namespace kg
