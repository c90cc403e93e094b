#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/types.h"

// Times and durations as people and machines write them.

namespace kg::server {

// RFC 3339 in UTC, with microseconds only where they are not zero: "2026-03-02T10:42:00Z". Empty
// for kForever and kBeginning.
std::string FormatTime(Timestamp t);
// To the second, for tables: "2026-03-02 10:42:00". "-" for kForever and kBeginning.
std::string FormatTimeForPeople(Timestamp t);
// Two units at most: "45s", "3m12s", "5h", "2d4h". Negative ones begin with '-'.
std::string FormatDuration(Duration d);

// What `--at` takes: RFC 3339 (seconds and zone may be left out, the zone is then UTC), a date,
// "now",
// "-15m" (before `base`), "10:42" or "10:42:13" (on the UTC date of `base`). InvalidArgument lists
// these forms.
absl::StatusOr<Timestamp> ParseMoment(absl::string_view text, Timestamp base);

// "90s", "15m", "1h30m", "2d", "1w", "250ms". InvalidArgument for anything else and for negative
// ones.
absl::StatusOr<Duration> ParseDuration(absl::string_view text);

}  // namespace kg::server
