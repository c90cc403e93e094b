#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/fields.h"
#include "engine/view.h"
#include "query/budget.h"
#include "query/describe.h"

namespace kg::query {

// What no event, log or status says, but the objects show when they are held against each other: a
// Service that selects nothing, say. It holds as of the view.
struct Finding {
  ResourceId resource;  // what is at fault
  ClassId cls;          // SELECTOR_EMPTY, PORT_MISMATCH, ZERO_REPLICAS, REF_MISSING
  std::string kind;     // for answers: "selector_empty", …, "missing_object"
  std::string text;     // a sentence
  // When it began. `latest` is when it was first seen to hold, `earliest` when it last can't have
  // held; far apart where only one snapshot was seen, kBeginning where nothing is known.
  Timestamp earliest = kBeginning, latest = kForever;
  double certainty = 1;  // that it is a fault at all
  bool deleted = false;  // of REF_MISSING: it was there once
};

// The findings of one scope as of a view. Reads what it is asked for, and once; what it reads is
// charged to `meter`, and nothing is found once that is spent. Keep it no longer than these. One
// thread.
class Findings {
 public:
  Findings(const View& view, const Describer& say, ScopeId scope, BudgetMeter* meter);

  // What is wrong with this object by itself: nullopt where nothing is, or where too little is
  // known. A Service: its selector matches no pod, though pods of the namespace are known and no
  // workload would make one (SELECTOR_EMPTY); or pods are ready and a target port is
  // none of theirs (PORT_MISMATCH). A workload: no replicas are wanted (ZERO_REPLICAS). What is not
  // there: it was deleted, or others of its kind were seen and it was not (REF_MISSING).
  const std::optional<Finding>& Of(ResourceId id);

  // The classes that Of(id) may be of, told without reading anything.
  std::vector<ClassId> Possible(ResourceId id) const;

  // The workloads whose pod template the Service selects, while it selects no living pod; by name.
  const std::vector<ResourceId>& WorkloadsBehind(ResourceId service);
  // The Services that select this workload's pod template; by name.
  std::vector<ResourceId> ServicesBefore(ResourceId workload);

  // Has a container of this pod, or of a pod of this workload, ever run? Then nothing was missing
  // that it needed to start.
  bool HasStarted(ResourceId pod_or_workload);

 private:
  struct Namespace {
    std::map<std::string, std::vector<ResourceId>> alive;  // by kind; objects that were seen whole
  };

  const Fields& FieldsOf(ResourceId id);
  const Namespace& NamespaceOf(const std::string& ns);
  bool LabelsOfPodsKnown(const std::string& ns);
  std::vector<ResourceId> PodsBehind(ResourceId service) const;
  bool IsRouted(ResourceId service) const;
  std::map<std::string, std::string> TemplateLabels(ResourceId workload);

  std::optional<Finding> Find(ResourceId id);
  std::optional<Finding> OfService(ResourceId id);
  std::optional<Finding> PortMismatch(ResourceId id, const std::vector<ResourceId>& pods);
  std::optional<Finding> OfWorkload(ResourceId id);
  std::optional<Finding> OfMissing(ResourceId id);
  // When what the fields under `prefix` say of a living object came to be so.
  Interval Since(ResourceId id, const std::string& prefix);

  const View& view_;
  const Describer& say_;
  const ScopeId scope_;
  BudgetMeter* const meter_;
  std::map<ResourceId, Fields> fields_;
  std::map<std::string, Namespace> namespaces_;
  std::map<std::string, bool> labels_known_;
  std::map<ResourceId, std::optional<Finding>> found_;
  std::map<ResourceId, std::vector<ResourceId>> behind_;
  std::map<ResourceId, bool> started_;
};

}  // namespace kg::query
