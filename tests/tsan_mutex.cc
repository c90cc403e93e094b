// Linked into programs under the thread sanitizer only. libabsl as Debian ships it is not
// instrumented, so the sanitizer can't see that absl::Mutex orders anything. The definitions here
// take the place of the library's at load time, do the same work through it, and tell the
// sanitizer.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <sched.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/base/config.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace {

// The library's own definition, by what follows the namespace in its mangled name.
template <typename Function>
Function Original(const char* mangled_rest) {
#if ABSL_OPTION_USE_INLINE_NAMESPACE == 1
#define KG_TEXT_OF(x) #x
#define KG_TEXT(x) KG_TEXT_OF(x)
  const char* inner = KG_TEXT(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  const std::string name =
      "_ZN4absl" + std::to_string(std::strlen(inner)) + inner + std::string(mangled_rest);
#else
  const std::string name = std::string("_ZN4absl") + mangled_rest;
#endif
  void* found = dlsym(RTLD_NEXT, name.c_str());
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function>(found);
}

using MutexFunction = void (*)(absl::Mutex*);
using TryFunction = bool (*)(absl::Mutex*);

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static const auto original = Original<MutexFunction>("5Mutex4LockEv");
  original(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static const auto original = Original<MutexFunction>("5Mutex6UnlockEv");
  __tsan_release(this);
  original(this);
}

bool Mutex::TryLock() {
  static const auto original = Original<TryFunction>("5Mutex7TryLockEv");
  const bool locked = original(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::ReaderLock() {
  static const auto original = Original<MutexFunction>("5Mutex10ReaderLockEv");
  original(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  static const auto original = Original<MutexFunction>("5Mutex12ReaderUnlockEv");
  __tsan_release(this);
  original(this);
}

bool Mutex::ReaderTryLock() {
  static const auto original = Original<TryFunction>("5Mutex13ReaderTryLockEv");
  const bool locked = original(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

// The library evaluates a condition before it returns, which is too early for the sanitizer to know
// that the lock is held; so conditions are waited for here, by trying again.

bool Mutex::AwaitWithDeadline(const Condition& cond, absl::Time deadline) {
  while (!cond.Eval()) {
    if (absl::Now() >= deadline) return false;
    Unlock();
    sched_yield();
    Lock();
  }
  return true;
}

bool Mutex::AwaitWithTimeout(const Condition& cond, absl::Duration timeout) {
  return AwaitWithDeadline(cond, absl::Now() + timeout);
}

void Mutex::Await(const Condition& cond) {
  AwaitWithDeadline(cond, absl::InfiniteFuture());
}

bool Mutex::LockWhenWithDeadline(const Condition& cond, absl::Time deadline) {
  Lock();
  return AwaitWithDeadline(cond, deadline);
}

bool Mutex::LockWhenWithTimeout(const Condition& cond, absl::Duration timeout) {
  return LockWhenWithDeadline(cond, absl::Now() + timeout);
}

void Mutex::LockWhen(const Condition& cond) {
  LockWhenWithDeadline(cond, absl::InfiniteFuture());
}

void CondVar::Wait(Mutex* mu) {
  static const auto original = Original<void (*)(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mu);
  original(this, mu);
  __tsan_acquire(mu);
}

bool CondVar::WaitWithDeadline(Mutex* mu, absl::Time deadline) {
  static const auto original = Original<bool (*)(CondVar*, Mutex*, absl::Time)>(
      "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mu);
  const bool expired = original(this, mu, deadline);
  __tsan_acquire(mu);
  return expired;
}

bool CondVar::WaitWithTimeout(Mutex* mu, absl::Duration timeout) {
  return WaitWithDeadline(mu, absl::Now() + timeout);
}

ABSL_NAMESPACE_END
}  // namespace absl
