#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/episode.h"

// The value of an E row as of format 2: what is usual takes no room. A burst of an event is about
// 70 bytes behind the block's compression, a third less than the FlatBuffers table of format 1.
//
//   byte      kPackedEpisode; a table of format 1 never begins with an odd byte
//   4, 2 B    resource and first class, little endian: read without the rest
//   byte      category in the low half, severity in the high one
//   varint    presence bits (Has in the .cc file), lowest first
//   …         each member that is present, in the order of its bit
//
// Times are differences to the onset, in whole seconds where they are such; uids and other runs of
// hexadecimal digits in ids take half their length.

namespace kg::records {

inline constexpr char kPackedEpisode = 0x21;
// A record whose points are wider apart than two thousand years is damaged.
inline constexpr int kMaxWidthMinutes = 1 << 30;

std::string PackEpisode(const EpisodeRecord& e);
// DataLoss when the bytes are not a whole record.
absl::StatusOr<EpisodeRecord> UnpackEpisode(ScopeId scope, absl::string_view row);

}  // namespace kg::records
