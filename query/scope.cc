#include "query/scope.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "query/describe.h"
#include "query/near.h"

namespace kg::query {
namespace {

using Pieces = std::vector<std::string>;

constexpr size_t kMaxSuggestions = 3;

// "a, b and c"
std::string Listed(const Pieces& names) {
  if (names.size() < 2) return absl::StrJoin(names, "");
  const Pieces head(names.begin(), names.end() - 1);
  return absl::StrCat(absl::StrJoin(head, ", "), " and ", names.back());
}

std::string Written(const SlotName& name) {
  const std::string text = absl::StrCat(absl::AsciiStrToLower(name.kind), "/", name.name);
  return name.ns.empty() ? text : absl::StrCat(text, " -n ", name.ns);
}

std::optional<uint64_t> ParseHex16(absl::string_view text) {
  if (text.size() != 16) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (!absl::ascii_isxdigit(c)) return std::nullopt;
    const int digit = absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
    value = value << 4 | static_cast<uint64_t>(digit);
  }
  return value;
}

std::string Hex16(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// The slot names among which something near is looked for.
std::vector<const SlotName*> NamesOf(const View& view, const std::vector<ResourceId>& ids,
                                     std::vector<std::shared_ptr<const SlotName>>* keep) {
  std::vector<const SlotName*> names;
  for (ResourceId id : ids) {
    keep->push_back(view.Name(id));
    if (keep->back() != nullptr) names.push_back(keep->back().get());
  }
  return names;
}

absl::Status NothingThere(const View& view, ScopeId scope, const ObjectRef& ref) {
  std::vector<std::shared_ptr<const SlotName>> keep;
  const auto same_kind = NamesOf(view, view.List(scope, "", ref.kind), &keep);
  Pieces elsewhere, near;
  for (const SlotName* n : same_kind) {
    if (n->name == ref.name && elsewhere.size() < kMaxSuggestions) elsewhere.push_back(Written(*n));
  }
  const std::string what =
      absl::StrCat(absl::AsciiStrToLower(ref.kind), " ", ref.name.empty() ? ref.uid : ref.name,
                   ref.ns.empty() ? "" : absl::StrCat(" in namespace ", ref.ns));
  if (!elsewhere.empty()) {
    return absl::NotFoundError(absl::StrCat("no ", what, "; there is ", Listed(elsewhere)));
  }
  std::vector<std::pair<std::string, std::string>> choices;  // name, as it is written
  for (const SlotName* n : same_kind) choices.emplace_back(n->name, Written(*n));
  near = Nearest(ref.name, choices, kMaxSuggestions);
  if (!near.empty()) {
    return absl::NotFoundError(absl::StrCat("no ", what, "; near it: ", Listed(near)));
  }
  if (same_kind.empty()) {
    return absl::NotFoundError(absl::StrCat("no ", what, "; nothing of that kind is known"));
  }
  return absl::NotFoundError(absl::StrCat("no ", what, "; ", same_kind.size(),
                                          " others of that kind are known, none with a near name"));
}

// In which namespaces the named object is. Exactly one is an answer.
absl::StatusOr<ResourceId> FindAnywhere(const View& view, ScopeId scope, const ObjectRef& ref) {
  std::vector<ResourceId> found;
  Pieces written;
  for (ResourceId id : view.List(scope, "", ref.kind)) {
    const auto name = view.Name(id);
    if (name == nullptr || name->name != ref.name) continue;
    if (ref.group_known && name->group != ref.group) continue;
    found.push_back(id);
    written.push_back(Written(*name));
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) return NothingThere(view, scope, ref);
  if (written.size() > kMaxSuggestions) {
    const size_t more = written.size() - kMaxSuggestions;
    written.resize(kMaxSuggestions);
    written.push_back(absl::StrCat(more, " more"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(ref.name, " is in several namespaces: say which of ", Listed(written)));
}

absl::StatusOr<ResourceId> FindObject(const View& view, ScopeId scope, const ObjectRef& ref,
                                      bool namespaced) {
  if (namespaced && ref.ns.empty() && ref.uid.empty()) return FindAnywhere(view, scope, ref);
  if (const auto id = view.Find(scope, ref)) return *id;
  return NothingThere(view, scope, ref);
}

struct Named {
  ObjectRef ref;
  bool namespaced = true;
};

// The kind of "pods", "deploy" or "deployments.apps". Kinds that no table has keep their spelling
// if objects of them are known.
absl::StatusOr<Named> ParseKind(const View& view, ScopeId scope, absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  const size_t dot = lower.find('.');
  Named named;
  if (dot != std::string::npos) {
    named.ref.group = lower.substr(dot + 1);
    named.ref.group_known = true;
  }
  const std::string kind = lower.substr(0, dot);
  if (const auto info = view.rules().KindByName(kind)) {
    named.ref.kind = info->kind;
    named.namespaced = info->namespaced;
    if (!named.ref.group_known) named.ref.group = info->group;
    return named;
  }
  std::set<std::string> known;
  for (ResourceId id : view.List(scope, "", "")) {
    const auto name = view.Name(id);
    if (name != nullptr) known.insert(name->kind);
  }
  std::vector<std::pair<std::string, std::string>> choices;
  for (const std::string& k : known) {
    const std::string k_lower = absl::AsciiStrToLower(k);
    if (k_lower == kind || k_lower + "s" == kind || k_lower + "es" == kind) {
      named.ref.kind = k;
      named.namespaced = true;
      return named;
    }
    choices.emplace_back(k_lower, k_lower);
  }
  const Pieces near = Nearest(kind, choices, kMaxSuggestions);
  if (!near.empty())
    return absl::NotFoundError(absl::StrCat("no kind ", text, "; near it: ", Listed(near)));
  Pieces all;
  for (const auto& [written, compared] : choices) all.push_back(written);
  return absl::NotFoundError(
      absl::StrCat("no kind ", text, all.empty() ? "" : absl::StrCat("; there is ", Listed(all))));
}

absl::StatusOr<Target> ResolveIncident(const View& view, ScopeId scope, absl::string_view text) {
  const auto id = ParseHex16(text);
  if (!id) {
    return absl::InvalidArgumentError(
        absl::StrCat("an incident's id is 16 hex digits, not \"", text, "\""));
  }
  Target target{scope, std::nullopt, nullptr, std::nullopt};
  target.incident = view.TreeById(scope, *id);
  if (target.incident == nullptr || target.incident->root.onset > view.as_of()) {
    return absl::NotFoundError(
        absl::StrCat("no incident ", text, " at that time; list them with `incidents`"));
  }
  return target;
}

absl::StatusOr<Target> ResolveEvent(const View& view, ScopeId scope, absl::string_view text) {
  Target target{scope, std::nullopt, nullptr, std::nullopt};
  if (const auto handle = ParseEpisodeHandle(text)) {
    const auto record = view.Episode(scope, *handle);
    if (!record.ok()) return record.status();
    if (record->has_value() && handle->onset <= view.as_of()) {
      target.episode = handle;
      return target;
    }
  }
  const auto bursts = view.FindEvent(scope, std::string(text));
  if (!bursts.ok()) return bursts.status();
  for (const EpisodeKey& key : *bursts) {
    if (key.onset > view.as_of()) continue;
    if (!target.episode || *target.episode < key) target.episode = key;
  }
  if (!target.episode) {
    return absl::NotFoundError(
        absl::StrCat("no event ", text, " at that time; list them with `events`"));
  }
  return target;
}

absl::StatusOr<Target> ResolveRid(const View& view, ScopeId scope, absl::string_view text,
                                  absl::string_view ns) {
  const Pieces parts = absl::StrSplit(text, ':');
  auto named = ParseKind(view, scope, parts[0]);
  if (!named.ok()) return named.status();
  Named n = *std::move(named);
  if (parts.size() == 2) {
    n.ref.name = parts[1];
    n.ref.ns = n.namespaced ? std::string(ns) : "";
    ObjectRef by_uid = n.ref;
    by_uid.uid = parts[1];
    by_uid.name.clear();
    by_uid.ns.clear();
    if (const auto id = view.Find(scope, by_uid)) return Target{scope, *id, nullptr, std::nullopt};
  } else {
    // A name holds no ':' in Kubernetes, but roles and the names of other things do.
    n.ref.ns = n.namespaced ? parts[1] : "";
    n.ref.name = absl::StrJoin(parts.begin() + 2, parts.end(), ":");
  }
  auto id = FindObject(view, scope, n.ref, n.namespaced);
  if (!id.ok()) return id.status();
  return Target{scope, *id, nullptr, std::nullopt};
}

}  // namespace

absl::StatusOr<ScopeId> ResolveScope(const View& view, const ScopeName& name) {
  if (const auto scope = view.FindScope(name)) return *scope;
  std::set<std::string> known;
  for (const ScopeDescription& s : view.scopes()) {
    if (!name.tenant.empty() && s.tenant == name.tenant)
      known.insert("cluster " + s.cluster);
    else if (s.tenant.empty() && s.cluster.empty())
      known.insert("what names neither (leave --tenant and --cluster out)");
    else
      known.insert((s.tenant.empty() ? "" : "tenant " + s.tenant + " ") + "cluster " + s.cluster);
  }
  if (known.empty()) return absl::NotFoundError("the database is empty: load something first");
  return absl::NotFoundError(
      absl::StrCat("no such tenant or cluster (", name.tenant.empty() ? "any tenant" : name.tenant,
                   ", ", name.cluster.empty() ? "any cluster" : name.cluster, "); there is ",
                   Listed(Pieces(known.begin(), known.end()))));
}

absl::StatusOr<Target> ResolveObject(const View& view, ScopeId scope, absl::string_view text,
                                     absl::string_view ns) {
  text = absl::StripAsciiWhitespace(text);
  const size_t split = text.find_first_of("/ ");
  if (split == absl::string_view::npos) {
    if (absl::StrContains(text, ':')) return ResolveRid(view, scope, text, ns);
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" names no object: write ",
        ParseHex16(text) ? absl::StrCat("incident/", text)
                         : absl::StrCat("KIND/NAME (pod/", text, "), incident/ID or event/ID")));
  }
  if (text.find(':') < split) return ResolveRid(view, scope, text, ns);
  const absl::string_view kind = text.substr(0, split);
  const absl::string_view name = absl::StripAsciiWhitespace(text.substr(split + 1));
  if (kind.empty() || name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" names no object: write KIND/NAME"));
  }
  if (absl::EqualsIgnoreCase(kind, "incident")) return ResolveIncident(view, scope, name);
  if (absl::EqualsIgnoreCase(kind, "event")) return ResolveEvent(view, scope, name);
  auto named = ParseKind(view, scope, kind);
  if (!named.ok()) return named.status();
  named->ref.name = std::string(name);
  if (named->namespaced) named->ref.ns = std::string(ns);
  auto id = FindObject(view, scope, named->ref, named->namespaced);
  if (!id.ok()) return id.status();
  return Target{scope, *id, nullptr, std::nullopt};
}

