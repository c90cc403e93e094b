#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "ingest/decoder.h"
#include "ingest/internal/piece.h"

namespace kg::ingest {

// Cuts a stream of YAML into documents at "---", and the `items` of a Kubernetes list into
// elements, by lines and indentation alone, holding no more than one of them. Not thread-safe.
class YamlSplitter {
 public:
  YamlSplitter(const Limits& limits, PieceHandler handler)
      : limits_(limits), handler_(std::move(handler)) {}

  absl::Status Feed(absl::string_view chunk);
  absl::Status Finish();

 private:
  absl::Status TakeLine(absl::string_view line);
  absl::Status TakeItemLine(absl::string_view line, bool* taken);
  void Append(absl::string_view line);
  absl::Status EndItem();
  absl::Status EndDocument();
  absl::Status Emit(Piece::Kind kind);
  void NoteTopLevelKey(absl::string_view line);

  const Limits limits_;
  const PieceHandler handler_;
  std::string pending_;  // an incomplete line
  bool pending_overflow_ = false;
  std::string unit_;  // the document or element in progress
  std::string head_;  // of the list whose elements are being cut out
  bool in_items_ = false, was_list_ = false, list_keys_only_ = true, overflow_ = false;
  bool has_content_ = false;
  size_t item_indent_ = 0;
  bool item_indent_known_ = false, in_item_ = false;
  uint64_t unit_line_ = 1, unit_offset_ = 0, unit_bytes_ = 0;
  uint64_t line_ = 0, offset_ = 0, number_ = 0;
};

}  // namespace kg::ingest
