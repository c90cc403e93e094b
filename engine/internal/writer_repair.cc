#include "absl/strings/str_cat.h"
#include "engine/internal/writer.h"
#include "schemas/records_generated.h"
#include "storage/records.h"

// Rows that were lost, derived again from what they follow from.

namespace kg {

// As if nothing had followed from its states so far.
void Writer::TouchAnew(Slot& slot) {
  auto [it, fresh] = touched_slots_.try_emplace(slot.id);
  if (!fresh) return;
  it->second.lanes = slot.lanes;
  wants_commit_ = true;
  if (slot.name->kind == "Deployment") {
    auto changes = template_changes_.find(slot.id);
    if (changes != template_changes_.end()) DeriveEpisodes(slot, {}, changes->second);
  }
  const Namespace& ns = namespaces_[{slot.name->scope.value, slot.name->ns}];
  if (facets_.count(slot.id) == 0) return;
  if (ns.pods.count(slot.id) > 0) {
    for (ResourceId s : ns.selectors) joins_.insert({s, slot.id});
  } else {
    for (ResourceId p : ns.pods) joins_.insert({slot.id, p});
  }
}

absl::Status Writer::DeriveAgain(const verify::Rederive& what) {
  Begin();
  auto lost = [&](const storage::keys::EdgeKey& edge) {
    return what.edges.count({edge.from.value, edge.to.value}) > 0;
  };
  for (const auto& slot : slots_) {
    if (slot == nullptr) continue;
    bool affected = what.resources.contains(slot->id.value);
    for (const auto& [hash, state] : slot->states) {
      for (const ResolvedReference& r : state->references) affected = affected || lost(r.edge);
    }
    const auto own = what.edges.lower_bound({slot->id.value, 0});
    affected = affected || (own != what.edges.end() && own->first == slot->id.value);
    if (affected) TouchAnew(*slot);
  }
  // Until its causes are found an effect looks like the root of a tree of its own; that tree was
  // never one, so no alias of it may stay.
  std::vector<std::pair<ScopeId, std::string>> no_trees;
  for (const verify::Rederive::Effect& e : what.effects) {
    const BurstId id{e.scope.value, e.key};
    Warm(id);
    if (!bursts_.contains(id)) continue;
    relink_.push_back({id, e.resource});
    IncidentTree own;
    own.scope = e.scope;
    own.root = e.key;
    std::string key = storage::keys::Incident(own.id());
    auto row = published_.snapshot->Get(e.scope, storage::Table::kIncident, key);
    if (!row.ok()) return row.status();
    if (!row->has_value()) no_trees.emplace_back(e.scope, std::move(key));
  }
  if (!relink_.empty()) wants_commit_ = true;
  if (auto committed = Commit(true); !committed.ok()) return committed.status();
  auto session = store_->BeginWrite({});
  if (!session.ok()) return session.status();
  for (const auto& [scope, key] : no_trees) {
    auto row = published_.snapshot->Get(scope, storage::Table::kIncident, key);
    if (!row.ok()) return row.status();
    if (!row->has_value()) continue;
    auto incident = storage::DecodeTable<fb::Incident>(**row);
    if (incident.ok() && (*incident)->merged_into() != 0)
      (*session)->Delete(scope, storage::Table::kIncident, key);
  }
  return (*session)->Commit().status();
}

}  // namespace kg
