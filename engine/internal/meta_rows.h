#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "storage/keys.h"

// The engine's own rows in table `meta`, scope 0, by the first byte of their keys.

namespace kg::meta_rows {

inline constexpr char kScope = 's';     // and the id, 4 bytes: tenant and cluster
inline constexpr char kPosition = 'p';  // and the source, then the partition, 4 bytes
// Up to when expiry is settled in the permanent tables: 8 bytes as a key's time. What ended before
// is gone from them, whatever retention is asked for later.
inline constexpr char kExpired[] = "expired";

// How far the rows are brought to this version's format (see migrate.cc); gone when all are.
inline constexpr char kMigration[] = "migration";
// Up to when (8 bytes as above) the feed may not tell of what happened: a repair began a new epoch.
inline constexpr char kFeedSince[] = "feed-since";

inline uint32_t ReadU32(absl::string_view bytes) {
  uint32_t v = 0;
  for (char c : bytes.substr(0, 4)) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}
inline Timestamp ReadTime(absl::string_view bytes) {
  uint64_t us = 0;
  for (char c : bytes.substr(0, 8)) us = us << 8 | static_cast<uint8_t>(c);
  return FromMicros(static_cast<int64_t>(us ^ (1ull << 63)));
}

}  // namespace kg::meta_rows
