#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/mutation.h"

// Short ways to say what happened, chance under a seed, a directory of its own, and what two
// canonical dumps differ in. Knows no test framework: programs use it as well.

namespace kg::semantics {

// 2023-11-15T00:00Z: a whole day, so that buckets of whole hours begin at whole hours.
inline constexpr Timestamp kDay0 = FromMicros(1'700'006'400'000'000);

// Hours, minutes and seconds of that day; hours may go beyond 24.
constexpr Timestamp At(int hour, int minute = 0, int second = 0) {
  return kDay0 + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

// A directory of its own, gone at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string Sub(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Seeded, and the same on every platform.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  uint64_t Next();
  // In [0, n).
  uint64_t Below(uint64_t n) { return Next() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  template <typename T>
  void Shuffle(std::vector<T>* v) {
    for (size_t i = v->size(); i > 1; --i) std::swap((*v)[i - 1], (*v)[Below(i)]);
  }
  template <typename T>
  const T& Pick(const std::vector<T>& v) {
    return v[Below(v.size())];
  }

 private:
  uint64_t state_;
};

// --- what a source may say; members that a test does not care about have quiet defaults

ObjectRef Ref(const std::string& kind, const std::string& ns, const std::string& name,
              const std::string& uid = "");

// Leaves in any order; the builder sorts them.
class Object {
 public:
  Object(const std::string& kind, const std::string& ns, const std::string& name,
         const std::string& uid = "");
  Object& SeenAt(Timestamp t);
  Object& Created(Timestamp t);
  Object& Generation(int64_t g);
  Object& Set(const std::string& path, const std::string& value,
              FieldKind kind = FieldKind::kString);
  Object& Managed(const std::string& manager, Timestamp t);
  Object& Gone();
  // A pod's node.
  Object& On(const std::string& node) { return Set("spec.nodeName", node); }
  operator Mutation() const;  // NOLINT: reads as the record it is

 private:
  ObjectRecord record_;
};

// A tombstone: of `uid` alone where name is empty, by name alone where uid is.
Mutation Tombstone(const ObjectRef& ref, Timestamp at);
Mutation EdgeSeen(const std::string& type, const ObjectRef& from, const ObjectRef& to,
                  Timestamp at);
Mutation EdgeGone(const std::string& type, const ObjectRef& from, const ObjectRef& to,
                  Timestamp at);
Mutation Event(const std::string& id, const ObjectRef& subject, const std::string& reason,
               const std::string& message, Timestamp first, Timestamp last, int64_t count = 1);
Mutation Alert(const std::string& fingerprint, const std::string& name, const ObjectRef& subject,
               Timestamp starts_at, Timestamp at, std::optional<Timestamp> ends_at = std::nullopt);
Mutation LogLine(const ObjectRef& pod, Timestamp at, const std::string& line);
Mutation Listing(const std::string& kind, const std::string& ns,
                 const std::vector<ObjectRef>& present, Timestamp at);

// The lines of either that the other lacks; empty: equal.
std::string DumpDifference(const std::string& a, const std::string& b, size_t limit = 12);

}  // namespace kg::semantics
