#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "ingest/decoder.h"
#include "ingest/internal/compat_ids.h"
#include "ingest/internal/held.h"
#include "ingest/internal/json.h"
#include "ingest/internal/piece.h"
#include "ingest/internal/stream_clock.h"
#include "ingest/redactor.h"

namespace kg::ingest {

// What is known about a record from around it.
struct Origin {
  TopicKind topic = TopicKind::kUnknown;
  bool from_topic = false;         // in an envelope or of a named topic: an ordered stream
  std::string tenant;              // of the key or the topic's name
  std::optional<std::string> key;  // as sent
  std::string raw_key;             // without tenant
  std::optional<Timestamp> envelope_time;
  bool frame = false;  // in a watch frame
  Presence presence = Presence::kPresent;
  std::string list_kind, list_api_version;  // of the typed list an element stands in
  bool in_list = false;
};

// What the streams of one input set share, and the way of every record to the sink.
class SetState {
 public:
  SetState(DecodeOptions options, Sink* sink);

  const DecodeOptions& options() const { return options_; }
  Redactor& redactor() { return redactor_; }
  DecodeStats& stats() { return stats_; }

  // A time that the input names: the set's newest follows it, unless it lies in the far future.
  void Observe(Timestamp t);
  bool Plausible(Timestamp t) const;

  void Emit(Mutation mutation);
  void Hold(Mutation mutation);
  void DeadLetterFor(const Piece& piece, const std::string& source, absl::string_view reason,
                     const ScopeName& scope);
  void NotePresent(const ScopeName& scope, const ObjectRef& ref);
  // A list of this kind was read, empty or not.
  void NoteKind(const ObjectRef& kind) { listed_.insert(kind); }
  // What was read is not all there was: nothing may be concluded from what is absent.
  void NoteIncomplete() { incomplete_ = true; }

  // Stamps and emits what was held, then says what is complete.
  absl::Status Finish();
  // The first error of the sink; decoding stops at it.
  const absl::Status& status() const { return status_; }
  void Fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

 private:
  void EmitCompleteness(Timestamp at, TimeSource source);
  void ListNamedKinds();

  const DecodeOptions options_;
  Sink* const sink_;
  const Timestamp horizon_;
  Redactor redactor_;
  DecodeStats stats_;
  HeldRecords held_;
  absl::Status status_;
  bool incomplete_ = false;
  struct Present {
    std::set<ObjectRef> kinds;
    std::vector<ObjectRef> objects;
  };
  std::set<ObjectRef> listed_;
  std::map<ScopeName, Present> present_;
};

// One record on its way: decoders read `origin`, and emit, ignore or reject. The document that the
// record came from is named by `piece`.
class Context {
 public:
  Context(SetState* set, const std::string* source, StreamClock* clock, const Piece* piece)
      : set_(*set), source_(*source), clock_(*clock), piece_(*piece) {}

  Origin origin;

  const DecodeOptions& options() const { return set_.options(); }
  const Limits& limits() const { return set_.options().limits; }
  SetState& set() { return set_; }
  const std::string& source() const { return source_; }
  Redactor& redactor() { return set_.redactor(); }
  DecodeStats& stats() { return set_.stats(); }

  // The scope of a record whose value names these; what is empty falls back to key and options.
  ScopeName Scope(absl::string_view tenant, absl::string_view cluster) const;
  // As sent, redacted, repaired and cut to limits.line_bytes.
  std::string Prose(absl::string_view text);

  // A record with a time of its own.
  template <typename Record>
  void Emit(Record record) {
    Advance(record.at);
    set_.Emit(Mutation(std::move(record)));
  }
  void EmitEvent(EventRecord record);
  // A record without: stamped by the rules of InputSet, or held. `own` is the newest time it names,
  // `version` the resourceVersion of an object.
  template <typename Record>
  void EmitUndated(Record record, std::optional<Timestamp> own = std::nullopt,
                   std::optional<uint64_t> version = std::nullopt) {
    std::optional<std::pair<Timestamp, TimeSource>> stamp;
    if constexpr (std::is_same_v<Record, ObjectRecord>) {
      stamp = StampFrame(record.ref, own, version);
    } else {
      stamp = Stamp(own);
    }
    if (!stamp) return set_.Hold(Mutation(std::move(record)));
    record.at = stamp->first;
    record.at_source = stamp->second;
    if (stamp->second == TimeSource::kGiven) ++set_.stats().undated;
    set_.Emit(Mutation(std::move(record)));
  }
  // When a delivery that names no time was made; nullopt when nothing tells.
  std::optional<std::pair<Timestamp, TimeSource>> Stamp(std::optional<Timestamp> own);
  // The same for an object; a watch frame that comes late is dated by its version.
  std::optional<std::pair<Timestamp, TimeSource>> StampFrame(const ObjectRef& object,
                                                             std::optional<Timestamp> own,
                                                             std::optional<uint64_t> version);

  void Took(const char* format) { ++set_.stats().formats[format]; }
  void Ignore(const char* what) { ++set_.stats().ignored[what]; }
  // The record can't be used; `reason` names the field and the fix.
  void Reject(absl::string_view reason, const ScopeName& scope = {});
  bool failed() const { return !set_.status().ok(); }

 private:
  void Advance(Timestamp t);

  SetState& set_;
  const std::string& source_;
  StreamClock& clock_;
  const Piece& piece_;
};

}  // namespace kg::ingest
