#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "storage/types.h"

namespace kg::records {

// Writes the parts of a packed value.
class Packer {
 public:
  explicit Packer(std::string* out) : out_(out) {}

  void Byte(uint8_t v) { out_->push_back(static_cast<char>(v)); }
  void Little(uint64_t v, int bytes);
  void Varint(uint64_t v);
  void Signed(int64_t v) { Varint(static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63)); }
  // A difference of times, or a time: one byte less for each that is a whole second.
  void Micros(int64_t us);
  void Text(absl::string_view text);
  // Text in which uids and runs of lower-case hexadecimal digits are likely.
  void Id(absl::string_view id);

 private:
  std::string* const out_;
};

// Reads them back. Behind the end or on damage everything reads as nothing and ok() is false.
class Unpacker {
 public:
  explicit Unpacker(absl::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  // All was read, and could be.
  bool done() const { return ok_ && bytes_.empty(); }
  uint8_t Byte();
  uint64_t Little(int bytes);
  uint64_t Varint();
  int64_t Signed() {
    const uint64_t v = Varint();
    return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
  }
  int64_t Micros();
  std::string Text();
  std::string Id();
  // A number of parts that follow, each of at least one byte.
  size_t Count();

 private:
  absl::string_view Take(size_t n);

  absl::string_view bytes_;
  bool ok_ = true;
};

}  // namespace kg::records
