#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/database.h"
#include "ingest/decoder.h"
#include "server/applier.h"
#include "server/http.h"

// Decoded input into a database, the same way from files and from request bodies.

namespace kg::server {

// What came of one input set.
struct IngestReport {
  ingest::DecodeStats decoded;
  int64_t applied = 0;
  int64_t unchanged = 0;
  int64_t refused = 0;
  int64_t dead_letters = 0;           // all, those of decoding included
  int64_t already_loaded = 0;         // files passed over: they were loaded whole before
  int64_t mended = 0;                 // letters taken out, for their source gives them no more
  std::vector<std::string> problems;  // the first few, each with its position or its reason

  // Records that were understood.
  uint64_t records() const;
};

// {"records","applied","unchanged","refused","dead_letters","decoded":{…},"problems":[…],…}
boost::json::value Render(const IngestReport& report);

// "the newest time in the input", "--at", … for people.
std::string TimeSourceText(TimeSource source);

// Collects mutations into batches and has each applied, in order, while the next one is decoded.
// What came of a batch is counted, and told in the order of the input, some batches later: by
// Flush at the latest. So is a failure: it ends the run, and what is behind it is not applied.
// Concurrency: one thread. Memory: the batch being collected and those that Applier holds.
class ApplySink : public ingest::Sink {
 public:
  struct Options {
    // A batch is full when it holds so many mutations, or about so many bytes.
    size_t batch_mutations = 1000;
    size_t batch_bytes = 4u << 20;
    bool strict = false;  // the first record that can't be decoded ends the run: FailedPrecondition
    bool hold_completeness = false;  // keep completeness records for the caller instead
    std::string read_with;           // DeadLetter::read_with of all letters
    std::function<void(uint64_t bytes, uint64_t records)> progress;
  };

  // `database` must outlive the sink.
  ApplySink(Database* database, Options options)
      : database_(database), options_(std::move(options)), applier_(database) {}

  absl::Status OnMutation(Mutation mutation) override;
  absl::Status OnDeadLetter(DeadLetter letter) override;
  void OnProgress(uint64_t bytes_read) override;

  // Has what is held so far applied soon, and does not wait for it.
  [[nodiscard]] absl::Status HandOver();
  // Applies what is held so far; all of it is applied on return.
  [[nodiscard]] absl::Status Flush();
  // Applies what is still held, then derives. Call once, when the input has ended; also when it was
  // cut short, so that what was read is kept.
  [[nodiscard]] absl::Status Finish();
  // Valid after Finish but for `decoded`, which is the caller's to fill.
  IngestReport& report() { return report_; }

  // With hold_completeness: what was held back.
  std::vector<CompletenessRecord>& held_completeness() { return completeness_; }
  // Sources of which something became a dead letter, and the ids of those letters.
  const std::set<std::string>& lossy_sources() const { return lossy_sources_; }
  const std::set<std::string>& letter_ids() const { return letter_ids_; }
  // A record that decoded was refused for a reason that may pass.
  bool refused_some() const { return refused_some_; }

 private:
  // What the report has to say of a batch besides what comes of applying it.
  struct Told {
    int64_t letters = 0;                // of decoding
    std::vector<std::string> problems;  // likewise
  };

  void NoteProblem(std::string text);
  bool holds_any() const { return !batch_.mutations.empty() || !batch_.dead_letters.empty(); }
  void Count(Told told, ApplyResult result);
  void CountApplied();

  Database* const database_;
  const Options options_;
  Batch batch_;
  size_t batch_bytes_ = 0;
  Told told_;               // of batch_
  std::deque<Told> given_;  // of what the applier was given and that is not counted yet
  uint64_t records_ = 0;
  IngestReport report_;
  std::vector<CompletenessRecord> completeness_;
  std::set<std::string> lossy_sources_, letter_ids_;
  bool refused_some_ = false;
  Applier applier_;
};

// How a set of inputs of `database` is decoded: its rules, its key, its clock. `mac_key` is filled
// and must outlive the decoding.
ingest::DecodeOptions DecodeOptionsFor(const Database& database, Timestamp wall_now,
                                       ingest::MacKey* mac_key);

// The parameters that say how input is read: at, format, topic, namespace, tenant, cluster; with
// `Complete::kTaken` also complete, all_namespaces and kinds. InvalidArgument names what is unknown
// or can't be read.
enum class Complete { kTaken, kRefused };
absl::Status ReadDecodeParams(const Params& params, Complete complete,
                              ingest::DecodeOptions* options);

}  // namespace kg::server
