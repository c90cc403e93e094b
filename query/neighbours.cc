#include "query/neighbours.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "query/text.h"

namespace kg::query {
namespace {

constexpr absl::string_view kList = "neighbours";

absl::StatusOr<std::vector<EdgeTypeId>> ParseTypes(const RuleBook& rules,
                                                   const std::vector<std::string>& names) {
  std::vector<EdgeTypeId> types;
  for (const std::string& name : names) {
    const EdgeTypeId type = rules.EdgeTypeByName(absl::AsciiStrToUpper(name));
    if (type.value == 0) {
      std::string known;
      for (const EdgeTypeInfo& info : rules.edge_types()) {
        absl::StrAppend(&known, known.empty() ? "" : ", ", info.name);
      }
      return absl::InvalidArgumentError(
          absl::StrCat("no edge type \"", name, "\"; there are ", known));
    }
    types.push_back(type);
  }
  return types;
}

// Rows are told apart by distance and name, so that is what a cursor holds.
struct RowKey {
  int distance = 0;
  SlotName name;
};

// Does a row come behind this one?
bool Comes(const RowKey& after, int distance, const SlotName& name) {
  if (after.distance != distance) return after.distance < distance;
  return NameLess(after.name, name);
}

std::string CursorAt(const RowKey& key) {
  return EncodeCursor(kList, {absl::StrCat(key.distance), key.name.kind, key.name.ns, key.name.name,
                              key.name.group});
}

absl::StatusOr<RowKey> ParseCursor(const std::string& cursor) {
  RowKey key{-1, {}};
  if (cursor.empty()) return key;
  auto parts = DecodeCursor(kList, cursor, 5);
  if (!parts.ok()) return parts.status();
  if (!absl::SimpleAtoi((*parts)[0], &key.distance)) {
    return absl::InvalidArgumentError("the cursor is damaged");
  }
  key.name.kind = (*parts)[1];
  key.name.ns = (*parts)[2];
  key.name.name = (*parts)[3];
  key.name.group = (*parts)[4];
  return key;
}

// Along their arrows, each once.
std::vector<PathStep> EdgesAmong(const Describer& say, const std::vector<ResourceId>& shown,
                                 const std::vector<EdgeTypeId>& types, BudgetMeter* meter) {
  absl::flat_hash_set<ResourceId> members(shown.begin(), shown.end());
  std::vector<PathStep> edges;
  std::vector<Step> steps;
  for (ResourceId id : shown) {
    steps.clear();
    const bool within = StepsAt(say, id, WalkDirection::kOut, /*ordered=*/false, meter, &steps);
    for (const Step& step : steps) {
      if (members.count(step.target()) == 0) continue;
      if (!types.empty() && std::find(types.begin(), types.end(), step.arrow.type) == types.end()) {
        continue;
      }
      edges.push_back(say.Step(step.arrow, false));
    }
    if (!within) break;
  }
  std::sort(edges.begin(), edges.end());
  const uint64_t room = meter->budget().results;
  if (room != 0 && edges.size() > room) {
    meter->RoomForResult(room);
    edges.resize(room);
  }
  return edges;
}

}  // namespace

absl::StatusOr<Neighbours> FindNeighbours(const View& view, const NeighboursQuestion& question,
                                          BudgetMeter* meter) {
  if (question.hops < 1 || question.hops > kMaxHops) {
    return absl::InvalidArgumentError(
        absl::StrCat("hops must be between 1 and ", kMaxHops, ", not ", question.hops));
  }
  const auto types = ParseTypes(view.rules(), question.types);
  if (!types.ok()) return types.status();
  const auto after = ParseCursor(question.page.after);
  if (!after.ok()) return after.status();
  const Describer say(view);
  Neighbours answer;
  answer.of = say.Resource(question.of);
  answer.as_of = view.as_of();
  meter->Enter("neighbours");
  const HopWalk walk(say, question.of, question.hops, question.direction, *types, meter);
  answer.total = walk.reached().empty() ? 0 : walk.reached().size() - 1;
  std::vector<HopWalk::Slot> rows;
  for (size_t i = 1; i < walk.reached().size(); ++i) {
    const HopWalk::Slot& r = walk.reached()[i];
    if (question.page.after.empty() || Comes(*after, r.hops, say.Name(r.id))) rows.push_back(r);
  }
  // One more than is shown tells that there are more.
  const size_t looked_at = std::min<size_t>(rows.size(), question.page.limit + 1);
  std::partial_sort(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(looked_at), rows.end(),
                    [&](const HopWalk::Slot& a, const HopWalk::Slot& b) {
                      if (a.hops != b.hops) return a.hops < b.hops;
                      return NameLess(say.Name(a.id), say.Name(b.id));
                    });
  std::vector<ResourceId> shown = {question.of};
  for (size_t i = 0; i < looked_at; ++i) {
    const HopWalk::Slot& r = rows[i];
    if (answer.neighbours.size() >= question.page.limit ||
        !meter->RoomForResult(answer.neighbours.size())) {
      if (i > 0) answer.next = CursorAt({rows[i - 1].hops, say.Name(rows[i - 1].id)});
      break;
    }
    const Step step = walk.StepTo(r);
    answer.neighbours.push_back({say.Resource(r.id), r.hops, say.Step(step.arrow, step.against)});
    shown.push_back(r.id);
  }
  meter->Enter("edges between neighbours");
  answer.edges = EdgesAmong(say, shown, *types, meter);
  answer.truncated = meter->truncated();
  return answer;
}

PathAnswer FindPath(const View& view, ResourceId from, ResourceId to, BudgetMeter* meter) {
  const Describer say(view);
  PathAnswer answer;
  answer.from = say.Resource(from);
  answer.to = say.Resource(to);
  answer.as_of = view.as_of();
  meter->Enter("path");
  CostWalk walk;
  walk.target = to;
  walk.expand = [&](const Reached& at, std::vector<CostStep>* out) {
    std::vector<Step> steps;
    const bool within = StepsAt(say, at.id, WalkDirection::kBoth, /*ordered=*/false, meter, &steps);
    for (const Step& step : steps) {
      const double hop = view.rules().EdgeType(step.arrow.type).hop_cost;
      out->push_back({step, std::max<int64_t>(1, std::llround(hop * 1000)), 0});
    }
    return within;
  };
  const auto reached = WalkCosts(say, from, walk, meter);
  if (!reached.empty() && reached.back().id == to) {
    answer.found = true;
    answer.cost = reached.back().cost / 1000.0;
    answer.steps = PathTo(say, reached, static_cast<int>(reached.size()) - 1);
    for (const PathStep& step : answer.steps) answer.why.push_back(Sentence(view.rules(), step));
  }
  answer.truncated = meter->truncated();
  return answer;
}

}  // namespace kg::query
