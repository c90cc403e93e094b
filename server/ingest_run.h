#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/database.h"
#include "ingest/decoder.h"
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

// Collects mutations into batches and applies each. One thread.
class ApplySink : public ingest::Sink {
 public:
  struct Options {
    size_t batch_mutations = 1000;
    bool strict = false;  // the first record that can't be decoded ends the run: FailedPrecondition
    bool hold_completeness = false;  // keep completeness records for the caller instead
    std::string read_with;           // DeadLetter::read_with of all letters
    std::function<void(uint64_t bytes, uint64_t records)> progress;
  };

  // `database` must outlive the sink.
  ApplySink(Database* database, Options options)
      : database_(database), options_(std::move(options)) {}

  absl::Status OnMutation(Mutation mutation) override;
  absl::Status OnDeadLetter(DeadLetter letter) override;
  void OnProgress(uint64_t bytes_read) override;

  // Applies what is held so far.
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
  void NoteProblem(std::string text);

  Database* const database_;
  const Options options_;
  Batch batch_;
  uint64_t records_ = 0;
  IngestReport report_;
  std::vector<CompletenessRecord> completeness_;
  std::set<std::string> lossy_sources_, letter_ids_;
  bool refused_some_ = false;
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
