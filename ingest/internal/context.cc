#include "ingest/internal/context.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ingest/internal/excerpt.h"

namespace kg::ingest {
namespace {

constexpr Duration kClockTolerance = std::chrono::minutes(10);

}  // namespace

SetState::SetState(DecodeOptions options, Sink* sink)
    : options_(std::move(options)),
      sink_(sink),
      horizon_(options_.wall_now + kClockTolerance),
      held_(options_.limits.held_bytes) {}

bool SetState::Plausible(Timestamp t) const {
  return t <= horizon_;
}

void SetState::Observe(Timestamp t) {
  if (!Plausible(t)) return;
  if (!stats_.newest || *stats_.newest < t) stats_.newest = t;
}

void SetState::Emit(Mutation mutation) {
  if (!status_.ok()) return;
  switch (mutation.index()) {
    case 0:
      ++stats_.objects;
      break;
    case 1:
      ++stats_.edges;
      break;
    case 2:
      ++stats_.events;
      break;
    case 3:
      ++stats_.alerts;
      break;
    case 4:
      ++stats_.logs;
      break;
    default:
      break;
  }
  Fail(sink_->OnMutation(std::move(mutation)));
}

void SetState::Hold(Mutation mutation) {
  Fail(held_.Add(mutation));
}

void SetState::DeadLetterFor(const Piece& piece, const std::string& source,
                             absl::string_view reason, const ScopeName& scope) {
  if (!status_.ok()) return;
  incomplete_ = true;
  ++stats_.dead_letters;
  DeadLetter letter;
  letter.scope = scope == ScopeName{} ? options_.default_scope : scope;
  letter.source = source;
  letter.position = absl::StrCat("line ", piece.line, ", byte ", piece.offset);
  if (piece.number > 0) absl::StrAppend(&letter.position, ", document ", piece.number);
  letter.size_bytes = std::max<uint64_t>(piece.size_bytes, piece.text.size());
  letter.reason = std::string(reason);
  letter.excerpt = MaskedExcerpt(piece.text, options_.limits.excerpt_bytes);
  letter.at = options_.wall_now;
  Fail(sink_->OnDeadLetter(std::move(letter)));
}

void SetState::NotePresent(const ScopeName& scope, const ObjectRef& ref) {
  if (!options_.complete) return;
  ObjectRef kind;
  kind.group = ref.group;
  kind.group_known = ref.group_known;
  kind.kind = ref.kind;
  Present& present = present_[scope];
  present.kinds.insert(std::move(kind));
  present.objects.push_back(ref);
}

absl::Status SetState::Finish() {
  Timestamp at = options_.wall_now;
  TimeSource source = TimeSource::kWallClock;
  if (options_.at) {
    at = *options_.at, source = TimeSource::kGiven;
  } else if (stats_.newest) {
    at = *stats_.newest, source = TimeSource::kInputSet;
  }
  stats_.undated += held_.count();
  stats_.undated_source = source;
  if (stats_.undated > 0) stats_.undated_at = at;
  if (status_.ok()) {
    Fail(held_.Drain([&](Mutation mutation) {
      std::visit(
          [&](auto& record) {
            if constexpr (requires { record.at; }) record.at = at;
            record.at_source = source;
          },
          mutation);
      Emit(std::move(mutation));
      return status_;
    }));
  }
  if (options_.complete && status_.ok()) EmitCompleteness(at, source);
  for (const auto& rule : redactor_.counts()) stats_.redactions[rule.first] = rule.second;
  return status_;
}

// "Deployment" or "Deployment.apps", as the options name them.
void SetState::ListNamedKinds() {
  for (const std::string& name : options_.complete_kinds) {
    ObjectRef kind;
    kind.kind = name;
    const size_t dot = name.find('.');
    if (dot != std::string::npos) {
      kind.kind = name.substr(0, dot);
      kind.group = name.substr(dot + 1);
      kind.group_known = true;
    }
    listed_.insert(std::move(kind));
  }
}

void SetState::EmitCompleteness(Timestamp at, TimeSource source) {
  if (incomplete_) {
    stats_.notes.push_back(
        "not everything could be read, so nothing is taken for deleted; mend the input and repeat");
    return;
  }
  ListNamedKinds();
  // An empty list and a named kind say nothing of a scope; they count for the only one there is.
  if (present_.empty()) present_[options_.default_scope];
  const bool one = present_.size() == 1;
  for (auto& scope : present_) {
    std::set<ObjectRef>& kinds = scope.second.kinds;
    if (one || scope.first == options_.default_scope) kinds.insert(listed_.begin(), listed_.end());
    if (kinds.empty()) continue;
    CompletenessRecord record;
    record.scope = scope.first;
    record.at = at;
    record.at_source = source;
    if (!options_.complete_namespace.empty()) {
      record.namespaces.push_back(options_.complete_namespace);
    }
    record.kinds.assign(kinds.begin(), kinds.end());
    record.present = std::move(scope.second.objects);
    std::sort(record.present.begin(), record.present.end());
    Fail(sink_->OnMutation(Mutation(std::move(record))));
  }
  present_.clear();
}

ScopeName Context::Scope(absl::string_view tenant, absl::string_view cluster) const {
  ScopeName scope = options().default_scope;
  if (!origin.tenant.empty()) scope.tenant = origin.tenant;
  if (!tenant.empty()) scope.tenant = Text(tenant);
  if (!cluster.empty()) scope.cluster = Text(cluster);
  return scope;
}

std::string Context::Prose(absl::string_view text) {
  // Redacted before it is cut, so that no half of a secret survives at the cut.
  const size_t limit = limits().line_bytes;
  std::string prose = Text(CutUtf8(text, 16 * limit));
  redactor().Text(&prose);
  if (prose.size() > limit || text.size() > 16 * limit) {
    ++stats().limits["max_line_bytes"];
    const std::string mark = absl::StrCat("…[cut, ", text.size(), " bytes]");
    prose.resize(CutUtf8(prose, limit - std::min(limit, mark.size())).size());
    if (mark.size() < limit) prose += mark;
  }
  return prose;
}

void Context::Advance(Timestamp t) {
  set_.Observe(t);
  if (set_.Plausible(t) && (!clock_.running || *clock_.running < t)) clock_.running = t;
}

void Context::EmitEvent(EventRecord record) {
  Advance(record.last);
  set_.Emit(Mutation(std::move(record)));
}

std::optional<std::pair<Timestamp, TimeSource>> Context::Stamp(std::optional<Timestamp> own) {
  const std::optional<Timestamp> before = clock_.running;
  if (own) Advance(*own);
  using Stamped = std::pair<Timestamp, TimeSource>;
  // A frame that names no newer time still came after the one before: two states of one object must
  // not share an instant, or the later would take the place of the earlier.
  if (origin.frame && clock_.running && clock_.running == before)
    clock_.running = *clock_.running + Duration(1);
  if (origin.frame && clock_.running) return Stamped{*clock_.running, TimeSource::kMetadata};
  if (origin.frame || origin.from_topic) {
    if (origin.envelope_time) {
      Advance(*origin.envelope_time);
      return Stamped{*origin.envelope_time, TimeSource::kEnvelope};
    }
    if (clock_.running) return Stamped{*clock_.running, TimeSource::kMetadata};
  }
  if (options().at) return Stamped{*options().at, TimeSource::kGiven};
  return std::nullopt;
}

std::optional<std::pair<Timestamp, TimeSource>> Context::StampFrame(
    const ObjectRef& object, std::optional<Timestamp> own, std::optional<uint64_t> version) {
  if (!origin.frame || !version) return Stamp(own);
  const std::string name =
      absl::StrCat(object.kind, "/", object.ns, "/", object.name, "/", object.uid);
  if (std::optional<Timestamp> late = clock_.Before(name, *version)) {
    // Its own times are whole seconds; beyond that they know better than the order.
    if (own && set_.Plausible(*own) && *own > *late + std::chrono::seconds(1)) late = own;
    if (own) Advance(*own);
    clock_.Note(name, *version, *late);
    return std::make_pair(*late, TimeSource::kMetadata);
  }
  const auto stamp = Stamp(own);
  if (stamp) clock_.Note(name, *version, stamp->first);
  return stamp;
}

void Context::Reject(absl::string_view reason, const ScopeName& scope) {
  set_.DeadLetterFor(piece_, source_, reason, scope);
}

}  // namespace kg::ingest
