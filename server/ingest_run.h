#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/database.h"
#include "ingest/decoder.h"

// Decoded input into a database, the same way from files and from request bodies.

namespace kg::server {

// What came of one input set.
struct IngestReport {
  ingest::DecodeStats decoded;
  int64_t applied = 0;
  int64_t unchanged = 0;
  int64_t refused = 0;
  int64_t dead_letters = 0;           // all, those of decoding included
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
    // Asked before a completeness record is applied; a status that is not OK ends the run.
    std::function<absl::Status(const CompletenessRecord&)> approve;
    std::function<void(uint64_t bytes, uint64_t records)> progress;
  };

  // `database` must outlive the sink.
  ApplySink(Database* database, Options options)
      : database_(database), options_(std::move(options)) {}

  absl::Status OnMutation(Mutation mutation) override;
  absl::Status OnDeadLetter(DeadLetter letter) override;
  void OnProgress(uint64_t bytes_read) override;

  // Applies what is still held, then derives. Call once, when the input has ended; also when it was
  // cut short, so that what was read is kept.
  [[nodiscard]] absl::Status Finish();
  // Valid after Finish but for `decoded`, which is the caller's to fill.
  IngestReport& report() { return report_; }

 private:
  absl::Status Flush();
  void NoteProblem(std::string text);

  Database* const database_;
  const Options options_;
  Batch batch_;
  uint64_t records_ = 0;
  IngestReport report_;
};

// How a set of inputs of `database` is decoded: its rules, its key, its clock. `mac_key` is filled
// and must outlive the decoding.
ingest::DecodeOptions DecodeOptionsFor(const Database& database, Timestamp wall_now,
                                       ingest::MacKey* mac_key);

}  // namespace kg::server
