#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/records.h"
#include "schemas/records_generated.h"
#include "storage/keys.h"
#include "storage/records.h"

// Mutations as stored: what a dead letter keeps of a record that could not be applied.

namespace kg {
namespace {

using OptionalTime = flatbuffers::Optional<int64_t>;

OptionalTime Us(const std::optional<Timestamp>& t) {
  return t.has_value() ? OptionalTime(ToMicros(*t)) : flatbuffers::nullopt;
}

std::optional<Timestamp> Time(const OptionalTime& us) {
  return us.has_value() ? std::optional<Timestamp>(FromMicros(*us)) : std::nullopt;
}

std::unique_ptr<fb::ScopeT> ToTable(const ScopeName& s) {
  auto t = std::make_unique<fb::ScopeT>();
  t->tenant = s.tenant;
  t->cluster = s.cluster;
  return t;
}

ScopeName FromTable(const std::unique_ptr<fb::ScopeT>& t) {
  return t == nullptr ? ScopeName() : ScopeName{t->tenant, t->cluster};
}

std::unique_ptr<fb::ObjectRefT> ToTable(const ObjectRef& r) {
  auto t = std::make_unique<fb::ObjectRefT>();
  t->group = r.group;
  t->group_known = r.group_known;
  t->kind = r.kind;
  t->namespace_ = r.ns;
  t->name = r.name;
  t->uid = r.uid;
  return t;
}

ObjectRef FromTable(const std::unique_ptr<fb::ObjectRefT>& t) {
  if (t == nullptr) return {};
  return {t->group, t->group_known, t->kind, t->namespace_, t->name, t->uid};
}

std::vector<std::unique_ptr<fb::FieldT>> ToTable(const std::vector<Field>& fields) {
  std::vector<std::unique_ptr<fb::FieldT>> out;
  for (const Field& f : fields) {
    auto t = std::make_unique<fb::FieldT>();
    t->path = f.path;
    t->value = f.value;
    t->kind = static_cast<uint8_t>(f.kind);
    out.push_back(std::move(t));
  }
  return out;
}

std::vector<Field> FromTable(const std::vector<std::unique_ptr<fb::FieldT>>& tables) {
  std::vector<Field> out;
  for (const auto& t : tables) out.push_back({t->path, t->value, static_cast<FieldKind>(t->kind)});
  return out;
}

std::vector<std::unique_ptr<fb::ObjectRefT>> ToTable(const std::vector<ObjectRef>& refs) {
  std::vector<std::unique_ptr<fb::ObjectRefT>> out;
  for (const ObjectRef& r : refs) out.push_back(ToTable(r));
  return out;
}

std::vector<ObjectRef> FromTable(const std::vector<std::unique_ptr<fb::ObjectRefT>>& tables) {
  std::vector<ObjectRef> out;
  for (const auto& t : tables) out.push_back(FromTable(t));
  return out;
}

void Put(const ObjectRecord& r, fb::MutationT* m) {
  m->object = std::make_unique<fb::ObjectMutationT>();
  fb::ObjectMutationT& t = *m->object;
  t.scope = ToTable(r.scope);
  t.ref = ToTable(r.ref);
  t.presence = static_cast<uint8_t>(r.presence);
  t.shape = static_cast<uint8_t>(r.shape);
  t.at = ToMicros(r.at);
  t.at_source = static_cast<uint8_t>(r.at_source);
  t.created = Us(r.created);
  t.deleting = Us(r.deleting);
  t.generation = r.generation;
  t.fields = ToTable(r.fields);
  for (const ManagedStamp& s : r.managed) {
    auto stamp = std::make_unique<fb::ManagedStampT>();
    stamp->manager = s.manager;
    stamp->operation = s.operation;
    stamp->time = ToMicros(s.time);
    t.managed.push_back(std::move(stamp));
  }
}

ObjectRecord FromTable(const fb::ObjectMutationT& t) {
  ObjectRecord r;
  r.scope = FromTable(t.scope);
  r.ref = FromTable(t.ref);
  r.presence = static_cast<Presence>(t.presence);
  r.shape = static_cast<ObjectShape>(t.shape);
  r.at = FromMicros(t.at);
  r.at_source = static_cast<TimeSource>(t.at_source);
  r.created = Time(t.created);
  r.deleting = Time(t.deleting);
  r.generation = t.generation;
  r.fields = FromTable(t.fields);
  for (const auto& s : t.managed)
    r.managed.push_back({s->manager, s->operation, FromMicros(s->time)});
  return r;
}

void Put(const EdgeRecord& r, fb::MutationT* m) {
  m->edge = std::make_unique<fb::EdgeMutationT>();
  fb::EdgeMutationT& t = *m->edge;
  t.scope = ToTable(r.scope);
  t.type = r.type;
  t.from = ToTable(r.from);
  t.to = ToTable(r.to);
  t.presence = static_cast<uint8_t>(r.presence);
  t.at = ToMicros(r.at);
  t.at_source = static_cast<uint8_t>(r.at_source);
  t.asserter = r.asserter;
}

EdgeRecord FromTable(const fb::EdgeMutationT& t) {
  EdgeRecord r;
  r.scope = FromTable(t.scope);
  r.type = t.type;
  r.from = FromTable(t.from);
  r.to = FromTable(t.to);
  r.presence = static_cast<Presence>(t.presence);
  r.at = FromMicros(t.at);
  r.at_source = static_cast<TimeSource>(t.at_source);
  r.asserter = t.asserter;
  return r;
}

void Put(const EventRecord& r, fb::MutationT* m) {
  m->event = std::make_unique<fb::EventMutationT>();
  fb::EventMutationT& t = *m->event;
  t.scope = ToTable(r.scope);
  t.event_id = r.event_id;
  t.other_ids = r.other_ids;
  t.etype = r.etype;
  t.subject = ToTable(r.subject);
  t.container = r.container;
  if (r.related.has_value()) t.related = ToTable(*r.related);
  t.reason = r.reason;
  t.message = r.message;
  t.severity = r.severity;
  t.type = r.type;
  t.emitter = r.emitter;
  t.first = ToMicros(r.first);
  t.last = ToMicros(r.last);
  t.count = r.count;
  t.at_source = static_cast<uint8_t>(r.at_source);
}

EventRecord FromTable(const fb::EventMutationT& t) {
  EventRecord r;
  r.scope = FromTable(t.scope);
  r.event_id = t.event_id;
  r.other_ids = t.other_ids;
  r.etype = t.etype;
  r.subject = FromTable(t.subject);
  r.container = t.container;
  if (t.related != nullptr) r.related = FromTable(t.related);
  r.reason = t.reason;
  r.message = t.message;
  r.severity = t.severity;
  r.type = t.type;
  r.emitter = t.emitter;
  r.first = FromMicros(t.first);
  r.last = FromMicros(t.last);
  r.count = t.count;
  r.at_source = static_cast<TimeSource>(t.at_source);
  return r;
}

void Put(const AlertRecord& r, fb::MutationT* m) {
  m->alert = std::make_unique<fb::AlertMutationT>();
  fb::AlertMutationT& t = *m->alert;
  t.scope = ToTable(r.scope);
  t.fingerprint = r.fingerprint;
  t.name = r.name;
  t.labels = ToTable(r.labels);
  t.annotations = ToTable(r.annotations);
  t.subject = ToTable(r.subject);
  t.severity = r.severity;
  t.message = r.message;
  t.firing = r.firing;
  t.starts_at = ToMicros(r.starts_at);
  t.ends_at = Us(r.ends_at);
  t.active_at = Us(r.active_at);
  t.at = ToMicros(r.at);
  t.at_source = static_cast<uint8_t>(r.at_source);
}

AlertRecord FromTable(const fb::AlertMutationT& t) {
  AlertRecord r;
  r.scope = FromTable(t.scope);
  r.fingerprint = t.fingerprint;
  r.name = t.name;
  r.labels = FromTable(t.labels);
  r.annotations = FromTable(t.annotations);
  r.subject = FromTable(t.subject);
  r.severity = t.severity;
  r.message = t.message;
  r.firing = t.firing;
  r.starts_at = FromMicros(t.starts_at);
  r.ends_at = Time(t.ends_at);
  r.active_at = Time(t.active_at);
  r.at = FromMicros(t.at);
  r.at_source = static_cast<TimeSource>(t.at_source);
  return r;
}

void Put(const LogRecord& r, fb::MutationT* m) {
  m->log = std::make_unique<fb::LogMutationT>();
  fb::LogMutationT& t = *m->log;
  t.scope = ToTable(r.scope);
  t.event_id = r.event_id;
  t.subject = ToTable(r.subject);
  t.container = r.container;
  t.at = ToMicros(r.at);
  t.at_source = static_cast<uint8_t>(r.at_source);
  t.severity = r.severity;
  t.line = r.line;
}

LogRecord FromTable(const fb::LogMutationT& t) {
  LogRecord r;
  r.scope = FromTable(t.scope);
  r.event_id = t.event_id;
  r.subject = FromTable(t.subject);
  r.container = t.container;
  r.at = FromMicros(t.at);
  r.at_source = static_cast<TimeSource>(t.at_source);
  r.severity = t.severity;
  r.line = t.line;
  return r;
}

void Put(const CompletenessRecord& r, fb::MutationT* m) {
  m->completeness = std::make_unique<fb::CompletenessMutationT>();
  fb::CompletenessMutationT& t = *m->completeness;
  t.scope = ToTable(r.scope);
  t.at = ToMicros(r.at);
  t.at_source = static_cast<uint8_t>(r.at_source);
  t.namespaces = r.namespaces;
  t.kinds = ToTable(r.kinds);
  t.present = ToTable(r.present);
}

CompletenessRecord FromTable(const fb::CompletenessMutationT& t) {
  CompletenessRecord r;
  r.scope = FromTable(t.scope);
  r.at = FromMicros(t.at);
  r.at_source = static_cast<TimeSource>(t.at_source);
  r.namespaces = t.namespaces;
  r.kinds = FromTable(t.kinds);
  r.present = FromTable(t.present);
  return r;
}

fb::MutationT ToTable(const Mutation& m) {
  fb::MutationT t;
  std::visit([&](const auto& r) { Put(r, &t); }, m);
  return t;
}

absl::StatusOr<Mutation> FromTable(const fb::MutationT& t) {
  if (t.object != nullptr) return Mutation(FromTable(*t.object));
  if (t.edge != nullptr) return Mutation(FromTable(*t.edge));
  if (t.event != nullptr) return Mutation(FromTable(*t.event));
  if (t.alert != nullptr) return Mutation(FromTable(*t.alert));
  if (t.log != nullptr) return Mutation(FromTable(*t.log));
  if (t.completeness != nullptr) return Mutation(FromTable(*t.completeness));
  return absl::DataLossError("a kept record is of no kind that is known here");
}

}  // namespace

std::string DeadLetterId(const DeadLetter& letter) {
  std::string contents =
      absl::StrCat(letter.source, "\n", letter.position, "\n", letter.reason, "\n", letter.excerpt);
  // The reason of a letter that holds its record tells times: what was refused is what counts.
  if (letter.mutation.has_value()) contents = "\n" + records::EncodeMutation(*letter.mutation);
  return absl::BytesToHexString(storage::keys::EventId(storage::keys::Hash128Of(contents)));
}

namespace records {

std::string EncodeMutation(const Mutation& m) {
  flatbuffers::FlatBufferBuilder builder(512);
  const fb::MutationT t = ToTable(m);
  return storage::EncodeTable(&builder, fb::Mutation::Pack(builder, &t));
}

absl::StatusOr<Mutation> DecodeMutation(absl::string_view row) {
  auto decoded = storage::DecodeTable<fb::Mutation>(row);
  if (!decoded.ok()) return decoded.status();
  fb::MutationT t;
  (*decoded)->UnPackTo(&t);
  return FromTable(t);
}

std::string EncodeDeadLetter(const DeadLetter& d) {
  fb::DeadLetterT t;
  t.source = d.source;
  t.position = d.position;
  t.size = d.size_bytes;
  t.reason = d.reason;
  t.excerpt = d.excerpt;
  t.at = ToMicros(d.at);
  if (d.mutation.has_value()) t.mutation = std::make_unique<fb::MutationT>(ToTable(*d.mutation));
  t.read_with = d.read_with;
  flatbuffers::FlatBufferBuilder builder(512);
  return storage::EncodeTable(&builder, fb::DeadLetter::Pack(builder, &t));
}

absl::StatusOr<DeadLetter> DecodeDeadLetter(ScopeId, absl::string_view row) {
  auto decoded = storage::DecodeTable<fb::DeadLetter>(row);
  if (!decoded.ok()) return decoded.status();
  fb::DeadLetterT t;
  (*decoded)->UnPackTo(&t);
  DeadLetter d;
  d.source = t.source;
  d.position = t.position;
  d.size_bytes = t.size;
  d.reason = t.reason;
  d.excerpt = t.excerpt;
  d.at = FromMicros(t.at);
  d.read_with = t.read_with;
  if (t.mutation != nullptr) {
    auto mutation = FromTable(*t.mutation);
    if (!mutation.ok()) return mutation.status();
    d.mutation = *std::move(mutation);
  }
  return d;
}

}  // namespace records
}  // namespace kg
