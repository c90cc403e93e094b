#include "ingest/fingerprint.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "ingest/input_files.h"
#include "ingest/internal/digest.h"

namespace kg::ingest {

struct Fingerprint::State {
  State() : xxh(XXH3_createState()) { XXH3_128bits_reset(xxh); }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  XXH3_state_t* const xxh;
};

Fingerprint::Fingerprint() : state_(std::make_unique<State>()) {}
Fingerprint::~Fingerprint() = default;
Fingerprint::Fingerprint(Fingerprint&&) noexcept = default;
Fingerprint& Fingerprint::operator=(Fingerprint&&) noexcept = default;

void Fingerprint::Add(absl::string_view bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

std::string Fingerprint::Hex() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->xxh));
  return HexOf(canonical.digest, sizeof(canonical.digest));
}

absl::StatusOr<std::string> FingerprintOfFile(const std::string& path) {
  Fingerprint fingerprint;
  const absl::Status read = ReadInput(path, [&](absl::string_view chunk) {
    fingerprint.Add(chunk);
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return fingerprint.Hex();
}

}  // namespace kg::ingest
