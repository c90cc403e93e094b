#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kg::ingest {

// What a splitter cuts out of a stream. Views are valid during the call only.
struct Piece {
  enum class Kind : uint8_t {
    kDocument = 0,  // one whole document
    kItem = 1,      // one element of the list that is being read; `head` is the list so far
    kListEnd = 2,   // `text` is that list without its elements
    kBroken = 3,    // `text` is the start of something that can't be cut out whole
    kText = 4,      // a line that is no document
  };
  Kind kind = Kind::kDocument;
  absl::string_view text;
  absl::string_view head;
  uint64_t size_bytes = 0;
  uint64_t line = 1;    // of its first byte, from 1
  uint64_t offset = 0;  // of its first byte in the (inflated) stream
  uint64_t number = 0;  // of the document or element, from 1
  std::string reason;   // of kBroken
};

using PieceHandler = std::function<absl::Status(const Piece&)>;

}  // namespace kg::ingest
