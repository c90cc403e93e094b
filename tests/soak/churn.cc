#include "tests/soak/churn.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kg::soak {
namespace {

constexpr uint64_t kNodes = 20;
constexpr uint64_t kPodsPerMinute = 8;
constexpr uint64_t kLifeMinutes = 45;
constexpr uint64_t kEventsPerMinute = 40;

ObjectRef RefTo(const std::string& kind, const std::string& ns, const std::string& name,
                const std::string& uid) {
  return {"", true, kind, ns, name, uid};
}

ObjectRef Pod(uint64_t number) {
  return RefTo("Pod", absl::StrCat("team-", number % 7), absl::StrCat("worker-", number),
               absl::StrCat("uid-", number));
}

Mutation PodSeen(uint64_t number, Timestamp at, Presence presence) {
  ObjectRecord r;
  r.ref = Pod(number);
  r.presence = presence;
  r.at = at;
  r.generation = 1;
  r.fields = {{"metadata.labels.app", absl::StrCat("app-", number % 31)},
              {"spec.nodeName", absl::StrCat("node-", number % kNodes)},
              {"status.phase", "Running"}};
  return r;
}

Mutation Event(const std::string& id, ObjectRef subject, const std::string& reason,
               const std::string& message, Timestamp at) {
  EventRecord r;
  r.event_id = id;
  r.subject = std::move(subject);
  r.reason = reason;
  r.message = message;
  r.type = reason == "Scheduled" ? "Normal" : "Warning";
  r.first = r.last = at;
  return r;
}

Mutation Alert(uint64_t hour, bool firing, Timestamp at) {
  AlertRecord r;
  r.fingerprint = absl::StrCat("alert-", hour % 5);
  r.name = "KubePodCrashLooping";
  r.subject = RefTo("Node", "", absl::StrCat("node-", hour % kNodes), "");
  r.severity = "WARNING";
  r.message = "it restarts often";
  r.firing = firing;
  r.starts_at = at - std::chrono::minutes(firing ? 0 : 20);
  if (!firing) r.ends_at = at;
  r.at = at;
  return r;
}

}  // namespace

uint64_t Churn::Draw(uint64_t below) {
  seed_ ^= seed_ << 13;
  seed_ ^= seed_ >> 7;
  seed_ ^= seed_ << 17;
  return seed_ % below;
}

std::vector<Mutation> Churn::Minute(Timestamp at) {
  std::vector<Mutation> out;
  const uint64_t newest = (minute_ + 1) * kPodsPerMinute;
  for (uint64_t i = 0; i < kPodsPerMinute; ++i) {
    out.push_back(PodSeen(minute_ * kPodsPerMinute + i, at, Presence::kPresent));
    if (minute_ < kLifeMinutes) continue;
    const uint64_t old = (minute_ - kLifeMinutes) * kPodsPerMinute + i;
    out.push_back(PodSeen(old, at, Presence::kDeleted));
  }
  const uint64_t living = std::min(newest, kLifeMinutes * kPodsPerMinute);
  for (uint64_t i = 0; i < kEventsPerMinute; ++i) {
    const uint64_t pod = newest - 1 - Draw(living);
    const bool fails = Draw(5) == 0;
    out.push_back(Event(absl::StrCat("e-", minute_, "-", i), Pod(pod),
                        fails ? "BackOff" : "Scheduled",
                        fails ? "Back-off restarting failed container" : "assigned to a node",
                        at + std::chrono::seconds(i)));
  }
  if (minute_ % 60 == 10) out.push_back(Alert(minute_ / 60, true, at));
  if (minute_ % 60 == 30) out.push_back(Alert(minute_ / 60, false, at));
  if (minute_ % 60 == 15) {
    out.push_back(Event(absl::StrCat("reboot-", minute_),
                        RefTo("Node", "", absl::StrCat("node-", Draw(kNodes)), ""), "Rebooted",
                        "Node has been rebooted", at));
  }
  ++minute_;
  return out;
}

}  // namespace kg::soak
