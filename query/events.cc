#include "query/events.h"

#include <algorithm>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "query/near.h"
#include "query/severity.h"

namespace kg::query {
namespace {

constexpr absl::string_view kList = "events";
constexpr Duration kFirstSlice = std::chrono::hours(1);
constexpr int kSliceGrowth = 4;

bool IsIn(const std::vector<std::string>& words, const std::string& word) {
  for (const std::string& w : words) {
    if (absl::EqualsIgnoreCase(w, word)) return true;
  }
  return words.empty();
}

bool Same(const std::string& wanted, const std::string& word) {
  return wanted.empty() || absl::EqualsIgnoreCase(wanted, word);
}

absl::StatusOr<std::set<ClassId>> ParseClasses(const RuleBook& rules,
                                               const std::vector<std::string>& names) {
  std::set<ClassId> classes;
  for (const std::string& name : names) {
    const ClassId cls = rules.ClassByName(absl::AsciiStrToUpper(name));
    if (cls.value == 0) {
      std::vector<std::pair<std::string, std::string>> choices;
      for (const ClassInfo& c : rules.classes()) choices.emplace_back(c.name, c.name);
      const auto near = Nearest(absl::AsciiStrToUpper(name), choices, 3);
      return absl::InvalidArgumentError(
          absl::StrCat("no failure class \"", name, "\"",
                       near.empty() ? "" : absl::StrCat("; near it: ", absl::StrJoin(near, ", "))));
    }
    classes.insert(cls);
  }
  return classes;
}

absl::Status CheckCategory(const std::string& category) {
  if (category.empty()) return absl::OkStatus();
  for (Category c : {Category::kChange, Category::kState, Category::kSymptom, Category::kInfo,
                     Category::kNoise}) {
    if (absl::EqualsIgnoreCase(category, CategoryWord(c))) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no category \"", category, "\"; there are change, state, symptom, info and noise"));
}

bool HasText(const EpisodeRecord& r, const std::string& lower_text) {
  return lower_text.empty() || absl::StrContains(absl::AsciiStrToLower(r.reason), lower_text) ||
         absl::StrContains(absl::AsciiStrToLower(r.message), lower_text);
}

}  // namespace

EpisodeOrder OrderOf(const Describer& say, const EpisodeRecord& record) {
  return {record.onset, say.view().rules().Class(record.cls).precedence,
          ShortName(say.Name(record.resource)), record.hash()};
}

std::string CursorAt(absl::string_view list, const EpisodeOrder& order) {
  return EncodeCursor(list, {absl::StrCat(ToMicros(order.onset)), absl::StrCat(order.precedence),
                             order.name, absl::StrCat(order.hash.value)});
}

absl::StatusOr<std::optional<EpisodeOrder>> ParseOrderCursor(absl::string_view list,
                                                             const std::string& cursor) {
  if (cursor.empty()) return std::optional<EpisodeOrder>();
  auto parts = DecodeCursor(list, cursor, 4);
  if (!parts.ok()) return parts.status();
  EpisodeOrder order;
  int64_t onset = 0;
  if (!absl::SimpleAtoi((*parts)[0], &onset) || !absl::SimpleAtoi((*parts)[1], &order.precedence) ||
      !absl::SimpleAtoi((*parts)[3], &order.hash.value)) {
    return absl::InvalidArgumentError("the cursor is damaged");
  }
  order.onset = FromMicros(onset);
  order.name = (*parts)[2];
  return std::optional<EpisodeOrder>(std::move(order));
}

