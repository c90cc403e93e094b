#include "engine/limits.h"

namespace kg {
namespace {

size_t Bytes(const std::string& text) {
  return text.size();
}
size_t Bytes(const ObjectRef& r) {
  return sizeof(r) + r.group.size() + r.kind.size() + r.ns.size() + r.name.size() + r.uid.size();
}
size_t Bytes(const Field& f) {
  return sizeof(f) + f.path.size() + f.value.size();
}
size_t Bytes(const ManagedStamp& s) {
  return sizeof(s) + s.manager.size() + s.operation.size();
}
template <typename T>
size_t Bytes(const std::vector<T>& list) {
  size_t bytes = 0;
  for (const T& item : list) bytes += Bytes(item);
  return bytes;
}

size_t Texts(const ObjectRecord& r) {
  return Bytes(r.ref) + Bytes(r.fields) + Bytes(r.managed);
}
size_t Texts(const EdgeRecord& r) {
  return Bytes(r.from) + Bytes(r.to) + r.type.size() + r.asserter.size();
}
size_t Texts(const EventRecord& r) {
  return Bytes(r.subject) + (r.related ? Bytes(*r.related) : 0) + Bytes(r.other_ids) +
         r.event_id.size() + r.etype.size() + r.container.size() + r.reason.size() +
         r.message.size() + r.severity.size() + r.type.size() + r.emitter.size();
}
size_t Texts(const AlertRecord& r) {
  return Bytes(r.subject) + Bytes(r.labels) + Bytes(r.annotations) + r.fingerprint.size() +
         r.name.size() + r.severity.size() + r.message.size();
}
size_t Texts(const LogRecord& r) {
  return Bytes(r.subject) + r.event_id.size() + r.container.size() + r.severity.size() +
         r.line.size();
}
size_t Texts(const CompletenessRecord& r) {
  return Bytes(r.namespaces) + Bytes(r.kinds) + Bytes(r.present);
}

}  // namespace

size_t ApproximateBytes(const Mutation& mutation) {
  return sizeof(Mutation) + std::visit(
                                [](const auto& r) {
                                  return r.scope.tenant.size() + r.scope.cluster.size() + Texts(r);
                                },
                                mutation);
}

}  // namespace kg
