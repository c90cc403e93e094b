#include "engine/internal/blame.h"

#include <re2/re2.h>

#include <memory>
#include <vector>

#include <string>

#include "absl/strings/ascii.h"

namespace kg {
namespace {

struct Pattern {
  const char* regex;  // one group: the name; or two: the kind, the name
  const char* kind;   // nullptr: the first group says it
  bool namespaced;
};

// What kubelet, the scheduler and admission say when something they were referred to is the
// trouble.
constexpr Pattern kPatterns[] = {
    {R"re(exceeded quota: ([a-z0-9][a-z0-9.-]*))re", "ResourceQuota", true},
    {R"re(failed quota: ([a-z0-9][a-z0-9.-]*))re", "ResourceQuota", true},
    {R"re((?i)(secret|configmap|serviceaccount|persistentvolumeclaim)s? "([a-z0-9][a-z0-9.-]*)" (?:not found|is being deleted))re",
     nullptr, true},
    {R"re((?i)couldn't find key \S+ in (secret|configmap) (?:[a-z0-9-]+/)?([a-z0-9][a-z0-9.-]*))re",
     nullptr, true},
    {R"re((?i)references non-existent (secret|config) key: ([a-z0-9][a-z0-9.-]*))re", nullptr,
     true},
    {R"re((?i)storageclass\S* "([a-z0-9][a-z0-9.-]*)" not found)re", "StorageClass", false},
    {R"re((?i)error looking up service account [a-z0-9-]+/([a-z0-9][a-z0-9.-]*))re",
     "ServiceAccount", true},
};

}  // namespace

std::optional<ObjectRef> BlamedObject(absl::string_view message, absl::string_view ns) {
  static const auto* const kCompiled = [] {
    auto* out = new std::vector<std::unique_ptr<re2::RE2>>();
    for (const Pattern& p : kPatterns) out->push_back(std::make_unique<re2::RE2>(p.regex));
    return out;
  }();
  const re2::StringPiece text(message.data(), message.size());
  for (size_t i = 0; i < kCompiled->size(); ++i) {
    std::string first, second;
    const bool one = kPatterns[i].kind != nullptr;
    const bool hit = one ? re2::RE2::PartialMatch(text, *(*kCompiled)[i], &first)
                         : re2::RE2::PartialMatch(text, *(*kCompiled)[i], &first, &second);
    if (!hit) continue;
    ObjectRef ref;
    ref.kind = one ? kPatterns[i].kind : absl::AsciiStrToLower(first);
    if (ref.kind == "config") ref.kind = "configmap";
    ref.name = one ? first : second;
    if (kPatterns[i].namespaced) ref.ns = std::string(ns);
    return ref;
  }
  return std::nullopt;
}

}  // namespace kg
