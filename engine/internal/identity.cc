#include "engine/internal/identity.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kg {
namespace {

constexpr char kUnassigned[] = "unassigned";
constexpr absl::string_view kNul("\0", 1);

std::string NameKey(ScopeId scope, const ObjectRef& ref) {
  return absl::StrCat(scope.value, kNul, ref.group, kNul, absl::AsciiStrToLower(ref.kind), kNul,
                      ref.ns, kNul, ref.name);
}

std::string UidKey(ScopeId scope, const std::string& uid) {
  return absl::StrCat(scope.value, kNul, uid);
}

// 8-4-4-4-12 hexadecimal digits.
bool LooksLikeUid(absl::string_view s) {
  if (s.size() != 36) return false;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? s[i] != '-' : !absl::ascii_isxdigit(s[i])) return false;
  }
  return true;
}

}  // namespace

ObjectRef Canonical(const RuleBook& rules, ObjectRef ref) {
  const auto known = rules.KindByName(absl::AsciiStrToLower(ref.kind));
  if (known.has_value() &&
      (!ref.group_known || ref.group == known->group || ref.group == "extensions" ||
       (known->group == "events.k8s.io" && ref.group.empty()))) {
    ref.kind = known->kind;
    ref.group = known->group;
    if (!known->namespaced) ref.ns.clear();
  }
  ref.group_known = true;
  if (ref.uid == ref.name) ref.uid.clear();
  return ref;
}

std::optional<ObjectRef> ParseRid(const RuleBook& rules, absl::string_view rid) {
  const size_t colon = rid.find(':');
  if (colon == absl::string_view::npos || colon == 0) return std::nullopt;
  ObjectRef ref;
  ref.kind = std::string(rid.substr(0, colon));
  const absl::string_view rest = rid.substr(colon + 1);
  const size_t second = rest.find(':');
  if (second == absl::string_view::npos) {
    (LooksLikeUid(rest) ? ref.uid : ref.name) = std::string(rest);
  } else {
    ref.ns = std::string(rest.substr(0, second));
    ref.name = std::string(rest.substr(second + 1));
  }
  if (ref.name.empty() && ref.uid.empty()) return std::nullopt;
  return Canonical(rules, std::move(ref));
}

Identity::Identity(const RuleBook& rules, std::string default_tenant, std::string default_cluster)
    : rules_(rules),
      default_tenant_(std::move(default_tenant)),
      default_cluster_(std::move(default_cluster)) {
  (void)rules_;
  absl::MutexLock lock(&mutex_);
  names_.push_back(nullptr);
}

ScopeId Identity::ScopeFor(const ScopeName& name) {
  absl::MutexLock lock(&mutex_);
  return ClusterFor(TenantFor(name.tenant), name.cluster);
}

