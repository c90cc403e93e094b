#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/database.h"
#include "storage/types.h"

// Is a data directory what it should be? Every file against its checksums, every row against its
// kind, and rows against one another; and how to mend what follows from other rows.

namespace kg {

enum class FindingKind : uint8_t {
  kFile,       // a file does not match its checksums, or is missing
  kDamaged,    // a row whose key or value can't be read
  kMissing,    // a row that others ask for is not there
  kStray,      // a row that nothing asks for
  kDisagrees,  // a row says something else than those that it follows from
};
// "file", "damaged", "missing", "stray", "disagrees": stable, for machines.
const char* FindingKindName(FindingKind kind);

// One thing that is wrong.
struct Finding {
  FindingKind kind = FindingKind::kFile;
  std::string scope;   // "tenant/cluster"; empty: the store's own
  std::string family;  // the file, or "table edge", "bucket 2026-01-02T00:00:00Z"
  std::string record;  // what rows of this kind are: "episode (E)"; empty for files
  std::string key;     // readable: "onset 2026-01-02T10:00:00Z hash 0123456789abcdef"
  std::string what;    // a sentence
  // --repair puts it right: what is wrong follows from other rows, or may as well go.
  bool mendable = false;
};

struct VerifyProgress {
  const char* step = "";  // "files", "rows", "repair"
  uint64_t done = 0;      // bytes of files, or rows
  uint64_t total = 0;     // 0: unknown
  std::string at;         // the file or family under way
};

struct VerifyOptions {
  DatabaseOptions database;   // retention and rules of the database; nothing else of it is used
  size_t max_findings = 200;  // kept in the report; counts are exact
  bool files = true;          // false: rows only, as after files were just checked elsewhere
  // Called every few thousand rows and before each file, from the calling thread.
  std::function<void(const VerifyProgress&)> progress;
};

struct VerifyReport {
  uint32_t format_version = 0;
  std::string store_id;
  uint64_t epoch = 0;
  Timestamp data_clock = kBeginning;
  uint64_t sequence = 0;  // of the last commit
  uint64_t files = 0;
  uint64_t file_bytes = 0;
  std::map<std::string, uint64_t> rows;  // read, by what they are ("episode (E)")
  std::vector<Finding> findings;         // the first ones, files before rows
  uint64_t found = 0;                    // all
  uint64_t mendable = 0;                 // of them
  // Not all could be looked at: a file can't be read, or the store can't be opened.
  bool incomplete = false;

  bool ok() const { return found == 0 && !incomplete; }
};

// Reads all of a directory that no node has open; writes nothing. What is wrong is in the report;
// the status is an error only where nothing could be looked at: NotFound (no database there),
// Unavailable (a node runs on it), FailedPrecondition (a newer format). Memory grows with the
// number of episodes, about 100 B each.
absl::StatusOr<VerifyReport> Verify(const std::string& path, const VerifyOptions& options);

struct RepairOptions {
  VerifyOptions verify;
  bool keep_original = true;  // false: it is removed once the repaired one stands in its place
};

struct RepairReport {
  VerifyReport before;
  VerifyReport after;             // what could not be mended is found again
  std::vector<std::string> lost;  // what could not be read and is gone, a sentence each
  std::string original;  // where the directory as it was stands now; empty: nothing was to mend, or
                         // it was not kept
  uint64_t rows_written = 0;  // put or taken away
};

// Mends what Verify finds mendable: rows that follow from others are written anew, links are
// derived again, rows that lead nowhere go, and of damaged files what can be read is kept. Works in
// a copy beside `path` (table files shared by hard links) that takes its place at the end, so a
// repair that is interrupted changes nothing. Begins a new epoch: readers of the feed start over.
// Errors as of Verify, and FailedPrecondition when no copy can be made beside `path`.
absl::StatusOr<RepairReport> Repair(const std::string& path, const RepairOptions& options);

}  // namespace kg