absl::StatusOr<std::function<bool(const EpisodeRecord&)>> CompileFilter(const Describer& say,
                                                                        ScopeId scope,
                                                                        const EventFilter& filter,
                                                                        BudgetMeter* meter) {
  const auto classes = ParseClasses(say.view().rules(), filter.classes);
  if (!classes.ok()) return classes.status();
  if (const absl::Status s = CheckCategory(filter.category); !s.ok()) return s;
  EventFilter f = filter;
  if (const auto kind = say.view().rules().KindByName(absl::AsciiStrToLower(f.kind)))
    f.kind = kind->kind;
  const std::string text = absl::AsciiStrToLower(f.text);
  auto labelled = std::make_shared<absl::flat_hash_map<ResourceId, bool>>();
  return std::function<bool(const EpisodeRecord&)>(
      [&say, scope, f, text, labelled, meter, classes = *classes](const EpisodeRecord& r) {
        const SlotName& name = say.Name(r.resource);
        if (!f.all_namespaces && !f.ns.empty() && name.ns != f.ns) return false;
        if (!Same(f.kind, name.kind) || (!f.name.empty() && f.name != name.name)) return false;
        if (!classes.empty() && classes.count(r.cls) == 0) return false;
        if (!IsIn(f.reasons, r.reason) || !Same(f.type, r.type) || !Same(f.etype, r.etype))
          return false;
        if (!Same(f.category, CategoryWord(r.category)) || !HasText(r, text)) return false;
        // Escalation raises by one step, so most records need not be looked at closely.
        if (f.min_severity && *f.min_severity > r.severity) {
          if (static_cast<int>(*f.min_severity) > static_cast<int>(r.severity) + 1) return false;
          if (Escalate(AsOf(r, say.view().as_of())).severity < *f.min_severity) return false;
        }
        if (f.labels.empty()) return true;
        const auto known = labelled->try_emplace(r.resource, false);
        if (known.second) {
          known.first->second = Matches(f.labels, LabelsOf(say.view(), scope, r.resource, meter));
        }
        return known.first->second && !meter->spent();
      });
}

absl::StatusOr<std::vector<EpisodeRecord>> NewestEpisodes(
    const Describer& say, ScopeId scope, const std::vector<ResourceId>* of, Interval window,
    const std::optional<EpisodeOrder>& before, uint64_t limit,
    const std::function<bool(const EpisodeRecord&)>& keep, BudgetMeter* meter, bool* more) {
  const View& view = say.view();
  using Row = std::pair<EpisodeOrder, EpisodeRecord>;
  std::vector<Row> rows;
  *more = false;
  window.to = std::min(window.to, JustAfter(view.as_of()));
  // What began before the window and lasts into it comes last, so the first instant always remains.
  if (before) window.to = std::min(window.to, std::max(before->onset, window.from) + Duration(1));
  Timestamp to = window.to;
  Duration width = kFirstSlice;
  absl::Status status;
  while (to > window.from && rows.size() <= limit && !meter->spent()) {
    const bool last = to - window.from <= width;
    const Timestamp from = last ? window.from : to - width;
    const auto take = [&](const EpisodeRecord& r) {
      if (!meter->TakeBytes(CostOf(r))) return false;
      // What began in an earlier slice but lasts into this one is taken where it began.
      if (r.onset >= to || (r.onset < from && !last) || !keep(r)) return true;
      EpisodeOrder order = OrderOf(say, r);
      if (!before || order < *before) rows.emplace_back(std::move(order), r);
      return true;
    };
    if (of == nullptr) {
      status = view.ForEachEpisode(scope, {from, to}, take);
    } else {
      for (size_t i = 0; i < of->size() && status.ok() && !meter->spent(); ++i) {
        status = view.ForEachEpisodeOf(scope, (*of)[i], {from, to}, take);
      }
    }
    if (!status.ok()) return status;
    to = from;
    width *= kSliceGrowth;
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.first < b.first; });
  *more = rows.size() > limit || (to > window.from && !rows.empty());
  if (rows.size() > limit) rows.erase(rows.begin(), rows.end() - limit);
  std::vector<EpisodeRecord> records;
  for (Row& row : rows) records.push_back(std::move(row.second));
  return records;
}

absl::StatusOr<EventsAnswer> ListEvents(const View& view, const EventsQuestion& question,
                                        BudgetMeter* meter) {
  const Describer say(view);
  const auto keep = CompileFilter(say, question.scope, question.filter, meter);
  if (!keep.ok()) return keep.status();
  const auto before = ParseOrderCursor(kList, question.page.after);
  if (!before.ok()) return before.status();
  meter->Enter("events");
  std::vector<ResourceId> one;
  if (question.of) one.push_back(*question.of);
  bool more = false;
  auto records = NewestEpisodes(say, question.scope, question.of ? &one : nullptr, question.window,
                                *before, question.page.limit, *keep, meter, &more);
  if (!records.ok()) return records.status();
  EventsAnswer answer;
  answer.as_of = view.as_of();
  for (const EpisodeRecord& r : *records) answer.events.push_back(say.Event(r));
  if (more && !records->empty()) answer.next = CursorAt(kList, OrderOf(say, records->front()));
  answer.truncated = meter->truncated();
  return answer;
}

}  // namespace kg::query
