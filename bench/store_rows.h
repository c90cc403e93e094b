#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/store.h"

// What a database wrote, read back as bare rows.

namespace kg::bench {

struct StoredRow {
  bool in_table = false;
  storage::Table table = storage::Table::kMeta;
  storage::RecordKind kind = storage::RecordKind::kEpisode;
  Timestamp bucket_time;  // where it lies, if not in a table
  uint64_t order = 0;     // rows written together have near values of it, where their keys tell
  std::string key;
  std::string value;

  uint64_t bytes() const { return key.size() + value.size(); }
};

// All rows of a scope in a data directory that nobody has open, of the tables `resource`, `edge`,
// `open` and `incident` and of every bucket.
std::vector<StoredRow> ReadRows(const std::string& dir, ScopeId scope);

// Reads those rows in key order and keeps none: how many there are. `tables` empty: all of them and
// all buckets, else these tables alone.
uint64_t CountRows(const std::string& dir, ScopeId scope,
                   const std::vector<storage::Table>& tables);

struct FillResult {
  double seconds = 0;
  uint64_t rows = 0;
  uint64_t bytes = 0;
};
// Writes `rows` in batches of equal size to a new store in `dir`, synced. Each batch writes its
// first rows over again until it has made `rewrite` times as many puts as it has rows.
FillResult FillBatch(const std::string& dir, const std::vector<StoredRow>& rows, size_t batches,
                     double rewrite);

// "E", "S", …, "table edge": what a row is.
std::string KindName(const StoredRow& row);

}  // namespace kg::bench
