#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "flatbuffers/flatbuffers.h"

// The one place that turns stored bytes into records. Bytes from an SST file start at any address,
// and the FlatBuffers verifier does not notice; reading them in place is undefined behaviour. So
// every decode copies to aligned memory and verifies there.

namespace kg::storage {

// A FlatBuffers table with its bytes. Pointers into it live as long as it does; moving keeps them
// valid.
template <typename T>
class Decoded {
 public:
  const T& operator*() const { return *table_; }
  const T* operator->() const { return table_; }
  const T* get() const { return table_; }

 private:
  template <typename U>
  friend absl::StatusOr<Decoded<U>> DecodeTable(absl::string_view bytes);

  std::unique_ptr<std::max_align_t[]> bytes_;
  const T* table_ = nullptr;
};

// DataLoss when the bytes are not a whole T.
template <typename T>
absl::StatusOr<Decoded<T>> DecodeTable(absl::string_view bytes) {
  Decoded<T> decoded;
  constexpr size_t kUnit = sizeof(std::max_align_t);
  decoded.bytes_ = std::unique_ptr<std::max_align_t[]>(
      new std::max_align_t[bytes.size() / kUnit + 1]);  // not zeroed: overwritten at once
  auto* scratch = reinterpret_cast<uint8_t*>(decoded.bytes_.get());
  std::memcpy(scratch, bytes.data(), bytes.size());
  flatbuffers::Verifier verifier(scratch, bytes.size());
  if (!verifier.VerifyBuffer<T>(nullptr)) return absl::DataLossError("damaged record");
  decoded.table_ = flatbuffers::GetRoot<T>(scratch);
  return decoded;
}

// A finished table as a row value.
template <typename T>
std::string EncodeTable(flatbuffers::FlatBufferBuilder* builder, flatbuffers::Offset<T> root) {
  builder->Finish(root);
  return std::string(reinterpret_cast<const char*>(builder->GetBufferPointer()),
                     builder->GetSize());
}

// A fixed-width row. DataLoss when the length is not exactly that of T.
template <typename T>
absl::StatusOr<T> DecodeStruct(absl::string_view bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() != sizeof(T)) return absl::DataLossError("damaged record: wrong length");
  T value;
  std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof(T));
  return value;
}

// Valid as long as `value`.
template <typename T>
absl::string_view EncodeStruct(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return absl::string_view(reinterpret_cast<const char*>(&value), sizeof(T));
}

}  // namespace kg::storage
