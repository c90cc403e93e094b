#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/mutation.h"
#include "storage/types.h"

// Bytes of any supported wire format in, mutations and dead letters out, in bounded memory and
// without secrets. See ingest/README.md for the formats, what is dropped and what is limited.

namespace kg {
class RuleBook;
}

namespace kg::ingest {

// What one input may cost. Whatever exceeds a limit becomes a dead letter; the rest goes on.
struct Limits {
  uint64_t document_bytes = 16ull << 20;  // one object, event, record or log line
  uint32_t depth = 64;                    // nesting of objects and lists
  uint32_t labels_per_object = 4096;
  uint32_t fields_per_object = 100'000;   // leaves of one object
  uint32_t yaml_nodes = 1'000'000;        // of one document
  uint32_t string_bytes = 64u << 10;      // a longer field value is cut and ends in its hash
  uint32_t line_bytes = 4u << 10;         // what is kept of a log line or a message
  uint64_t inflated_bytes = 64ull << 30;  // of one compressed stream
  uint32_t inflate_ratio = 200;           // checked after the first 16 MiB
  uint64_t held_bytes = 64ull << 20;      // undated records kept in memory; more goes to a file
  uint32_t excerpt_bytes = 512;
};

// Keys the hashes that stand in for secret values. Lives in the database, travels with its backups.
struct MacKey {
  std::string id;
  std::string secret;  // 16 bytes or more
};

// How to read a set of inputs. Copied; what it points to must outlive the decoder.
struct DecodeOptions {
  ScopeName default_scope;      // for records that name no tenant or no cluster
  std::optional<Timestamp> at;  // stamps undated records
  std::string format;           // empty: by content; else one of FormatNames()
  std::string topic;            // the Kafka topic that bare records come from, where known
  std::string log_namespace;    // namespace of `kubectl logs` text
  bool received_live = false;   // alerts are being delivered now (HTTP), not read from a record

  // "What is present is all there is"; needs exactly one of the two next.
  bool complete = false;
  bool complete_all_namespaces = false;
  std::string complete_namespace;
  std::vector<std::string> complete_kinds;  // besides the kinds that are present

  Limits limits;
  const RuleBook* rules = nullptr;  // null: no log line is filtered out
  const MacKey* mac_key = nullptr;  // null: secret values become "mac:" alone, equal to nothing
  Timestamp wall_now;               // the caller's clock; fixed for the whole set
};

struct DecodeStats {
  uint64_t bytes_read = 0;      // as they came
  uint64_t bytes_inflated = 0;  // after decompression
  uint64_t documents = 0;
  uint64_t objects = 0, edges = 0, events = 0, alerts = 0, logs = 0;  // mutations handed on
  uint64_t dead_letters = 0;
  uint64_t log_lines_dropped = 0;              // not high-signal
  std::map<std::string, uint64_t> ignored;     // recognised and of no use, by what it is
  std::map<std::string, uint64_t> formats;     // documents by what they were taken for
  std::map<std::string, uint64_t> redactions;  // by rule
  // What was refused or cut for one of the Limits, by the key of its setting ("max_labels").
  std::map<std::string, uint64_t> limits;
  std::vector<std::string> notes;  // what a person should hear about (a whole file that is no data)
  std::optional<Timestamp> newest;  // largest time that the input names, at most wall_now + 10 min
  uint64_t undated = 0;             // records that were stamped for want of a time of their own
  TimeSource undated_source = TimeSource::kInputSet;
  std::optional<Timestamp> undated_at;
};

// Takes what is decoded. A status that is not OK ends decoding and is returned to its caller.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual absl::Status OnMutation(Mutation mutation) = 0;
  virtual absl::Status OnDeadLetter(DeadLetter letter) = 0;
  // Called about once per 64 KiB with the bytes read so far, over all inputs of the set.
  virtual void OnProgress(uint64_t bytes_read) {}
};

// Collects everything; for request bodies and tests.
class BatchSink : public Sink {
 public:
  absl::Status OnMutation(Mutation mutation) override;
  absl::Status OnDeadLetter(DeadLetter letter) override;
  Batch batch;
};

// Where one stream of an input set comes from. Empty fields take what the set's options say.
struct StreamOptions {
  std::string source_name = {};  // "file:pods.json", "http"
  std::string format = {};
  std::string topic = {};
  std::string log_namespace = {},
              log_pod = {};  // of a log file in a `kubectl cluster-info dump` folder
};

class InputSet;

// One stream of bytes: a file, a body. Feed it in pieces of any size, then Finish. Not thread-safe.
class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  // Broken input is no error: it becomes a dead letter. Only the sink's own errors come back.
  [[nodiscard]] virtual absl::Status Feed(absl::string_view chunk) = 0;
  [[nodiscard]] virtual absl::Status Finish() = 0;
};

// Inputs that are understood together: what is undated among them takes the largest time that any
// of them names, so undated records come out at Finish. In what order:
//   dated records and frames of a watch at once, in the order of the input;
//   undated ones at Finish, then the completeness record where asked for.
// A time comes from the record (kSource), else for watch frames and topics from the running maximum
// of its own newest timestamp and its predecessors' (kMetadata), else from `at` (kGiven), the
// envelope (kEnvelope), the set (kInputSet) or the clock (kWallClock).
// Concurrency: one thread. Memory: about limits.held_bytes plus twice the largest document.
class InputSet {
 public:
  // `sink` must outlive the set. InvalidArgument for options that contradict one another.
  static absl::StatusOr<std::unique_ptr<InputSet>> Create(DecodeOptions options, Sink* sink);
  virtual ~InputSet() = default;

  // A stream of this set; the set must outlive it. Several may be open.
  virtual std::unique_ptr<StreamDecoder> OpenStream(StreamOptions stream) = 0;
  // A file, a folder (read recursively in order of names) or "-" for standard input. NotFound or
  // PermissionDenied where it can't be read.
  [[nodiscard]] virtual absl::Status AddPath(const std::string& path) = 0;
  // Emits what was held back. Call once, after all streams are finished.
  [[nodiscard]] virtual absl::Status Finish() = 0;
  virtual const DecodeStats& stats() const = 0;
};

// The whole of `body` as one input set.
absl::StatusOr<DecodeStats> DecodeBody(absl::string_view body, const DecodeOptions& options,
                                       const std::string& source_name, Sink* sink);
// The files and folders of `paths` as one input set.
absl::StatusOr<DecodeStats> DecodePaths(const std::vector<std::string>& paths,
                                        const DecodeOptions& options, Sink* sink);

// What DecodeOptions::format takes: "json", "yaml", "logs".
const std::vector<std::string>& FormatNames();

}  // namespace kg::ingest
