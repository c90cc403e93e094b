#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "ingest/decoder.h"
#include "ingest/internal/piece.h"

namespace kg::ingest {

// Cuts a stream of JSON into documents: concatenated, one per line, or the elements of one huge
// list (a top-level array, or `items` of a Kubernetes list), without parsing values and holding no
// more than one document or element. A broken document ends where the next line begins one. Lines
// between documents come out as text. Not thread-safe.
class JsonSplitter {
 public:
  JsonSplitter(const Limits& limits, PieceHandler handler)
      : limits_(limits), handler_(std::move(handler)) {}

  absl::Status Feed(absl::string_view chunk);
  absl::Status Finish();

  // While on, every line is text. May be called by the handler.
  void set_text_mode(bool on) { text_mode_ = on; }

 private:
  enum class Mode : uint8_t { kBetween, kDocument, kArray, kItems };

  absl::Status Scan();
  absl::Status ScanBetween(bool* wait);
  absl::Status ScanString(bool* wait);
  absl::Status ScanInside(bool* wait);
  absl::Status TakeNewline(bool* wait);
  absl::Status Open(char c);
  absl::Status Close(char c);
  absl::Status EndElement();
  absl::Status EndDocument();
  absl::Status Abandon(const std::string& reason);
  absl::Status Emit(Piece::Kind kind, size_t begin, size_t end, const std::string& reason);
  void Begin(size_t at);
  void StartItems();
  bool ListSoFar() const;
  void Overflow();
  void Compact();
  size_t ElementDepth() const { return mode_ == Mode::kItems ? 2 : 1; }
  bool Streaming() const { return mode_ == Mode::kArray || mode_ == Mode::kItems; }
  bool InUnit() const { return unit_ != kNone; }

  static constexpr size_t kNone = static_cast<size_t>(-1);

  const Limits limits_;
  const PieceHandler handler_;
  std::string buffer_;
  uint64_t base_ = 0;    // stream offset of buffer_[0]
  size_t pos_ = 0;       // next byte to look at
  size_t unit_ = kNone;  // where the document or element in progress begins
  uint64_t unit_line_ = 1, unit_offset_ = 0, unit_dropped_ = 0;
  bool overflow_ = false;  // the unit is too large: only its start is kept, in unit_head_
  std::string unit_head_;
  Mode mode_ = Mode::kBetween;
  bool in_string_ = false, finished_ = false, text_mode_ = false, resynced_ = false;
  bool one_line_ = false;  // the last document stood on one line
  size_t depth_ = 0;
  char last_ = '\0';  // last significant character outside strings
  size_t string_begin_ = 0;
  std::string depth1_string_, key_;
  bool list_keys_only_ = true;
  std::string head_;  // of the list whose elements are being cut out
  size_t head_from_ = kNone;
  uint64_t line_ = 1, number_ = 0;
};

}  // namespace kg::ingest
