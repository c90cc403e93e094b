#include "ingest/internal/digest.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "absl/strings/str_format.h"

namespace kg::ingest {
namespace {

uint32_t LoadBig32(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}

// Runs `block` over the message padded as FIPS 180-4 says for 64-byte blocks.
template <typename Block>
void ForEachBlock(absl::string_view data, Block block) {
  const auto* p = reinterpret_cast<const uint8_t*>(data.data());
  size_t left = data.size();
  for (; left >= 64; left -= 64, p += 64) block(p);
  uint8_t tail[128] = {};
  if (left > 0) std::memcpy(tail, p, left);
  tail[left] = 0x80;
  const size_t size = left < 56 ? 64 : 128;
  const uint64_t bits = uint64_t{data.size()} * 8;
  for (int i = 0; i < 8; ++i) tail[size - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
  for (size_t i = 0; i < size; i += 64) block(tail + i);
}

void Sha1Block(std::array<uint32_t, 5>* h, const uint8_t* p) {
  uint32_t w[80];
  for (int i = 0; i < 16; ++i) w[i] = LoadBig32(p + 4 * i);
  for (int i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  auto [a, b, c, d, e] = *h;
  for (int i = 0; i < 80; ++i) {
    uint32_t f, k;
    if (i < 20) {
      f = (b & c) | (~b & d), k = 0x5a827999;
    } else if (i < 40) {
      f = b ^ c ^ d, k = 0x6ed9eba1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d, k = 0xca62c1d6;
    }
    const uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
    e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
  }
  (*h)[0] += a, (*h)[1] += b, (*h)[2] += c, (*h)[3] += d, (*h)[4] += e;
}

// The round constants are the first 32 bits of the fractional parts of the cube roots of the first
// 64 primes, the initial state those of the square roots of the first 8.
struct Sha256Constants {
  std::array<uint32_t, 64> k;
  std::array<uint32_t, 8> h;
  Sha256Constants() {
    int found = 0;
    for (int n = 2; found < 64; ++n) {
      bool prime = true;
      for (int d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
      if (!prime) continue;
      const long double cube = std::cbrt(static_cast<long double>(n));
      const long double square = std::sqrt(static_cast<long double>(n));
      k[found] = static_cast<uint32_t>((cube - std::floor(cube)) * 4294967296.0L);
      if (found < 8)
        h[found] = static_cast<uint32_t>((square - std::floor(square)) * 4294967296.0L);
      ++found;
    }
  }
};

const Sha256Constants& Constants() {
  static const Sha256Constants constants;
  return constants;
}

void Sha256Block(std::array<uint32_t, 8>* h, const uint8_t* p) {
  const auto& k = Constants().k;
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) w[i] = LoadBig32(p + 4 * i);
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  std::array<uint32_t, 8> v = *h;
  for (int i = 0; i < 64; ++i) {
    const uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
    const uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
    const uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
    const uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    for (int j = 7; j > 0; --j) v[j] = v[j - 1];
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; ++i) (*h)[i] += v[i];
}

std::array<uint8_t, 32> Sha256(absl::string_view data) {
  std::array<uint32_t, 8> h = Constants().h;
  ForEachBlock(data, [&h](const uint8_t* p) { Sha256Block(&h, p); });
  std::array<uint8_t, 32> out;
  for (int i = 0; i < 32; ++i) out[i] = static_cast<uint8_t>(h[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

absl::string_view AsText(const std::array<uint8_t, 32>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string HexOf(const uint8_t* bytes, size_t n) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex(2 * n, '0');
  for (size_t i = 0; i < n; ++i) {
    hex[2 * i] = kDigits[bytes[i] >> 4];
    hex[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return hex;
}

std::string Sha1Hex(absl::string_view data) {
  std::array<uint32_t, 5> h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  ForEachBlock(data, [&h](const uint8_t* p) { Sha1Block(&h, p); });
  uint8_t out[20];
  for (int i = 0; i < 20; ++i) out[i] = static_cast<uint8_t>(h[i / 4] >> (24 - 8 * (i % 4)));
  return HexOf(out, sizeof(out));
}

std::string Sha256Hex(absl::string_view data) {
  return HexOf(Sha256(data).data(), 32);
}

std::array<uint8_t, 32> HmacSha256(absl::string_view key, absl::string_view data) {
  std::string block(key.size() > 64 ? AsText(Sha256(key)) : key);
  block.resize(64, '\0');
  std::string inner = block, outer = block;
  for (char& c : inner) c ^= 0x36;
  for (char& c : outer) c ^= 0x5c;
  inner.append(data.data(), data.size());
  const std::array<uint8_t, 32> digest = Sha256(inner);
  outer.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return Sha256(outer);
}

std::string LabelFingerprint(const std::vector<std::pair<std::string, std::string>>& labels) {
  uint64_t h = 14695981039346656037ull;
  const auto add = [&h](unsigned char c) { h = (h ^ c) * 1099511628211ull; };
  for (const auto& label : labels) {
    for (const char c : label.first) add(static_cast<unsigned char>(c));
    add(0xff);
    for (const char c : label.second) add(static_cast<unsigned char>(c));
    add(0xff);
  }
  return absl::StrFormat("%016x", h);
}

}  // namespace kg::ingest
