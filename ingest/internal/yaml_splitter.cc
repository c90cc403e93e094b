#include "ingest/internal/yaml_splitter.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kg::ingest {
namespace {

bool IsBlankOrComment(absl::string_view line) {
  const size_t i = line.find_first_not_of(" \t\r");
  return i == absl::string_view::npos || line[i] == '#';
}

bool IsMarker(absl::string_view line, absl::string_view marker) {
  return absl::StartsWith(line, marker) &&
         (line.size() == 3 || absl::ascii_isspace(static_cast<unsigned char>(line[3])));
}

bool IsListKey(absl::string_view key) {
  return key == "kind" || key == "apiVersion" || key == "metadata" || key == "selfLink";
}

}  // namespace

absl::Status YamlSplitter::Feed(absl::string_view chunk) {
  while (!chunk.empty()) {
    const size_t end = chunk.find('\n');
    if (end == absl::string_view::npos) {
      if (pending_.size() + chunk.size() > limits_.document_bytes) pending_overflow_ = true;
      if (!pending_overflow_) pending_.append(chunk.data(), chunk.size());
      offset_ += chunk.size();
      return absl::OkStatus();
    }
    absl::Status status;
    overflow_ = overflow_ || pending_overflow_;
    pending_overflow_ = false;
    if (pending_.empty()) {
      status = TakeLine(chunk.substr(0, end));
    } else {
      pending_.append(chunk.data(), end);
      const std::string line = std::move(pending_);
      pending_.clear();
      status = TakeLine(line);
    }
    if (!status.ok()) return status;
    offset_ += end + 1;
    chunk.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

absl::Status YamlSplitter::Finish() {
  if (!pending_.empty()) {
    const std::string line = std::move(pending_);
    pending_.clear();
    const absl::Status status = TakeLine(line);
    if (!status.ok()) return status;
  }
  return EndDocument();
}

absl::Status YamlSplitter::TakeLine(absl::string_view line) {
  ++line_;
  if (absl::EndsWith(line, "\r")) line.remove_suffix(1);
  if (IsMarker(line, "---") || IsMarker(line, "...")) {
    const absl::Status status = EndDocument();
    if (!status.ok() || line[0] == '.' || line.size() < 5) return status;
    line.remove_prefix(4);
    if (IsBlankOrComment(line)) return absl::OkStatus();
  }
  if (!has_content_ && !in_items_ && absl::StartsWith(line, "%")) return absl::OkStatus();
  if (in_items_) {
    bool taken = false;
    const absl::Status status = TakeItemLine(line, &taken);
    if (taken || !status.ok()) return status;
  } else if (list_keys_only_ && absl::StartsWith(line, "items:") &&
             IsBlankOrComment(line.substr(6)) && unit_.size() < (64u << 10)) {
    in_items_ = was_list_ = true;
    item_indent_known_ = in_item_ = false;
    head_ = std::move(unit_);
    unit_.clear();
    return absl::OkStatus();
  }
  NoteTopLevelKey(line);
  Append(line);
  return absl::OkStatus();
}

void YamlSplitter::NoteTopLevelKey(absl::string_view line) {
  if (IsBlankOrComment(line) || line[0] == ' ') return;
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos || !IsListKey(line.substr(0, colon))) {
    list_keys_only_ = false;
  }
}

absl::Status YamlSplitter::TakeItemLine(absl::string_view line, bool* taken) {
  *taken = true;
  if (IsBlankOrComment(line)) {
    if (in_item_) Append(line);
    return absl::OkStatus();
  }
  const size_t indent = line.find_first_not_of(' ');
  const bool dash = line[indent] == '-' && (line.size() == indent + 1 || line[indent + 1] == ' ');
  if (dash && !item_indent_known_) item_indent_ = indent, item_indent_known_ = true;
  if (dash && indent == item_indent_) {
    const absl::Status status = EndItem();
    if (!status.ok()) return status;
    in_item_ = true;
    std::string opened(line);
    opened[indent] = ' ';
    Append(opened);
    return absl::OkStatus();
  }
  if (item_indent_known_ && indent > item_indent_) {
    Append(line);
    return absl::OkStatus();
  }
  // The list is over: what follows belongs to its own document.
  const absl::Status status = EndItem();
  in_items_ = in_item_ = false;
  unit_ = std::move(head_);
  has_content_ = true;
  list_keys_only_ = false;
  *taken = false;
  return status;
}

void YamlSplitter::Append(absl::string_view line) {
  if (!has_content_) {
    if (IsBlankOrComment(line)) return;
    unit_line_ = line_, unit_offset_ = offset_, unit_bytes_ = 0;
    has_content_ = true;
  }
  unit_bytes_ += line.size() + 1;
  if (unit_.size() + line.size() > limits_.document_bytes) overflow_ = true;
  if (overflow_) return;
  unit_.append(line.data(), line.size());
  unit_ += '\n';
}

absl::Status YamlSplitter::EndItem() {
  if (!in_item_ || !has_content_) return absl::OkStatus();
  return Emit(Piece::Kind::kItem);
}

absl::Status YamlSplitter::EndDocument() {
  absl::Status status;
  if (in_items_) {
    status = EndItem();
    unit_ = std::move(head_);
    has_content_ = true;
  }
  const bool list = was_list_;
  in_items_ = in_item_ = was_list_ = false;
  list_keys_only_ = true;
  if (status.ok() && has_content_) {
    status = Emit(list ? Piece::Kind::kListEnd : Piece::Kind::kDocument);
  }
  head_.clear();
  return status;
}

absl::Status YamlSplitter::Emit(Piece::Kind kind) {
  Piece piece;
  piece.kind = overflow_ ? Piece::Kind::kBroken : kind;
  if (overflow_) {
    piece.reason = absl::StrCat("the document is larger than ", limits_.document_bytes, " bytes");
  }
  piece.text = unit_;
  if (kind == Piece::Kind::kItem) piece.head = head_;
  piece.size_bytes = unit_bytes_;
  piece.line = unit_line_;
  piece.offset = unit_offset_;
  if (kind != Piece::Kind::kListEnd) ++number_;
  piece.number = number_;
  const absl::Status status = handler_(piece);
  unit_.clear();
  has_content_ = overflow_ = false;
  return status;
}

}  // namespace kg::ingest
