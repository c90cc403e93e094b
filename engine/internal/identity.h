#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "engine/graph.h"
#include "engine/mutation.h"
#include "engine/rules.h"

namespace kg {

// `ref` with its kind in canonical case, its group inferred where unknown, a namespace only where
// the kind has one, and no uid that merely repeats the name. Unknown kinds keep their spelling.
ObjectRef Canonical(const RuleBook& rules, ObjectRef ref);

// A resource id as any of the predecessor's components spell it, in any case: kind:uid,
// kind:ns:name, kind:name, kind::name, node:default:name. nullopt when it has no kind.
std::optional<ObjectRef> ParseRid(const RuleBook& rules, absl::string_view rid);

struct ScopeInfo {
  ScopeId id;
  std::string tenant;  // "" until a record names one
  std::string cluster;
};

// Who is who: scopes by (tenant, cluster), slots by name, uids to slots.
//
// Operation: only ever grows, except that a scope takes on the first name that comes. Ids are
// dense. Concurrency: one writer; reads may come from any thread.
class Identity {
 public:
  // `default_*`: what records that name none belong to, decided beforehand ("" leaves it to the
  // first name that comes).
  Identity(const RuleBook& rules, std::string default_tenant, std::string default_cluster);

  // The scope that a record with these names belongs to, made where there is none. A record that
  // names none shares the first named; once a second is named, it goes to "unassigned".
  ScopeId ScopeFor(const ScopeName& name);
  // As ScopeFor, for questions: makes nothing. Empty members match the only or default one.
  std::optional<ScopeId> FindScope(const ScopeName& name) const;
  std::vector<ScopeInfo> scopes() const;
  // Scopes made or renamed since the last call.
  std::vector<ScopeInfo> TakeChangedScopes();
  void RestoreScope(const ScopeInfo& scope);

  // The slot of a canonical reference, made where there is none. A reference with neither name nor
  // uid is ResourceId{0}.
  ResourceId Resolve(ScopeId scope, const ObjectRef& ref);
  std::optional<ResourceId> Find(ScopeId scope, const ObjectRef& ref) const;
  // The slots are gone, with their names, which are free for others, and the uids that led to them,
  // which are returned.
  std::vector<std::pair<ScopeId, std::string>> Forget(const absl::flat_hash_set<ResourceId>& gone);
  void BindUid(ScopeId scope, const std::string& uid, ResourceId id);
  void Restore(ResourceId id, std::shared_ptr<const SlotName> name);

  std::shared_ptr<const SlotName> Name(ResourceId id) const;
  uint32_t size() const;

 private:
  struct Tenant {
    std::string name;
    bool named = false;
    std::vector<std::pair<std::string, ScopeId>> clusters;  // in order of first mention
    bool first_cluster_named = false;
  };

  Tenant& TenantFor(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ScopeId ClusterFor(Tenant& tenant, const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ScopeId NewScope(Tenant& tenant, const std::string& cluster)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<ResourceId> FindLocked(ScopeId scope, const ObjectRef& ref) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const RuleBook& rules_;
  const std::string default_tenant_, default_cluster_;
  mutable absl::Mutex mutex_;
  std::vector<Tenant> tenants_ ABSL_GUARDED_BY(mutex_);
  std::vector<ScopeInfo> scopes_ ABSL_GUARDED_BY(mutex_);  // by id - 1
  std::vector<ScopeId> changed_scopes_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, ResourceId> by_name_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, ResourceId> by_uid_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const SlotName>> names_ ABSL_GUARDED_BY(mutex_);  // by id; [0] empty
};

}  // namespace kg
