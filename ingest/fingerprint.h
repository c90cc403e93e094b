#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kg::ingest {

// Says whether two contents are the same: 128-bit XXH3, stable over versions and machines. No
// defence against forgery. Not thread-safe.
class Fingerprint {
 public:
  Fingerprint();
  ~Fingerprint();
  Fingerprint(Fingerprint&&) noexcept;
  Fingerprint& operator=(Fingerprint&&) noexcept;

  void Add(absl::string_view bytes);
  // Of all that was added so far: 32 lower-case hex digits.
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Of a file's bytes as they stand there, compressed or not. NotFound or PermissionDenied where it
// can't be read.
absl::StatusOr<std::string> FingerprintOfFile(const std::string& path);

}  // namespace kg::ingest
