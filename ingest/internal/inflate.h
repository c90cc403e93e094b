#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "ingest/decoder.h"

namespace kg::ingest {

// Undoes gzip and zstd (told by their first bytes; several members in a row are one stream), passes
// all else through. Not thread-safe.
class Inflater {
 public:
  using Output = std::function<absl::Status(absl::string_view)>;
  explicit Inflater(const Limits& limits);
  ~Inflater();

  // Hands what `chunk` yields to `out`, in pieces. ResourceExhausted: more than the limits allow;
  // DataLoss: the compressed data is damaged; both final. Else what `out` returned.
  absl::Status Feed(absl::string_view chunk, const Output& out);
  // DataLoss where the compressed stream stops before its end.
  absl::Status Finish(const Output& out);

  uint64_t bytes_in() const { return bytes_in_; }
  uint64_t bytes_out() const { return bytes_out_; }

 private:
  struct Gzip;
  struct Zstd;
  enum class Codec : uint8_t { kUnknown, kPlain, kGzip, kZstd };

  absl::Status FeedGzip(absl::string_view chunk, const Output& out);
  absl::Status FeedZstd(absl::string_view chunk, const Output& out);
  absl::Status Decide(absl::string_view chunk, const Output& out);
  absl::Status HandOn(absl::string_view data, const Output& out);

  const Limits limits_;
  Codec codec_ = Codec::kUnknown;
  std::string head_;  // the first bytes, until the codec is known
  uint64_t bytes_in_ = 0, bytes_out_ = 0;
  std::unique_ptr<Gzip> gzip_;
  std::unique_ptr<Zstd> zstd_;
  std::string buffer_;
};

}  // namespace kg::ingest
