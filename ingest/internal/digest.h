#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

// Hashes that outside formats prescribe. Nothing here is used where collisions could be forged to
// gain something, except HmacSha256.

namespace kg::ingest {

std::string Sha1Hex(absl::string_view data);    // 40 lower-case hex digits
std::string Sha256Hex(absl::string_view data);  // 64
std::array<uint8_t, 32> HmacSha256(absl::string_view key, absl::string_view data);
std::string HexOf(const uint8_t* bytes, size_t n);

// Prometheus' fingerprint of a label set: FNV-1a over names and values in order of names, as 16 hex
// digits. `labels` must be sorted by name.
std::string LabelFingerprint(const std::vector<std::pair<std::string, std::string>>& labels);

}  // namespace kg::ingest
