#include "query/incidents.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "query/severity.h"

namespace kg::query {
namespace {

constexpr absl::string_view kList = "incidents";

// The order of the list; also what a cursor holds.
struct Place {
  bool resolved = false;
  int severity = 0;
  Timestamp last_activity, opened;
  std::string root;  // the name of its object
  uint64_t id = 0;

  bool operator<(const Place& o) const {
    return std::tie(resolved, o.severity, o.last_activity, o.opened, root, id) <
           std::tie(o.resolved, severity, last_activity, opened, o.root, o.id);
  }
};

struct Row {
  Place place;
  IncidentPtr tree;
  IncidentState state;
};

std::string CursorAt(const Place& p) {
  return EncodeCursor(kList, {p.resolved ? "1" : "0", absl::StrCat(p.severity),
                              absl::StrCat(ToMicros(p.last_activity)),
                              absl::StrCat(ToMicros(p.opened)), p.root, absl::StrCat(p.id)});
}

absl::StatusOr<std::optional<Place>> ParseCursor(const std::string& cursor) {
  if (cursor.empty()) return std::optional<Place>();
  auto parts = DecodeCursor(kList, cursor, 6);
  if (!parts.ok()) return parts.status();
  Place p;
  int64_t last = 0, opened = 0;
  if (!absl::SimpleAtoi((*parts)[1], &p.severity) || !absl::SimpleAtoi((*parts)[2], &last) ||
      !absl::SimpleAtoi((*parts)[3], &opened) || !absl::SimpleAtoi((*parts)[5], &p.id)) {
    return absl::InvalidArgumentError("the cursor is damaged");
  }
  p.resolved = (*parts)[0] == "1";
  p.last_activity = FromMicros(last);
  p.opened = FromMicros(opened);
  p.root = (*parts)[4];
  return std::optional<Place>(std::move(p));
}

// Does a member that had begun lie on the resource, or in the namespace?
bool Concerns(const Describer& say, const IncidentTree& tree, const IncidentsQuestion& q) {
  if (q.ns.empty() && !q.of) return true;
  bool found = false;
  tree.members.ForEach([&](const std::pair<EpisodeKey, ResourceId>& m) {
    if (m.first.onset > say.view().as_of()) return false;
    found = (!q.of || m.second == *q.of) && (q.ns.empty() || say.Name(m.second).ns == q.ns);
    return !found;
  });
  return found;
}

bool Wanted(const IncidentState& state, const IncidentsQuestion& q) {
  if (!state.counts || (q.open && *q.open != state.open)) return false;
  if (q.min_severity && state.severity < *q.min_severity) return false;
  return state.opened < q.window.to && (state.open || state.last_activity >= q.window.from);
}

// What the tree itself says of its cause. The links are from it to those that hang on it directly.
CauseAnswer RootOf(const Describer& say, const IncidentTree& tree, const IncidentState& state) {
  const View& view = say.view();
  CauseAnswer cause;
  cause.rank = 1;
  cause.incident = IncidentHandle(tree.id());
  cause.resource = say.Resource(tree.root_resource);
  const BurstPtr root = FindBurst(view.graph(), tree.root_resource, tree.root);
  if (root == nullptr) return cause;
  cause.category = CategoryWord(root->category);
  cause.episode = say.Episode(*root);
  cause.onset = {root->earliest, root->key.onset};
  cause.explains.total = state.members - 1;
  cause.confidence = state.members == 1 ? 1.0 : 0.0;
  tree.members.ForEach([&](const std::pair<EpisodeKey, ResourceId>& m) {
    const BurstPtr b = FindBurst(view.graph(), m.second, m.first);
    if (b == nullptr || m.first.onset > view.as_of() || b->causes.empty()) return true;
    const CauseLink& link = b->causes.front();
    if (link.cause != tree.root || link.confidence <= cause.confidence) return true;
    cause.confidence = link.confidence;
    cause.parts = ScoreParts{link.temporal, link.distance, link.domain, EpisodeHandle(m.first)};
    cause.path = say.LinkPath(link, m.first.onset);
    return true;
  });
  cause.score = cause.confidence;
  return cause;
}

IncidentMember ShowMember(const Describer& say, const Burst& b) {
  IncidentMember m;
  m.resource = say.Resource(b.resource);
  m.episode = say.Episode(b);
  m.category = CategoryWord(b.category);
  m.severity = SeverityWord(b.severity);
  const auto record = say.view().Episode(say.Name(b.resource).scope, b.key);
  if (record.ok() && record->has_value()) {
    m.severity = SeverityWord(Escalate(AsOf(**record, say.view().as_of())).severity);
  }
  m.end = MaskedEnd(b.end, say.view().as_of());
  return m;
}

}  // namespace

IncidentAnswer ShowIncident(const Describer& say, const IncidentTree& tree,
                            const IncidentState& state, uint64_t members, const Explain& explain,
                            BudgetMeter* meter) {
  const View& view = say.view();
  IncidentAnswer a;
  a.id = IncidentHandle(tree.id());
  for (uint64_t alias : tree.aliases) a.aliases.push_back(IncidentHandle(alias));
  a.status = state.open ? "open" : "resolved";
  a.severity = SeverityWord(state.severity);
  a.title = IncidentTitle(say, tree, state);
  a.opened = state.opened;
  a.last_activity = state.last_activity;
  a.resolved = state.resolved;
  a.members.total = state.members;
  tree.members.ForEach([&](const std::pair<EpisodeKey, ResourceId>& m) {
    if (m.first.onset > view.as_of() || a.members.shown.size() >= members) return false;
    if (!meter->TakeNodes()) return false;
    if (const BurstPtr b = FindBurst(view.graph(), m.second, m.first)) {
      a.members.shown.push_back(ShowMember(say, *b));
    }
    return true;
  });
  a.root_causes = explain ? explain(tree) : std::vector<CauseAnswer>{RootOf(say, tree, state)};
  return a;
}

absl::StatusOr<IncidentsAnswer> ListIncidents(const View& view, const IncidentsQuestion& question,
                                              BudgetMeter* meter) {
  const auto after = ParseCursor(question.page.after);
  if (!after.ok()) return after.status();
  const Describer say(view);
  meter->Enter("incidents");
  std::vector<Row> rows;
  view.ForEachTree(question.scope, [&](const IncidentPtr& tree) {
    if (meter->spent()) return false;
    if (tree->root.onset > view.as_of()) return true;
    if (!Concerns(say, *tree, question)) return true;
    Row row{{}, tree, StateOf(view, *tree, view.as_of(), meter)};
    if (!Wanted(row.state, question)) return true;
    row.place = {
        !row.state.open,  static_cast<int>(row.state.severity),     row.state.last_activity,
        row.state.opened, ShortName(say.Name(tree->root_resource)), tree->id()};
    rows.push_back(std::move(row));
    return true;
  });
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.place < b.place; });
  IncidentsAnswer answer;
  answer.as_of = view.as_of();
  answer.total = rows.size();
  const Row* last = nullptr;
  for (const Row& row : rows) {
    if (*after && !(**after < row.place)) continue;
    if (answer.incidents.size() >= question.page.limit ||
        !meter->RoomForResult(answer.incidents.size())) {
      if (last != nullptr) answer.next = CursorAt(last->place);
      break;
    }
    answer.incidents.push_back(
        ShowIncident(say, *row.tree, row.state, question.members, question.explain, meter));
    last = &row;
  }
  answer.truncated = meter->truncated();
  return answer;
}

}  // namespace kg::query
