#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "storage/types.h"

namespace kg::ingest {

// What a piece of input says about a time.
struct TimeReading {
  enum class Kind : uint8_t { kAbsent, kGood, kBad } kind = Kind::kAbsent;
  Timestamp time;  // for kGood
};

// RFC 3339 with any fraction and offset ("2025-11-02 08:15:00Z" too), or digits as ParseEpoch takes
// them. Go's zero time, the epoch itself and "" are absent; outside [1990, 2200) is bad.
TimeReading ParseTime(absl::string_view text);
// Seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by size.
TimeReading ParseEpoch(double value);
TimeReading ParseEpoch(int64_t value);
// The time at the start of `line` up to the first blank, if it is one; sets `rest` to what follows.
std::optional<Timestamp> LeadingTime(absl::string_view line, absl::string_view* rest);
// "2025-11-02T08:15:04.25Z": UTC, fraction without trailing zeros.
std::string FormatTime(Timestamp t);

}  // namespace kg::ingest
