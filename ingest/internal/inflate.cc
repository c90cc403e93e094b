#include "ingest/internal/inflate.h"

#include <zlib.h>
#include <zstd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kg::ingest {
namespace {

constexpr size_t kOutputBytes = 128u << 10;
constexpr uint64_t kRatioGraceBytes = 16ull << 20;
constexpr int kMaxWindowLog = 27;  // 128 MiB, the most that zstd itself takes by default
constexpr absl::string_view kGzipMagic("\x1f\x8b", 2);
constexpr absl::string_view kZstdMagic("\x28\xb5\x2f\xfd", 4);

}  // namespace

struct Inflater::Gzip {
  z_stream z{};
  bool live = false;      // inside a member
  bool any_done = false;  // a member has ended
  ~Gzip() {
    if (z.state != nullptr) inflateEnd(&z);
  }
};

struct Inflater::Zstd {
  ZSTD_DStream* stream = ZSTD_createDStream();
  size_t wanted = 1;  // 0 when a frame has just ended
  ~Zstd() { ZSTD_freeDStream(stream); }
};

Inflater::Inflater(const Limits& limits) : limits_(limits) {}
Inflater::~Inflater() = default;

absl::Status Inflater::HandOn(absl::string_view data, const Output& out) {
  if (data.empty()) return absl::OkStatus();
  bytes_out_ += data.size();
  if (codec_ != Codec::kPlain) {
    if (bytes_out_ > limits_.inflated_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "inflates to more than ", limits_.inflated_bytes, " bytes; split the input"));
    }
    if (bytes_out_ > kRatioGraceBytes && bytes_out_ / limits_.inflate_ratio > bytes_in_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("inflates to more than ", limits_.inflate_ratio,
                       " times its size; if it is genuine, load it uncompressed"));
    }
  }
  return out(data);
}

absl::Status Inflater::Decide(absl::string_view chunk, const Output& out) {
  head_.append(chunk.data(), chunk.size());
  if (head_.size() < kZstdMagic.size() && absl::StartsWith(kZstdMagic, head_)) {
    return absl::OkStatus();
  }
  if (head_.size() < kGzipMagic.size() && absl::StartsWith(kGzipMagic, head_)) {
    return absl::OkStatus();
  }
  std::string start;
  start.swap(head_);
  if (start.compare(0, kGzipMagic.size(), kGzipMagic.data(), kGzipMagic.size()) == 0) {
    codec_ = Codec::kGzip;
    gzip_ = std::make_unique<Gzip>();
    return FeedGzip(start, out);
  }
  if (start.compare(0, kZstdMagic.size(), kZstdMagic.data(), kZstdMagic.size()) == 0) {
    codec_ = Codec::kZstd;
    zstd_ = std::make_unique<Zstd>();
    ZSTD_DCtx_setParameter(zstd_->stream, ZSTD_d_windowLogMax, kMaxWindowLog);
    return FeedZstd(start, out);
  }
  codec_ = Codec::kPlain;
  return HandOn(start, out);
}

absl::Status Inflater::Feed(absl::string_view chunk, const Output& out) {
  bytes_in_ += chunk.size();
  switch (codec_) {
    case Codec::kUnknown:
      return Decide(chunk, out);
    case Codec::kPlain:
      return HandOn(chunk, out);
    case Codec::kGzip:
      return FeedGzip(chunk, out);
    case Codec::kZstd:
      return FeedZstd(chunk, out);
  }
  return absl::OkStatus();
}

absl::Status Inflater::FeedGzip(absl::string_view chunk, const Output& out) {
  buffer_.resize(kOutputBytes);
  z_stream& z = gzip_->z;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(chunk.data()));
  z.avail_in = static_cast<uInt>(chunk.size());
  bool full = false;
  while (z.avail_in > 0 || full) {
    if (!gzip_->live) {
      // Some tools pad a gzip file with zeros.
      if (gzip_->any_done && *z.next_in == 0) {
        ++z.next_in, --z.avail_in;
        continue;
      }
      const int code = z.state == nullptr ? inflateInit2(&z, 15 + 16) : inflateReset(&z);
      if (code != Z_OK) return absl::DataLossError("gzip can't be set up");
      gzip_->live = true;
    }
    z.next_out = reinterpret_cast<Bytef*>(buffer_.data());
    z.avail_out = static_cast<uInt>(buffer_.size());
    const int code = inflate(&z, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return absl::DataLossError(
          absl::StrCat("the gzip data is damaged near byte ", bytes_in_ - z.avail_in));
    }
    full = z.avail_out == 0 && code != Z_STREAM_END;
    const absl::Status status = HandOn({buffer_.data(), buffer_.size() - z.avail_out}, out);
    if (!status.ok()) return status;
    if (code == Z_STREAM_END) gzip_->live = false, gzip_->any_done = true;
  }
  return absl::OkStatus();
}

absl::Status Inflater::FeedZstd(absl::string_view chunk, const Output& out) {
  buffer_.resize(kOutputBytes);
  ZSTD_inBuffer input{chunk.data(), chunk.size(), 0};
  bool full = false;
  while (input.pos < input.size || full) {
    ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
    zstd_->wanted = ZSTD_decompressStream(zstd_->stream, &output, &input);
    if (ZSTD_isError(zstd_->wanted)) {
      return absl::DataLossError(absl::StrCat("the zstd data is damaged near byte ",
                                              bytes_in_ - (input.size - input.pos), ": ",
                                              ZSTD_getErrorName(zstd_->wanted)));
    }
    full = output.pos == output.size;
    const absl::Status status = HandOn({buffer_.data(), output.pos}, out);
    if (!status.ok()) return status;
    if (zstd_->wanted == 0) full = false;
  }
  return absl::OkStatus();
}

absl::Status Inflater::Finish(const Output& out) {
  if (codec_ == Codec::kUnknown) {
    codec_ = Codec::kPlain;
    return HandOn(std::string(std::move(head_)), out);
  }
  if ((codec_ == Codec::kGzip && gzip_->live) || (codec_ == Codec::kZstd && zstd_->wanted != 0)) {
    return absl::DataLossError("the compressed data stops before its end; the rest is missing");
  }
  return absl::OkStatus();
}

}  // namespace kg::ingest
