#include "engine/internal/packed_bytes.h"

#include <limits>

namespace kg::records {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr size_t kUid = 36;
constexpr size_t kShortestRun = 8;  // of digits; shorter ones stay text

enum IdPart : uint8_t { kText = 0, kDigits = 1, kUidText = 2 };

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

char DigitText(int v) {
  return static_cast<char>(v < 10 ? '0' + v : 'a' + v - 10);
}

bool DashAt(size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

bool IsUid(absl::string_view s) {
  if (s.size() < kUid) return false;
  for (size_t i = 0; i < kUid; ++i) {
    if (DashAt(i) ? s[i] != '-' : Digit(s[i]) < 0) return false;
  }
  return true;
}

// An even number of digits at the front of `s`; 0 where there are too few to be worth it.
size_t DigitRun(absl::string_view s) {
  size_t n = 0;
  while (n < s.size() && Digit(s[n]) >= 0) ++n;
  n -= n % 2;
  return n >= kShortestRun ? n : 0;
}

}  // namespace

void Packer::Little(uint64_t v, int bytes) {
  for (int i = 0; i < bytes; ++i) Byte(static_cast<uint8_t>(v >> (8 * i)));
}

void Packer::Varint(uint64_t v) {
  for (; v >= 0x80; v >>= 7) Byte(static_cast<uint8_t>(v | 0x80));
  Byte(static_cast<uint8_t>(v));
}

void Packer::Micros(int64_t us) {
  const bool whole = us % kSecond == 0;
  const int64_t v = whole ? us / kSecond : us;
  const uint64_t zigzag = static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63);
  // The far ends of time have no bit to spare.
  if (zigzag >> 63 != 0) {
    Byte(0x01);
    Byte(0x00);
    return Little(static_cast<uint64_t>(us), 8);
  }
  const uint64_t tagged = zigzag << 1 | (whole ? 0 : 1);
  // "not whole, 0" is never written otherwise: 0 is whole.
  Varint(tagged);
}

void Packer::Text(absl::string_view text) {
  Varint(text.size());
  out_->append(text.data(), text.size());
}

// Parts, each behind (length << 2 | what), up to the whole length.
void Packer::Id(absl::string_view id) {
  Varint(id.size());
  size_t literal = 0;
  auto flush = [&](size_t end) {
    if (end == literal) return;
    Varint((end - literal) << 2 | kText);
    out_->append(id.data() + literal, end - literal);
  };
  auto digits = [&](absl::string_view s) {
    int high = -1;
    for (char c : s) {
      if (c == '-') continue;
      if (high < 0) {
        high = Digit(c);
        continue;
      }
      Byte(static_cast<uint8_t>(high << 4 | Digit(c)));
      high = -1;
    }
  };
  for (size_t at = 0; at < id.size();) {
    if (IsUid(id.substr(at))) {
      flush(at);
      Varint(kUidText);
      digits(id.substr(at, kUid));
      at += kUid;
      literal = at;
    } else if (const size_t run = DigitRun(id.substr(at)); run > 0) {
      flush(at);
      Varint(run << 2 | kDigits);
      digits(id.substr(at, run));
      at += run;
      literal = at;
    } else {
      ++at;
    }
  }
  flush(id.size());
}

absl::string_view Unpacker::Take(size_t n) {
  if (!ok_ || n > bytes_.size()) {
    ok_ = false;
    return {};
  }
  const absl::string_view out = bytes_.substr(0, n);
  bytes_.remove_prefix(n);
  return out;
}

uint8_t Unpacker::Byte() {
  const absl::string_view b = Take(1);
  return b.empty() ? 0 : static_cast<uint8_t>(b[0]);
}

uint64_t Unpacker::Little(int bytes) {
  uint64_t v = 0;
  for (int i = 0; i < bytes; ++i) v |= uint64_t{Byte()} << (8 * i);
  return v;
}

uint64_t Unpacker::Varint() {
  uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t b = Byte();
    v |= uint64_t{b & 0x7fu} << shift;
    if ((b & 0x80) == 0) return v;
  }
  ok_ = false;
  return 0;
}

int64_t Unpacker::Micros() {
  const uint64_t tagged = Varint();
  if (tagged == 1) {
    if (Byte() != 0) ok_ = false;
    return static_cast<int64_t>(Little(8));
  }
  const uint64_t zigzag = tagged >> 1;
  const int64_t v = static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
  if ((tagged & 1) != 0) return v;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / kSecond;
  if (v > kMost || v < -kMost) ok_ = false;
  return ok_ ? v * kSecond : 0;
}

std::string Unpacker::Text() {
  const size_t n = Varint();
  return std::string(Take(n));
}

std::string Unpacker::Id() {
  const size_t size = Varint();
  std::string out;
  // Digits take half a byte each, so more than this can't be there.
  if (size > 4 * bytes_.size() + kUid) ok_ = false;
  while (ok_ && out.size() < size) {
    const uint64_t head = Varint();
    const size_t n = head >> 2;
    if ((head & 3) == kText) {
      const absl::string_view part = Take(n);
      if (part.empty()) ok_ = false;
      out.append(part.data(), part.size());
    } else if ((head & 3) == kDigits && n > 0 && n % 2 == 0) {
      for (char c : Take(n / 2)) {
        out.push_back(DigitText(static_cast<uint8_t>(c) >> 4));
        out.push_back(DigitText(c & 0xf));
      }
    } else if (head == kUidText) {
      const size_t begin = out.size();
      for (char c : Take(16)) {
        for (int v : {static_cast<uint8_t>(c) >> 4, c & 0xf}) {
          if (DashAt(out.size() - begin)) out.push_back('-');
          out.push_back(DigitText(v));
        }
      }
    } else {
      ok_ = false;
    }
  }
  if (out.size() != size) ok_ = false;
  return ok_ ? out : std::string();
}

size_t Unpacker::Count() {
  const uint64_t n = Varint();
  if (n > bytes_.size()) ok_ = false;
  return ok_ ? n : 0;
}

}  // namespace kg::records
