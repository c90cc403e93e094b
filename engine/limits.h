#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/mutation.h"
#include "storage/types.h"

namespace kg {

// What a database takes and holds at most; 0 is no limit. What decoders refuse before is in
// ingest::Limits. The table "Limits" of the README says what happens beyond each.
struct DatabaseLimits {
  uint64_t batch_mutations = 1'000'000;  // of one Apply; more is InvalidArgument
  uint64_t batch_bytes = 256ull << 20;   // likewise, by ApproximateBytes
  uint64_t record_bytes = 32ull << 20;   // of one mutation; a larger one is a dead letter
  uint64_t record_items = 500'000;     // fields, labels, stamps, ids or references of one; likewise
  uint64_t name_bytes = 4u << 10;      // of a name, kind, uid, id or label name; likewise
  uint64_t message_bytes = 64u << 10;  // of a message or log line; cut, and says so at its end
  uint64_t scopes = 1'000;             // pairs of tenant and cluster; a record of one more is a
                                       // dead letter
  uint64_t dead_letters = 100'000;     // stored; more are counted and not kept
  uint64_t positions = 100'000;        // of sources; a further one is not kept
  uint64_t dirty_slots = 200'000;      // near what a commit changed, whose links are derived again;
                                       // beyond, those of all slots are, in the time concerned
  Duration view_age = std::chrono::minutes(10);  // then a view gives up its snapshot
};

// How far a limit is used. `exceeded` counts since the database was opened.
struct LimitUse {
  double limit = 0;  // 0: none
  double used = 0;
  uint64_t exceeded = 0;
};

// Bytes that a mutation takes in memory, about: its texts and its parts.
size_t ApproximateBytes(const Mutation& mutation);

}  // namespace kg
