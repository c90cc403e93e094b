#pragma once

#include <string>
#include <vector>

#include "ingest/decoder.h"

namespace kg::ingest {

// What decoding gave, with the parts that tests ask about taken out.
struct Decoded {
  absl::Status status;
  Batch batch;
  DecodeStats stats;

  template <typename Record>
  std::vector<Record> All() const {
    std::vector<Record> records;
    for (const Mutation& mutation : batch.mutations) {
      if (const Record* record = std::get_if<Record>(&mutation)) records.push_back(*record);
    }
    return records;
  }
  // The only record of its kind; a default one (and a failed check) otherwise.
  template <typename Record>
  Record One() const;
  // The reason of the only dead letter.
  std::string Rejected() const;
};

// Wall clock of all tests: 2025-11-02T12:00:00Z.
DecodeOptions TestOptions();
Decoded Decode(absl::string_view body, const DecodeOptions& options = TestOptions());
// Fed in pieces of `chunk` bytes.
Decoded DecodeChunked(absl::string_view body, size_t chunk, const DecodeOptions& options);

Timestamp At(const std::string& rfc3339);
std::string FieldOf(const std::vector<Field>& fields, const std::string& path);
bool HasField(const std::vector<Field>& fields, const std::string& path);
// Every text in a mutation or dead letter, one per line: to compare, and to search for what must
// not be there.
std::string Dump(const Mutation& mutation);
std::string Dump(const Batch& batch);
std::string Gzip(const std::string& text);
std::string Zstd(const std::string& text);
std::string Fixture(const std::string& name);

}  // namespace kg::ingest
