#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/internal/rows.h"
#include "engine/internal/writer.h"

// Dead letters: what could not be applied, or not even read.

namespace kg {
namespace {

std::string Describe(const ObjectRef& ref) {
  return absl::StrCat(ref.kind.empty() ? "object" : ref.kind, " ", ref.ns,
                      ref.ns.empty() ? "" : "/", ref.name.empty() ? ref.uid : ref.name);
}
std::string Describe(const ObjectRecord& r) {
  return Describe(r.ref);
}
std::string Describe(const EdgeRecord& r) {
  return absl::StrCat("edge ", r.type, " from ", Describe(r.from), " to ", Describe(r.to));
}
std::string Describe(const EventRecord& r) {
  return absl::StrCat("event ", r.reason, " of ", Describe(r.subject));
}
std::string Describe(const AlertRecord& r) {
  return absl::StrCat("alert ", r.name);
}
std::string Describe(const LogRecord& r) {
  return absl::StrCat("log line of ", Describe(r.subject));
}
std::string Describe(const CompletenessRecord& r) {
  return absl::StrCat("complete listing of ", r.kinds.size(), " kinds");
}

storage::keys::Hash128 LetterHash(absl::string_view key) {
  storage::keys::Hash128 hash{};
  std::copy_n(key.begin(), std::min(key.size(), hash.size()), hash.begin());
  return hash;
}

}  // namespace

void Writer::Refuse(Mutation&& m, std::string reason, ApplyResult* result) {
  const ScopeName scope = std::visit([](const auto& r) { return r.scope; }, m);
  DeadLetter d;
  d.source = "apply";
  d.position = std::visit([](const auto& r) { return Describe(r); }, m);
  d.reason = std::move(reason);
  d.at = options_.now();
  d.mutation = std::move(m);
  d.size_bytes = records::EncodeMutation(*d.mutation).size();
  AddDeadLetter(identity_->ScopeFor(scope), d);
  ++result->refused;
  ++result->dead_letters;
  if (result->problems.size() < kMaxProblems)
    result->problems.push_back(absl::StrCat(d.position, ": ", d.reason));
}

void Writer::AddDeadLetter(ScopeId scope, const DeadLetter& letter) {
  RowOp op;
  op.scope = scope;
  op.key = absl::HexStringToBytes(DeadLetterId(letter));
  const std::pair<uint32_t, storage::keys::Hash128> id{scope.value, LetterHash(op.key)};
  if (letters_.contains(id)) return;
  if (options_.limits.dead_letters != 0 && letters_.size() >= options_.limits.dead_letters) {
    ++work_.letters_not_kept;
    return;
  }
  letters_.emplace(id, clock_);
  if (clock_ == kBeginning) {
    // No data yet, so no bucket: kept where nothing expires.
    op.table = storage::Table::kSystem;
    op.key.insert(op.key.begin(), 'L');
  } else {
    op.in_table = false;
    op.bucket_time = clock_;
    op.kind = storage::RecordKind::kDeadLetter;
  }
  op.value = records::EncodeDeadLetter(letter);
  ops_.push_back(std::move(op));
  wants_commit_ = true;
}

void Writer::TakeOut(const MendedLetter& letter) {
  RowOp op;
  op.is_delete = true;
  op.scope = letter.scope;
  op.key = absl::HexStringToBytes(letter.id);
  auto it = letters_.find({letter.scope.value, LetterHash(op.key)});
  if (op.key.size() != sizeof(storage::keys::Hash128) || it == letters_.end()) return;
  if (it->second == kBeginning) {
    op.table = storage::Table::kSystem;
    op.key.insert(op.key.begin(), 'L');
  } else {
    op.in_table = false;
    op.bucket_time = it->second;
    op.kind = storage::RecordKind::kDeadLetter;
  }
  letters_.erase(it);
  ops_.push_back(std::move(op));
  wants_commit_ = true;
}

absl::Status Writer::IndexDeadLetters(const storage::Snapshot& s) {
  letters_.clear();
  for (const ScopeInfo& scope : identity_->scopes()) {
    auto undated = [&](absl::string_view key, absl::string_view) {
      letters_[{scope.id.value, LetterHash(key.substr(1))}] = kBeginning;
      return absl::OkStatus();
    };
    auto status = ForEachRow(s.Scan(scope.id, storage::Table::kSystem, "L"), undated);
    if (!status.ok()) return status;
    for (const storage::BucketPtr& b : s.buckets()) {
      auto dated = [&](absl::string_view key, absl::string_view) {
        letters_[{scope.id.value, LetterHash(key)}] = storage::BucketStart(b);
        return absl::OkStatus();
      };
      status = ForEachRow(s.Scan(b, scope.id, storage::RecordKind::kDeadLetter, ""), dated);
      if (status = Tolerate(b, status); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace kg
