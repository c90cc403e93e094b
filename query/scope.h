#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/mutation.h"
#include "engine/view.h"
#include "query/budget.h"
#include "storage/types.h"

// How a question says what it is about.

namespace kg::query {

// One requirement of a label selector. No values: the label is there (kIn) or is not (kNotIn).
struct LabelRequirement {
  std::string key;
  enum class Is : uint8_t { kIn, kNotIn } is = Is::kIn;
  std::vector<std::string> values;
  auto operator<=>(const LabelRequirement&) const = default;
};

// As kubectl's -l: "app=web,tier!=db,env in (a,b),env notin (c),canary,!old". InvalidArgument names
// the part that can't be read. All requirements must hold; none: everything matches.
absl::StatusOr<std::vector<LabelRequirement>> ParseLabelSelector(absl::string_view text);
bool Matches(const std::vector<LabelRequirement>& selector,
             const std::map<std::string, std::string>& labels);

// Answers echo it. At most one of object, incident and event is set; none asks about the scope.
struct Question {
  ScopeName scope;
  std::string ns;               // of the object, or what the scope is narrowed to
  bool all_namespaces = false;  // ns is ignored
  std::string object;  // as typed: "pod/cart-7d9c", "incident/ID", "event/ID", a rid; or ""
  Timestamp at;        // the moment asked about; the view is opened as of it
  Duration since = std::chrono::hours(1);
  std::vector<LabelRequirement> labels;

  // What the window of the question is: the stretch `since` that ends with `at`.
  Interval Window() const { return {at - since, at + Duration(1)}; }
  // Does the scope of the question contain objects of this namespace?
  bool Covers(const std::string& object_ns) const {
    return all_namespaces || ns.empty() || object_ns == ns;
  }
};

// What the text of a question turned out to name: exactly one of the three.
struct Target {
  ScopeId scope;
  std::optional<ResourceId> resource;
  IncidentPtr incident;
  std::optional<EpisodeKey> episode;  // the newest burst of the event, as of the view
};

// NotFound names the scopes that there are.
absl::StatusOr<ScopeId> ResolveScope(const View& view, const ScopeName& name);

// Understands "KIND/NAME" and "KIND.GROUP/NAME" with kubectl's plurals and short names, "KIND
// NAME", every spelling of a rid (kind:uid, kind:ns:name, kind:name, kind::name,
// node:default:name), "incident/ID" and "event/ID" (an event's own id or the handle that answers
// print). An empty `ns` looks in all namespaces. NotFound says what is near; InvalidArgument:
// unreadable, or ambiguous, with the choices.
absl::StatusOr<Target> ResolveObject(const View& view, ScopeId scope, absl::string_view text,
                                     absl::string_view ns);

// The objects a question covers: [namespace] and labels, as of the view, by name. Each takes a node
// of the budget, and labels are read as LabelsOf does.
std::vector<ResourceId> ResourcesOf(const View& view, ScopeId scope, const Question& question,
                                    BudgetMeter* meter);

// The labels of an object as of the view; empty when it had none or was never seen. Takes the bytes
// of what it reads; empty, too, once the budget is spent.
std::map<std::string, std::string> LabelsOf(const View& view, ScopeId scope, ResourceId id,
                                            BudgetMeter* meter);

// A burst's name in answers: onset and hash as 16 hex digits each, with '-' between.
std::string EpisodeHandle(EpisodeKey key);
std::optional<EpisodeKey> ParseEpisodeHandle(absl::string_view text);
std::string IncidentHandle(uint64_t id);  // 16 hex digits

}  // namespace kg::query
