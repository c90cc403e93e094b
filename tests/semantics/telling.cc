#include "tests/semantics/telling.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kg::semantics {

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "kg-semantics-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

uint64_t Random::Next() {  // splitmix64
  uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

ObjectRef Ref(const std::string& kind, const std::string& ns, const std::string& name,
              const std::string& uid) {
  ObjectRef ref;
  ref.kind = kind;
  ref.ns = ns;
  ref.name = name;
  ref.uid = uid;
  return ref;
}

Object::Object(const std::string& kind, const std::string& ns, const std::string& name,
               const std::string& uid) {
  record_.ref = Ref(kind, ns, name, uid);
  record_.at = At(10);
}

Object& Object::SeenAt(Timestamp t) {
  record_.at = t;
  return *this;
}

Object& Object::Created(Timestamp t) {
  record_.created = t;
  return *this;
}

Object& Object::Generation(int64_t g) {
  record_.generation = g;
  return *this;
}

Object& Object::Set(const std::string& path, const std::string& value, FieldKind kind) {
  record_.fields.push_back({path, value, kind});
  return *this;
}

Object& Object::Managed(const std::string& manager, Timestamp t) {
  record_.managed.push_back({manager, "Update", t});
  return *this;
}

Object& Object::Gone() {
  record_.presence = Presence::kDeleted;
  return *this;
}

Object::operator Mutation() const {
  ObjectRecord r = record_;
  std::sort(r.fields.begin(), r.fields.end(),
            [](const Field& a, const Field& b) { return a.path < b.path; });
  return r;
}

Mutation Tombstone(const ObjectRef& ref, Timestamp at) {
  ObjectRecord r;
  r.ref = ref;
  r.presence = Presence::kDeleted;
  r.shape = ObjectShape::kBare;
  r.at = at;
  return r;
}

namespace {

EdgeRecord EdgeOf(const std::string& type, const ObjectRef& from, const ObjectRef& to,
                  Timestamp at) {
  EdgeRecord r;
  r.type = type;
  r.from = from;
  r.to = to;
  r.at = at;
  r.asserter = "topology";
  return r;
}

}  // namespace

Mutation EdgeSeen(const std::string& type, const ObjectRef& from, const ObjectRef& to,
                  Timestamp at) {
  return EdgeOf(type, from, to, at);
}

Mutation EdgeGone(const std::string& type, const ObjectRef& from, const ObjectRef& to,
                  Timestamp at) {
  EdgeRecord r = EdgeOf(type, from, to, at);
  r.presence = Presence::kDeleted;
  return r;
}

Mutation Event(const std::string& id, const ObjectRef& subject, const std::string& reason,
               const std::string& message, Timestamp first, Timestamp last, int64_t count) {
  EventRecord r;
  r.event_id = id;
  r.subject = subject;
  r.reason = reason;
  r.message = message;
  r.type = "Warning";
  r.emitter = "kubelet";
  r.first = first;
  r.last = last;
  r.count = count;
  return r;
}

Mutation Alert(const std::string& fingerprint, const std::string& name, const ObjectRef& subject,
               Timestamp starts_at, Timestamp at, std::optional<Timestamp> ends_at) {
  AlertRecord r;
  r.fingerprint = fingerprint;
  r.name = name;
  r.subject = subject;
  r.severity = "WARNING";
  r.message = name;
  r.firing = !ends_at.has_value();
  r.starts_at = starts_at;
  r.ends_at = ends_at;
  r.at = at;
  return r;
}

Mutation LogLine(const ObjectRef& pod, Timestamp at, const std::string& line) {
  LogRecord r;
  r.subject = pod;
  r.container = "app";
  r.at = at;
  r.severity = "ERROR";
  r.line = line;
  return r;
}

Mutation Listing(const std::string& kind, const std::string& ns,
                 const std::vector<ObjectRef>& present, Timestamp at) {
  CompletenessRecord r;
  r.at = at;
  if (!ns.empty()) r.namespaces.push_back(ns);
  r.kinds.push_back(Ref(kind, "", ""));
  r.present = present;
  return r;
}

std::string DumpDifference(const std::string& a, const std::string& b, size_t limit) {
  const std::vector<std::string> la = absl::StrSplit(a, '\n'), lb = absl::StrSplit(b, '\n');
  const std::multiset<std::string> in_a(la.begin(), la.end()), in_b(lb.begin(), lb.end());
  std::vector<std::string> out;
  for (const std::string& l : in_a) {
    if (in_b.count(l) != in_a.count(l)) out.push_back("- " + l.substr(0, 400));
  }
  for (const std::string& l : in_b) {
    if (in_a.count(l) != in_b.count(l)) out.push_back("+ " + l.substr(0, 400));
  }
  // What became what stands together.
  std::stable_sort(out.begin(), out.end(), [](const std::string& x, const std::string& y) {
    return x.compare(2, 60, y, 2, 60) < 0;
  });
  std::string text;
  for (size_t i = 0; i < std::min(limit, out.size()); ++i) absl::StrAppend(&text, out[i], "\n");
  if (out.size() > limit) absl::StrAppend(&text, "... and ", out.size() - limit, " more\n");
  return text;
}

}  // namespace kg::semantics
