#include "engine/internal/bounds.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/limits.h"

namespace kg {
namespace {

constexpr size_t kProblemsKept = 5;
constexpr size_t kShownBytes = 80;

// A text that may not be longer than a name, and how a person calls it.
struct Named {
  const char* field;
  const std::string* text;
};

// Calls fn with every name in a record until it returns false.
template <typename Fn>
bool EachName(const char* what, const ObjectRef& r, const Fn& fn) {
  for (const std::string* text : {&r.group, &r.kind, &r.ns, &r.name, &r.uid}) {
    if (!fn(Named{what, text})) return false;
  }
  return true;
}
template <typename Fn>
bool EachName(const ScopeName& r, const Fn& fn) {
  return fn(Named{"tenant", &r.tenant}) && fn(Named{"cluster", &r.cluster});
}
template <typename Fn>
bool EachName(const ObjectRecord& r, const Fn& fn) {
  return EachName("the object's reference", r.ref, fn);
}
template <typename Fn>
bool EachName(const EdgeRecord& r, const Fn& fn) {
  return EachName("from", r.from, fn) && EachName("to", r.to, fn) && fn(Named{"type", &r.type}) &&
         fn(Named{"asserter", &r.asserter});
}
template <typename Fn>
bool EachName(const EventRecord& r, const Fn& fn) {
  for (const std::string& id : r.other_ids) {
    if (!fn(Named{"other_ids", &id})) return false;
  }
  return EachName("the subject", r.subject, fn) &&
         (!r.related || EachName("related", *r.related, fn)) &&
         fn(Named{"event_id", &r.event_id}) && fn(Named{"etype", &r.etype}) &&
         fn(Named{"container", &r.container}) && fn(Named{"reason", &r.reason}) &&
         fn(Named{"severity", &r.severity}) && fn(Named{"type", &r.type}) &&
         fn(Named{"emitter", &r.emitter});
}
template <typename Fn>
bool EachName(const AlertRecord& r, const Fn& fn) {
  for (const Field& label : r.labels) {
    if (!fn(Named{"a label's name", &label.path})) return false;
  }
  return EachName("the subject", r.subject, fn) && fn(Named{"fingerprint", &r.fingerprint}) &&
         fn(Named{"alertname", &r.name}) && fn(Named{"severity", &r.severity});
}
template <typename Fn>
bool EachName(const LogRecord& r, const Fn& fn) {
  return EachName("the pod", r.subject, fn) && fn(Named{"event_id", &r.event_id}) &&
         fn(Named{"container", &r.container}) && fn(Named{"severity", &r.severity});
}
template <typename Fn>
bool EachName(const CompletenessRecord& r, const Fn& fn) {
  for (const std::string& ns : r.namespaces) {
    if (!fn(Named{"a namespace", &ns})) return false;
  }
  for (const ObjectRef& kind : r.kinds) {
    if (!EachName("a kind", kind, fn)) return false;
  }
  for (const ObjectRef& present : r.present) {
    if (!EachName("an object that is present", present, fn)) return false;
  }
  return true;
}

size_t Items(const ObjectRecord& r) {
  return std::max(r.fields.size(), r.managed.size());
}
size_t Items(const EdgeRecord&) {
  return 0;
}
size_t Items(const EventRecord& r) {
  return r.other_ids.size();
}
size_t Items(const AlertRecord& r) {
  return std::max(r.labels.size(), r.annotations.size());
}
size_t Items(const LogRecord&) {
  return 0;
}
// A listing is as long as the cluster is large; its bytes bound it.
size_t Items(const CompletenessRecord&) {
  return 0;
}

std::string* Message(EventRecord& r) {
  return &r.message;
}
std::string* Message(AlertRecord& r) {
  return &r.message;
}
std::string* Message(LogRecord& r) {
  return &r.line;
}
template <typename Record>
std::string* Message(Record&) {
  return nullptr;
}

const char* KindOf(const Mutation& m) {
  constexpr const char* kKinds[] = {"object", "edge", "event", "alert", "log line", "listing"};
  return kKinds[m.index()];
}

// Never in the middle of a character.
void Cut(std::string* text, size_t limit) {
  const size_t size = text->size();
  while (limit > 0 && (static_cast<unsigned char>((*text)[limit]) & 0xC0) == 0x80) --limit;
  text->resize(limit);
  absl::StrAppend(text, "…[cut, ", size, " bytes]");
}

}  // namespace

absl::StatusOr<uint64_t> Bounds::Screen(Batch* batch, Timestamp now, ApplyResult* result) {
  if (limits_.batch_mutations != 0 && batch->mutations.size() > limits_.batch_mutations) {
    Note(kBatchMutations);
    return absl::InvalidArgumentError(
        absl::StrCat("the batch has ", batch->mutations.size(), " mutations, more than the ",
                     limits_.batch_mutations, " of --max-batch; split it"));
  }
  std::vector<bool> refused;
  uint64_t bytes = 0;
  for (size_t i = 0; i < batch->mutations.size(); ++i) {
    Mutation& m = batch->mutations[i];
    const size_t size = ApproximateBytes(m);
    bytes += size;
    std::string why;
    if (limits_.record_bytes != 0 && size > limits_.record_bytes) {
      Note(kRecordBytes);
      why = absl::StrCat("it has ", size, " bytes, more than the ", limits_.record_bytes,
                         " of --max-record-bytes; send less of it, or raise that");
    }
    const size_t items = std::visit([](const auto& r) { return Items(r); }, m);
    if (why.empty() && limits_.record_items != 0 && items > limits_.record_items) {
      Note(kRecordItems);
      why = absl::StrCat("it has ", items, " fields, labels or ids, more than the ",
                         limits_.record_items, " of --max-record-items; send less of it");
    }
    const auto short_enough = [&](const Named& named) {
      if (limits_.name_bytes == 0 || named.text->size() <= limits_.name_bytes) return true;
      Note(kNameBytes);
      why = absl::StrCat(named.field, " has ", named.text->size(), " bytes, more than the ",
                         limits_.name_bytes, " of --max-name-bytes; it begins ",
                         named.text->substr(0, kShownBytes));
      return false;
    };
    if (why.empty()) {
      std::visit(
          [&](const auto& r) {
            return EachName(r.scope, short_enough) && EachName(r, short_enough);
          },
          m);
    }
    if (!why.empty()) {
      DeadLetter letter;
      letter.source = "apply";
      letter.position = absl::StrCat(KindOf(m), " ", i + 1, " of its batch");
      letter.size_bytes = size;
      letter.reason = std::move(why);
      letter.at = now;
      if (result->problems.size() < kProblemsKept)
        result->problems.push_back(absl::StrCat(letter.position, ": ", letter.reason));
      batch->dead_letters.push_back(std::move(letter));
      ++result->refused;
      refused.resize(batch->mutations.size());
      refused[i] = true;
      continue;
    }
    std::string* message = std::visit([](auto& r) { return Message(r); }, m);
    if (message != nullptr && limits_.message_bytes != 0 &&
        message->size() > limits_.message_bytes) {
      Note(kMessageBytes);
      Cut(message, limits_.message_bytes);
    }
  }
  if (limits_.batch_bytes != 0 && bytes > limits_.batch_bytes) {
    Note(kBatchBytes);
    return absl::InvalidArgumentError(absl::StrCat("the batch has about ", bytes,
                                                   " bytes, more than the ", limits_.batch_bytes,
                                                   " of --max-batch-bytes; split it"));
  }
  if (refused.empty()) return bytes;
  size_t i = 0;
  auto& mutations = batch->mutations;
  mutations.erase(std::remove_if(mutations.begin(), mutations.end(),
                                 [&](const Mutation&) { return refused[i++]; }),
                  mutations.end());
  return bytes;
}

bool Bounds::Fits(const ScopeName& name, const Identity& identity) {
  if (limits_.scopes == 0 || (name.tenant.empty() && name.cluster.empty())) return true;
  auto known = std::make_pair(name.tenant, name.cluster);
  if (admitted_.contains(known)) return true;
  if (!identity.FindScope(name).has_value()) {
    const bool new_tenant = !identity.FindScope({name.tenant, ""}).has_value();
    const uint64_t more = new_tenant ? scopes_per_tenant_ : 1;
    if (identity.scopes().size() + about_to_be_ + more > limits_.scopes) return false;
    about_to_be_ += more;
  }
  admitted_.insert(std::move(known));
  return true;
}

void Bounds::AdmitScopes(Batch* batch, Timestamp now, const Identity& identity,
                         ApplyResult* result) {
  about_to_be_ = 0;
  const ScopeName* last = nullptr;
  const auto fits = [&](const ScopeName& name) {
    if (last != nullptr && name == *last) return true;
    if (!Fits(name, identity)) return false;
    last = &name;
    return true;
  };
  const std::string why =
      absl::StrCat("its tenant and cluster would be one more than the ", limits_.scopes,
                   " of --max-scopes; check its source, or raise that and retry");
  for (DeadLetter& letter : batch->dead_letters) {
    if (!fits(letter.scope)) letter.scope = {};
  }
  last = nullptr;
  std::vector<DeadLetter> letters;
  std::vector<Mutation> kept;
  bool refused = false;
  for (size_t i = 0; i < batch->mutations.size(); ++i) {
    Mutation& m = batch->mutations[i];
    const bool fit = std::visit([&](const auto& r) { return fits(r.scope); }, m);
    if (fit && !refused) continue;
    if (!refused) {
      // The usual batch is left as it is; this one is taken apart from here on.
      refused = true;
      last = nullptr;
      kept.reserve(batch->mutations.size());
      for (size_t k = 0; k < i; ++k) kept.push_back(std::move(batch->mutations[k]));
    }
    if (fit) {
      last = nullptr;  // it is about to move
      kept.push_back(std::move(m));
      continue;
    }
    Note(kScopes);
    DeadLetter letter;
    letter.source = "apply";
    letter.position = absl::StrCat(KindOf(m), " ", i + 1, " of its batch");
    letter.size_bytes = ApproximateBytes(m);
    letter.reason = why;
    letter.at = now;
    letter.mutation = std::move(m);
    if (result->problems.size() < kProblemsKept)
      result->problems.push_back(absl::StrCat(letter.position, ": ", letter.reason));
    letters.push_back(std::move(letter));
    ++result->refused;
  }
  if (!refused) return;
  batch->mutations = std::move(kept);
  for (DeadLetter& letter : letters) batch->dead_letters.push_back(std::move(letter));
}

}  // namespace kg