std::vector<ResourceId> ResourcesOf(const View& view, ScopeId scope, const Question& question,
                                    BudgetMeter* meter) {
  std::vector<ResourceId> found;
  const std::string ns = question.all_namespaces ? "" : question.ns;
  for (ResourceId id : view.List(scope, ns, "")) {
    if (!meter->TakeNodes()) break;
    if (!question.labels.empty() && !Matches(question.labels, LabelsOf(view, scope, id, meter)))
      continue;
    if (meter->spent()) break;
    found.push_back(id);
  }
  return found;
}

std::map<std::string, std::string> LabelsOf(const View& view, ScopeId scope, ResourceId id,
                                            BudgetMeter* meter) {
  static constexpr absl::string_view kPrefix = "metadata.labels";
  std::map<std::string, std::string> labels;
  const auto revisions = view.Revisions(scope, id, {view.as_of(), JustAfter(view.as_of())});
  if (meter->spent() || !revisions.ok() || revisions->empty()) return labels;
  if (!meter->TakeBytes(CostOf(revisions->back()))) return labels;
  for (const Field& field : revisions->back().fields) {
    absl::string_view path(field.path);
    if (!absl::ConsumePrefix(&path, kPrefix) || path.size() < 2) continue;
    if (path[0] == '.')
      path.remove_prefix(1);
    else if (path[0] == '[' && path.back() == ']')
      path = path.substr(1, path.size() - 2);
    else
      continue;
    labels[std::string(path)] = field.kind == FieldKind::kEmpty ? "" : field.value;
  }
  return labels;
}

std::string EpisodeHandle(EpisodeKey key) {
  return absl::StrCat(Hex16(static_cast<uint64_t>(ToMicros(key.onset))), "-",
                      Hex16(key.hash.value));
}

std::optional<EpisodeKey> ParseEpisodeHandle(absl::string_view text) {
  if (text.size() != 33 || text[16] != '-') return std::nullopt;
  const auto onset = ParseHex16(text.substr(0, 16));
  const auto hash = ParseHex16(text.substr(17));
  if (!onset || !hash) return std::nullopt;
  return EpisodeKey{FromMicros(static_cast<int64_t>(*onset)), EpisodeHash(*hash)};
}

std::string IncidentHandle(uint64_t id) {
  return Hex16(id);
}

}  // namespace kg::query