Identity::Tenant& Identity::TenantFor(const std::string& name) {
  auto find = [&](const std::string& wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> Tenant* {
    for (Tenant& t : tenants_) {
      if (t.named && t.name == wanted) return &t;
    }
    return nullptr;
  };
  if (tenants_.empty()) tenants_.push_back({default_tenant_, !default_tenant_.empty(), {}, false});
  Tenant& first = tenants_.front();
  if (name.empty()) {
    // Restored tenants stand in the order of their scopes, so the default one may not be the first.
    if (!default_tenant_.empty() && first.named && first.name != default_tenant_) {
      if (Tenant* t = find(default_tenant_)) return *t;
      tenants_.push_back({default_tenant_, true, {}, false});
      return tenants_.back();
    }
    const auto named = std::count_if(tenants_.begin(), tenants_.end(), [](const Tenant& t) {
      return t.named && t.name != kUnassigned;
    });
    if (!default_tenant_.empty() || named < 2) return first;
    if (Tenant* t = find(kUnassigned)) return *t;
    tenants_.push_back({kUnassigned, true, {}, false});
    return tenants_.back();
  }
  if (Tenant* t = find(name)) return *t;
  if (!first.named) {
    first.named = true;
    first.name = name;
    for (const auto& [cluster, id] : first.clusters) {
      scopes_[id.value - 1].tenant = name;
      changed_scopes_.push_back(id);
    }
    return first;
  }
  tenants_.push_back({name, true, {}, false});
  return tenants_.back();
}

ScopeId Identity::ClusterFor(Tenant& tenant, const std::string& name) {
  if (tenant.clusters.empty()) {
    const std::string& first = default_cluster_.empty() ? name : default_cluster_;
    tenant.first_cluster_named = !first.empty();
    const ScopeId id = NewScope(tenant, first);
    tenant.clusters.emplace_back(first, id);
    if (name.empty() || name == first) return id;
  }
  auto find = [&](const std::string& wanted) {
    return std::find_if(tenant.clusters.begin(), tenant.clusters.end(),
                        [&](const auto& c) { return c.first == wanted; });
  };
  if (name.empty()) {
    const auto named =
        std::count_if(tenant.clusters.begin(), tenant.clusters.end(),
                      [](const auto& c) { return !c.first.empty() && c.first != kUnassigned; });
    if (!default_cluster_.empty() || named < 2) return tenant.clusters.front().second;
    auto it = find(kUnassigned);
    if (it != tenant.clusters.end()) return it->second;
    tenant.clusters.emplace_back(kUnassigned, NewScope(tenant, kUnassigned));
    return tenant.clusters.back().second;
  }
  auto it = find(name);
  if (it != tenant.clusters.end()) return it->second;
  if (!tenant.first_cluster_named) {
    auto& [cluster, id] = tenant.clusters.front();
    cluster = name;
    tenant.first_cluster_named = true;
    scopes_[id.value - 1].cluster = name;
    changed_scopes_.push_back(id);
    return id;
  }
  tenant.clusters.emplace_back(name, NewScope(tenant, name));
  return tenant.clusters.back().second;
}

ScopeId Identity::NewScope(Tenant& tenant, const std::string& cluster) {
  const ScopeId id(static_cast<uint32_t>(scopes_.size() + 1));
  scopes_.push_back({id, tenant.named ? tenant.name : "", cluster});
  changed_scopes_.push_back(id);
  return id;
}

std::optional<ScopeId> Identity::FindScope(const ScopeName& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const std::string& wanted = name.tenant.empty() ? default_tenant_ : name.tenant;
  const Tenant* tenant = nullptr;
  for (const Tenant& t : tenants_) {
    if (t.name == wanted && tenant == nullptr) tenant = &t;
  }
  if (tenant == nullptr && name.tenant.empty() && !tenants_.empty()) tenant = &tenants_.front();
  if (tenant == nullptr) return std::nullopt;
  for (const auto& [cluster, id] : tenant->clusters) {
    if (name.cluster.empty() || cluster == name.cluster) return id;
  }
  return std::nullopt;
}

std::vector<ScopeInfo> Identity::scopes() const {
  absl::ReaderMutexLock lock(&mutex_);
  return scopes_;
}

std::vector<ScopeInfo> Identity::TakeChangedScopes() {
  absl::MutexLock lock(&mutex_);
  std::vector<ScopeInfo> out;
  for (ScopeId id : changed_scopes_) out.push_back(scopes_[id.value - 1]);
  changed_scopes_.clear();
  return out;
}

void Identity::RestoreScope(const ScopeInfo& scope) {
  absl::MutexLock lock(&mutex_);
  scopes_.resize(std::max<size_t>(scopes_.size(), scope.id.value));
  scopes_[scope.id.value - 1] = scope;
  auto it = std::find_if(tenants_.begin(), tenants_.end(),
                         [&](const Tenant& t) { return t.name == scope.tenant; });
  if (it == tenants_.end()) {
    tenants_.push_back({scope.tenant, !scope.tenant.empty(), {}, !scope.cluster.empty()});
    it = tenants_.end() - 1;
  }
  it->clusters.emplace_back(scope.cluster, scope.id);
}

std::optional<ResourceId> Identity::FindLocked(ScopeId scope, const ObjectRef& ref) const {
  if (!ref.name.empty()) {
    auto it = by_name_.find(NameKey(scope, ref));
    if (it != by_name_.end()) return it->second;
    return std::nullopt;
  }
  auto it = by_uid_.find(UidKey(scope, ref.uid));
  if (it != by_uid_.end()) return it->second;
  return std::nullopt;
}

ResourceId Identity::Resolve(ScopeId scope, const ObjectRef& ref) {
  if (ref.name.empty() && ref.uid.empty()) return ResourceId(0);
  absl::MutexLock lock(&mutex_);
  if (auto found = FindLocked(scope, ref)) return *found;
  const ResourceId id(static_cast<uint32_t>(names_.size()));
  names_.push_back(
      std::make_shared<SlotName>(SlotName{scope, ref.group, ref.kind, ref.ns, ref.name}));
  if (!ref.name.empty()) by_name_.emplace(NameKey(scope, ref), id);
  if (!ref.uid.empty()) by_uid_.try_emplace(UidKey(scope, ref.uid), id);
  return id;
}

std::optional<ResourceId> Identity::Find(ScopeId scope, const ObjectRef& ref) const {
  absl::ReaderMutexLock lock(&mutex_);
  return FindLocked(scope, ref);
}

std::vector<std::pair<ScopeId, std::string>> Identity::Forget(
    const absl::flat_hash_set<ResourceId>& gone) {
  absl::MutexLock lock(&mutex_);
  std::vector<std::pair<ScopeId, std::string>> uids;
  for (ResourceId id : gone) {
    if (id.value >= names_.size() || names_[id.value] == nullptr) continue;
    const SlotName& n = *names_[id.value];
    by_name_.erase(NameKey(n.scope, {n.group, true, n.kind, n.ns, n.name, ""}));
    names_[id.value] = nullptr;  // views of before have it in their graph
  }
  for (auto it = by_uid_.begin(); it != by_uid_.end();) {
    if (!gone.contains(it->second)) {
      ++it;
      continue;
    }
    const size_t end_of_scope = it->first.find('\0');
    uint32_t scope = 0;
    if (absl::SimpleAtoi(it->first.substr(0, end_of_scope), &scope))
      uids.emplace_back(ScopeId(scope), it->first.substr(end_of_scope + 1));
    by_uid_.erase(it++);
  }
  return uids;
}

void Identity::BindUid(ScopeId scope, const std::string& uid, ResourceId id) {
  absl::MutexLock lock(&mutex_);
  by_uid_[UidKey(scope, uid)] = id;
}

void Identity::Restore(ResourceId id, std::shared_ptr<const SlotName> name) {
  absl::MutexLock lock(&mutex_);
  if (names_.size() <= id.value) names_.resize(id.value + 1);
  if (!name->name.empty()) {
    by_name_[NameKey(name->scope, {name->group, true, name->kind, name->ns, name->name, ""})] = id;
  }
  names_[id.value] = std::move(name);
}

std::shared_ptr<const SlotName> Identity::Name(ResourceId id) const {
  absl::ReaderMutexLock lock(&mutex_);
  return id.value < names_.size() ? names_[id.value] : nullptr;
}

uint32_t Identity::size() const {
  absl::ReaderMutexLock lock(&mutex_);
  return static_cast<uint32_t>(names_.size());
}

}  // namespace kg
