#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/questions.h"

// What may be typed where an object or a namespace is asked for: for completion in shells.

namespace kg::server {
namespace {

namespace json = boost::json;

using Names = std::set<std::string>;

void AddIncidents(const View& view, ScopeId scope, const std::string& prefix, Names* names) {
  view.ForEachTree(scope, [&](const IncidentPtr& incident) {
    std::string name = absl::StrCat("incident/", absl::Hex(incident->id(), absl::kZeroPad16));
    if (absl::StartsWith(name, prefix)) names->insert(std::move(name));
    return true;
  });
}

void AddKinds(const View& view, ScopeId scope, const std::string& prefix, Names* names) {
  for (const ResourceId id : view.List(scope, "", "")) {
    const auto name = view.Name(id);
    if (name == nullptr) continue;
    std::string kind = absl::StrCat(absl::AsciiStrToLower(name->kind), "/");
    if (absl::StartsWithIgnoreCase(kind, prefix)) names->insert(std::move(kind));
  }
  if (absl::StartsWith("incident/", prefix)) names->insert("incident/");
}

// `prefix` as it was typed, kind and all: "deploy/ca" gives "deploy/cart".
void AddObjects(const View& view, ScopeId scope, const std::string& ns, const std::string& prefix,
                Names* names) {
  const size_t slash = prefix.find('/');
  const std::string typed = prefix.substr(0, slash);
  const auto known = view.rules().KindByName(absl::AsciiStrToLower(typed));
  for (const ResourceId id : view.List(scope, ns, "")) {
    const auto name = view.Name(id);
    if (name == nullptr || !absl::StartsWith(name->name, prefix.substr(slash + 1))) continue;
    const bool right =
        known ? name->kind == known->kind : absl::EqualsIgnoreCase(name->kind, typed);
    if (right) names->insert(absl::StrCat(typed, "/", name->name));
  }
}

void AddNamespaces(const View& view, ScopeId scope, const std::string& prefix, Names* names) {
  for (const ResourceId id : view.List(scope, "", "")) {
    const auto name = view.Name(id);
    if (name == nullptr) continue;
    for (const std::string& ns : {name->ns, name->kind == "Namespace" ? name->name : ""}) {
      if (!ns.empty() && absl::StartsWith(ns, prefix)) names->insert(ns);
    }
  }
}

}  // namespace

Answered AskNames(const Asking& asking) {
  const absl::StatusOr<ScopeId> scope = query::ResolveScope(asking.view, asking.question.scope);
  if (!scope.ok()) return scope.status();
  const std::string prefix = Text(asking, "prefix");
  const std::string of = Text(asking, "of");
  Names names;
  if (of == "namespaces") {
    AddNamespaces(asking.view, *scope, prefix, &names);
  } else if (!of.empty() && of != "objects") {
    return absl::InvalidArgumentError(
        absl::StrCat("'of' is '", of, "'; give objects or namespaces"));
  } else if (prefix.find('/') == std::string::npos) {
    AddKinds(asking.view, *scope, prefix, &names);
  } else if (absl::StartsWith(prefix, "incident/")) {
    AddIncidents(asking.view, *scope, prefix, &names);
  } else {
    AddObjects(asking.view, *scope, asking.question.ns, prefix, &names);
  }
  json::array shown;
  for (const std::string& name : names) {
    if (shown.size() >= asking.page.limit) break;
    shown.emplace_back(name);
  }
  return json::object{{"names", std::move(shown)}, {"total", names.size()}};
}

}  // namespace kg::server
